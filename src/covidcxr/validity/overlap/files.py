"""A split and a manifest in CSV files, as somebody brings them, and where their images lie."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from covidcxr.cohorts import folders
from covidcxr.cohorts.splits import PARTS
from covidcxr.core import csv_tables, identifiers
from covidcxr.core.csv_tables import columns_of, row_of
from covidcxr.core.errors import Unusable
from covidcxr.core.studies import DATA_VARIABLE
from covidcxr.core.text_files import is_file
from covidcxr.core.words import listing, quoted, shown

_PERSON = ("", "id", "no", "number", "num", "key", "uid", "identifier", "code")
_SPELLINGS = {
    "image_id": {"imageid", "image", "imagename", "imageindex", "filename", "filepath"},
    "path": {"path"},
    "file": {"file"},
    "patient_id": {
        f"{who}{what}" for who in ("patient", "subject", "participant") for what in _PERSON
    }
    | {"pid", "ptid", "idpatient", "patid"},
    "group_id": {"groupid", "group"},
    "sha256": {"sha256", "sha256sum", "sha256hash", "hash", "sha512", "sha1", "md5"},
    "label": {"label", "class"},
    "part": {"part", "split", "subset", "set"},
}
"""How columns are called, in small letters and without signs."""

_PARTS = {
    "train": "train", "training": "train", "trn": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "tst": "test",
}  # fmt: skip


_CHOICES = {
    "patient_id": "patient; choose one with --patient",
    "part": "part; rename the one that is meant to part",
}


@dataclass(frozen=True)
class Manifest:
    """The rows of a split's images, in its order.

    ``rows`` has ``image_id`` and, where the file has them, ``patient_id``, ``group_id`` and
    ``sha256`` (equal where they mean the same, NA where unknown), ``label``, ``path`` and
    ``file``. ``columns`` maps these to their names in the file.
    """

    rows: pd.DataFrame
    columns: Mapping[str, str]
    unused: list[str]
    remarks: list[str] = field(default_factory=list)


def read_split(path: Path, delimiter: str = ",") -> pd.DataFrame:
    """Read ``image_id`` and ``part`` of a split."""
    table = csv_tables.read(path, delimiter)
    names = _roles(path, table, ("image_id", "file", "path", "part"), {})
    image = next((names[role] for role in ("image_id", "file", "path") if role in names), None)
    for column, role in ((image, "image_id"), (names.get("part"), "part")):
        if column is None:
            raise Unusable(
                f"{path}: column '{role}' is missing (there are: {columns_of(table)}); add it."
            )
        _refuse(path, table[column], table[column].isna(), f"has no {role}; fill it in")
    if table.empty:
        raise Unusable(f"{path}: lists no image; add one line an image.")
    part = table[names["part"]].str.lower().map(_PARTS)
    _refuse(
        path, table[names["part"]], part.isna(), f"is an unknown part; write {listing(PARTS, 'or')}"
    )
    rows = pd.DataFrame({"image_id": table[image], "part": part}, dtype="string")
    _refuse_repeated(path, rows["image_id"])
    return rows.reset_index(drop=True)


def read_manifest(
    path: Path, images: pd.Series[str], patient: str | None = None, delimiter: str = ","
) -> Manifest:
    """Read the rows of a split's ``images``, shape (n,), from a CSV with ``image_id`` or ``file``.

    Its other columns are those of `Manifest`, however spelled; ``patient`` names that of the
    patient, where it is called otherwise.
    """
    table = csv_tables.read(path, delimiter)
    names = _roles(path, table, tuple(_SPELLINGS), {"patient_id": patient} if patient else {})
    names.pop("part", None)
    rows = table[list(names.values())].set_axis(list(names), axis="columns")
    if "image_id" not in rows:
        source = next((role for role in ("file", "path") if role in rows), None)
        if source is None:
            raise Unusable(
                f"{path}: has neither a column image_id nor file (there are: "
                f"{columns_of(table)}); add one."
            )
        rows["image_id"] = rows[source]
        if "label" in rows:
            # A split names the images of class folders by class and file.
            by_class = folders.image_ids(rows["label"], rows[source])
            if images.isin(by_class).sum() > images.isin(rows[source]).sum():
                rows["image_id"] = by_class
    rows = rows.dropna(subset=["image_id"])
    _refuse_repeated(path, rows["image_id"])
    rows = _in_order(path, rows, images)
    rows, remarks = _resolved(path, rows, names)
    unused = [str(column) for column in table if column not in names.values()]
    return Manifest(rows, names, unused, remarks)


def image_paths(manifest: Path, rows: pd.DataFrame) -> list[Path] | None:
    """Return where the images lie, or None where none lies where the manifest says."""
    column = next((name for name in ("path", "file", "image_id") if name in rows), "image_id")
    names = rows[column].fillna(rows["image_id"])
    data = os.environ.get(DATA_VARIABLE)
    # A synthetic cohort's manifest lies beside its folder of images.
    roots = [manifest.parent, manifest.parent / "phantoms", *([Path(data)] if data else [])]
    paths = max(
        ([root / name for name in names] for root in roots),
        key=lambda paths: sum(map(is_file, paths)),
    )
    missing = [path for path in paths if not is_file(path)]
    if len(missing) == len(paths):
        return None
    if missing:
        raise Unusable(f"{shown(missing[0], 200)}: no such file; restore it or correct {manifest}.")
    return paths


def _roles(
    path: Path, table: pd.DataFrame, roles: tuple[str, ...], named: Mapping[str, str]
) -> dict[str, str]:
    """Return the column of each role, the one that is named, or spelled as usual."""
    for column in named.values():
        if column not in table:
            raise Unusable(
                f"{path}: column '{shown(column)}' is missing (there are: {columns_of(table)})."
            )
    columns = dict(named)
    for role in roles:
        if role in columns:
            continue
        if role in table:
            columns[role] = role
            continue
        spelled = [
            str(column)
            for column in table
            if re.sub(r"[^a-z0-9]", "", str(column).lower()) in _SPELLINGS[role]
            and column not in columns.values()
        ]
        if role in _CHOICES and len(spelled) > 1:
            raise Unusable(f"{path}: columns {quoted(spelled)} could each be the {_CHOICES[role]}.")
        if spelled:
            columns[role] = spelled[0]
    return columns


def _in_order(path: Path, rows: pd.DataFrame, images: pd.Series[str]) -> pd.DataFrame:
    """Return the rows of these images, in their order."""
    rows = rows.set_index(rows["image_id"].map(_composed))
    wanted = images.map(_composed)
    unlisted = images[~wanted.isin(rows.index)]
    if len(unlisted):
        more = f" and {len(unlisted) - 1} more" if len(unlisted) > 1 else ""
        raise Unusable(
            f"{path}: does not list image '{shown(unlisted.iloc[0], 200)}'{more} of the split; add "
            "it or name the manifest that the split was made from."
        )
    return rows.loc[wanted.tolist()].assign(image_id=images.tolist()).reset_index(drop=True)


def _resolved(
    path: Path, rows: pd.DataFrame, names: Mapping[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """Write equal ids and hashes equally, and say what was unknown or spelled otherwise."""
    remarks: list[str] = []
    for role, noun in (("patient_id", "patient"), ("group_id", "group")):
        if role in rows:
            rows[role], more = identifiers.resolve(rows[role], noun)
            remarks += more
    if "sha256" in rows:
        hashes = rows["sha256"].mask(identifiers.is_unknown(rows["sha256"])).str.lower()
        wrong = hashes.notna() & ~hashes.str.fullmatch(r"[0-9a-f]{32,128}")
        if wrong.any():
            remarks.append(
                f"Column '{names['sha256']}' holds '{shown(rows['sha256'][wrong].iloc[0])}', which "
                "is no hash of a file; the column is not used."
            )
            return rows.drop(columns="sha256"), remarks
        rows["sha256"] = hashes
    return rows, remarks


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _refuse(path: Path, column: pd.Series[str], wrong: pd.Series[bool], fault: str) -> None:
    if wrong.any():
        position = int(wrong.to_numpy(dtype=bool).argmax())
        value = column.iloc[position]
        cell = "" if pd.isna(value) else f"'{shown(value)}' "
        raise Unusable(f"{path}, row {row_of(column, position)}: {cell}{fault}.")


def _refuse_repeated(path: Path, images: pd.Series[str]) -> None:
    again = images.map(_composed).duplicated()
    _refuse(path, images, again, "stands twice; remove one of its rows")
