"""Perceptual hashes (pHash) of radiographs, and the pairs whose hashes differ in few bits.

A reflection of a picture changes the signs of its cosine transform, a transposition transposes
it, a negative changes all signs but the mean's. One transform thus gives the hashes of a picture
that was turned, mirrored or made negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

HASH_SIZE = 16  # a hash has this many bits squared

CUTS = (*product((0.0, 0.04), repeat=4), (0.02, 0.02, 0.02, 0.02))
"""Shares of a side cut off left, top, right and bottom before a picture is hashed once more,
nothing first. A hash alone tolerates a cut of two per cent; with these, a search tolerates
one of five on any side."""

DISTANCE = 44
"""Bits by which the hashes of two copies differ at most, of `HASH_SIZE` squared."""

_SHRUNK = 4 * HASH_SIZE  # pixels a side that are transformed
_WORDS = HASH_SIZE**2 // 64
_ROWS = 1024  # of hashes searched for at once, so that their pairs stay few

Words = NDArray[np.uint64]


class Change(NamedTuple):
    """A picture transposed, then reversed top to bottom, left to right, then made negative."""

    transposed: bool = False
    rows: bool = False
    columns: bool = False
    negative: bool = False

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change a picture, shape (side, side)."""
        picture = picture.T if self.transposed else picture
        picture = picture[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return np.ascontiguousarray(255 - picture if self.negative else picture)

    def transform(self, low: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change the low frequencies of a picture."""
        signs = (-1.0) ** np.arange(HASH_SIZE)
        low = low.T if self.transposed else low
        low = low * signs[:, None] if self.rows else low
        low = low * signs if self.columns else low
        if self.negative:
            # 255 less each pixel: only the first coefficient, the sum, is not just reversed.
            mean = 4 * 255.0 * _SHRUNK**2 - low[0, 0]
            low = -low
            low[0, 0] = mean
        return low

    @property
    def word(self) -> str:
        """What was done to a picture, in words."""
        turned = _TURNS[self.transposed, self.rows, self.columns]
        return ", ".join(filter(None, (turned, "negative" if self.negative else "")))


_TURNS = {
    (False, False, False): "",
    (False, False, True): "mirrored",
    (False, True, False): "upside down, mirrored",
    (False, True, True): "turned by 180 degrees",
    (True, False, False): "mirrored, turned by 90 degrees",
    (True, True, False): "turned by 90 degrees",
    (True, False, True): "turned by 270 degrees",
    (True, True, True): "mirrored, turned by 270 degrees",
}

CHANGES = tuple(
    Change(*turn, negative=negative)
    for negative in (False, True)
    for turn in _TURNS
    # As they are and mirrored, pictures are compared with all cuts before.
    if negative or any(turn[:2])
    or turn == (False, True, True)
)  # fmt: skip
"""The changes that are looked for beside cuts and mirroring; degrees count against the clock."""


def hashes(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[Words, Words]:
    """Return ImageHash's pHash of some rows of pictures: cut, and mirrored.

    Shapes (len(CUTS), n, words), the first of which is of the whole picture, and (n, words).
    """
    cut = np.empty((len(CUTS), len(rows), _WORDS), np.uint64)
    mirrored = np.empty((len(rows), _WORDS), np.uint64)
    for place, row in enumerate(rows):
        picture = np.asarray(pictures[row])
        for way, sides in enumerate(CUTS):
            cut[way, place] = _bits(_low_frequencies(picture, sides))
        mirrored[place] = _bits(_low_frequencies(picture[:, ::-1]))
    return cut, mirrored


def changed_hashes(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[Words, Words]:
    """Return the hashes of some rows of pictures as they are, and after each of `CHANGES`.

    Shapes (n, words) and (changes, n, words). They are ImageHash's, but for rounding.
    """
    words = np.empty((1 + len(CHANGES), len(rows), _WORDS), np.uint64)
    for place, row in enumerate(rows):
        low = _low_frequencies(np.asarray(pictures[row]))
        for number, change in enumerate((Change(), *CHANGES)):
            words[number, place] = _bits(change.transform(low))
    return words[0], words[1:]


def _low_frequencies(
    picture: NDArray[np.uint8], cut: tuple[float, ...] = CUTS[0]
) -> NDArray[np.float64]:
    """Return the low frequencies of a cut picture's cosine transform, as ImageHash takes them."""
    import scipy.fftpack

    (height, width), (left, top, right, bottom) = picture.shape, cut
    small = Image.fromarray(picture).resize(
        (_SHRUNK, _SHRUNK),
        Image.Resampling.LANCZOS,
        box=(left * width, top * height, (1 - right) * width, (1 - bottom) * height),
        reducing_gap=2.0,  # thrice as fast, and next to the same
    )
    pixels = np.asarray(small, dtype=np.float64)
    whole = scipy.fftpack.dct(scipy.fftpack.dct(pixels, axis=0), axis=1)
    low: NDArray[np.float64] = whole[:HASH_SIZE, :HASH_SIZE]
    return low


def _bits(low: NDArray[np.float64]) -> Words:
    packed: Words = np.packbits((low > np.median(low)).ravel()).view(np.uint64)
    return packed


def pairs_within_hamming(
    first: Words, second: Words | None = None, limit: int = DISTANCE
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]]:
    """Yield all pairs of hashes within a Hamming distance: rows, columns, distances, in chunks.

    Hashes have shape (n, words) and (m, words); without a second set, each pair of the first is
    yielded once. Hashes of radiographs crowd together, so that a tree would save little: faiss
    compares every pair.
    """
    import faiss

    others = first if second is None else second
    index = faiss.IndexBinaryFlat(64 * others.shape[1])
    index.add(np.ascontiguousarray(others).view(np.uint8))
    for top in range(0, len(first), _ROWS):
        block = np.ascontiguousarray(first[top : top + _ROWS])
        # faiss takes what is nearer than its radius
        ends, distance, column = index.range_search(block.view(np.uint8), limit + 1)
        row = np.repeat(np.arange(top, top + len(block)), np.diff(ends.astype(np.int64)))
        once = column > row if second is None else np.full(len(row), True)
        yield row[once], column[once], distance[once].astype(np.uint16)


def candidate_pairs(cut: Words, mirrored: Words, limit: int) -> pd.DataFrame:
    """Return the pairs within a distance under some cut, mirrored or not.

    A row a pair and mirroring, of the nearest cut: ``row``, which was cut; ``column``;
    ``first`` < ``second``, the same two; ``way``, of `CUTS`; ``mirrored``; ``distance``.
    """
    tables = []
    for way in range(len(CUTS)):
        for flip, other in ((False, cut[0]), (True, mirrored)):
            # Whole pictures among themselves: each pair once.
            against = None if way == 0 and not flip else other
            tables.append(_pairs(cut[way], against, limit).assign(way=way, mirrored=flip))
    pairs = pd.concat(tables, ignore_index=True).query("row != column")
    ends = pairs[["row", "column"]]
    pairs = pairs.assign(first=ends.min(axis=1), second=ends.max(axis=1))
    nearest = pairs.sort_values(["first", "second", "distance", "way", "mirrored", "row"])
    return nearest.drop_duplicates(["first", "second", "mirrored"]).reset_index(drop=True)


def changed_pairs(plain: Words, changed: Words, limit: int) -> pd.DataFrame:
    """Return pairs of which one, changed, is within a distance of the other as it is.

    A row a pair and change, each pair from one side: ``row`` changed, ``column``, ``change``
    (of `CHANGES`), ``distance``.
    """
    tables = [
        _pairs(words, plain, limit).assign(change=number) for number, words in enumerate(changed)
    ]
    return pd.concat(tables).query("row < column").sort_values(["row", "change"], ignore_index=True)


def _pairs(first: Words, second: Words | None, limit: int) -> pd.DataFrame:
    """Return `pairs_within_hamming` as one table: ``row``, ``column``, ``distance``."""
    columns = ("row", "column", "distance")
    chunks = [np.empty((len(columns), 0), np.int64)]
    chunks += [np.stack(chunk) for chunk in pairs_within_hamming(first, second, limit)]
    return pd.DataFrame(np.concatenate(chunks, axis=1).T, columns=columns)
