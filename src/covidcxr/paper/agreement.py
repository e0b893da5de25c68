"""Whether a study agrees with the paper, by criteria that stand in its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from covidcxr.core.studies import Agreement, ModelName
from covidcxr.core.words import listing
from covidcxr.paper import publication
from covidcxr.scores import intervals
from covidcxr.scores.intervals import Interval, Protocol

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "undecided"
VERDICTS = (AGREES, DIFFERS, UNDECIDED)


def judge(low: float, high: float, margin: float) -> str:
    """Say what an interval of a difference decides.

    Returns
    -------
    str
        ``agrees`` where all of it is nearer to 0 than the margin, ``differs`` where
        none of it is, ``undecided`` otherwise and where there is none.
    """
    if not np.isfinite([low, high]).all():
        return UNDECIDED
    if -margin < low and high < margin:
        return AGREES
    return DIFFERS if low >= margin or high <= -margin else UNDECIDED


def against_paper(
    model: ModelName,
    ours: Mapping[str, Interval],
    criteria: Agreement,
    protocol: Protocol,
) -> pd.DataFrame:
    """Set a model's scores against the paper's matrix, read with its rows as the truth.

    Parameters
    ----------
    model
        The network.
    ours
        As `covidcxr.scores.intervals.evaluate` returns it.
    criteria
        Margin and scores.
    protocol
        Of the intervals, for the paper's matrix too.

    Returns
    -------
    pandas.DataFrame
        By score ``printed`` (as the paper labels it, text), ``corrected``, ``ours`` (each
        an `Interval`), ``difference``, ``low``, ``high``, ``verdict``.
    """
    table = publication.tables()[model]
    corrected = intervals.of_matrix(table.cells("true"), protocol)
    labels = {"ppv": "precision", "sensitivity": "recall"}
    rows = {}
    for score in criteria.scores:
        value, low, high = intervals.difference(ours[score], corrected[score])
        rows[score] = {
            "printed": table.printed[labels.get(score, score)],
            "corrected": corrected[score],
            "ours": ours[score],
            "difference": value,
            "low": low,
            "high": high,
            "verdict": judge(low, high, criteria.margin),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def timing(stated: str, made: Sequence[datetime]) -> str:
    """Say whether the criteria are older than the runs that they judge.

    Parameters
    ----------
    stated
        The day of the criteria, as in `Agreement`.
    made
        When each run was made.
    """
    early = [day for day in made if f"{day:%Y-%m-%d}" < stated]
    if not early:
        return f"The criteria were stated on {stated}, before these runs were made."
    return (
        f"The criteria were stated on {stated}, after {len(early)} of these {len(made)} runs were "
        "made: for those the verdict is hindsight."
    )


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict on several scores: they agree together or not at all.

    One that differs decides against; one that is undecided leaves the whole undecided.
    """
    if DIFFERS in verdicts:
        return DIFFERS
    return UNDECIDED if UNDECIDED in verdicts or not verdicts else AGREES


def told(verdicts: Mapping[str, str]) -> str:
    """Say in a sentence what was decided of the models."""
    said = {
        AGREES: ("agrees", "agree", " with the paper in every score"),
        DIFFERS: ("differs", "differ", " from the paper in at least one score"),
        UNDECIDED: ("is", "are", " left undecided"),
    }
    parts = []
    for verdict, (one, several, how) in said.items():
        if models := [model for model, found in verdicts.items() if found == verdict]:
            parts.append(f"{listing(models)} {one if len(models) == 1 else several}{how}")
    return f"{listing(parts)}."
