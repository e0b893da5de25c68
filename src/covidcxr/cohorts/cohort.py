"""Cohorts: the manifest and the pixels of any source.

Whatever the source, a cohort ends as a folder with ``manifest.csv`` and
``pixels.npy``; nothing after this module asks where the images came from.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import images, kaggle, manifest, phantom
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

log = logging.getLogger(__name__)

_AT_ONCE = 4096
"""Images decoded together; at 256 pixels 0.8 GB."""

_ORIGINAL = ["width", "height", "mode", "format", "bytes"]


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
    """Gather a study's images, decode them once and store them.

    Parameters
    ----------
    study
        Names the source, the image size and the interpolation.
    folder
        Receives ``manifest.csv`` and ``pixels.npy``, whole or not at all.

    Raises
    ------
    Problem
        For a source that cannot be had and for images that cannot be read.
    """
    with atomic.folder(folder) as aside:
        root, rows = _gather(study, aside)
        paths = [root / path for path in rows["path"]]
        _store(paths, study, aside / "pixels.npy")
        manifest.write(rows, aside / "manifest.csv")


def read(folder: Path) -> Cohort:
    """Open a prepared cohort; its pixels stay on disk until they are asked for."""
    remedy = f"delete {folder} and run again"
    try:
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        rows = manifest.read(folder / "manifest.csv")
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise Problem(f"{folder}: cannot be read ({reason}); {remedy}.") from error
    if len(pixels) != len(rows):
        raise Problem(f"{folder}: has {len(pixels)} pictures of {len(rows)} images; {remedy}.")
    return Cohort(rows, pixels)


def files(source: Source, folder: Path, rows: pd.DataFrame) -> list[Path]:
    """Return where the image files of a prepared cohort lie, in the manifest's order.

    Parameters
    ----------
    source
        The cohort as the study names it.
    folder
        Where it was prepared.
    rows
        Its manifest.
    """
    match source:
        case PhantomCohort():
            root = folder / "phantoms"
        case KaggleCohort():
            root = kaggle.download(source)
        case FolderCohort():
            root = _root(source)
    return [root / path for path in rows["path"]]


def externals(study: Study) -> dict[str, Source]:
    """Return the external cohorts that can be had here.

    A folder cohort without its listing is left out: who brings images of their own
    may have none to test them on.
    """
    return {
        name: source
        for name, source in study.external.items()
        if not isinstance(source, FolderCohort)
        or (
            bool(source.path or os.environ.get(DATA_VARIABLE))
            and (_csv(source).is_file() if source.manifest else _root(source).is_dir())
        )
    }


def at_hand(study: Study) -> bool:
    """Tell whether the images can be prepared here without anybody's help.

    A folder cohort needs its folder to be named; synthetic cohorts are made and
    Kaggle's are downloaded when they are needed.
    """
    return not isinstance(study.cohort, FolderCohort) or bool(
        study.cohort.path or os.environ.get(DATA_VARIABLE)
    )


def listing(study: Study) -> list[Path]:
    """Return the CSV that lists a folder cohort's images, where there is one."""
    if not isinstance(study.cohort, FolderCohort) or not at_hand(study):
        return []
    csv = _csv(study.cohort)
    return [csv] if csv.is_file() else []


def state(study: Study) -> str:
    """Return a cheap sha256 of what a folder cohort is on disk now, else nothing.

    It covers the listing and every image file by relative path, size and time of
    change, and not the place, so that a copied folder with its times is the same.
    """
    if not isinstance(study.cohort, FolderCohort) or not at_hand(study):
        return ""
    root = _root(study.cohort)
    # A class folder that is a link is entered when it is named, but not on the way down.
    places = [root, *(root / label for label in LABELS)]
    files = {
        path.relative_to(root).as_posix(): path
        for path in (found for place in places for found in place.rglob("*"))
        if path.suffix.lower() in images.SUFFIXES and path.is_file()
    }
    # The listing may lie outside the folder.
    files |= {csv.name: csv for csv in listing(study)}
    facts = [(name, path.stat()) for name, path in sorted(files.items())]
    # Whatever bytes a name has on disk, hash them.
    lines = [f"{name}\t{f.st_size}\t{f.st_mtime_ns}\n" for name, f in facts]
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()


