"""Cohorts of any source, as folders with ``manifest.csv`` and ``pixels.npy``."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import folders, image_files, images, kaggle, manifest, phantom
from covidcxr.core import atomic
from covidcxr.core.errors import Problem
from covidcxr.core.studies import (
    DATA_VARIABLE,
    LABELS,
    FolderCohort,
    KaggleCohort,
    PhantomCohort,
    Study,
)
from covidcxr.core.studies import Cohort as Source
from covidcxr.core.text_files import is_file
from covidcxr.core.words import one_line

_AT_ONCE = 4096  # images decoded together; at 256 pixels 0.8 GB


@dataclass(frozen=True)
class Cohort:
    """Images that are ready to train on.

    Attributes
    ----------
    manifest
        One row an image; see `covidcxr.cohorts.manifest.MANIFEST`.
    pixels
        Shape (n, size, size, 3), 8-bit RGB, in the manifest's order.
    """

    manifest: pd.DataFrame
    pixels: NDArray[np.uint8]

    @property
    def fingerprint(self) -> str:
        """The sha256 of every image's name, label and file, whatever their order."""
        rows = zip(*(self.manifest[c] for c in ("image_id", "label", "sha256")), strict=True)
        return hashlib.sha256("\n".join(sorted("\t".join(r) for r in rows)).encode()).hexdigest()


def prepare(study: Study, folder: Path) -> None:
    """Gather and decode a study's images, and store them in a folder, whole or not at all.

    A `Problem` is raised for a source that cannot be had and for images that cannot be read.
    """
    with atomic.folder(folder) as aside:
        root, rows = _gather(study, aside)
        paths = [root / path for path in rows["path"]]
        _store(paths, manifest.grey_bits(rows), study, aside / "pixels.npy")
        manifest.write(rows, aside / "manifest.csv")


def read(folder: Path) -> Cohort:
    """Open a prepared cohort; its pixels stay on disk until they are asked for."""
    return Cohort(*read_pictures(folder / "pixels.npy", folder))


def read_pictures(array: Path, whole: Path) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Open an array on disk and the manifest beside it; `whole` is what to delete if damaged."""
    folder, remedy = array.parent, f"delete {whole} and run again"
    try:
        pictures = np.load(array, mmap_mode="r")
        rows = manifest.read(folder / "manifest.csv")
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = one_line(error)
        raise Problem(f"{folder}: cannot be read ({reason}); {remedy}.") from error
    if len(pictures) != len(rows):
        raise Problem(f"{folder}: has {len(pictures)} pictures of {len(rows)} images; {remedy}.")
    return rows, pictures


def files(source: Source, folder: Path, rows: pd.DataFrame) -> list[Path]:
    """Return the image files of a cohort prepared in a folder, in the order of its manifest."""
    match source:
        case PhantomCohort():
            root = folder / "phantoms"
        case KaggleCohort():
            root = kaggle.download(source)
        case FolderCohort():
            root = folders.root_of(source)
    return [root / path for path in rows["path"]]


def externals(study: Study) -> dict[str, Source]:
    """Return the external cohorts that can be had here; a folder may lack its listing."""
    return {name: source for name, source in study.external.items() if _has_images(source)}


def _has_images(source: Source) -> bool:
    if not isinstance(source, FolderCohort):
        return True
    place = folders.csv_of if source.manifest else folders.root_of
    return _is_named(source) and place(source).exists()


def is_available(study: Study) -> bool:
    """Whether the images can be rendered, downloaded or read from a folder that is named."""
    return not isinstance(study.cohort, FolderCohort) or _is_named(study.cohort)


def _is_named(source: FolderCohort) -> bool:
    return bool(source.path or os.environ.get(DATA_VARIABLE))


def listing(study: Study) -> list[Path]:
    """Return the CSV that lists a folder cohort's images, where there is one."""
    if not isinstance(study.cohort, FolderCohort) or not is_available(study):
        return []
    csv = folders.csv_of(study.cohort)
    return [csv] if csv.is_file() else []


def folder_fingerprint(study: Study) -> str:
    """Return a sha256 of relative path, size and time of change of a folder cohort's files.

    A copied folder with its times is the same; nothing for other cohorts.
    """
    if not isinstance(study.cohort, FolderCohort) or not is_available(study):
        return ""
    root = folders.root_of(study.cohort)
    # A class folder that is a link is entered when it is named, but not on the way down.
    places = [root]
    for label in LABELS:
        with contextlib.suppress(Problem):  # a list may do without class folders
            places += folders.class_places(root, label, (study.cohort.classes or {}).get(label))
    files = {
        os.path.relpath(path, root): path
        for path in (below for place in places for below in place.rglob("*"))
        if path.suffix.lower() in image_files.SUFFIXES | {""} and is_file(path)
    }
    # The listing may lie outside the folder.
    files |= {csv.name: csv for csv in listing(study)}
    facts = [(name, path.stat()) for name, path in sorted(files.items())]
    # Whatever bytes a name has on disk, hash them.
    lines = [f"{name}\t{f.st_size}\t{f.st_mtime_ns}\n" for name, f in facts]
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()


def _gather(study: Study, folder: Path) -> tuple[Path, pd.DataFrame]:
    match study.cohort:
        case PhantomCohort():
            path = phantom.write(study.cohort, folder / "phantoms")
            return path.parent, manifest.read(path)
        case KaggleCohort():
            root = kaggle.download(study.cohort)
            expected = {"COVID19": study.cohort.covid19, "NORMAL": study.cohort.normal}
            rows = folders.class_folders(root)
            kaggle.check_counts(root, manifest.class_counts(rows), expected)
            rows = folders.thin(rows, study.cohort.images_per_class)
            return root, folders.finish(root, rows.assign(source="kaggle"), str(root))
        case FolderCohort():
            return folders.gather(study.cohort)


def _store(paths: list[Path], bits: list[int | None], study: Study, target: Path) -> None:
    """Decode images to one array on disk, a few thousand at a time in memory."""
    shape = (len(paths), study.image_size, study.image_size, 3)
    with target.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, len(paths), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            pixels = images.load(paths[some], study.image_size, study.resize, bits[some])
            file.write(pixels.data)
