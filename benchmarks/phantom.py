"""What rendering in batches saves, and how the work grows with the cohort.

Run as ``python benchmarks/phantom.py``. The ratios, measured within one run, belong
to the code; the seconds belong to the machine and are printed last, as context.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from covidcxr import phantom, radiograph
from covidcxr.config import PhantomCohort

SIZE = 64
COUNTS = (250, 500, 1000, 2000)


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
    """Print the ratios, then the seconds that they come from."""
    phantom.generate(cohort(50))  # loads what is loaded only once
    took = {
        images: seconds(lambda n=images: phantom.generate(cohort(n)))  # type: ignore[misc]
        for images in COUNTS
    }
    _, anatomy = phantom.draw(cohort(1000))
    singles = [anatomy.take(np.array([i])) for i in range(len(anatomy))]
    batch = seconds(lambda: radiograph.render(anatomy, SIZE))
    alone = seconds(lambda: [radiograph.render(one, SIZE) for one in singles])

    first = COUNTS[0]
    print(f"Render 1,000 images of {SIZE} px one at a time / in batches: {alone / batch:.1f}\n")
    print(f"Cost of an image / cost in a cohort of {first:,d}")
    for images in COUNTS:
        print(f"{images:8,d} images: {took[images] / images / (took[first] / first):6.2f}")
    print("\nContext: seconds on this machine")
    print(f"  render: in batches {batch:.2f}, one at a time {alone:.2f}")
    print("  generate: " + ", ".join(f"{n:,d} images {s:.2f}" for n, s in took.items()))


if __name__ == "__main__":
    main()
