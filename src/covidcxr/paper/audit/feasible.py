"""Which matrices all printed scores of a table allow together.

Most scores are quotients of two linear functions of the four cells, so that a printed score is two
linear inequalities: the scores go together where these have a common solution. With the sizes of
the classes, the solutions are counted in whole images, true positives by true negatives. Without
them they form a cone, whose rays are the meeting points of three inequalities each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit import scores
from covidcxr.paper.audit.printed import Printed
from covidcxr.scores import metrics

Value = tuple[str, Printed]
"""A score by the auditor's name of it, and its print."""

# Numerator and denominator over tp, fn, fp, tn.
_OF_CELLS: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
    "micro_average": ((1, 0, 0, 1), (1, 1, 1, 1)),
    "error_rate": ((0, 1, 1, 0), (1, 1, 1, 1)),
    "ppv": ((1, 0, 0, 0), (1, 0, 1, 0)),
    "npv": ((0, 0, 0, 1), (0, 1, 0, 1)),
    "false_discovery_rate": ((0, 0, 1, 0), (1, 0, 1, 0)),
    "false_omission_rate": ((0, 1, 0, 0), (0, 1, 0, 1)),
    "f1": ((2, 0, 0, 0), (2, 1, 1, 0)),
    "f1_negative": ((0, 0, 0, 2), (0, 1, 1, 2)),
    "jaccard": ((1, 0, 0, 0), (1, 1, 1, 0)),
    "prevalence": ((1, 1, 0, 0), (1, 1, 1, 1)),
}

# The same over sensitivity, its rest, the rest of specificity, specificity: whatever the sizes.
_OF_RATES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "sensitivity": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "specificity": ((0, 0, 0, 1), (0, 0, 1, 1)),
    "false_negative_rate": ((0, 1, 0, 0), (1, 1, 0, 0)),
    "false_positive_rate": ((0, 0, 1, 0), (0, 0, 1, 1)),
    "balanced_accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
    "youden": ((1, 0, -1, 0), (1, 1, 0, 0)),
    "lr_positive": ((1, 0, 0, 0), (0, 0, 1, 0)),
    "lr_negative": ((0, 1, 0, 0), (0, 0, 0, 1)),
}

_OF_ONE_CLASS = {
    name: _OF_RATES[name]
    for name in ("sensitivity", "specificity", "false_negative_rate", "false_positive_rate")
}
"""The rates that are quotients of linear functions of the cells, too."""

LINEAR = frozenset({*_OF_CELLS, *_OF_RATES, "kappa"})
"""Scores that bound a strip of the square; the others are tried matrix by matrix."""

# A row is (s, t, 1), each cell as a function of sensitivity s and specificity t.
_RATES = np.array([[1, 0, 0], [-1, 0, 1], [0, -1, 1], [0, 1, 0]], dtype=float)
_SQUARE = np.array([[1, 0, 0], [-1, 0, 1], [0, 1, 0], [0, -1, 1]], dtype=float)

_CLOSE = 1e-9
_ROWS = 2_000_000
"""True positives up to which each is tried; beyond, sizes no longer bind a printed score."""

_TRIED = 300_000
"""Matrices up to which each is held against every print."""

_CHUNK = 2_000
"""Matrices that are tried at once where one is enough."""


def feasible(values: Sequence[Value], sizes: tuple[int, int] | None) -> bool:
    """Say whether some matrix has all printed scores; True where it cannot be excluded.

    A print allows whatever could be rounded or cut to it. ``sizes`` are the positive and negative
    images, None where any are possible.
    """
    if sizes is None:
        return _rays(values) is not None
    some = _any_matrix(values, sizes)
    return bool(len(_corners(values, sizes))) if some is None else some


def attainable(score: str, printed: Printed, sizes: tuple[int, int]) -> bool | None:
    """Say whether any matrix of a test set prints this; None where they are too many to try."""
    some = _any_matrix([(score, printed)], sizes)
    return True if some is None and score in LINEAR else some


def matrices(values: Sequence[Value], sizes: tuple[int, int]) -> NDArray[np.int64] | None:
    """Return every matrix with all printed scores, (m, 4); None where they are too many to try."""
    cells = _candidates(values, sizes)
    return None if cells is None else cells[_printing(cells, values)]


def _any_matrix(values: Sequence[Value], sizes: tuple[int, int]) -> bool | None:
    """Say whether `matrices` returns any; most of the time some of the first do."""
    cells = _candidates(values, sizes)
    if cells is None:
        return None
    chunks = (cells[start : start + _CHUNK] for start in range(0, len(cells), _CHUNK))
    return any(_printing(chunk, values).any() for chunk in chunks)


