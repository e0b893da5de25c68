"""Copies that were turned, mirrored or made negative: their hashes, and their pixels turned back.

A reflection of a picture changes the signs of its cosine transform, a transposition transposes
it, a negative changes all signs but the mean's. One transform thus gives all sixteen hashes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.validity.duplicates.hashing import HASH_SIZE, Words, pairs_within_hamming


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

    @property
    def word(self) -> str:
        """What was done to a picture, in words."""
        turned = _WORDS[self.transposed, self.rows, self.columns]
        return ", ".join(filter(None, (turned, "negative" if self.negative else "")))


_WORDS = {
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
    for turn in _WORDS
    # As they are and mirrored, pictures are compared with all cuts before.
    if negative or any(turn[:2])
    or turn == (False, True, True)
)  # fmt: skip
"""The changes that are looked for beside cuts and mirroring; degrees count against the clock."""


def hashes(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> Words:
    """Return the hashes of some rows of pictures after each of `CHANGES`.

    Shape (changes, n, words). They are ImageHash's of the changed picture, but for rounding.
    """
    words = np.empty((len(CHANGES), len(rows), HASH_SIZE**2 // 64), np.uint64)
    for i, row in enumerate(rows):
        transform = _transform(pictures[row])
        for j, change in enumerate(CHANGES):
            words[j, i] = _bits(_changed(transform, change))
    return words


def candidate_pairs(plain: Words, changed: Words, limit: int) -> pd.DataFrame:
    """Return pairs of which one, changed, is within a distance of the other as it is.

    A row a pair and change, each pair from one side: ``row`` changed, ``column``, ``change``
    (of `CHANGES`), ``distance``.
    """
    columns = ("row", "column", "change", "distance")
    chunks = [np.empty((len(columns), 0), np.int64)]
    for number, words in enumerate(changed):
        for row, column, distance in pairs_within_hamming(words, plain, limit):
            once = row < column
            found = (row, column, np.full(len(row), number), distance)
            chunks.append(np.stack(found)[:, once])
    return pd.DataFrame(np.concatenate(chunks, axis=1).T, columns=columns)


def _transform(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the low frequencies of a picture's cosine transform, as ImageHash takes them."""
    import scipy.fftpack

    side = 4 * HASH_SIZE
    small = Image.fromarray(np.asarray(picture)).resize(
        (side, side), Image.Resampling.LANCZOS, reducing_gap=2.0
    )
    pixels = np.asarray(small, dtype=np.float64)
    whole = scipy.fftpack.dct(scipy.fftpack.dct(pixels, axis=0), axis=1)
    low: NDArray[np.float64] = whole[:HASH_SIZE, :HASH_SIZE]
    return low


def _changed(transform: NDArray[np.float64], change: Change) -> NDArray[np.float64]:
    signs = (-1.0) ** np.arange(HASH_SIZE)
    if change.transposed:
        transform = transform.T
    if change.rows:
        transform = transform * signs[:, None]
    if change.columns:
        transform = transform * signs
    if change.negative:
        # 255 less each pixel: only the first coefficient, the sum, is not just reversed.
        white = 4 * 255.0 * (4 * HASH_SIZE) ** 2
        mean = white - transform[0, 0]
        transform = -transform
        transform[0, 0] = mean
    return transform


def _bits(low: NDArray[np.float64]) -> Words:
    packed: Words = np.packbits((low > np.median(low)).ravel()).view(np.uint64)
    return packed
