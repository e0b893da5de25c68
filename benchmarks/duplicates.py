"""What the search for near hashes costs, against two others, and what confirming pixels does.

Run as ``python benchmarks/duplicates.py``; it writes ``benchmarks/results/duplicates.json``. The
others are a comparison of packed words in numpy, on one thread, and a BK-tree (pybktree, where it
is installed; imagededup asks for PyTorch with CUDA and is left out). The hashes are drawn in crowds
around common centres, as those of radiographs lie.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measured import keep
from numpy.typing import NDArray

from covidcxr.cohorts import phantom
from covidcxr.core.studies import PhantomCohort
from covidcxr.validity import duplicates
from covidcxr.validity.duplicates import DISTANCE, HASH_SIZE, search

COUNTS = (12_500, 25_000, 50_000, 100_000, 200_000)
TREE_COUNTS = (1_000, 2_000)
"""A BK-tree visits nearly all hashes of a crowd, one by one, in Python."""
CROWD, FLIPPED = 500, 0.3
"""Hashes of a crowd, and the share of its centre's bits that each has turned."""
PICTURES, SIDE = (250, 500, 1_000), 256
"""Synthetic radiographs resemble one another: candidates grow with the square of their number."""


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


def by_faiss(hashes: NDArray[np.uint64]) -> int:
    """Count the pairs that are near, as the project does."""
    return sum(len(rows) for rows, _, _ in duplicates.pairs_within_hamming(hashes))


def by_words(hashes: NDArray[np.uint64], rows: int = 64, columns: int = 4096) -> int:
    """Count them by exclusive or and counts of bits, in blocks that stay in the cache."""
    words, pairs = np.ascontiguousarray(hashes.T), 0
    for top in range(0, len(hashes), rows):
        for left in range(top, len(hashes), columns):
            block, part = hashes[top : top + rows], words[:, left : left + columns]
            distance = np.zeros((len(block), part.shape[1]), np.uint16)
            for word in range(len(words)):
                distance += np.bitwise_count(block[:, word, None] ^ part[word])
            row, column = np.nonzero(distance <= DISTANCE)
            pairs += int(np.count_nonzero(column + left > row + top))
    return pairs


def by_tree(hashes: NDArray[np.uint64]) -> int:
    """Count them with a BK-tree."""
    import pybktree

    numbers = [int.from_bytes(one.tobytes(), "little") for one in hashes]
    tree = pybktree.BKTree(lambda a, b: (a ^ b).bit_count(), numbers)
    return (sum(len(tree.find(one, DISTANCE)) for one in numbers) - len(numbers)) // 2


def confirmation(pictures: int) -> dict[str, Any]:
    """Time the whole search among pictures, of which the planted copies are known."""
    covid19 = pictures // 4
    cohort = PhantomCohort(
        source="phantom",
        covid19=covid19,
        normal=pictures - covid19,
        near_duplicates=pictures // 20,
        image_size=SIDE,
    )
    frame, pixels = phantom.generate(cohort)
    start = time.perf_counter()
    judged = search.judge_pairs(pixels)
    took = time.perf_counter() - start
    place = pd.Series(frame.index, frame["image_id"])
    copies = frame["planted_duplicate_of"].dropna()
    planted = set(zip(place[copies], copies.index, strict=True))
    near = judged[judged["kind"] == search.NEAR]
    both = [*zip(near["first"], near["second"], strict=True)]
    return {
        "n": len(pixels),
        "side": SIDE,
        "seconds": round(took, 1),
        "candidates": len(judged),
        "near": len(both),
        "planted": len(planted),
        "recovered": len(planted & {*both, *(pair[::-1] for pair in both)}),
    }


def _measure(
    work: Callable[[NDArray[np.uint64]], int],
    hashes: NDArray[np.uint64],
    threads: int,
    answer: Any,
) -> None:
    import faiss

    faiss.omp_set_num_threads(threads)
    work(hashes[:1000])  # loads what is loaded only once
    start = time.perf_counter()
    pairs = work(hashes)
    answer.put((pairs, time.perf_counter() - start, _peak()))


def _peak() -> int:
    """Return the most bytes that this process has held so far."""
    status = Path("/proc/self/status").read_text("ascii")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) * 1024 if match else 0


def measured(way: Callable[[NDArray[np.uint64]], int], n: int, threads: int) -> dict[str, Any]:
    """Time one search in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_measure, args=(way, drawn(n), threads, answer))
    process.start()
    pairs, seconds, held = answer.get()
    process.join()
    row = {"way": way.__name__.removeprefix("by_"), "threads": threads, "n": n}
    return row | {"pairs": pairs, "seconds": round(seconds, 4), "peak_bytes": held}


def main() -> None:
    """Measure, and keep what was measured."""
    rows = []
    for n in COUNTS:
        same = [measured(by_faiss, n, 1), measured(by_faiss, n, 2), measured(by_words, n, 1)]
        assert len({row["pairs"] for row in same}) == 1, same
        rows += same
        print(*same, sep="\n", flush=True)
    if importlib.util.find_spec("pybktree"):
        rows += [measured(by_tree, n, 1) for n in TREE_COUNTS]
        rows += [measured(by_faiss, n, 1) for n in TREE_COUNTS]
    content = {"bits": HASH_SIZE**2, "distance": DISTANCE, "rows": rows}
    keep("duplicates", content | {"confirmation": [confirmation(n) for n in PICTURES]})


if __name__ == "__main__":
    main()
