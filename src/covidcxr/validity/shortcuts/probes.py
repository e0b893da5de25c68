"""Probes: features of one aspect of an image, such as its border or its grey levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import lungs, samples
from covidcxr.cohorts.samples import Sample

GRID = 24  # cells a side at which masks hide or keep
BINS = 32  # of the histogram of grey levels
CORNER = 1 / 6  # side of a corner's square, as a share of the picture's

UNSEEN = 0.01
"""A probe that shows no more of the lungs than this share does not see them, and must not find
the disease in `covidcxr.validity.controls`, which measures the shares on synthetic radiographs."""

BLIND = {
    ("metadata", "known"): "the original file's size and format",
    ("border", "70 %"): "a frame with the inner 70% hidden",
    ("border", "90 %"): "a frame with the inner 90% hidden",
    ("corners", "all four"): "the four corners",
}
"""Probes that show less of the lungs than `UNSEEN`, and their names in a sentence. Wider frames
show more, as does what lies outside the stated lung region, which fits no patient well; a
histogram counts the lungs' grey levels too."""

Features = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Of a sample: features, shape (n, p), and which images have any, shape (n,)."""


@dataclass(frozen=True)
class Probe:
    """One aspect of an image: title, names of its variants, and the function that reads it."""

    title: str
    variants: tuple[str, ...]
    read: Callable[[Sample, str], Features]


def metadata(sample: Sample, variant: str) -> Features:
    """Size, shape, mode and format of the original file, or whether they are known."""
    table = sample.manifest
    known = table["original_width"].notna().to_numpy(dtype=bool)
    if variant == "missingness":
        return _all(known[:, None])
    width, height, size = (
        table[f"original_{name}"].astype("Float64").to_numpy(dtype=float, na_value=1.0)
        for name in ("width", "height", "bytes")
    )
    kinds = pd.get_dummies(table[["original_mode", "original_format"]].astype(object), dtype=float)
    numbers = np.log([width, height, size, width / height, size / (width * height)]).T
    return np.hstack([numbers, kinds.to_numpy(dtype=float)]), known


def thumbnail(sample: Sample, variant: str) -> Features:
    """Whole picture at a side of that many pixels."""
    return _all(samples.thumbnails(sample.grey, int(variant)))


def border(sample: Sample, variant: str) -> Features:
    """Frame without a centred square of that share of the area."""
    hidden = np.sqrt(float(variant.rstrip(" %")) / 100)
    distance = _distance_from_middle()
    return _cells(sample, np.maximum(distance[:, None], distance[None, :]) > hidden)


def corners(sample: Sample, variant: str) -> Features:
    """Four squares in the corners, where letters and markers stand."""
    del variant
    far = _distance_from_middle() > 1 - 2 * CORNER
    return _cells(sample, far[:, None] & far[None, :])


def lung(sample: Sample, variant: str) -> Features:
    """Cells wholly within the stated lung region, or wholly outside."""
    share = lungs.share(GRID)
    return _cells(sample, share >= 1 if variant == "only" else share <= 0)


def histogram(sample: Sample, variant: str) -> Features:
    """Grey levels without their places."""
    del variant
    return _all(histograms(sample.grey))


PROBES = {
    "metadata": Probe("Metadata", ("known", "missingness"), metadata),
    "thumbnail": Probe("Thumbnail", ("8", "16", "32"), thumbnail),
    "border": Probe("Border", ("30 %", "50 %", "70 %", "90 %"), border),
    "corners": Probe("Corners", ("all four",), corners),
    "lungs": Probe("Lungs", ("hidden", "only"), lung),
    "histogram": Probe("Histogram", ("whole",), histogram),
}
"""All probes that are asked for the class."""


def features(probe: str, variant: str, sample: Sample) -> Features:
    """Features of a sample by a probe of `PROBES`, and which images have any."""
    return PROBES[probe].read(sample, variant)


def histograms(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of pixels in each of `BINS` ranges of grey, shape (n, BINS)."""
    level = np.arange(256) * BINS // 256
    counts = [
        np.bincount(level[np.asarray(picture).ravel()], minlength=BINS) for picture in pictures
    ]
    return np.array(counts) / pictures[0].size


def _distance_from_middle() -> NDArray[np.float64]:
    """Distance of each row of cells from the middle, in half sides."""
    return np.abs((np.arange(GRID) + 0.5) * 2 / GRID - 1)


def _cells(sample: Sample, kept: NDArray[np.bool_]) -> Features:
    return _all(samples.thumbnails(sample.grey, GRID)[:, kept.ravel()])


def _all(matrix: NDArray[Any]) -> Features:
    return matrix.astype(np.float64), np.ones(len(matrix), dtype=bool)
