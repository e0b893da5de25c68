"""Figure of mean images by cohort and class, with the regions that probes show or hide."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from covidcxr.cohorts import mean_images
from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS
from covidcxr.figures.common import ON_DARK, WIDTH, YELLOW, Html, Picture, lightbox, note
from covidcxr.figures.saliency import EXTENT, outline_lungs
from covidcxr.validity.shortcuts.probes import CORNER

HIDDEN = 0.9
"""Share of the area, in the middle, that the narrowest border leaves out."""

_CORNERS, _LUNGS = "#7fd1ff", "white"


@lightbox()
def with_regions(record: Record) -> Picture | Html:
    """Draw the mean images, a line a class, with border, corners and lung region."""
    pictures = mean_images.pictures(record)
    if not pictures:
        return note("No class has images enough for a mean that shows no patient.")
    cohorts = sorted({cohort for cohort, _ in pictures}, key=lambda name: (name != OWN, name))
    size = (min(WIDTH, 2.8 * len(cohorts)), 0.5 + 2 * WIDTH / max(3, len(cohorts)))
    figure, axes = plt.subplots(len(LABELS), len(cohorts), figsize=size, squeeze=False)
    for line, label in zip(axes, LABELS, strict=True):
        for axis, cohort in zip(line, cohorts, strict=True):
            axis.set_axis_off()
            if (cohort, label) not in pictures:
                continue
            grey, count = pictures[cohort, label]
            axis.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=EXTENT, interpolation="bicubic")
            axis.set_title(f"{cohort}: {label}, n = {count:,}", fontsize=9, color=ON_DARK[label])
            _outline(axis)
    handles = [
        Rectangle((0, 0), 1, 1, color=YELLOW, alpha=0.5, label="border, inner 90% hidden"),
        Line2D([], [], color=_CORNERS, lw=2, label="corners"),
        Line2D([], [], color=_LUNGS, lw=2, label="lung region"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    named = "; ".join(
        f"{cohort} {label}, {count:,} images, mean grey {grey.mean():.0f}, of the border "
        f"{grey[_border(len(grey))].mean():.0f}"
        for (cohort, label), (grey, count) in pictures.items()
    )
    return Picture(figure, f"Mean images with border, corners and lung region drawn in: {named}.")


def _outline(axis: Axes) -> None:
    """Draw what the probes of border, corners and lungs look at."""
    inner, side = np.sqrt(HIDDEN), 2 * CORNER
    strips = [
        (-1, -1, 2, 1 - inner), (-1, inner, 2, 1 - inner),
        (-1, -inner, 1 - inner, 2 * inner), (inner, -inner, 1 - inner, 2 * inner),
    ]  # fmt: skip
    for left, top, width, height in strips:
        axis.add_patch(Rectangle((left, top), width, height, color=YELLOW, alpha=0.45, lw=0))
    for left in (-1, 1 - side):
        for top in (-1, 1 - side):
            axis.add_patch(
                Rectangle((left, top), side, side, fill=False, edgecolor=_CORNERS, lw=1.4)
            )
    outline_lungs(axis, _LUNGS)


def _border(side: int) -> np.ndarray:
    """Mask of the border, shape (side, side)."""
    distance = np.abs((np.arange(side) + 0.5) * 2 / side - 1)
    return np.maximum(distance[:, None], distance[None, :]) > np.sqrt(HIDDEN)
