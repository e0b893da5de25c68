"""What rendering in batches saves, and how the work grows with the cohort.

Run as ``python benchmarks/phantom.py``; it writes ``benchmarks/results/phantom.json``.
"""

from __future__ import annotations

import numpy as np
from measured import by_size, keep, seconds

from covidcxr.cohorts import phantom, radiograph
from covidcxr.core.studies import PhantomCohort

SIZE = 64
COUNTS = (250, 500, 1000, 2000)


def cohort(images: int) -> PhantomCohort:
    """Return a cohort in the proportions of the demo study."""
    covid19 = images // 4
    return PhantomCohort(
        source="phantom", covid19=covid19, normal=images - covid19, image_size=SIZE
    )


def main() -> None:
    """Measure, and keep what was measured."""
    phantom.generate(cohort(50))  # loads what is loaded only once
    took = {
        images: seconds(lambda n=images: phantom.generate(cohort(n)))  # type: ignore[misc]
        for images in COUNTS
    }
    _, anatomy = phantom.draw(cohort(1000))
    singles = [anatomy.take(np.array([i])) for i in range(len(anatomy))]
    batch = seconds(lambda: radiograph.render(anatomy, SIZE))
    alone = seconds(lambda: [radiograph.render(one, SIZE) for one in singles])

    keep(
        "phantom",
        {
            "size": SIZE,
            "images": len(anatomy),
            "render_seconds": {"batches": batch, "single": alone},
            "generate_seconds": by_size(took),
        },
    )


if __name__ == "__main__":
    main()
