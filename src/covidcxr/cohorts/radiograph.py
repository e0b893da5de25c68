"""Chest radiographs rendered from anatomy.

A radiograph is a projection: tissue along the ray adds to an *attenuation* image, air takes
away from it, and a film curve turns the sum into grey.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from covidcxr.cohorts import structures
from covidcxr.cohorts.anatomy import Anatomy, Array
from covidcxr.cohorts.structures import View


def render(
    anatomy: Anatomy, size: int, rng: np.random.Generator | None = None
) -> NDArray[np.uint8]:
    """Render radiographs, shape (n, size, size), grey, 0 black to 255 white.

    The same anatomy shows the same picture at every size. ``rng`` draws the quantum noise;
    without it there is none.
    """
    pixels = np.empty((len(anatomy), size, size), np.uint8)
    batch = max(1, 2**16 // size**2)  # images at a time: arrays that fit a processor's cache
    # The matrices are too small to share: several threads wait for each other more
    # than they work, most of all where other processes need the cores.
    with threadpool_limits(1, "blas"):
        for start in range(0, len(anatomy), batch):
            part = anatomy.take(slice(start, start + batch))
            grey = _expose(part, View(part, size), rng)
            pixels[start : start + batch] = np.rint(255 * np.clip(grey, 0, 1))
    return pixels


def lungs(anatomy: Anatomy, size: int) -> NDArray[np.bool_]:
    """Lung masks, shape (n, size, size): at least half the depth of air that a ray can meet."""
    view = View(anatomy, size)
    cage, below = structures.cage(view), structures.below_diaphragm(view)
    _, border = structures.mediastinum(view)
    return np.asarray(structures.air(view, cage, border, below) > 0.5)


def _expose(anatomy: Anatomy, view: View, rng: np.random.Generator | None) -> Array:
    """Project a body, develop the film, and add what the machine adds."""
    cage, below = structures.cage(view), structures.below_diaphragm(view)
    mediastinum, border = structures.mediastinum(view)
    texture = view.field(anatomy.texture)
    air = structures.air(view, cage, border, below)
    air = air * (1 - 0.72 * structures.opacity(anatomy, view, texture))

    body = structures.body(view)
    # Heart and abdomen are equally dense: where they touch, no border shows.
    centre = np.maximum(0.17 * mediastinum, 0.16 * below * view.edge(cage - view.ax, 0.06))
    haze = 0.02 * view.field(anatomy.haze)
    tissue = body * (0.70 + centre + structures.shoulders(view) + haze)
    ribs = structures.ribs(view, cage, below) * (1 - 0.7 * mediastinum)
    tissue += ribs + structures.clavicles(view) + structures.spine(view)
    tissue -= view["aeration"] * air + structures.trachea(view)
    tissue += air * (structures.vessels(anatomy, view) + 0.018 * texture)

    seen = np.maximum(tissue, 0) * view["exposure"]
    # Film: a toe that keeps the background black, and a shoulder.
    grey = 1 / (1 + np.exp(-view["contrast"] * (seen - 0.60)))
    toe = 1 / (1 + np.exp(view["contrast"] * 0.60))
    grey = (grey - toe) / (0.92 - toe) * np.minimum(body * 4, 1)
    if rng is not None:
        # Few quanta pass dense tissue. Pixels' noise falls slower than 1 / size
        # when they grow, for a detector's blur correlates neighbours.
        noise = rng.standard_normal(grey.shape)
        grey += noise * (0.002 + 0.014 * grey) * np.sqrt(1 / (128 * view.pixel))
    grey = np.maximum(grey, structures.marker(anatomy, view))
    frame = 1 - np.maximum(np.abs(view.axis), np.abs(view.axis)[:, None])
    return np.asarray(grey * np.clip((frame - view["border"]) / view.pixel + 0.5, 0, 1))
