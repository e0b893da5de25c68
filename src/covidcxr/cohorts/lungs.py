"""Lung region: the same two ellipses in every image.

No model finds the lungs, because one that was trained elsewhere would bring shortcuts of its own.
The price is a region that fits no patient well; how well is measured on synthetic radiographs,
whose lungs are known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts import radiograph
from covidcxr.cohorts.anatomy import Anatomy

CENTRE = (0.45, 0.0)
"""Of the ellipse on either side, from the middle of the picture: across and down, in half sides."""

AXES = (0.34, 0.64)  # half axes of each ellipse, across and down, in half sides of the picture


def region(size: int) -> NDArray[np.bool_]:
    """Lung mask, shape (size, size): True if a pixel's centre lies within an ellipse."""
    return share(size, size) > 0.5


def share(size: int, fine: int = 256) -> NDArray[np.float64]:
    """Share of each cell within the region, shape (size, size), at about fine**2 points."""
    points = size * max(1, fine // size)
    axis = (np.arange(points) + 0.5) * 2 / points - 1
    across, down = np.abs(axis)[None, :], axis[:, None]
    inside = ((across - CENTRE[0]) / AXES[0]) ** 2 + ((down - CENTRE[1]) / AXES[1]) ** 2 <= 1
    cells = inside.reshape(size, points // size, size, points // size)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float64)


def coverage(anatomy: Anatomy) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Agreement of the region with the lungs of n synthetic radiographs, each of shape (n,).

    The share of the lungs that lies within the region, and the share of the region that is lung.
    """
    size = 64
    true, stated = radiograph.lungs(anatomy, size), region(size)
    both = (true & stated).sum(axis=(1, 2))
    return both / true.sum(axis=(1, 2)), both / stated.sum()
