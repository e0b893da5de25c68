"""Averages over folds or runs: whether test sets of their sizes can have them, and their spread.

The average of a proportion is a sum of counts over sizes, and those counts can be listed. A
standard deviation has a least value, since proportions move in steps, and a largest one, since
they stay on their scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit.names import SIGNED
from covidcxr.paper.audit.printed import Printed

Sizes = tuple[int, int]

_LISTED = 2_000_000
"""Sums that are listed; more leave out no printed value."""

_CLOSE = 1e-9


def split(sizes: Sizes, folds: int) -> tuple[Sizes, ...]:
    """Divide a test set into stratified folds that are as even as can be, as scikit-learn does.

    Empty where a fold would have no image of a class.
    """
    positive, negative = sizes
    if folds > min(sizes):
        return ()
    extra = positive % folds
    later = (np.arange(folds) - extra) % folds < negative % folds
    return tuple(
        (positive // folds + (i < extra), negative // folds + int(more))
        for i, more in enumerate(later)
    )


def denominators(score: str, parts: Sequence[Sizes]) -> list[int]:
    """Return the sizes whose fractions an average of a score adds up; [] for no such score."""
    positive, negative = ([part[i] for part in parts] for i in (0, 1))
    return {
        "accuracy": [sum(part) for part in parts],
        "error_rate": [sum(part) for part in parts],
        "sensitivity": positive,
        "false_negative_rate": positive,
        "specificity": negative,
        "false_positive_rate": negative,
        "balanced_accuracy": positive + negative,
    }.get(score, [])


def judge(score: str, printed: Printed, parts: Sequence[Sizes]) -> dict[str, Any] | None:
    """Say whether test sets of these sizes can have a printed average of a score.

    Returns
    -------
    dict or None
        ``verdict``: ``attainable``, ``unattainable`` or ``unchecked`` (too many sums to list);
        ``nearest`` attainable values below and above. None for a score that is no proportion.
    """
    sizes = denominators(score, parts)
    if not sizes:
        return None
    low, high = printed.span
    listed = _sums(sizes, low, high)
    if listed is None:
        return {"verdict": "unchecked", "nearest": []}
    # Scores of the folds' sum are averages, too, to their readers.
    total = sum(sizes)
    pooled = np.floor(high * total + _CLOSE) >= np.ceil(low * total - _CLOSE)
    if len(listed[0]) or (pooled and score != "balanced_accuracy"):
        return {"verdict": "attainable", "nearest": []}
    step = 1 / max(sizes) / len(sizes)
    around = _sums(sizes, low - 2 * step, high + 2 * step)
    means = np.array([]) if around is None else np.unique(around[0].round(12))
    nearest = [*means[means < printed.value][-1:], *means[means > printed.value][:1]]
    return {"verdict": "unattainable", "nearest": [float(one) for one in nearest]}


def spread(
    score: str, printed: Printed, deviation: Printed, folds: int | None, parts: Sequence[Sizes]
) -> dict[str, Any]:
    """Judge a standard deviation behind a printed average.

    Parameters
    ----------
    score
        The auditor's name of a score that has a scale.
    printed, deviation
        As printed.
    folds
        Number of values that are averaged; None where it is unknown.
    parts
        Positive and negative images of each, where they are known.

    Returns
    -------
    dict
        ``verdict``: ``possible``, ``too large``, ``too small`` or ``standard error`` (too small
        for a deviation, not for its error), and ``limits``, least and largest deviation.
    """
    low, high = printed.span
    most = largest(low, high, folds, signed=score in SIGNED)
    sizes = denominators(score, parts) if score != "balanced_accuracy" else []
    listed = _sums(sizes, low, high) if sizes else None
    least = 0.0
    if listed is not None and len(listed[0]):
        mean, squares = listed
        least = float(np.sqrt(np.maximum(squares / len(sizes) - mean**2, 0).min()))
    verdict = "possible"
    if deviation.span[0] > most + _CLOSE:
        verdict = "too large"
    elif deviation.span[1] < least - _CLOSE:
        error = least / np.sqrt(len(sizes))
        verdict = "too small" if deviation.span[1] < error - _CLOSE else "standard error"
    return {"verdict": verdict, "limits": [least, most]}


def largest(low: float, high: float, folds: int | None, signed: bool = False) -> float:
    """Return the largest sample standard deviation of values on a scale, by limits of their mean.

    As many values as can be lie at the ends of the scale, and one between. With an unknown number
    of values it is that of two.
    """
    scale = 2.0 if signed else 1.0
    low, high = ((max(0.0, min(1.0, (m + signed) / scale))) for m in (low, high))
    if folds is None:
        middle = min(max(0.5, low), high)
        return float(scale * np.sqrt(2 * middle * (1 - middle)))
    if folds < 2:
        return 0.0
    # The variance is convex between whole sums, so that the largest lies at an end of a piece.
    whole = np.arange(np.ceil(low * folds), np.floor(high * folds) + 1)
    sums = np.concatenate([[low * folds, high * folds], whole])
    ones = np.floor(sums + _CLOSE)
    squares = ones + (sums - ones) ** 2
    variance = np.maximum(squares - sums**2 / folds, 0) / (folds - 1)
    return float(scale * np.sqrt(variance.max()))


def _sums(
    sizes: Sequence[int], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """List averages of fractions with these denominators within limits, and least sums of squares.

    None where they are too many.
    """
    low, high = low * len(sizes) - _CLOSE, high * len(sizes) + _CLOSE
    *rest, (n, times) = sorted(Counter(sizes).items(), key=lambda one: one[0] * one[1])
    sums, squares = np.zeros(1), np.zeros(1)
    for size, count in rest:
        if len(sums) * (count * size + 1) > _LISTED:
            return None
        k = np.arange(count * size + 1)
        sums = np.add.outer(sums, k / size).ravel()
        squares = np.add.outer(squares, _least_squares(k, count) / size**2).ravel()
        keep = sums <= high
        sums, squares = sums[keep], squares[keep]
    first = np.maximum(0, np.ceil((low - sums) * n)).astype(np.int64)
    last = np.minimum(n * times, np.floor((high - sums) * n)).astype(np.int64)
    counts = np.maximum(0, last - first + 1)
    if counts.sum() > _LISTED:
        return None
    start = np.repeat(np.cumsum(counts) - counts, counts)
    k = np.arange(counts.sum()) - start + np.repeat(first, counts)
    means = (np.repeat(sums, counts) + k / n) / len(sizes)
    return means, np.repeat(squares, counts) + _least_squares(k, times) / n**2


def _least_squares(total: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Least sum of squares of whole numbers with a sum: as equal as can be."""
    each, more = np.divmod(total, count)
    return count * each**2 + more * (2 * each + 1)
