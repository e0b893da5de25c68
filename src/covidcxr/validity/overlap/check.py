"""The check of anybody's split, its report, and a split that shares nothing instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from covidcxr.cohorts import images, splits
from covidcxr.core.errors import Unusable
from covidcxr.core.words import listing, quoted, shown
from covidcxr.validity import duplicates
from covidcxr.validity.duplicates import EXACT, NEAR
from covidcxr.validity.overlap.files import image_paths, read_manifest, read_split
from covidcxr.validity.overlap.parts import KINDS, affected, joined, shared

_NOUNS = {
    "patient": ("patient", "patients"),
    "group": ("group", "groups"),
    EXACT: ("exact copy", "exact copies"),
    NEAR: ("near copy", "near copies"),
}

_CHECKS = {
    "patients": ("a patient", "patients"),
    "groups": ("a group", "groups"),
    "files": ("a file", "copies of a file"),
    "pictures": ("a picture", "copies of a picture"),
}
"""What can be looked for, in the singular and in the plural."""

_CHECKED_COLUMNS = {"patients": "patient_id", "groups": "group_id", "files": "sha256"}

_LISTED = 20  # of each kind, by name


@dataclass(frozen=True)
class Overlap:
    """What a split's parts share.

    ``manifest`` is of the split's images, in its order; ``pairs`` are the copies among them,
    None where they were not looked for; ``shared`` is as `covidcxr.validity.overlap.shared`
    returns it; ``checked`` names what was looked for, and ``unused`` the manifest's columns
    that were not; ``mended``, the split written instead.
    """

    split: pd.DataFrame
    manifest: pd.DataFrame
    pairs: pd.DataFrame | None
    shared: list[dict[str, Any]]
    checked: Mapping[str, str]
    unused: list[str]
    remarks: list[str]
    mended: Path | None = None


def examine(
    split: Path, manifest: Path, patient: str | None = None, delimiter: str = ","
) -> Overlap:
    """Look for all that the parts of a split share.

    Parameters
    ----------
    split
        CSV with ``image_id`` and ``part``.
    manifest
        CSV with ``image_id`` or ``file``, and any of ``patient_id``, ``group_id``,
        ``sha256``, ``path`` and ``label``; usual spellings of these are understood.
    patient
        The manifest's column that names the patient, where it is called otherwise.
    delimiter
        Of both files.

    Raises
    ------
    Unusable
        For a file that cannot be used, naming what to correct.
    """
    parts = read_split(split, delimiter)
    listed = read_manifest(manifest, parts["image_id"], patient, delimiter)
    rows, remarks = listed.rows, list(listed.remarks)
    paths = image_paths(manifest, rows)
    pairs = None if paths is None else _copies(rows, paths)
    checked = {
        name: f"column '{listed.columns[column]}'"
        for name, column in _CHECKED_COLUMNS.items()
        if column in rows and rows[column].notna().any()
    }
    if pairs is not None:
        checked.pop("files", None)
        checked["pictures"] = "exact and near copies"
    elif not checked:
        raise Unusable(
            f"{manifest}: has neither patient_id, group_id nor sha256 (there are: "
            f"{quoted(listed.unused)}), and none of "
            "its image files is there; add such a column, or name the patient's with --patient."
        )
    else:
        remarks.append(
            f"None of the images lies where {manifest} says, relative to its folder: near copies "
            "are not looked for."
        )
    if "patients" not in checked:
        remarks.append(
            "Patients are not looked for: no column names them; choose one with --patient COLUMN."
        )
    return Overlap(parts, rows, pairs, shared(parts, rows, pairs), checked, listed.unused, remarks)


def _copies(rows: pd.DataFrame, paths: list[Path]) -> pd.DataFrame:
    """Find the copies among files: image_a, image_b, kind."""
    with duplicates.decoded(paths) as (pictures, faults):
        fault = next((fault for fault in faults if fault is not None), None)
        if fault is not None:
            raise Unusable(str(fault))
        pairs = duplicates.find(pictures, [images.sha256(path) for path in paths])
    names = rows["image_id"].to_numpy(dtype=object)
    ends = {"image_a": names[pairs["first"]], "image_b": names[pairs["second"]]}
    return pd.DataFrame(ends | {"kind": pairs["kind"]})


def mend(overlap: Overlap, path: Path) -> Overlap:
    """Write a split of the same sizes whose parts share nothing.

    A `Problem` is raised where groups are too large to leave an image of each class in each part,
    an `Unusable` where the file exists.
    """
    refuse_existing(path)
    rows = overlap.manifest
    label = rows["label"] if "label" in rows else pd.Series("image", rows.index)
    connected = pd.DataFrame(
        {
            "image_id": rows["image_id"],
            "label": label.fillna("image"),
            "group_id": joined(rows, overlap.pairs),
        }
    )
    # A count as a fraction and back must not lose an image to rounding.
    share = {p: (overlap.split["part"] == p).mean() * (1 + 1e-9) for p in splits.PARTS}
    split = splits.make(connected, "grouped", share["test"], share["validation"], seed=0)
    splits.write(split, path)
    return replace(overlap, mended=path)


def refuse_existing(path: Path) -> None:
    """Refuse to overwrite a file."""
    if path.exists() or path.is_symlink():
        raise Unusable(f"{path}: exists already; name a new file with --fix, or remove this one.")


def as_json(overlap: Overlap) -> dict[str, Any]:
    """Return what is printed with ``--json``."""
    parts = {p: int((overlap.split["part"] == p).sum()) for p in splits.PARTS}
    return {
        "parts": parts,
        "checked": list(overlap.checked),
        "unused_columns": overlap.unused,
        "remarks": overlap.remarks,
        "shared": overlap.shared,
        "test_images_affected": len(affected(overlap.shared)),
        "test_images": parts["test"],
        "fix": _remedy(overlap),
    }


def _remedy(overlap: Overlap) -> str:
    checked = [_CHECKS[name][1] for name in overlap.checked]
    if overlap.mended is not None:
        return f"{overlap.mended} holds a split that shares no {listing(checked, 'or')}."
    if not overlap.shared:
        return f"No {listing(checked, 'or')} are shared; nothing else was looked for."
    return (
        f"Draw the split by {listing(checked)}, so that none of them falls into two parts: "
        "--fix NEW.csv writes such a split."
    )


def as_text(overlap: Overlap) -> str:
    """Write out what is shared for a terminal, the first of each kind by name."""
    facts = as_json(overlap)
    looked = listing([f"{name} ({where})" for name, where in overlap.checked.items()])
    lines = [
        ", ".join(f"{n:,} {part}" for part, n in facts["parts"].items() if n) + " images.",
        f"Looked for: {looked}. Columns not used: {quoted(overlap.unused)}.",
        *overlap.remarks,
        f"{facts['test_images_affected']:,} of {facts['test_images']:,} test images share "
        f"{listing([_CHECKS[name][0] for name in overlap.checked], 'or')} with another part.",
    ]
    listed: list[dict[str, Any]] = []
    for kind in KINDS:
        # A group that is a patient already listed adds nothing.
        new = [u for u in overlap.shared if u["kind"] == kind and u["parts"] not in listed]
        listed += [unit["parts"] for unit in new]
        if new:
            noun = _NOUNS[kind][len(new) > 1]
            lines += ["", f"{len(new):,} {noun} in more than one part:"]
        for unit in new[:_LISTED]:
            lines.append(f"   {shown(unit['name'], 200)}")
            for part, members in unit["parts"].items():
                more = f" and {len(members) - 3} more" if len(members) > 3 else ""
                lines.append(f"      {part}: {', '.join(shown(m, 200) for m in members[:3])}{more}")
        if len(new) > _LISTED:
            lines.append(f"   and {len(new) - _LISTED} more; --json lists all")
    return "\n".join([*lines, "", facts["fix"]]) + "\n"
