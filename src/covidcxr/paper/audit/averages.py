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

from covidcxr.paper.audit.feasible import ranges
from covidcxr.paper.audit.names import SIGNED, UNBOUNDED
from covidcxr.paper.audit.printed import Entry, Printed
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.scores import denominators

FAULTS = ("too large", "too small")
"""Verdicts that say that a standard deviation is wrong."""

_ASSUMED = ", if the folds are stratified and as even as can be"

_LISTED = 2_000_000
"""Sums that are listed; more leave out no printed value."""

_CLOSE = 1e-9


def judge(table: ReportedTable, score: str, printed: Printed) -> dict[str, Any] | None:
    """Judge a printed average over folds or runs of known sizes; None for no proportion.

    ``verdict`` is ``attainable``, ``unattainable``, ``uneven`` (folds of the sizes that we assume
    do not have it, and others may) or ``unchecked`` (too many sums to list).
    """
    sizes = denominators(score, table.parts)
    if not sizes or table.per_image:
        return None
    low, high = printed.span
    listed = _sums(sizes, low, high)
    if listed is None:
        return {"verdict": "unchecked", "nearest": [], "note": "Too many averages lie so close."}
    assumed = _ASSUMED if table.assumed else ""
    # Scores of the folds' sum are averages, too, to their readers.
    total = sum(sizes)
    pooled = np.floor(high * total + _CLOSE) >= np.ceil(low * total - _CLOSE)
    if len(listed[0]) or (pooled and score != "balanced_accuracy"):
        note = f"{table.folds} test sets have this average{assumed}."
        return {"verdict": "attainable", "nearest": [], "note": note}
    step = 1 / max(sizes) / len(sizes)
    around = _sums(sizes, low - 2 * step, high + 2 * step)
    means = np.array([]) if around is None else np.unique(around[0].round(12))
    nearest = [*means[means < printed.value][-1:], *means[means > printed.value][:1]]
    near = " and ".join(printed.show_longer(one) for one in nearest)
    note = f"No {table.folds} test sets of these sizes have this average{assumed}"
    return {
        "verdict": "uneven" if table.assumed else "unattainable",
        "nearest": nearest,
        "note": f"{note}; nearest are {near}." if near else f"{note}.",
    }


def deviation(table: ReportedTable, score: str, entry: Entry) -> dict[str, Any] | None:
    """Judge what stands behind ± as a standard deviation; None where a score has no scale.

    ``verdict`` is ``possible``, ``too large``, ``too small``, ``standard error`` (too small for a
    deviation, not for its error) or ``uneven`` (too small for folds of the sizes that we assume);
    ``limits`` are the least and largest deviation.
    """
    if entry.spread is None or score in UNBOUNDED:
        return None
    number = table.folds if table.folds > 1 and not table.per_image else None
    low, high = entry.value.span
    most = largest(low, high, number, signed=score in SIGNED)
    known = not table.per_image and score != "balanced_accuracy"
    sizes = denominators(score, table.parts) if known else []
    listed = _sums(sizes, low, high) if sizes else None
    least = 0.0
    if listed is not None and len(listed[0]):
        mean, squares = listed
        least = float(np.sqrt(np.maximum(squares / len(sizes) - mean**2, 0).min()))
    at_least, at_most = (entry.spread.show_longer(limit) for limit in (least, most))
    below, above = entry.spread.span
    if below <= most + _CLOSE and above < least - _CLOSE:
        small = above < least / np.sqrt(len(sizes)) - _CLOSE
        verdict = "too small" if small else "standard error"
        note = f"Over test sets of these sizes the standard deviation is at least {at_least}"
        note += _ASSUMED if table.assumed else ""
        note += "." if small else "; its standard error may be as small."
        verdict = "uneven" if table.assumed else verdict
    else:
        verdict = "too large" if below > most + _CLOSE else "possible"
        scale = f"from {'-1' if score in SIGNED else '0'} to 1"
        note = f"{number or 'Two or more'} values {scale} with this mean have a standard deviation"
        note += f" of at most {at_most}."
    return {"verdict": verdict, "limits": [least, most], "note": note}


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
    first = np.maximum(0, np.ceil((low - sums) * n))
    within = ranges(first, np.minimum(n * times, np.floor((high - sums) * n)), _LISTED)
    if within is None:
        return None
    i, k = within
    return (sums[i] + k / n) / len(sizes), squares[i] + _least_squares(k, times) / n**2


def _least_squares(total: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Least sum of squares of whole numbers with a sum: as equal as can be."""
    each, more = np.divmod(total, count)
    return count * each**2 + more * (2 * each + 1)
