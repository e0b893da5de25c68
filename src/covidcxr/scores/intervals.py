"""Intervals of scores, each of which names its method; DeLong's interval of the AUROC.

What is undefined is NaN with the reason. Undefined methods fall back to another; `method` names
the one that was used.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from covidcxr.scores import delong, metrics
from covidcxr.scores.predictions import Predictions


@dataclass(frozen=True)
class Interval:
    """A score with its limits, NaN where undefined, and how the limits were computed.

    Attributes
    ----------
    unit
        What counts as independent: ``image`` or the name of a group.
    n
        Images that the score rests on.
    resamples, seed
        Of a bootstrap.
    clopper_pearson
        As a check, the exact limits of a proportion.
    reason
        Why there is no value, no limits, or another method than usual.
    """

    value: float
    low: float
    high: float
    method: str
    unit: str
    n: int
    resamples: int | None = None
    seed: int | None = None
    clopper_pearson: tuple[float, float] | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Fields that are set; NaN becomes null."""
        return {
            key: _plain(value)
            for key, value in asdict(self).items()
            if value is not None or key in ("value", "low", "high")
        }


@dataclass(frozen=True)
class Protocol:
    """Settings of intervals: coverage ``confidence``, and those of the bootstrap.

    A score at or above ``threshold`` is called positive. A ``stratified`` bootstrap keeps the
    sizes of the classes, as a case-control cohort does; otherwise the prevalence varies as well.
    With 0 ``resamples`` only scores whose interval has a closed form get one.
    """

    threshold: float = 0.5
    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0
    stratified: bool = True


def undefined(unit: str, n: int, reason: str | None, value: float = np.nan) -> Interval:
    """Interval of a score without limits, and without a value where none is stated."""
    return Interval(value, np.nan, np.nan, "none", unit, n, reason=reason)


def difference(first: Interval, second: Interval) -> tuple[float, float, float]:
    """Difference of two scores of independent samples, with its limits, NaN where one has none.

    Zou and Donner, Stat Med 27:1693-1702 (2008); for two proportions with Wilson's limits
    Newcombe's hybrid interval, Stat Med 17:873-890 (1998), method 10.
    """
    value = first.value - second.value
    if not np.isfinite([value, first.low, second.low]).all():
        return value, np.nan, np.nan
    low = value - np.hypot(first.value - first.low, second.high - second.value)
    high = value + np.hypot(first.high - first.value, second.value - second.low)
    return value, float(low), float(high)


def area(predictions: Predictions, confidence: float = 0.95) -> Interval:
    """AUROC with DeLong's interval for clusters, or Newcombe's where that is undefined."""
    p = predictions
    value = float(metrics.auroc(p.positive, p.score))
    if not np.isfinite(value):
        return undefined(p.unit, len(p), p.missing_class)
    groups = p.units_by_class
    # Nearer to 1 than this, the variance rests on one image or none.
    if min(groups) > 1 and min(value, 1 - value) * min(groups) >= 1:
        _, variance = delong.covariance(p.positive, p.score[None], p.clusters)
        low, high = delong.interval(value, float(variance[0, 0]), confidence)
        if np.isfinite(low):
            method = "DeLong, logit" if p.clusters is None else "DeLong for clusters, logit"
            return Interval(value, low, high, method, p.unit, len(p))
    low, high = delong.newcombe(value, groups[0], groups[1], confidence)
    reason = "DeLong's variance rests on too few images here"
    if len(np.unique(p.score)) == 1:
        reason = "all scores are equal, so that DeLong's variance is 0"
    return Interval(value, low, high, "Newcombe's method 5", p.unit, len(p), reason=reason)


def _plain(value: Any) -> Any:
    """JSON's form of a value."""
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
