"""A simple, stated lung region: the same two ellipses in every image.

No model finds the lungs here, because one that was trained elsewhere would bring
shortcuts of its own. The price is a region that fits no patient well; how well it
fits is measured on synthetic radiographs, whose lungs are known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts import radiograph
from covidcxr.cohorts.radiograph import Anatomy

CENTRE = (0.45, 0.0)
"""Of the ellipse on either side, from the middle of the picture: across and down, in half sides."""

AXES = (0.34, 0.64)
"""Half axes of each ellipse, across and down, in half sides of the picture."""


def region(size: int) -> NDArray[np.bool_]:
    """Return which pixels of a square picture count as lung.

    Parameters
    ----------
    size
        Pixels a side.

    Returns
    -------
    ndarray of shape (size, size)
        True within either ellipse, judged at a pixel's centre.
    """
    return share(size, size) > 0.5


def share(size: int, fine: int = 256) -> NDArray[np.float64]:
    """Return how much of each pixel, or cell of a coarse grid, is lung.

    Parameters
    ----------
    size
        Cells a side.
    fine
        About how many points a side it is judged at.

    Returns
    -------
    ndarray of shape (size, size)
        From 0 to 1.
    """
    points = size * max(1, fine // size)
    axis = (np.arange(points) + 0.5) * 2 / points - 1
    across, down = np.abs(axis)[None, :], axis[:, None]
    inside = ((across - CENTRE[0]) / AXES[0]) ** 2 + ((down - CENTRE[1]) / AXES[1]) ** 2 <= 1
    cells = inside.reshape(size, points // size, size, points // size)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float64)


def coverage(anatomy: Anatomy, size: int = 64) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Set the region against the lungs of synthetic radiographs.

    Parameters
    ----------
    anatomy
        n synthetic patients.
    size
        Pixels a side at which they are compared.

    Returns
    -------
    covered : ndarray of shape (n,)
        Share of the lung that lies within the region.
    lung : ndarray of shape (n,)
        Share of the region that is lung.
    """
    true, stated = radiograph.lungs(anatomy, size), region(size)
    both = (true & stated).sum(axis=(1, 2))
    return both / true.sum(axis=(1, 2)), both / stated.sum()