def from_folder(cohort: FolderCohort) -> tuple[Path, pd.DataFrame]:
    """List the images of a folder, by its CSV or by its class folders, and look into them.

    Returns
    -------
    root : Path
        What the manifest's paths are relative to.
    manifest : pandas.DataFrame

    Raises
    ------
    Problem
        For a missing folder, file or column, an unknown label, a file that changed
        since the CSV was written, or an empty class.
    """
    root, rows = listed(cohort)
    csv = _csv(cohort)
    return root, _finish(
        root, _thin(rows, cohort.images_per_class), str(csv if csv.is_file() else root)
    )


def listed(cohort: FolderCohort) -> tuple[Path, pd.DataFrame]:
    """List the images of a folder as `from_folder` does, without opening any.

    Raises
    ------
    Problem
        For a missing folder or CSV, and for a CSV that cannot be used.
    """
    root, csv = _root(cohort), _csv(cohort)
    if csv.is_file():
        return root, _from_csv(csv)
    if cohort.manifest:
        raise Problem(f"{csv}: no such file; correct cohort.manifest or leave it out.")
    return root, _from_class_folders(root)


def _gather(study: Study, folder: Path) -> tuple[Path, pd.DataFrame]:
    match study.cohort:
        case PhantomCohort():
            made = phantom.write(study.cohort, folder / "phantoms")
            return made.parent, manifest.read(made)
        case KaggleCohort():
            root = kaggle.download(study.cohort)
            expected = {"COVID19": study.cohort.covid19, "NORMAL": study.cohort.normal}
            kaggle.check_counts(root, expected)
            rows = _thin(_from_class_folders(root), study.cohort.images_per_class)
            return root, _finish(root, rows.assign(source="kaggle"), str(root))
        case FolderCohort():
            return from_folder(study.cohort)


def _store(paths: list[Path], study: Study, target: Path) -> None:
    """Decode images to one array on disk, a few thousand at a time in memory."""
    shape = (len(paths), study.image_size, study.image_size, 3)
    with target.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            file.write(images.load(some, study.image_size, study.resize).data)


def _root(cohort: FolderCohort) -> Path:
    named = cohort.path or os.environ.get(DATA_VARIABLE)
    if not named:
        raise Problem(
            f"No data folder is named: set {DATA_VARIABLE} or cohort.path to a folder with class "
            "folders COVID19 and NORMAL, set cohort.source=kaggle to download one, "
            "or run STUDY=demo, which needs none."
        )
    root = Path(named).expanduser()
    if not root.is_dir():
        raise Problem(f"{root}: no such folder; correct {DATA_VARIABLE} or cohort.path.")
    return root


def _csv(cohort: FolderCohort) -> Path:
    return _root(cohort) / (cohort.manifest or "cohort.csv")


def _from_csv(csv: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            csv, dtype="string", keep_default_na=False, na_values=[""], skip_blank_lines=False
        )
    except (OSError, ValueError) as error:
        raise Problem(f"{csv}: cannot be read as CSV ({' '.join(str(error).split())}).") from error
    filled = table.notna().any(axis=1).to_numpy()
    lines = np.flatnonzero(filled) + 2
    table = table[filled].reset_index(drop=True)
    for column in ("file", "label"):
        if column not in table:
            raise Problem(f"{csv}: column '{column}' is missing; add it.")
        if table[column].isna().any():
            line = lines[table[column].isna()][0]
            raise Problem(f"{csv}: line {line} has no {column}; fill it in.")
    wrong = ~table["label"].isin(LABELS).to_numpy(dtype=bool)
    if wrong.any():
        raise Problem(
            f"{csv}: line {lines[wrong][0]} has label '{table.loc[wrong, 'label'].iloc[0]}'; "
            f"write {' or '.join(LABELS)}."
        )
    # A CSV may say more about its images than a manifest holds.
    used = (set(manifest.MANIFEST.columns) | {"file"}) - {"image_id", "path"}
    ignored = [str(column) for column in table if column not in used]
    if ignored:
        log.info("%s: columns that are not used: %s", csv, ", ".join(ignored))
    table = table.drop(columns=ignored).rename(columns={"file": "path"})
    if "source" not in table:
        table["source"] = csv.stem
    return _readable(table, csv)


