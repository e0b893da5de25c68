"""How long the synthetic cohort takes, and what rendering in batches saves.

Run as ``python benchmarks/phantom.py``. The absolute times belong to the
machine; the ratio and the growth, measured within one run, belong to the code.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from covidcxr import phantom, radiograph
from covidcxr.config import PhantomCohort

SIZE = 64


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of some runs, which other load on the machine disturbs least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def cohort(images: int) -> PhantomCohort:
    """Return a cohort in the proportions of the demo study."""
    covid19 = images // 4
    return PhantomCohort(
        source="phantom", covid19=covid19, normal=images - covid19, image_size=SIZE
    )


def main() -> None:
    """Print the table."""
    phantom.generate(cohort(50))  # loads what is loaded only once
    print(f"images of {SIZE} px   generate, s   s / 1,000")
    for images in (250, 500, 1000, 2000):
        took = seconds(lambda n=images: phantom.generate(cohort(n)))  # type: ignore[misc]
        print(f"{images:15,d} {took:13.2f} {took * 1000 / images:11.2f}")

    _, anatomy = phantom.draw(cohort(1000))
    singles = [anatomy.take(np.array([i])) for i in range(len(anatomy))]
    batch = seconds(lambda: radiograph.render(anatomy, SIZE))
    alone = seconds(lambda: [radiograph.render(one, SIZE) for one in singles])
    print(f"\nrender 1,000 in batches: {batch:.2f} s; one at a time: {alone:.2f} s", end="; ")
    print(f"ratio {alone / batch:.1f}")


if __name__ == "__main__":
    main()
