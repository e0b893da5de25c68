"""Agreement of a study's scores with the paper's, by margins that its configuration states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from covidcxr.core.studies import Agreement, ModelName
from covidcxr.paper import publication
from covidcxr.scores import evaluation, intervals
from covidcxr.scores.intervals import Interval, Protocol

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "undecided"
VERDICTS = (AGREES, DIFFERS, UNDECIDED)


def judge(low: float, high: float, margin: float) -> str:
    """Verdict on an interval of a difference.

    ``agrees`` if all of it lies within the margin of 0, ``differs`` if none of it does.
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
    """Differences of a model's scores from the paper's matrix with its rows as the truth.

    Returns
    -------
    pandas.DataFrame
        By score: ``printed`` (as the paper labels it, text), ``corrected`` and ``ours`` (each an
        `Interval`), ``difference``, ``low``, ``high``, ``verdict``.
    """
    table = publication.tables()[model]
    corrected = evaluation.of_matrix(table.cells("true"), protocol)
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


def made_before(stated: str, created: Sequence[datetime]) -> int:
    """Count runs older than the day of the criteria: their verdicts are hindsight."""
    return sum(f"{day:%Y-%m-%d}" < stated for day in created)


def overall(verdicts: Sequence[str]) -> str:
    """Verdict on several scores: ``agrees`` only if all of them agree."""
    if DIFFERS in verdicts:
        return DIFFERS
    return UNDECIDED if UNDECIDED in verdicts or not verdicts else AGREES