def _readable(table: pd.DataFrame, csv: Path) -> pd.DataFrame:
    """Take ages that are no number and sexes but F and M as unknown, and say so."""
    remedies = {"age": "write a number of years", "sex": "write F or M"}
    for column, remedy in remedies.items():
        if column not in table:
            continue
        said = table[column]
        if column == "age":
            meant = pd.to_numeric(said, errors="coerce")
        else:
            meant = said.where(said.isin(["F", "M"]))
        unread = said[meant.isna() & said.notna()]
        if len(unread):
            log.warning(
                "%s: %d of %d values of column '%s' are taken as unknown, '%s' for one; %s.",
                *(csv, len(unread), said.notna().sum(), column, unread.iloc[0], remedy),
            )
        table = table.assign(**{column: meant})
    return table


def _from_class_folders(root: Path) -> pd.DataFrame:
    rows = [
        {"path": path.relative_to(root).as_posix(), "label": label, "source": root.name}
        for label in LABELS
        for path in sorted((root / label).rglob("*"))
        # What starts with a dot is a system's own: macOS puts ._a.jpg beside a.jpg.
        if path.suffix.lower() in images.SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    ]
    return pd.DataFrame(rows, columns=["path", "label", "source"], dtype="string")


def _thin(rows: pd.DataFrame, images_per_class: int | None) -> pd.DataFrame:
    """Keep this many images of each class, evenly spaced over the sorted names."""
    if images_per_class is None:
        return rows
    kept: list[int] = []
    for _, group in rows.sort_values("path").groupby("label"):
        places = np.linspace(0, len(group) - 1, min(images_per_class, len(group)))
        kept.extend(group.index[places.round().astype(int)])
    return rows.loc[sorted(kept)]


def _finish(root: Path, rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Fill in what the files themselves tell, and validate."""
    for label in LABELS:
        if not (rows["label"] == label).any():
            raise Problem(f"{where}: class {label} has no image; both classes are needed.")
    rows = rows.reset_index(drop=True)
    paths = [root / path for path in rows["path"]]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Problem(f"{missing[0]}{more}: no such file; restore it or correct {where}.")

    rows["image_id"] = rows["label"] + "/" + rows["path"].str.rsplit("/", n=1).str[-1]
    twice = rows.loc[rows["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise Problem(f"{where}: two files are named {twice.iloc[0]}; rename one of them.")
    hashes = pd.Series([images.sha256(path) for path in paths], dtype="string")
    if "sha256" in rows:
        changed = rows.loc[rows["sha256"].notna() & (rows["sha256"] != hashes), "path"]
        if len(changed):
            raise Problem(
                f"{root / changed.iloc[0]}: is not the file that {where} lists (its sha256 "
                "differs); restore it or correct the list."
            )
    rows["sha256"] = hashes
    if not any(f"original_{name}" in rows for name in _ORIGINAL):
        described = pd.DataFrame([images.describe(path) for path in paths])
        for name in _ORIGINAL:
            rows[f"original_{name}"] = described[name]
    return manifest.validate(_defaults(rows), where)


def _defaults(rows: pd.DataFrame) -> pd.DataFrame:
    for column, schema in manifest.MANIFEST.columns.items():
        if schema.required and column not in rows and column != "group_id":
            rows[column] = pd.NA
    if "group_id" not in rows:
        rows["group_id"] = pd.NA
    rows["group_id"] = rows["group_id"].fillna(rows["patient_id"]).fillna(rows["image_id"])
    return rows
