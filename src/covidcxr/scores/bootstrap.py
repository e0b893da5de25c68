"""The bootstrap, by counts instead of images wherever counts decide.

A function of confusion matrices sees of an image only its class and each model's
decision. Drawing n images anew and counting them is then one multinomial draw over
the few patterns that occur, whatever n is; the same holds for clusters of images,
of which equal ones are drawn together. What needs the scores themselves gets weights:
how often each image stands in each resample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

EQUAL = 1e-12
"""Resamples nearer to each other differ by rounding alone."""

CHUNK = 4_000_000
"""Weights held at a time, so that memory does not grow with the number of resamples."""


# --- counts


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn anew, counted by kind.

    Attributes
    ----------
    patterns
        Shape (k, j): how many images of each of j patterns one unit of each of k kinds
        holds. A pattern is a class and every model's decision.
    number
        Shape (k,): how many units of each kind there are.
    stratum
        Shape (k,): units are drawn within their stratum.
    cells
        Shape (m, j): which of the four cells a pattern is for each of m models.
    """

    patterns: NDArray[np.int64]
    number: NDArray[np.int64]
    stratum: NDArray[np.int64]
    cells: NDArray[np.int64]

    def matrices(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn counts of patterns, shape (..., j), into confusion matrices (..., m, 4)."""
        which = self.cells[:, :, None] == np.arange(4)
        return np.einsum("...j,mjc->...mc", counts, which.astype(np.int64))

    @property
    def observed(self) -> NDArray[np.int64]:
        """Shape (m, 4): the confusion matrices of the images themselves."""
        return self.matrices(self.number @ self.patterns)


def units(
    positive: NDArray[np.bool_],
    called: NDArray[np.bool_],
    group: NDArray[np.int64] | None = None,
    *,
    stratified: bool = True,
) -> Units:
    """Count what is drawn anew.

    Parameters
    ----------
    positive
        Shape (n,).
    called
        Shape (m, n): the decisions of m models on the same images.
    group
        Shape (n,): the group of each image, 0, 1, ...; left out, each image is a unit.
    stratified
        Whether the number of units with positive images only, with negative images
        only, and with both is held fixed, as a case-control cohort fixes it.

    Returns
    -------
    Units
    """
    place = 2 ** np.arange(1, len(called) + 1)
    code = positive + (called.T @ place if len(called) else 0)
    codes, pattern = np.unique(code, return_inverse=True)
    truth = codes % 2 == 1
    decision = (codes[None, :] // place[:, None]) % 2 == 1
    # tp, fn, fp, tn
    cells = np.where(truth, np.where(decision, 0, 1), np.where(decision, 2, 3))
    if group is None:
        kinds = np.eye(len(codes), dtype=np.int64)
        number = np.bincount(pattern, minlength=len(codes))
    else:
        held = np.zeros((int(group.max(initial=-1)) + 1, len(codes)), dtype=np.int64)
        np.add.at(held, (group, pattern), 1)
        kinds, number = np.unique(held, axis=0, return_counts=True)
    classes = (kinds[:, truth].sum(axis=1) > 0) + 2 * (kinds[:, ~truth].sum(axis=1) > 0)
    return Units(kinds, number, classes if stratified else np.zeros(len(kinds), int), cells)


def matrices(drawn: Units, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw confusion matrices.

    Parameters
    ----------
    drawn
        The units.
    resamples
        How many, b.
    rng
        Decides the draw.

    Returns
    -------
    numpy.ndarray
        Shape (b, m, 4). The m models of one resample saw the same images.
    """
    counts = np.zeros((resamples, drawn.patterns.shape[1]), dtype=np.int64)
    for stratum in np.unique(drawn.stratum):
        inside = drawn.stratum == stratum
        number = drawn.number[inside]
        if not number.sum():
            continue
        chosen = rng.multinomial(number.sum(), number / number.sum(), resamples)
        counts += chosen @ drawn.patterns[inside]
    return drawn.matrices(counts)


# --- weights


def weights(
    positive: NDArray[np.bool_],
    group: NDArray[np.int64] | None,
    resamples: int,
    rng: np.random.Generator,
    *,
    stratified: bool = True,
) -> Iterator[NDArray[np.int64]]:
    """Draw how often each image stands in each resample.

    Parameters
    ----------
    positive, group, stratified
        As for `units`.
    resamples
        How many, b.
    rng
        Decides the draw.

    Yields
    ------
    numpy.ndarray
        Shape (up to b, n), pieces that together have b rows.
    """
    n = len(positive)
    unit = np.arange(n) if group is None else group
    number = int(unit.max(initial=-1)) + 1
    classes = np.zeros((number, 2), dtype=bool)
    classes[unit[positive], 0] = True
    classes[unit[~positive], 1] = True
    strata = classes @ [1, 2] if stratified else np.zeros(number, dtype=int)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    left = resamples
    while left > 0:
        rows = min(left, max(1, CHUNK // max(1, n)))
        drawn = np.empty((rows, number), dtype=np.int64)
        for inside in members:
            size = len(inside)
            chosen = rng.integers(0, size, (rows, size), dtype=np.uint32).astype(np.int64)
            chosen += np.arange(rows)[:, None] * size
            drawn[:, inside] = np.bincount(chosen.ravel(), minlength=rows * size).reshape(-1, size)
        yield drawn if group is None else drawn[:, unit]
        left -= rows


# --- intervals from resamples


def percentile(drawn: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the percentile interval of resampled values, of which none is NaN."""
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


def basic(value: float, drawn: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the basic interval: the percentile interval, reflected at the value.

    It takes out the bias of a score that resampling raises, such as a calibration error.
    """
    low, high = percentile(drawn, confidence)
    return 2 * value - high, 2 * value - low


def bca(
    value: float,
    drawn: NDArray[np.float64],
    acceleration: float,
    confidence: float,
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval.

    Parameters
    ----------
    value
        The score of the images themselves.
    drawn
        Resampled values, of which none is NaN.
    acceleration
        As `acceleration` gives it.
    confidence
        Coverage.

    Returns
    -------
    tuple
        NaN where all resamples lie on one side of the value, or where the acceleration is
        so large that the limits would change places.

    References
    ----------
    Efron, J Am Stat Assoc 82:171-185 (1987), equations 6.6 and 2.3.
    """
    below = (np.mean(drawn < value - EQUAL) + np.mean(drawn <= value + EQUAL)) / 2
    if not 0 < below < 1 or not np.isfinite(acceleration):
        return float("nan"), float("nan")
    bias = stats.norm.ppf(below)
    shift = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    stretch = 1 - acceleration * shift
    if (stretch <= 0).any():  # the acceleration turns the limits round
        return float("nan"), float("nan")
    low, high = np.quantile(drawn, stats.norm.cdf(bias + shift / stretch))
    return float(low), float(high)


def acceleration(
    drawn: Units, statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the acceleration of BCa, from leaving out one unit of each kind in turn.

    Parameters
    ----------
    drawn
        The units; a stratum is a sample of its own.
    statistic
        Gives for confusion matrices (..., m, 4) values of shape (..., s).

    Returns
    -------
    numpy.ndarray
        Shape (s,); NaN where a unit cannot be spared.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 14.3; for
    several samples Davison and Hinkley, Bootstrap Methods (1997), section 5.3.2.
    """
    there = drawn.number > 0
    left = statistic(drawn.matrices(drawn.number @ drawn.patterns - drawn.patterns[there]))
    return accelerate(left, drawn.number[there], drawn.stratum[there])


def accelerate(
    left: NDArray[np.float64],
    number: NDArray[np.int64],
    stratum: NDArray[np.int64] | Sequence[int],
) -> NDArray[np.float64]:
    """Return the acceleration of BCa from leave-one-out values.

    Parameters
    ----------
    left
        Shape (k, s): the values without one unit of each kind.
    number, stratum
        Shape (k,): how many units are of the kind, and their sample.

    Returns
    -------
    numpy.ndarray
        Shape (s,).
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
