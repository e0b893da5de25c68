"""What comparing packed hashes saves, and how time and memory grow with their number.

Run as ``python benchmarks/duplicates.py``; it writes
``benchmarks/results/duplicates.json``. The other side is what one would write
otherwise: ImageHash's objects, subtracted from each other in a loop. Its cost is that of
a pair, so that few hashes show it. The hashes are drawn in crowds around common
centres, as those of radiographs lie.
"""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import imagehash
import numpy as np
from measured import by_size, keep, seconds
from numpy.typing import NDArray

from covidcxr.validity import duplicates
from covidcxr.validity.duplicates import DISTANCE, HASH_SIZE

COUNTS = (12_500, 25_000, 50_000, 100_000)
FEW = 400
CROWD, FLIPPED = 500, 0.3
"""Hashes of a crowd, and the share of its centre's bits that each has turned."""


def drawn(n: int) -> NDArray[np.uint64]:
    """Return hashes of shape (n, words), one in a hundred a near copy of another."""
    rng = np.random.default_rng(0)
    centres = rng.random((max(1, n // CROWD), HASH_SIZE**2)) < 0.5
    bits = centres[rng.integers(len(centres), size=n)]
    bits ^= rng.random(bits.shape) < FLIPPED
    copies = rng.choice(n, 2 * (n // 100), replace=False).reshape(2, -1)
    bits[copies[1]] = bits[copies[0]] ^ (rng.random((n // 100, HASH_SIZE**2)) < 0.05)
    packed: NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64)
    return packed


def found(hashes: NDArray[np.uint64]) -> int:
    """Count the pairs that are near."""
    return sum(len(rows) for rows, _, _ in duplicates.pairs_within_hamming(hashes))


def by_objects(hashes: NDArray[np.uint64]) -> int:
    """Count them with ImageHash's own objects."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=1).reshape(-1, HASH_SIZE, HASH_SIZE)
    objects = [imagehash.ImageHash(one.astype(bool)) for one in bits]
    return sum(a - b <= DISTANCE for a, b in combinations(objects, 2))


def peak(hashes: NDArray[np.uint64]) -> int:
    """Return the most bytes that a search holds beside the hashes themselves."""
    tracemalloc.start()
    found(hashes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def main() -> None:
    """Measure, and keep what was measured."""
    few = drawn(FEW)
    found(few)  # loads what is loaded only once
    slow, quick = seconds(lambda: by_objects(few), 3), seconds(lambda: found(few), 20)
    assert by_objects(few) == found(few)
    large = {n: drawn(n) for n in COUNTS}
    took = {n: seconds(lambda h=h: found(h), 1) for n, h in large.items()}  # type: ignore[misc]
    held = {n: peak(h) for n, h in large.items()}
    keep(
        "duplicates",
        {
            "bits": HASH_SIZE**2,
            "distance": DISTANCE,
            "few": {"hashes": FEW, "objects_seconds": slow, "packed_seconds": quick},
            "packed_seconds": by_size(took),
            "peak_bytes": by_size(held),
        },
    )


if __name__ == "__main__":
    main()
