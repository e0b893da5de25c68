"""Perceptual hashes (pHash) of radiographs, and the pairs whose hashes differ in few bits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

HASH_SIZE = 16
"""A hash has this many bits squared."""

CUTS = (*product((0.0, 0.04), repeat=4), (0.02, 0.02, 0.02, 0.02))
"""Shares of a side cut off left, top, right and bottom before a picture is hashed once more,
nothing first. A hash alone tolerates a cut of two per cent; with these, a search tolerates
one of five on any side."""

DISTANCE = 44
"""Bits by which the hashes of two copies differ at most, of `HASH_SIZE` squared."""

_ROWS = 1024  # of hashes searched for at once, so that their pairs stay few

Words = NDArray[np.uint64]


def hashes(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[Words, Words]:
    """Return ImageHash's pHash of some rows of pictures: cut, and mirrored.

    Shapes (len(CUTS), n, words), the first of which is of the whole picture, and (n, words).
    """
    words = HASH_SIZE**2 // 64
    cut = np.empty((len(CUTS), len(rows), words), np.uint64)
    mirrored = np.empty((len(rows), words), np.uint64)
    for row, which in enumerate(rows):
        image = Image.fromarray(np.asarray(pictures[which]))
        for way, sides in enumerate(CUTS):
            cut[way, row] = _hash(image, sides)
        mirrored[row] = _hash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), CUTS[0])
    return cut, mirrored


def whole_hashes(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> Words:
    """Return ImageHash's pHash of some rows of whole pictures, shape (n, words)."""
    images = (Image.fromarray(np.asarray(pictures[row])) for row in rows)
    words = np.empty((len(rows), HASH_SIZE**2 // 64), np.uint64)
    for place, image in enumerate(images):
        words[place] = _hash(image, CUTS[0])
    return words


def _hash(image: Image.Image, cut: tuple[float, ...]) -> Words:
    import imagehash

    (width, height), (left, top, right, bottom) = image.size, cut
    side = 4 * HASH_SIZE  # what pHash itself shrinks to
    small = image.resize(
        (side, side),
        Image.Resampling.LANCZOS,
        box=(left * width, top * height, (1 - right) * width, (1 - bottom) * height),
        reducing_gap=2.0,  # thrice as fast, and next to the same
    )
    bits = imagehash.phash(small, hash_size=HASH_SIZE).hash
    packed: Words = np.packbits(bits.ravel()).view(np.uint64)
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


def candidate_pairs(cut: Words, mirrored: Words, limit: int = DISTANCE) -> pd.DataFrame:
    """Return the pairs within a distance under some cut, mirrored or not.

    A row a pair and mirroring, of the nearest cut: ``row``, which was cut; ``column``;
    ``first`` < ``second``, the same two; ``way``, of `CUTS`; ``mirrored``; ``distance``.
    """
    columns = ("row", "column", "way", "distance", "mirrored")
    chunks = [np.empty((len(columns), 0), np.int64)]
    for way in range(len(CUTS)):
        for flip, other in ((False, cut[0]), (True, mirrored)):
            # Whole pictures among themselves: each pair once.
            against = None if way == 0 and not flip else other
            for row, column, distance in pairs_within_hamming(cut[way], against, limit):
                same = np.full(len(row), way), distance, np.full(len(row), flip)
                chunks.append(np.stack([row, column, *same])[:, row != column])
    pairs = pd.DataFrame(np.concatenate(chunks, axis=1).T, columns=columns)
    pairs = pairs.astype({"mirrored": bool})
    pairs["first"] = pairs[["row", "column"]].min(axis=1)
    pairs["second"] = pairs[["row", "column"]].max(axis=1)
    nearest = pairs.sort_values(["first", "second", "distance", "way", "mirrored", "row"])
    return nearest.drop_duplicates(["first", "second", "mirrored"]).reset_index(drop=True)
