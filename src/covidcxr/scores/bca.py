"""Bias-corrected and accelerated bootstrap intervals (Efron 1987)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from covidcxr.core.progress import Progress
from covidcxr.scores import bootstrap, metrics
from covidcxr.scores.bootstrap import EQUAL, Units


def interval(
    value: float, drawn: NDArray[np.float64], acceleration: float, confidence: float
) -> tuple[float, float]:
    """BCa interval of resampled values (Efron, J Am Stat Assoc 82:171-185, 1987, eq. 6.6 and 2.3).

    NaN where all resamples lie on one side of the value, or where the acceleration is so large
    that the limits would change places.
    """
    below = (np.mean(drawn < value - EQUAL) + np.mean(drawn <= value + EQUAL)) / 2
    if not 0 < below < 1 or not np.isfinite(acceleration):
        return np.nan, np.nan
    bias = stats.norm.ppf(below)
    shift = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    stretch = 1 - acceleration * shift
    if (stretch <= 0).any():
        return np.nan, np.nan
    low, high = np.quantile(drawn, stats.norm.cdf(bias + shift / stretch))
    return float(low), float(high)


def acceleration_of_counts(
    drawn: Units, statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """BCa acceleration, shape (s,), of functions of confusion matrices; NaN where undefined.

    ``statistic`` maps confusion matrices (..., m, 4) to values of shape (..., s).
    """
    present = drawn.number > 0
    left = statistic(drawn.matrices(drawn.number @ drawn.patterns - drawn.patterns[present]))
    return acceleration(left, drawn.number[present], drawn.stratum[present])


def acceleration_of_weights(
    positive: NDArray[np.bool_],
    score: NDArray[np.float64],
    group: NDArray[np.int64] | None,
    *,
    stratified: bool,
) -> dict[str, float]:
    """BCa accelerations of `covidcxr.scores.metrics.PROBABILITY_SCORES`."""
    unit, stratum = bootstrap.strata(positive, group, stratified=stratified)
    number = len(stratum)
    pieces = []
    rows = max(1, bootstrap.CHUNK // len(positive))
    progress = Progress("acceleration of BCa intervals", "units left out", number)
    for start in range(0, number, rows):
        weights = unit[None] != np.arange(start, min(start + rows, number))[:, None]
        values = metrics.probability_scores(positive, score, weights)
        pieces.append(np.stack(list(values.values()), axis=-1))
        progress.add(len(weights))
    left = np.concatenate(pieces)
    accelerations = acceleration(left, np.ones(number, dtype=np.int64), stratum)
    return dict(zip(metrics.PROBABILITY_SCORES, accelerations.tolist(), strict=True))


def acceleration(
    left: NDArray[np.float64], number: NDArray[np.int64], stratum: ArrayLike
) -> NDArray[np.float64]:
    """BCa acceleration, shape (s,), from values without one unit of each of k kinds: (k, s).

    ``number`` and ``stratum``, shape (k,): units of the kind, and their sample. Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), section 14.3; for several samples
    Davison and Hinkley, Bootstrap Methods (1997), section 5.3.2.
    """
    top, bottom = np.zeros(left.shape[1]), np.zeros(left.shape[1])
    for one in np.unique(stratum):
        inside = np.asarray(stratum) == one
        share = number[inside, None]
        n = share.sum()
        values = left[inside]
        away = (n - 1) * ((share * values).sum(axis=0) / n - values)
        top += (share * away**3).sum(axis=0) / n**3
        bottom += (share * away**2).sum(axis=0) / n**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return top / (6 * bottom**1.5)
