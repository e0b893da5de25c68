"""A split and a manifest in CSV files, as somebody brings them, and where their images lie."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from covidcxr.cohorts import folders
from covidcxr.cohorts.splits import PARTS
from covidcxr.core.errors import Unusable
from covidcxr.core.studies import DATA_VARIABLE
from covidcxr.core.words import failure


def read_split(path: Path) -> pd.DataFrame:
    """Read ``image_id`` and ``part`` of a split."""
    rows = _read(path)
    for column in ("image_id", "part"):
        if column not in rows:
            raise Unusable(f"{path}: column '{column}' is missing; add it.")
        empty = np.flatnonzero(rows[column].isna())
        if len(empty):
            raise Unusable(f"{path}: line {empty[0] + 2} has no {column}; fill it in.")
    if rows.empty:
        raise Unusable(f"{path}: lists no image; add one line an image.")
    _refuse_repeated(path, rows["image_id"])
    unknown = rows.loc[~rows["part"].isin(PARTS), "part"]
    if len(unknown):
        allowed = ", ".join(PARTS)
        raise Unusable(f"{path}: part '{unknown.iloc[0]}' is unknown; write one of {allowed}.")
    return rows[["image_id", "part"]]


def read_manifest(path: Path, images: pd.Series[str]) -> pd.DataFrame:
    """Read the rows of a split's images, in its order."""
    rows = _read(path)
    if "image_id" not in rows:
        if "file" not in rows:
            raise Unusable(f"{path}: has neither a column image_id nor file; add one.")
        rows["image_id"] = rows["file"]
        if "label" in rows:
            # A split names the images of class folders by class and file.
            by_class = folders.image_ids(rows["label"], rows["file"])
            if images.isin(by_class).sum() > images.isin(rows["file"]).sum():
                rows["image_id"] = by_class
    _refuse_repeated(path, rows["image_id"].dropna())
    unlisted = images[~images.isin(rows["image_id"])]
    if len(unlisted):
        more = f" and {len(unlisted) - 1} more" if len(unlisted) > 1 else ""
        raise Unusable(
            f"{path}: does not list image '{unlisted.iloc[0]}'{more} of the split; add it or "
            "name the manifest that the split was made from."
        )
    return rows.set_index("image_id").loc[images.tolist()].reset_index()


def image_paths(manifest: Path, rows: pd.DataFrame) -> list[Path] | None:
    """Return where the images lie, or None where none lies where the manifest says."""
    column = next((name for name in ("path", "file", "image_id") if name in rows), "image_id")
    names = rows[column].fillna(rows["image_id"])
    data = os.environ.get(DATA_VARIABLE)
    # A synthetic cohort's manifest lies beside its folder of images.
    roots = [manifest.parent, manifest.parent / "phantoms", *([Path(data)] if data else [])]
    paths = max(
        ([root / name for name in names] for root in roots),
        key=lambda paths: sum(path.is_file() for path in paths),
    )
    missing = [path for path in paths if not path.is_file()]
    if len(missing) == len(paths):
        return None
    if missing:
        raise Unusable(f"{missing[0]}: no such file; restore it or correct {manifest}.")
    return paths


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        reason = failure(error)
        raise Unusable(f"{path}: cannot be read as CSV ({reason}); correct it.") from error


def _refuse_repeated(path: Path, images: pd.Series[str]) -> None:
    repeated = images[images.duplicated()]
    if len(repeated):
        raise Unusable(f"{path}: image '{repeated.iloc[0]}' stands twice; remove one of its lines.")
