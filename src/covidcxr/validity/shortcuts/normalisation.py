"""Normalisations of grey pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

NORMALISATIONS: dict[str, str] = {
    "raw": "as it is",
    "equalised": "histogram equalised",
    "standardised": "mean 0, deviation 1",
    "cropped": "central 80 %",
    "cropped, equalised": "both",
}


def normalise(pictures: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Normalise pictures, shape (n, size, size), in one of the ways of `NORMALISATIONS`."""
    return np.stack([_normalise(picture, name) for picture in pictures])


def _normalise(picture: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    image = Image.fromarray(picture)
    if "cropped" in name:
        near, far = 0.1 * image.width, 0.9 * image.width
        side = (image.width, image.height)
        image = image.resize(side, Image.Resampling.BILINEAR, box=(near, near, far, far))
    if "equalised" in name:
        image = ImageOps.equalize(image)
    grey = np.asarray(image)
    if name == "standardised":
        # Three deviations either way fill the 256 levels.
        spread = max(float(grey.std()), 1e-6)
        grey = np.clip((grey - grey.mean()) / spread * 127.5 / 3 + 127.5, 0, 255)
    return np.asarray(np.rint(grey), dtype=np.uint8)
