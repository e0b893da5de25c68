"""Copies among pictures: hashes name the candidates, registration of the pixels decides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.validity.duplicates import hashing
from covidcxr.validity.duplicates.components import connected_rows, equal_value_links, first_rows
from covidcxr.validity.duplicates.hashing import CHANGES, CUTS, DISTANCE
from covidcxr.validity.duplicates.registration import (
    Structure,
    aligned_correlation,
    is_blank,
    structure,
)

SIMILARITY = 0.95
"""The least similarity of two copies, as `aligned_correlation` returns it."""

EXACT, NEAR, REFUSED = "exact", "near", "refused"
"""What a pair of pictures is; refused: the hashes are alike, the pixels are not."""

_COLUMNS = ["first", "second", "kind", "distance", "similarity", "mirrored"]
_TYPES = {
    **dict.fromkeys(("first", "second", "distance"), np.int64),
    "similarity": np.float64,
    "mirrored": bool,
}


def find(pictures: NDArray[np.uint8], sha256: Sequence[str] | None = None) -> pd.DataFrame:
    """Find the pairs of pictures that are copies of each other, as `judge_pairs`.

    Blank pictures are copies if file or pixels are exactly equal, never nearly.
    """
    judged = judge_pairs(pictures, sha256)
    return judged[judged["kind"] != REFUSED].reset_index(drop=True)


def judge_pairs(pictures: NDArray[np.uint8], sha256: Sequence[str] | None = None) -> pd.DataFrame:
    """Judge every pair of pictures that might be copies.

    ``pictures`` have shape (n, side, side), grey; the limits were set on 256 pixels a side.
    ``sha256`` are the n hashes of the files, so that equal files are equal however they decode.
    Returns a row a pair, sorted: ``first`` < ``second``, row numbers; ``kind``, `EXACT`, `NEAR`
    or `REFUSED`; ``distance``, bits of the hashes; ``similarity``, as `aligned_correlation`
    returns it; ``mirrored``.
    """
    original = exact_copies(pictures, sha256)
    members = pd.DataFrame({"of": original, "row": np.arange(len(original))})
    both = ("_first", "_second")
    equal = members.merge(members, on="of", suffixes=both).query("row_first < row_second")
    equal = equal.assign(kind=EXACT, distance=0, similarity=1.0, mirrored=False)
    # What holds for a picture holds for its exact copies.
    near = judge_near_pairs(pictures, np.unique(original))
    near = near.merge(members, left_on="first", right_on="of")
    near = near.merge(members, left_on="second", right_on="of", suffixes=both)
    ends = ["row_first", "row_second"]
    columns = [*ends, *_COLUMNS[2:]]
    pairs = pd.concat([near[columns], equal[columns]])
    pairs["first"], pairs["second"] = pairs[ends].min(axis=1), pairs[ends].max(axis=1)
    return pairs[_COLUMNS].astype(_TYPES).sort_values(["first", "second"], ignore_index=True)


def exact_copies(
    pictures: NDArray[np.uint8],
    sha256: Sequence[str] | None = None,
    sizes: Sequence[object] | None = None,
) -> NDArray[np.int64]:
    """Return for each picture the first that equals it, in its file or in every pixel.

    If ``sizes`` of the n images are passed, equal pixels count only if these are equal, too.
    """
    n = len(pictures)
    digests = [hashlib.sha256(np.ascontiguousarray(p).tobytes()).hexdigest() for p in pictures]
    pixels = [f"{d} {size}" for d, size in zip(digests, sizes or [""] * n, strict=True)]
    keys = [pixels] if sha256 is None else [pixels, list(sha256)]
    links = pd.concat([equal_value_links(pd.Series(values, dtype="string")) for values in keys])
    return first_rows(connected_rows(n, links))


def judge_near_pairs(
    pictures: NDArray[np.uint8], rows: NDArray[np.int64], limit: int = DISTANCE
) -> pd.DataFrame:
    """Judge, as `judge_pairs`, some rows of pictures, none an exact copy of another."""

    @lru_cache(maxsize=1024)
    def structure_of(row: int) -> Structure:
        return structure(pictures[row])

    kept = _not_blank(pictures, rows)
    pairs = hashing.candidate_pairs(*hashing.hashes(pictures, kept), limit)
    columns = (pairs[name].tolist() for name in ("row", "column", "way", "mirrored"))
    pairs["similarity"] = [
        aligned_correlation(
            structure_of(int(kept[column])), structure_of(int(kept[row])), CUTS[way], mirrored=flip
        )
        for row, column, way, flip in zip(*columns, strict=True)
    ]
    pairs["kind"] = np.where(pairs["similarity"] >= SIMILARITY, NEAR, REFUSED)
    for side in ("first", "second"):
        pairs[side] = kept[pairs[side].to_numpy(np.int64)]
    best = pairs.sort_values(
        ["first", "second", "similarity", "mirrored"], ascending=[True, True, False, True]
    ).drop_duplicates(["first", "second"])
    return best[_COLUMNS].astype(_TYPES).reset_index(drop=True)


def changed_pairs(
    pictures: NDArray[np.uint8], rows: NDArray[np.int64], limit: int = DISTANCE
) -> pd.DataFrame:
    """Find copies among some rows of pictures that were turned or made negative.

    A row a pair: ``first``, ``second``, ``distance``, ``similarity`` and ``change``, in words, that
    makes the first the second.
    """
    kept = _not_blank(pictures, rows)
    pairs = hashing.changed_pairs(*hashing.changed_hashes(pictures, kept), limit)

    @lru_cache(maxsize=1024)
    def structure_of(column: int) -> Structure:
        return structure(pictures[kept[column]])

    @lru_cache(maxsize=1)
    def changed(row: int, change: int) -> Structure:
        return structure(CHANGES[change].apply(pictures[kept[row]]))

    columns = (pairs[name].tolist() for name in ("row", "column", "change"))
    pairs["similarity"] = [
        aligned_correlation(structure_of(column), changed(row, change), CUTS[0], mirrored=False)
        for row, column, change in zip(*columns, strict=True)
    ]
    best = pairs[pairs["similarity"] >= SIMILARITY].sort_values(
        ["row", "column", "similarity", "change"], ascending=[True, True, False, True]
    )
    best = best.drop_duplicates(["row", "column"], ignore_index=True)
    return pd.DataFrame(
        {
            "first": kept[best["row"].to_numpy(np.int64)],
            "second": kept[best["column"].to_numpy(np.int64)],
            "distance": best["distance"].astype(np.int64),
            "similarity": best["similarity"].astype(float),
            "change": [CHANGES[change].word for change in best["change"]],
        }
    )


def _not_blank(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([row for row in rows if not is_blank(pictures[row])], dtype=np.int64)
