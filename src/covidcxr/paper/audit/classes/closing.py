"""Whether rows of TP, FN, FP and TN, one class against the rest, close.

Every image is of one class and gets one decision. So each row counts all images; the images of
the classes add up to them, and so do the decisions; false negatives are as many as false
positives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.words import listing

_NAMES = ("TP", "FN", "FP", "TN")


@dataclass(frozen=True)
class Closing:
    """``consistent`` or ``contradictory``, why, and rows that close, once one is corrected."""

    verdict: str
    note: str
    cells: NDArray[np.int64] | None = None


def close(
    classes: Sequence[str], cells: NDArray[np.int64], sizes: tuple[int, ...] | None
) -> Closing:
    """Judge the rows of all classes, shape (k, 4): tp, fn, fp, tn; ``sizes`` as they are stated."""
    totals = cells.sum(axis=1)
    if _closes(cells, sizes):
        right, n = int(cells[:, 0].sum()), int(totals[0])
        said = (
            f"All rows close: {' + '.join(f'{int(a + b):,}' for a, b in cells[:, :2])} images, of "
            f"which {right:,} of {n:,} are right, an accuracy of {right / n:.4f}."
        )
        return Closing("consistent", said, cells)
    if diagonal := _on_the_diagonal(classes, cells, sizes):
        return diagonal
    repairs = [
        (name, said, fixed)
        for i, name in enumerate(classes)
        for said, fixed in _repairs(cells, i, sizes)
        if _closes(fixed, sizes)
    ]
    wrong = _faults(classes, cells, sizes)
    if len(repairs) == 1:
        name, said, fixed = repairs[0]
        return Closing("contradictory", f"{wrong} All rows close if {name} has {said}.", fixed)
    return Closing("contradictory", wrong)


def _closes(cells: NDArray[np.int64], sizes: tuple[int, ...] | None) -> bool:
    totals, true, decided = cells.sum(axis=1), cells[:, 0] + cells[:, 1], cells[:, 0] + cells[:, 2]
    n = true.sum()
    same = bool((totals == n).all()) and int(decided.sum()) == int(n)
    return same and (sizes is None or true.tolist() == list(sizes)) and bool((cells >= 0).all())


def _on_the_diagonal(
    classes: Sequence[str], cells: NDArray[np.int64], sizes: tuple[int, ...] | None
) -> Closing | None:
    """Recognise true negatives that are only the other classes' own right decisions."""
    tp, fn, fp, tn = cells.T
    n = int((tp + fn).sum())
    counted = (tn == tp.sum() - tp) & (cells.sum(axis=1) != n)
    fixed = cells.copy()
    fixed[counted, 3] = (n - tp - fn - fp)[counted]
    if not counted.any() or not _closes(fixed, sizes):
        return None
    rows = [
        f"{tn[i]:,} instead of {fixed[i, 3]:,} for {classes[i]}"
        for i in np.flatnonzero(counted).tolist()
    ]
    said = (
        "True negatives are counted on the diagonal only, as if no image of the other classes were "
        f"mixed up among them: {listing(rows)}. Right are {tp.sum():,} of {n:,}, an accuracy of "
        f"{tp.sum() / n:.4f}."
    )
    return Closing("contradictory", said, fixed)


def _repairs(
    cells: NDArray[np.int64], i: int, sizes: tuple[int, ...] | None
) -> list[tuple[str, NDArray[np.int64]]]:
    """Try another count of one cell of a row, and the exchange of two."""
    others = np.delete(cells, i, axis=0).sum(axis=1).tolist()
    n = sum(sizes) if sizes else Counter(others).most_common(1)[0][0]
    tried = []
    for j, name in enumerate(_NAMES):
        fixed = cells.copy()
        fixed[i, j] += n - cells[i].sum()
        if fixed[i, j] != cells[i, j]:
            tried.append((f"{name} {fixed[i, j]:,} instead of {cells[i, j]:,}", fixed))
    for a, b in combinations(range(4), 2):
        fixed = cells.copy()
        fixed[i, [a, b]] = cells[i, [b, a]]
        if cells[i, a] != cells[i, b]:
            tried.append((f"{_NAMES[a]} and {_NAMES[b]} exchanged", fixed))
    return tried


def _faults(classes: Sequence[str], cells: NDArray[np.int64], sizes: tuple[int, ...] | None) -> str:
    """Say what does not close, and in which rows."""
    totals, true = cells.sum(axis=1).tolist(), (cells[:, 0] + cells[:, 1]).tolist()
    (most, times), *_ = Counter(totals).most_common()
    said = []
    if times < len(totals):
        odd = [f"{name} {n:,}" for name, n in zip(classes, totals, strict=True) if n != most]
        said.append(
            f"Not all rows count the same images: {listing(odd)}, the others {most:,}."
            if times > 1
            else f"Not all rows count the same images: {listing(odd)} and {most:,}."
        )
    elif sum(true) != most:
        said.append(f"The classes have {sum(true):,} images in all, but each row counts {most:,}.")
    missed, alarms = int(cells[:, 1].sum()), int(cells[:, 2].sum())
    if missed != alarms:
        said.append(f"FN add up to {missed:,}, FP to {alarms:,}; every error is one of each.")
    if sizes and true != list(sizes):
        rows = [
            f"{name} {n:,} instead of {size:,}"
            for name, n, size in zip(classes, true, sizes, strict=True)
            if n != size
        ]
        said.append(f"TP + FN are not the images of the class: {listing(rows)}.")
    return " ".join(said)
