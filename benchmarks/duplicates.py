"""What comparing packed hashes saves, and how time and memory grow with their number.

Run as ``python benchmarks/duplicates.py``. The other side is what one would write
otherwise: ImageHash's objects, subtracted from each other in a loop. Its cost is that of
a pair, so that few hashes show it. The hashes are drawn in crowds around common
centres, as those of radiographs lie. Ratios, measured within one run, belong to the
code; the seconds belong to the machine and are printed last, as context.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from itertools import combinations

import imagehash
import numpy as np
from numpy.typing import NDArray

from covidcxr import duplicates
from covidcxr.duplicates import DISTANCE, HASH_SIZE

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
    return sum(len(rows) for rows, _, _ in duplicates.within(hashes))


def by_objects(hashes: NDArray[np.uint64]) -> int:
    """Count them with ImageHash's own objects."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=1).reshape(-1, HASH_SIZE, HASH_SIZE)
    objects = [imagehash.ImageHash(one.astype(bool)) for one in bits]
    return sum(a - b <= DISTANCE for a, b in combinations(objects, 2))


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the shortest of some runs, which other load on the machine disturbs least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak(hashes: NDArray[np.uint64]) -> int:
    """Return the most bytes that a search holds beside the hashes themselves."""
    tracemalloc.start()
    found(hashes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def main() -> None:
    """Print the ratios, then the seconds and bytes that they come from."""
    few = drawn(FEW)
    found(few)  # loads what is loaded only once
    slow, quick = seconds(lambda: by_objects(few), 3), seconds(lambda: found(few), 20)
    assert by_objects(few) == found(few)
    large = {n: drawn(n) for n in COUNTS}
    took = {n: seconds(lambda h=h: found(h), 1) for n, h in large.items()}  # type: ignore[misc]
    held = {n: peak(h) for n, h in large.items()}
    pairs = {n: n * (n - 1) / 2 for n in (FEW, *COUNTS)}

    first, last = COUNTS[0], COUNTS[-1]
    cost = took[last] / pairs[last]
    print(f"All pairs of hashes of {HASH_SIZE**2} bits, those within {DISTANCE}")
    print(f"  objects / packed, {FEW} hashes:           {slow / quick:,.0f}")
    print(f"  objects / packed, a pair, {last:,} packed: {slow / pairs[FEW] / cost:,.0f}")
    print(f"\nTime and memory by number of hashes / those of {first:,}; 1, 4, 16, 64 is n squared")
    for n in COUNTS:
        print(f"  {n:8,d}  time {took[n] / took[first]:6.2f}  memory {held[n] / held[first]:6.2f}")
    print("\nContext: on this machine")
    for n, hashes in large.items():
        sizes = f"{held[n] / 1e6:6.1f} MB beside {hashes.nbytes / 1e6:.1f}"
        print(f"  {n:8,d}  {took[n]:6.2f} s  {sizes}")
    print(f"  objects, {FEW}: {slow:.2f} s")


if __name__ == "__main__":
    main()
