"""A study's cohort and its external ones at the one size that analyses of images use.

Networks see the size that a study asks for; duplicates, leakage and shortcuts are
properties of the images.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import cohort, images, manifest
from covidcxr.core import atomic
from covidcxr.core.errors import Problem
from covidcxr.core.studies import POSITIVE, Study

OWN = "cohort"  # the name of the study's own cohort among the samples
SIZE = 256  # pixels a side, by Lanczos, whatever the study's networks see

ORIGINAL, ANNOTATED = "original", "annotated-original"
"""Values of ``resized_from``: resized from the source's file; that file has arrows, letters or
a frame."""

TIERS = {
    "all": "all images",
    "unannotated": "without annotated files",
    "original": "resized from the original file only",
}
"""Subsets on which a conclusion must hold, since files were processed in different ways."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """One cohort's images.

    Attributes
    ----------
    name
        `OWN`, or that of an external cohort.
    manifest
        One row an image; see `covidcxr.cohorts.manifest.MANIFEST`.
    grey
        Shape (n, SIZE, SIZE), 0 black to 255 white, in the manifest's order.
    """

    name: str
    manifest: pd.DataFrame
    grey: NDArray[np.uint8]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Shape (n,): by the reference standard COVID19."""
        return (self.manifest["label"] == POSITIVE).to_numpy(dtype=bool)

    @property
    def fingerprint(self) -> str:
        """The sha256 of all that the manifest says, whatever the order of its rows."""
        return manifest.fingerprint(self.manifest)

    def tier(self, name: str) -> NDArray[np.bool_]:
        """Return which images belong to one of `TIERS`; where nothing is known, all do."""
        if name == "all" or "resized_from" not in self.manifest:
            return np.ones(len(self.manifest), dtype=bool)
        way = self.manifest["resized_from"]
        kept = way == ORIGINAL if name == "original" else way != ANNOTATED
        return kept.fillna(value=name != "original").to_numpy(dtype=bool)


def prepare(study: Study, folder: Path) -> None:
    """Gather and decode all cohorts of a study; external ones without data are left out.

    ``folder`` receives, whole or not at all, a folder for each cohort with ``manifest.csv``,
    ``grey.npy`` at `SIZE`, and ``pixels.npy`` as the study's networks see them. A `Problem` is
    raised for images that cannot be read.
    """
    sources = {OWN: study.cohort, **cohort.externals(study)}
    for name in sorted(set(study.external) - set(sources)):
        log.warning(
            "External cohort '%s' is not at hand and is not tested; put its listing into the "
            "data folder, or remove it from the study.",
            name,
        )
    with atomic.folder(folder) as aside:
        for name, source in sources.items():
            cohort.prepare(study.model_copy(update={"cohort": source}), aside / name)
            rows = manifest.read(aside / name / "manifest.csv")
            paths = cohort.files(source, aside / name, rows)
            pictures = grey(images.load(paths, SIZE, "lanczos", manifest.grey_bits(rows)))
            np.save(aside / name / "grey.npy", pictures)


def read(folder: Path) -> dict[str, Sample]:
    """Open what `prepare` wrote: the study's own cohort first, then the external ones."""
    names = sorted(path.parent.name for path in folder.glob("*/grey.npy"))
    if OWN not in names:
        raise Problem(f"{folder}: holds no cohort; delete it and run again.")
    return {
        name: Sample(name, *cohort.read_pictures(folder / name / "grey.npy", folder))
        for name in sorted(names, key=lambda n: (n != OWN, n))
    }


def external(folder: Path) -> dict[str, cohort.Cohort]:
    """Open the external cohorts as the study's networks see them, by name."""
    return {name: cohort.read(folder / name) for name in read(folder) if name != OWN}


def fingerprint(samples: dict[str, Sample]) -> str:
    """Return the sha256 of all cohorts together."""
    lines = (f"{name}\t{sample.fingerprint}\n" for name, sample in sorted(samples.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey levels of RGB pixels, shape (n, size, size, 3) to (n, size, size)."""
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in pixels])


def thumbnails(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Grey pictures averaged over areas: shape (n, size, size) to (n, side * side)."""
    box = Image.Resampling.BOX
    small = [np.asarray(Image.fromarray(p).resize((side, side), box)).ravel() for p in pictures]
    return np.stack(small)
