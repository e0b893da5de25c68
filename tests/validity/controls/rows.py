"""Rows of the table of measures: proportions and means with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.scores.means import clustered_mean
from covidcxr.scores.proportions import clopper_pearson

NAN = float("nan")

CONFIDENCE = 0.95
"""Coverage of intervals, except those that decide where nothing is planted: 1 - `LEVEL`."""

LEVEL = 0.01
"""Where nothing is planted, a method fails if chance gives its result with less probability."""

CONDITION = ["method", "planted", "variant", "strength"]
COLUMNS = [*CONDITION, "measure", "n", "value", "low", "high", "confidence"]

Condition = tuple[str, str, str, float]
"""Method, what is planted, variant, and strength (NaN if there is none)."""


def proportion(condition: Condition, measure: str, hits: ArrayLike) -> dict[str, Any]:
    """Proportion with Clopper-Pearson limits; NaN without hits or misses."""
    which = np.asarray(hits, dtype=bool)
    n, count = len(which), int(which.sum())
    limits = clopper_pearson(count, n, CONFIDENCE) if n else (NAN, NAN)
    return _row(condition, measure, n, (count / n if n else NAN, *limits), CONFIDENCE)


def mean(
    condition: Condition, measure: str, values: ArrayLike, confidence: float = CONFIDENCE
) -> dict[str, Any]:
    """Mean with Student limits."""
    known = np.asarray(values, dtype=float)
    estimate = clustered_mean(known, confidence=confidence)
    return _row(condition, measure, len(known), estimate, confidence)


def _row(
    condition: Condition, measure: str, n: int, estimate: tuple[float, ...], confidence: float
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (*condition, measure, n, *estimate, confidence), strict=True))
