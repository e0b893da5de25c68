"""Commands on models' predictions: scores and comparisons, each with its intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import Delimiter, Json

if TYPE_CHECKING:
    from covidcxr.scores.intervals import Protocol

_Predictions = Annotated[
    Path, typer.Argument(metavar="PREDICTIONS.csv", help="Columns image_id, label and score.")
]
_Other = Annotated[
    Path, typer.Argument(metavar="OTHER.csv", help="Another model's, of the same images.")
]
_Group = Annotated[
    str | None,
    typer.Option(help="The column whose images are not independent: a patient, say."),
]
_Part = Annotated[str, typer.Option(help="Which rows count, where there is a column 'part'.")]
_Positive = Annotated[str, typer.Option(help="The label of the positive class.")]
_Threshold = Annotated[
    float, typer.Option(min=0, max=1, help="A score at or above it is called positive.")
]
_Confidence = Annotated[float, typer.Option(min=0.5, max=0.999, help="Coverage of intervals.")]
_Resamples = Annotated[int, typer.Option(min=100, max=1_000_000, help="Of the bootstrap.")]
_Seed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]
_Bca = Annotated[bool, typer.Option("--bca", help="BCa instead of percentile intervals.")]
_Id = Annotated[str, typer.Option("--id", metavar="COLUMN", help="Names the image.")]
_Label = Annotated[str, typer.Option(metavar="COLUMN", help="The reference standard.")]
_Score = Annotated[str, typer.Option(metavar="COLUMN", help="The positive class's probability.")]
_Margin = Annotated[
    float, typer.Option(min=0, max=1, help="Scores nearer to each other are equivalent.")
]


def metrics(
    predictions: _Predictions,
    group: _Group = None,
    as_json: Json = False,
    threshold: _Threshold = 0.5,
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    bca: _Bca = False,
    part: _Part = "test",
    positive: _Positive = "COVID19",
    image_id: _Id = "image_id",
    label: _Label = "label",
    score: _Score = "score",
    delimiter: Delimiter = ",",
) -> None:
    """Score a model's predictions, each score with its interval.

    PREDICTIONS.csv holds one row an image; score is the probability of the positive
    class, from 0 to 1. Bad input ends with one sentence and exit status 2.
    """
    from covidcxr.cli import scoresheet
    from covidcxr.scores import evaluation
    from covidcxr.scores import predictions as tables

    protocol = _protocol(threshold, confidence, resamples, seed, bca)
    columns = {"image_id": image_id, "label": label, "score": score}
    table = tables.read(
        predictions, part=part, group=group, positive=positive, columns=columns, delimiter=delimiter
    )
    scores = evaluation.evaluate(table, protocol)
    if as_json:
        content = {name: interval.as_json() for name, interval in scores.items()}
        typer.echo(json.dumps(content, indent=1, allow_nan=False))
    else:
        typer.echo(scoresheet.of_metrics(table, scores, protocol), nl=False)


def compare(
    predictions: _Predictions,
    other: _Other,
    group: _Group = None,
    as_json: Json = False,
    threshold: _Threshold = 0.5,
    margin: _Margin = 0.05,
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    bca: _Bca = False,
    part: _Part = "test",
    positive: _Positive = "COVID19",
    image_id: _Id = "image_id",
    label: _Label = "label",
    score: _Score = "score",
    delimiter: Delimiter = ",",
) -> None:
    """Compare two models' predictions of the same images, pair by pair.

    A difference is the first model's score less the other's. Predictions of different
    images are refused.
    """
    from covidcxr.cli import scoresheet
    from covidcxr.scores import comparison
    from covidcxr.scores import predictions as tables

    protocol = _protocol(threshold, confidence, resamples, seed, bca)
    columns = {"image_id": image_id, "label": label, "score": score}
    first, second = (
        tables.read(
            path, part=part, group=group, positive=positive, columns=columns, delimiter=delimiter
        )
        for path in (predictions, other)
    )
    compared = comparison.compare(first, second, protocol, margin)
    if as_json:
        typer.echo(json.dumps(compared, indent=1, allow_nan=False))
    else:
        typer.echo(scoresheet.of_comparison(first, second, compared, protocol), nl=False)


def _protocol(
    threshold: float, confidence: float, resamples: int, seed: int, bca: bool
) -> Protocol:
    from covidcxr.scores import intervals

    return intervals.Protocol(threshold, confidence, resamples, seed, bca=bca)
