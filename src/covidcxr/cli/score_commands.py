"""Commands on models' predictions: scores and comparisons, each with its intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import Csv, Delimiter, Json, echo, refuse_together
from covidcxr.core.studies import POSITIVE

if TYPE_CHECKING:
    from covidcxr.scores.intervals import Protocol

_Predictions = Annotated[
    Path, typer.Argument(metavar="PREDICTIONS.csv", help="Columns image_id, label and score.")
]
_Other = Annotated[
    Path,
    typer.Argument(
        metavar="OTHER.csv", help="Another model's; without --unpaired of the same images."
    ),
]
_Group = Annotated[
    str | None,
    typer.Option(help="The column whose images are not independent: a patient, say."),
]
_Part = Annotated[str, typer.Option(help="Which rows count, where there is a column 'part'.")]
_Positive = Annotated[str, typer.Option(help="The label of the positive class.")]
_Threshold = Annotated[
    str,
    typer.Option(
        metavar="NUMBER|RULE",
        help="A score at or above it is called positive; or youden, sensitivity=0.9, "
        "specificity=0.9, which choose it from the scores at hand.",
    ),
]
_Confidence = Annotated[float, typer.Option(min=0.5, max=0.999, help="Coverage of intervals.")]
_Resamples = Annotated[int, typer.Option(min=100, max=1_000_000, help="Of the bootstrap.")]
_NoBootstrap = Annotated[
    bool, typer.Option("--no-bootstrap", help="Intervals of closed form alone.")
]
_Seed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]
_Id = Annotated[str, typer.Option("--id", metavar="COLUMN", help="Names the image.")]
_Label = Annotated[str, typer.Option(metavar="COLUMN", help="The reference standard.")]
_Score = Annotated[str, typer.Option(metavar="COLUMN", help="The positive class's probability.")]
_Margin = Annotated[
    float, typer.Option(min=0, max=1, help="Scores nearer to each other are equivalent.")
]


_Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="The two files are of different, independent images.")
]


_Classes = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN,COLUMN,...",
        help="Of several classes: columns of probabilities, named as the labels.",
    ),
]


def metrics(
    predictions: _Predictions,
    classes: _Classes = None,
    group: _Group = None,
    as_json: Json = False,
    as_csv: Csv = False,
    threshold: _Threshold = "0.5",
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    no_bootstrap: _NoBootstrap = False,
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
    from covidcxr.scores import evaluation, several_classes, thresholds
    from covidcxr.scores import predictions as tables

    refuse_together({"--json": as_json, "--csv": as_csv})
    wanted = thresholds.parse(threshold)
    protocol = _protocol(confidence, resamples, seed, no_bootstrap)
    if classes is not None:
        refuse_together({"--classes": True, "--threshold": threshold != "0.5"})
        refuse_together({"--classes": True, "--positive": positive != POSITIVE})
        refuse_together({"--classes": True, "--score": score != "score"})
        several = several_classes.read(
            predictions, [name.strip() for name in classes.split(",")], part=part, group=group,
            image_id=image_id, label=label, delimiter=delimiter,
        )  # fmt: skip
        text = scoresheet.of_classes(several, protocol, to_json=as_json, to_csv=as_csv)
        echo(text, nl=False)
        return
    columns = {"image_id": image_id, "label": label, "score": score}
    table = tables.read(
        predictions, part=part, group=group, positive=positive, columns=columns, delimiter=delimiter
    )
    protocol = replace(protocol, threshold=thresholds.choose(wanted, table))
    scores = evaluation.evaluate(table, protocol)
    chosen = thresholds.as_json(wanted, {"value": protocol.threshold})
    content = {name: interval.as_json() for name, interval in scores.items()}
    if as_json:
        echo(json.dumps(chosen | content, indent=1, allow_nan=False))
    elif as_csv:
        echo(scoresheet.as_csv(content, chosen), nl=False)
    else:
        echo(scoresheet.of_metrics(table, scores, protocol, wanted), nl=False)


def compare(
    predictions: _Predictions,
    other: _Other,
    unpaired: _Unpaired = False,
    group: _Group = None,
    as_json: Json = False,
    as_csv: Csv = False,
    threshold: _Threshold = "0.5",
    margin: _Margin = 0.05,
    confidence: _Confidence = 0.95,
    resamples: _Resamples = 10_000,
    seed: _Seed = 0,
    no_bootstrap: _NoBootstrap = False,
    part: _Part = "test",
    positive: _Positive = "COVID19",
    image_id: _Id = "image_id",
    label: _Label = "label",
    score: _Score = "score",
    delimiter: Delimiter = ",",
) -> None:
    """Compare two models' predictions of the same images, pair by pair.

    A difference is the first model's score less the other's. Predictions of different
    images are refused, save with --unpaired, which compares independent test sets.
    """
    from covidcxr.cli import scoresheet
    from covidcxr.scores import comparison, thresholds
    from covidcxr.scores import predictions as tables
    from covidcxr.scores import unpaired as independent

    refuse_together({"--json": as_json, "--csv": as_csv})
    wanted = thresholds.parse(threshold)
    protocol = _protocol(confidence, resamples, seed, no_bootstrap)
    columns = {"image_id": image_id, "label": label, "score": score}
    first, second = (
        tables.read(
            path, part=part, group=group, positive=positive, columns=columns, delimiter=delimiter
        )
        for path in (predictions, other)
    )
    levels = thresholds.choose(wanted, first), thresholds.choose(wanted, second)
    method = independent.compare if unpaired else comparison.compare
    compared = method(first, second, protocol, margin, levels)
    chosen = thresholds.as_json(wanted, dict(zip(("first", "second"), levels, strict=True)))
    if as_json:
        echo(json.dumps(chosen | compared, indent=1, allow_nan=False))
    elif as_csv:
        echo(scoresheet.as_csv(compared["differences"], chosen), nl=False)
    else:
        write = scoresheet.of_unpaired if unpaired else scoresheet.of_comparison
        echo(write(first, second, compared, protocol, levels, wanted), nl=False)


def _protocol(confidence: float, resamples: int, seed: int, no_bootstrap: bool) -> Protocol:
    from covidcxr.scores import intervals

    drawn = 0 if no_bootstrap else resamples
    return intervals.Protocol(confidence=confidence, resamples=drawn, seed=seed)
