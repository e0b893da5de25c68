"""Figure of the mean image of each class, with the border that tells them apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from covidcxr.cohorts import mean_images
from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.figures.common import YELLOW, Picture

PROBE = ("border", "70 %")
"""The probe of `covidcxr.validity.shortcuts` whose border is drawn: it sees no lung."""

_TITLES = {"NORMAL": "normal: children", "COVID19": "COVID-19: adults"}


def border_of_probe() -> float:
    """Width of the probe's border, as a share of the picture's side."""
    hidden = float(PROBE[1].rstrip(" %")) / 100
    return (1 - float(np.sqrt(hidden))) / 2


def with_border(record: Record) -> Picture:
    """Draw the mean image of both classes of the study's own cohort, the border highlighted.

    The names stand within the pictures, so that nothing around them needs a ground.
    """
    pictures = mean_images.pictures(record)
    side, width = mean_images.SIDE, mean_images.SIDE * border_of_probe()
    figure, axes = plt.subplots(1, 2, figsize=(4.9, 2.45), layout="none")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0, wspace=0)
    for axis, (label, title) in zip(axes, _TITLES.items(), strict=True):
        picture, n = pictures[OWN, label]
        axis.imshow(
            picture, cmap="gray", vmin=0, vmax=255, interpolation="bicubic",
            extent=(0, side, side, 0),
        )  # fmt: skip
        # What the probe does not see is dimmed.
        inner = Rectangle((width, width), side - 2 * width, side - 2 * width)
        inner.set(facecolor=(0, 0, 0, 0.35), ec=YELLOW, lw=2)
        axis.add_patch(inner)
        axis.text(
            side / 2, side - width - 1.5, f"{title}\nmean of {n:,}", color="white", ha="center",
            va="bottom", fontsize=10, weight="bold",
            bbox={"facecolor": "black", "alpha": 0.4, "lw": 0, "pad": 2.5},
        )  # fmt: skip
        axis.axvline(0, color="black", lw=4)
        axis.set(xlim=(0, side))
        axis.set_axis_off()
    return Picture(
        figure,
        "Mean of the normal images, which are of children, beside the mean of the COVID-19 images, "
        "which are of adults. The outermost border is highlighted: beside a child's chest it is "
        "black, at the shoulders of an adult it is grey.",
    )
