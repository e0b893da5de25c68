"""Matrices in percent, or normalised by row or column: the counts that print so, or limits.

A share that is printed holds its count between two whole numbers of its total, and the counts of a
total add up to it. Where that leaves one matrix, it is taken; else the ends of the counts bound
the scores. Without sizes a class may have any share of the images, which bounds fewer scores.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.words import listing
from covidcxr.paper.audit.classes.evidence import RIGHT, Evidence, limits_of
from covidcxr.paper.audit.classes.reading import ClassTable
from covidcxr.paper.audit.classes.scores import one_against_rest
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.scores import COUNTERPARTS

Array = NDArray[np.float64]

_KINDS = {"truth": "the images of each class", "decisions": "the decisions for each class",
          "all": "all images"}  # fmt: skip

_OTHER = {"truth": "decisions", "decisions": "truth"}

_LARGEST = 5_000
"""Images of a class, or in all, up to which sizes that print so are searched."""

_TINY = 1e-9


def evidence(table: ClassTable) -> tuple[list[Evidence], tuple[str, str]]:
    """Return the ways to understand a matrix of shares, and a verdict on it with the reason."""
    assert table.shares is not None
    prints = np.array(table.shares, dtype=object)
    stated = {"rows": "truth", "columns": "decisions"}.get(table.normalised or "", table.normalised)
    if table.rows == "predicted":
        prints, stated = prints.T, _OTHER.get(stated or "", stated)
    kinds = [stated] if stated else list(_KINDS)
    kinds = [kind for kind in kinds if _adds_up(kind, prints)]
    if not kinds:
        return [], ("contradictory", _sums(prints))
    ways_by_kind = [(kind, *_way(kind, prints, table.test_set)) for kind in kinds]
    said = " Or: ".join(f"Shares of {_KINDS[kind]}. {note}" for kind, _, note in ways_by_kind)
    ways = [way for _, way, _ in ways_by_kind if way is not None]
    return ways, ("consistent" if ways else "contradictory", said)


def _spans(prints: NDArray[np.object_]) -> tuple[Array, Array]:
    """Least and largest share that prints so, by rounding or cutting."""
    return np.maximum(_each(prints, lambda p: p.span[0]), 0), _each(prints, lambda p: p.span[1])


def _each(prints: NDArray[np.object_], function: Callable[[Printed], float]) -> Array:
    return np.array([[function(one) for one in row] for row in prints])


def _adds_up(kind: str, prints: NDArray[np.object_]) -> bool:
    axis = {"truth": 1, "decisions": 0, "all": None}[kind]
    low, high = _spans(prints)
    return bool(np.all(low.sum(axis=axis) <= 1) and np.all(high.sum(axis=axis) >= 1))


def _sums(prints: NDArray[np.object_]) -> str:
    value = _each(prints, lambda p: p.value)
    of_truth, of_decisions = (
        listing([f"{total:.1%}" for total in value.sum(axis=axis)]) for axis in (1, 0)
    )
    return (
        f"The shares do not add up to 100%: those of each true class come to {of_truth}, "
        f"those of each decision to {of_decisions}, all to {value.sum():.1%}."
    )


def _way(
    kind: str, prints: NDArray[np.object_], sizes: tuple[int, ...] | None
) -> tuple[Evidence | None, str]:
    if kind == "decisions":
        return _of_decisions(prints, sizes)
    if sizes is None:
        return _without_sizes(kind, prints)
    size = np.array(sizes, dtype=float)
    images = " + ".join(f"{n:,}" for n in sizes)
    low, high = _spans(prints)
    totals = size[:, None]
    n = totals if kind == "truth" else size.sum()
    least, most = np.ceil(low * n - _TINY), np.floor(high * n + _TINY)
    least, most = (
        np.maximum(least, totals - most.sum(1, keepdims=True) + most),
        np.minimum(most, totals - least.sum(1, keepdims=True) + least),
    )
    if torn := [f"{sizes[i]:,}" for i in np.flatnonzero((least > most).any(axis=1)).tolist()]:
        return None, f"No counts of {listing(torn, 'or')} images of a class print so."
    if (least == most).all():
        matrix = least.astype(np.int64)
        return Evidence(one_against_rest(matrix), matrix=matrix), (
            f"One matrix of {images} images prints so."
        )
    tp = np.stack([np.diagonal(least), np.diagonal(most)])
    fp = np.stack([least.sum(axis=0), most.sum(axis=0)]) - tp
    corners = [
        np.stack([tp[i], size - tp[i], fp[j], size.sum() - size - fp[j]], axis=1)
        for i, j in product((0, 1), repeat=2)
    ]
    limits = {**limits_of(np.stack(corners, axis=1)), RIGHT: tp.sum(axis=1)[None] / size.sum()}
    return Evidence(None, False, limits), f"Several matrices of {images} images print so."


def _without_sizes(kind: str, prints: NDArray[np.object_]) -> tuple[Evidence, str]:
    """Bound what holds for any sizes, and find the smallest that print so."""
    low, high = _spans(prints)
    tp = np.stack([np.diagonal(low), np.diagonal(high)])
    k = len(low)
    if kind == "all":
        fn = np.stack([low.sum(axis=1), high.sum(axis=1)]) - tp
        fp = np.stack([low.sum(axis=0), high.sum(axis=0)]) - tp
        corners = [
            np.stack([tp[a], fn[b], fp[c], 1 - tp[a] - fn[b] - fp[c]], axis=1)
            for a, b, c in product((0, 1), repeat=3)
        ]
        together = prints.reshape(1, -1)
    else:
        others = ~np.eye(k, dtype=bool)
        alarm = np.stack([np.where(others, low, 1).min(axis=0), np.where(others, high, 0).max(0)])
        corners = [
            np.stack([w * tp[a], w * (1 - tp[a]), (1 - w) * alarm[b], (1 - w) * (1 - alarm[b])], 1)
            for w, a, b in product((_TINY, 1 - _TINY), (0, 1), (0, 1))
        ]
        together = prints
    limits = dict(limits_of(np.stack(corners, axis=1)))
    if kind == "all":
        limits[RIGHT] = tp.sum(axis=1)[None]
    totals = _smallest(together)
    if totals is None:
        return Evidence(None, False, limits), f"No sizes of up to {_LARGEST:,} print so."
    shares = _each(together, lambda p: p.value) * totals[:, None]
    matrix = _rounded(shares, totals).reshape(k, k)
    images = " + ".join(f"{n:,}" for n in matrix.sum(axis=1))
    said = f"No sizes are stated; the smallest that print so are {images} images."
    way = "with the smallest sizes that print so"
    return Evidence(one_against_rest(matrix), False, limits, way, matrix), said


def _of_decisions(
    prints: NDArray[np.object_], sizes: tuple[int, ...] | None
) -> tuple[Evidence, str]:
    """Understand shares of the decisions: PPVs, which change places with sensitivities."""
    way, said = _without_sizes("truth", prints.T)
    limits = {COUNTERPARTS[s]: v for s, v in way.limits.items() if s in COUNTERPARTS}
    if sizes is not None or way.matrix is None:
        return Evidence(None, False, limits), "The numbers of decisions are not stated."
    matrix = way.matrix.T
    said = said.replace("that print so are", "of the decisions that print so are")
    return Evidence(one_against_rest(matrix), False, limits, way.way, matrix), said


def _smallest(prints: NDArray[np.object_]) -> NDArray[np.int64] | None:
    """Return for each row the fewest images of which all its shares print so, rounded."""
    n = np.arange(1, _LARGEST + 1)
    sizes = []
    for row in prints:
        value, half = np.array([p.value for p in row]), np.array([p.unit / 2 for p in row])
        least = np.maximum(np.ceil(np.outer(n, value - half) - _TINY), 0)
        most = np.floor(np.outer(n, value + half) + _TINY)
        fits = (least <= most).all(axis=1) & (least.sum(1) <= n) & (n <= most.sum(1))
        if not fits.any():
            return None
        sizes.append(int(n[fits.argmax()]))
    return np.array(sizes)


def _rounded(rows: Array, totals: Array | NDArray[np.int64]) -> NDArray[np.int64]:
    """Round each row to whole numbers of its total, by the largest remainders."""
    whole = np.floor(rows + _TINY)
    for row, exact, total in zip(whole, rows, totals, strict=True):
        missing = int(total - row.sum())
        if missing > 0:
            row[np.argsort(row - exact, kind="stable")[:missing]] += 1
    return whole.astype(np.int64)
