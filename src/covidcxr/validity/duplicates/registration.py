"""Registration of two radiographs, and how well their fine structure agrees once aligned.

Chests look alike, and hashes hardly see more than a chest; ribs and vessels are a person's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

LEVELS = (32, 64, 128)  # pixels a side at which two pictures are registered, one after the other

MIN_COARSE_CORRELATION = (0.93, 0.88)
"""The correlation at the coarse levels below which two pictures are certainly no copies."""

MAX_STEPS, MIN_GAIN, MIN_OVERLAP, MAX_SHIFT = 12, 0.002, 0.6, 0.25
"""Of the search: the most steps, the least gain of a step, the least share of a picture that
stays inside, and how far a picture may be stretched or moved."""

POINTS = 32  # points a side at which the search looks, at every level
TILE = 16  # side of the tiles whose correlations are compared, in pixels of the finest level

FINE, COARSE, NEIGHBOURHOOD = 1.0, 3.5, 8.0
"""Standard deviations in pixels of a level: of the band-pass, and of local contrast."""

NOISE = 2.0  # grey levels: less local contrast than that is none
MIN_VARIANCE = 0.1  # the variance of normalised structure below which a tile shows nothing
MIN_TEXTURE = 0.1  # the least share of a picture with local contrast; with less it is blank

Floats = NDArray[np.float32]
Structure = tuple[Floats, ...]


def is_blank(picture: NDArray[np.uint8]) -> bool:
    """Return whether a picture, shape (side, side), has next to no local contrast."""
    _, contrast = normalise_local_contrast(picture, LEVELS[-1])
    return bool((contrast > NOISE / 2).mean() < MIN_TEXTURE)


def structure(picture: NDArray[np.uint8]) -> Structure:
    """Return the normalised fine structure of a picture, shape (side, side), at each of `LEVELS`.

    Brightness, contrast and any smooth change of them leave it nearly as it is.
    """
    return tuple(normalise_local_contrast(picture, side)[0] for side in LEVELS)


def normalise_local_contrast(picture: NDArray[np.uint8], side: int) -> tuple[Floats, Floats]:
    """Return the band-passed picture over its local standard deviation, and that deviation."""
    small = Image.fromarray(np.asarray(picture)).resize((side, side), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float32)
    fine = gaussian_filter(grey, FINE) - gaussian_filter(grey, COARSE)
    contrast = np.sqrt(gaussian_filter(fine**2, NEIGHBOURHOOD))
    return fine / (contrast + NOISE), contrast


def aligned_correlation(
    first: Structure, second: Structure, cut: tuple[float, ...], *, mirrored: bool
) -> float:
    """Return the median correlation of the tiles of two registered pictures.

    An affine map is improved by Gauss-Newton steps, from coarse to fine (Lucas and Kanade 1981).
    The median ignores a letter, an arrow or a frame, which spoils few tiles. ``first``, which may
    be ``mirrored`` before, and ``second`` are as `structure` returns them; ``cut`` is what was cut
    off the second where their hashes agreed: there the search begins. Of two that clearly differ
    at a coarse level their correlation there is returned; -1 of two that share nothing.
    """
    left, top, right, bottom = cut
    # y' = (1 + a) y + b x + c and x' = d y + (1 + e) x + f, in sides from the centre.
    start = [-(top + bottom), 0.0, (top - bottom) / 2, 0.0, -(left + right), (left - right) / 2]
    affine = np.array(start)
    for level, (fixed, moving) in enumerate(zip(first, second, strict=True)):
        target = np.ascontiguousarray(fixed[:, ::-1]) if mirrored else fixed
        finest = level == len(LEVELS) - 1
        correlation, affine = _align(target, moving, affine, turning=finest)
        if not finest and correlation < MIN_COARSE_CORRELATION[level]:
            return correlation
    return min(1.0, _tile_correlation(target, moving, affine))


def _align(
    fixed: Floats, moving: Floats, affine: NDArray[np.float64], *, turning: bool
) -> tuple[float, NDArray[np.float64]]:
    """Improve an affine map; return the correlation there and the map."""
    side = len(fixed)
    spacing = side // POINTS
    y, x = _grid(side, spacing)
    # One lookup finds the value and both slopes.
    slopes = (slope * side for slope in np.gradient(moving))
    layers = np.stack([moving, *slopes], axis=-1).reshape(-1, 3)
    fixed = fixed[::spacing, ::spacing].ravel()
    free = [0, 1, 2, 3, 4, 5] if turning else [0, 2, 4, 5]
    best, best_affine = -1.0, affine
    for _ in range(MAX_STEPS):
        down, across, inside = _map_points(affine, y, x, side)
        if inside.mean() < MIN_OVERLAP:
            break
        value, gy, gx = _interpolate(layers, side, down[inside], across[inside])
        yi, xi = y[inside], x[inside]
        jacobian = np.stack([gy * yi, gy * xi, gy, gx * yi, gx * xi, gx])[free]
        terms = np.vstack([fixed[inside], value, jacobian])
        terms -= terms.mean(axis=1, keepdims=True)
        products = (terms @ terms.T).astype(np.float64)
        norm = np.sqrt(products[0, 0] * products[1, 1])
        correlation = products[0, 1] / norm if norm else -1.0
        converged = correlation < best + MIN_GAIN
        if correlation > best:
            best, best_affine = float(correlation), affine
        if converged:
            break
        # What gain and what step bring the moving picture nearest to the fixed one
        square = products[1:, 1:] + 1e-4 * np.eye(len(terms) - 1)
        gain, *step = np.linalg.solve(square, products[1:, 0])
        change = np.zeros(6)
        change[free] = np.clip(np.array(step) / max(gain, 0.2), -0.03, 0.03)
        affine = affine + change
        if np.abs(affine).max() > MAX_SHIFT:
            break
    return best, best_affine


def _tile_correlation(fixed: Floats, moving: Floats, affine: NDArray[np.float64]) -> float:
    """Return the median correlation of tiles that both pictures fill with structure."""
    side = len(fixed)
    y, x = _grid(side, 1)
    down, across, inside = _map_points(affine, y, x, side)
    mapped = np.zeros(side * side, np.float32)
    mapped[inside] = _interpolate(moving.reshape(-1, 1), side, down[inside], across[inside])[0]

    def tiled(values: NDArray[Any]) -> NDArray[Any]:
        number = side // TILE
        return values.reshape(number, TILE, number, TILE).swapaxes(1, 2).reshape(-1, TILE * TILE)

    whole = tiled(inside).all(axis=1)
    if not whole.any():
        return -1.0
    a, b = (tiled(v)[whole].astype(np.float64) for v in (fixed.ravel(), mapped))
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    of_a, of_b = (a**2).mean(axis=1), (b**2).mean(axis=1)
    structured = np.minimum(of_a, of_b) > MIN_VARIANCE
    if structured.mean() < MIN_TEXTURE:
        return -1.0
    correlation = (a * b).mean(axis=1)[structured] / np.sqrt(of_a * of_b)[structured]
    return float(np.median(correlation))


def _map_points(
    affine: NDArray[np.float64], y: Floats, x: Floats, side: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the pixel of the moving picture at each point, and whether it lies inside."""
    a, b, c, d, e, f = (np.float32(number) for number in affine)
    centre = np.float32((side - 1) / 2)
    down = ((1 + a) * y + b * x + c) * side + centre
    across = (d * y + (1 + e) * x + f) * side + centre
    # Where nothing was moved, rounding must not push the rim outside.
    slack, last = 0.01, side - 1
    inside = (
        (down >= -slack) & (down <= last + slack) & (across >= -slack) & (across <= last + slack)
    )
    return down.clip(0, last), across.clip(0, last), inside


def _interpolate(layers: Floats, side: int, down: Floats, across: Floats) -> Floats:
    """Interpolate layers, shape (side * side, k), bilinearly; shape (k, points)."""
    row = np.minimum(down.astype(np.int64), side - 2)
    column = np.minimum(across.astype(np.int64), side - 2)
    below = (down - row)[:, None].astype(np.float32)
    beside = (across - column)[:, None].astype(np.float32)
    corner = row * side + column
    upper = layers[corner] * (1 - beside) + layers[corner + 1] * beside
    lower = layers[corner + side] * (1 - beside) + layers[corner + side + 1] * beside
    values: Floats = (upper * (1 - below) + lower * below).T
    return values


@lru_cache(maxsize=2 * len(LEVELS))
def _grid(side: int, spacing: int) -> tuple[Floats, Floats]:
    """Return y and x of every k-th pixel, in sides from the centre."""
    steps = ((np.arange(0, side, spacing) - (side - 1) / 2) / side).astype(np.float32)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    return y.ravel(), x.ravel()