def _candidates(values: Sequence[Value], sizes: tuple[int, int]) -> NDArray[np.int64] | None:
    """Return every matrix within the strips of the linear scores; None where they are too many."""
    positives, negatives = sizes
    lines = _lines(values, positives / (positives + negatives))
    first, last = _extent(lines, positives)
    if last - first > _ROWS:
        return None
    tp = np.arange(first, last + 1)
    low, high = np.zeros(len(tp)), np.full(len(tp), float(negatives))
    for a, b, c in lines:
        rest = a * tp / max(positives, 1) + c
        if abs(b) < 1e-15:
            high = np.where(rest < -_CLOSE, -1, high)
        else:
            edge = -rest / b * negatives
            low, high = (np.maximum(low, edge), high) if b > 0 else (low, np.minimum(high, edge))
    slack = 1e-9 * negatives + 1e-9
    within = ranges(np.ceil(low - slack), np.floor(high + slack), _TRIED)
    if within is None:
        return None
    i, tn = within
    return np.stack([tp[i], positives - tp[i], negatives - tn, tn], axis=1)


def ranges(
    low: NDArray[np.float64], high: NDArray[np.float64], most: float = np.inf
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """List the whole numbers of several ranges, each with its range; None where they are more."""
    counts = np.maximum(0, high - low + 1).astype(np.int64)
    if counts.sum() > most:
        return None
    place = np.repeat(np.arange(len(counts)), counts)
    start = np.cumsum(counts) - counts
    return place, np.arange(len(place)) - start[place] + low.astype(np.int64)[place]


def extremes(
    values: Sequence[Value], sizes: tuple[int, int] | None, score: str
) -> tuple[float, float] | None:
    """Least and largest value of a score that other printed scores allow.

    None where they allow nothing, or where the score is no such quotient.
    """
    if sizes is None:
        parts = _OF_CELLS.get(score) or _OF_ONE_CLASS.get(score)
        cells = _rays(values) if parts else None
        if cells is None or parts is None:
            return None
        above, below = (cells @ np.array(part) for part in parts)
    elif score in LINEAR:
        points = _corners(values, sizes)
        share = sizes[0] / sum(sizes)
        at = np.concatenate([points, np.ones((len(points), 1))], axis=1)
        above, below = (at @ _coefficients(score, share, part) for part in (0, 1))
    else:
        return None
    reached = above[below > _CLOSE] / below[below > _CLOSE]
    return (float(reached.min()), float(reached.max())) if len(reached) else None


def smallest_conflict(
    values: Sequence[Value], sizes: tuple[int, int] | None, most: int = 3
) -> list[Value]:
    """Return the fewest printed scores that no matrix has together, or [] for none of so few."""
    for size in range(2, most + 1):
        for some in combinations(values, size):
            if not feasible(some, sizes):
                return list(some)
    return []


def odd_ones(values: Sequence[Value], sizes: tuple[int, int] | None) -> list[Value]:
    """Return each printed score without which all the others go together."""
    return [one for i, one in enumerate(values) if feasible([*values[:i], *values[i + 1 :]], sizes)]


_BLOCK = 2**15  # matrices


def sizes_that_fit(
    values: Sequence[Value], largest: int = 1000, most: int = 2_000_000
) -> tuple[NDArray[np.int64], int] | None:
    """Find the sizes of both classes that printed scores allow, where none are stated.

    Returns matrices, shape (m, 4), of up to the second number of images a class; None where
    sensitivity or specificity is not printed, without which nothing can be listed.
    """
    sensitivity = _rate(values, "sensitivity", "false_negative_rate")
    specificity = _rate(values, "specificity", "false_positive_rate")
    if sensitivity is None or specificity is None:
        return None
    while largest > 10:
        positive, negative = (_fractions(*span, largest) for span in (sensitivity, specificity))
        if len(positive) * len(negative) <= most:
            break
        largest //= 2
    i, j = (grid.ravel() for grid in np.indices((len(positive), len(negative))))
    (tp, p), (tn, n) = positive[i].T, negative[j].T
    cells = np.stack([tp, p - tp, n - tn, tn], axis=1)
    # Blocks that a processor's cache holds take a seventh of the time.
    blocks = np.array_split(cells, len(cells) // _BLOCK + 1)
    return np.concatenate([block[_printing(block, values)] for block in blocks]), largest


def _rate(values: Sequence[Value], name: str, rest: str) -> tuple[float, float] | None:
    """Limits of a rate, by its own print or else that of what it leaves of 1."""
    rates = dict(values)
    if name in rates or rest not in rates:
        return rates[name].span if name in rates else None
    low, high = rates[rest].span
    return 1 - high, 1 - low


def _fractions(low: float, high: float, largest: int) -> NDArray[np.int64]:
    """Return every numerator and denominator of a rate within limits, shape (m, 2)."""
    n = np.arange(1, largest + 1)
    within = ranges(np.maximum(0, np.ceil(low * n)), np.minimum(n, np.floor(high * n)))
    assert within
    i, k = within
    return np.stack([k, n[i]], axis=1)


def _printing(cells: NDArray[np.int64], values: Sequence[Value]) -> NDArray[np.bool_]:
    """Say which matrices print as all values do."""
    # The others take as long again, of up to `_TRIED` matrices.
    usual = all(name in metrics.SCORES for name, _ in values)
    computed = metrics.score(cells) if usual else scores.compute(cells)
    keep = np.ones(len(cells), dtype=bool)
    for name, value in values:
        if name not in computed:
            continue
        low, high = value.span
        keep &= (computed[name] >= low) & (computed[name] <= high)
    return keep


def _coefficients(score: str, share: float, part: int) -> NDArray[np.float64]:
    """Numerator or denominator of a score as a, b, c of a s + b t + c."""
    if score in _OF_RATES:
        return np.array(_OF_RATES[score][part]) @ _RATES
    weights = np.array([share, share, 1 - share, 1 - share])
    if score in _OF_CELLS:
        return (weights * np.array(_OF_CELLS[score][part])) @ _RATES
    # Cohen's kappa is 2 (tp tn - fp fn) over what follows from the four margins.
    if part == 0:
        return 2 * share * (1 - share) * np.array([1.0, 1.0, -1.0])
    return (weights * np.array([1 - share, share, 1 - share, share])) @ _RATES


def _lines(values: Sequence[Value], share: float) -> NDArray[np.float64]:
    """Half-planes a s + b t + c >= 0 that the prints allow, shape (m, 3)."""
    half_planes = [*_SQUARE]
    for name, value in values:
        if name in LINEAR:
            low, high = value.span
            above, below = (_coefficients(name, share, part) for part in (0, 1))
            half_planes += [above - low * below, high * below - above]
    return np.array(half_planes)


def _corners(values: Sequence[Value], sizes: tuple[int, int]) -> NDArray[np.float64]:
    """Corners of the region of sensitivity and specificity that the prints allow, shape (m, 2)."""
    lines = _lines(values, sizes[0] / sum(sizes))
    first, second = np.triu_indices(len(lines), 1)
    crossing = np.cross(lines[first], lines[second])
    crossing = crossing[np.abs(crossing[:, 2]) > 1e-14]
    points = crossing[:, :2] / crossing[:, 2:]
    sides = points @ lines[:, :2].T + lines[:, 2]
    return points[(sides >= -_CLOSE).all(-1)]


def _rays(values: Sequence[Value]) -> NDArray[np.float64] | None:
    """Extreme matrices of whatever size that have all printed scores, shape (m, 4); None for none.

    Scores of both classes' rates that are no function of the cells without sizes (likelihood
    ratios, Youden's index) are taken as the limits of sensitivity and specificity that they set.
    """
    corners = _corners([one for one in values if one[0] in _OF_RATES], (1, 1))
    if not len(corners):
        return None
    (least_s, least_t), (most_s, most_t) = corners.min(axis=0), corners.max(axis=0)
    bounds: list[tuple[tuple[int, ...], tuple[int, ...], float, float]] = [
        ((1, 0, 0, 0), (1, 1, 0, 0), least_s, most_s),
        ((0, 0, 0, 1), (0, 0, 1, 1), least_t, most_t),
    ]
    bounds += [(*_OF_CELLS[name], *value.span) for name, value in values if name in _OF_CELLS]
    denominators = np.array([below for _, below, *_ in bounds], dtype=float)
    planes = [np.eye(4)]
    for above, below, low, high in bounds:
        a, b = np.array(above, dtype=float), np.array(below, dtype=float)
        planes.append(np.array([a - low * b, high * b - a]))
    sides = np.concatenate(planes)
    sides /= np.abs(sides).max(axis=1, keepdims=True)
    i, j, k = np.array(list(combinations(range(len(sides)), 3))).T
    rays = _perpendicular(sides[i], sides[j], sides[k])
    length = np.abs(rays).max(axis=1, keepdims=True)
    rays = (rays / np.where(length > 1e-13, length, np.nan))[length[:, 0] > 1e-13]
    rays = np.concatenate([rays, -rays])
    rays = rays[(rays @ sides.T >= -_CLOSE).all(-1)]
    # A matrix of no images of a class has every score of it: what is divided by must not vanish.
    if not len(rays) or (denominators @ rays.sum(axis=0) <= _CLOSE).any():
        return None
    return rays


def _perpendicular(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Vectors of four numbers at right angles to three others each, shape (m, 4)."""
    rest = [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    minors = [np.einsum("ij,ij->i", a[:, r], np.cross(b[:, r], c[:, r])) for r in rest]
    return np.stack([minors[0], -minors[1], minors[2], -minors[3]], axis=1)


def _extent(lines: NDArray[np.float64], positives: int) -> tuple[int, int]:
    """Find the true positives between which sensitivity alone leaves some."""
    low, high = 0.0, 1.0
    for a, b, c in lines:
        if abs(b) < 1e-15 and abs(a) > 1e-15:
            low, high = (max(low, -c / a), high) if a > 0 else (low, min(high, -c / a))
    slack = 1e-9
    return max(0, int(np.ceil((low - slack) * positives))), min(
        positives, int(np.floor((high + slack) * positives))
    )
