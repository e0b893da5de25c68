"""The manifest: one row for every image of a cohort, whatever its source.

`MANIFEST` is the single definition of the columns; every source is validated
against it before anything else sees the cohort.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from covidcxr.core import csv_tables
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.studies import LABELS


def _text(**options: object) -> pa.Column:
    return pa.Column("string", coerce=True, **options)  # type: ignore[arg-type]


def _whole(**options: object) -> pa.Column:
    return pa.Column("Int64", pa.Check.gt(0), coerce=True, nullable=True, **options)  # type: ignore[arg-type]


MANIFEST = pa.DataFrameSchema(
    {
        "image_id": _text(unique=True),
        "path": _text(unique=True),
        "label": _text(checks=pa.Check.isin(LABELS)),
        "source": _text(),
        # The patient where the source names one; never invented.
        "patient_id": _text(nullable=True),
        # What must not be torn apart by a grouped split: the patient where known,
        # else the smallest unit that the source lets us tell apart.
        "group_id": _text(),
        "view": _text(nullable=True),
        "sex": _text(nullable=True, checks=pa.Check.isin(["F", "M"])),
        "age": pa.Column("Float64", pa.Check.in_range(0, 120), coerce=True, nullable=True),
        # The file as its source published it, before anybody resized it.
        "original_width": _whole(),
        "original_height": _whole(),
        "original_mode": _text(nullable=True),
        "original_format": _text(nullable=True),
        "original_bytes": _whole(),
        # Of a 16-bit file here how many bits are in use; its values are divided by so many.
        "grey_bits": _whole(required=False),
        # The range of the values in such a file, before they are scaled.
        "grey_lowest": pa.Column("Int64", coerce=True, nullable=True, required=False),
        "grey_highest": pa.Column("Int64", coerce=True, nullable=True, required=False),
        # By which way the file here came from that one, where its publisher says.
        "resized_from": _text(required=False, nullable=True),
        "sha256": _text(checks=pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        # Ground truth of what was planted; synthetic cohorts alone have it.
        "planted_severity": pa.Column(
            "Float64", pa.Check.in_range(0, 1), coerce=True, required=False
        ),
        "planted_acquisition": _text(required=False, checks=pa.Check.isin(["adult", "paediatric"])),
        "planted_duplicate_of": _text(required=False, nullable=True),
        "planted_alteration": _text(required=False, nullable=True),
    },
    strict=True,
    ordered=True,
    name="manifest",
)


COMPUTED = {"image_id", "path", "grey_bits", "grey_lowest", "grey_highest"}
"""Columns that no list of images can give."""


def validate(manifest: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the manifest with its columns typed and in order.

    A `Problem` names the first column and value that do not fit, and ``where`` they stand.
    """
    known = [name for name in MANIFEST.columns if name in manifest.columns]
    unknown = sorted(set(manifest.columns) - set(known))
    if unknown:
        raise Problem(f"{where}: column '{unknown[0]}' is unknown; remove or rename it.")
    try:
        return MANIFEST.validate(manifest[known].reset_index(drop=True), lazy=True)
    except SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        if first["check"] == "column_in_dataframe":
            message = f"column '{first['failure_case']}' is missing; add it"
        else:
            message = (
                f"column '{first['column']}' fails '{first['check']}' "
                f"with '{first['failure_case']}'; correct that row"
            )
        raise Problem(f"{where}: {message}.") from error


def grey_bits(manifest: pd.DataFrame) -> list[int | None]:
    """Return how many bits of each image's file are in use, None where it has no 16."""
    if "grey_bits" not in manifest:
        return [None] * len(manifest)
    return [None if pd.isna(bits) else int(bits) for bits in manifest["grey_bits"]]


def fingerprint(rows: pd.DataFrame) -> str:
    """Return the sha256 of all that a manifest says, whatever the order of its rows."""
    text = rows.sort_values("image_id").to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def class_counts(rows: pd.DataFrame) -> dict[str, int]:
    """Count the images of each class."""
    return {label: int((rows["label"] == label).sum()) for label in LABELS}


def read(path: Path) -> pd.DataFrame:
    """Read a manifest that `write` wrote."""
    try:
        table = csv_tables.read(path)
    except Unusable as error:
        why = csv_tables.reason(path, error)
        raise Problem(f"{path}: cannot be read as a manifest ({why}); make it anew.") from error
    return validate(table, str(path))


def write(manifest: pd.DataFrame, path: Path) -> None:
    """Write a manifest as CSV."""
    manifest.to_csv(path, index=False, lineterminator="\n")
