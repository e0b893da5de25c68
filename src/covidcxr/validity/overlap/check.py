"""The check of anybody's split, its report, and a split that shares nothing instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from covidcxr.cohorts import images, splits
from covidcxr.core.errors import Unusable
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


_LISTED = 20  # of each kind, by name


@dataclass(frozen=True)
class Overlap:
    """What a split's parts share.

    ``manifest`` is of the split's images, in its order; ``pairs`` are the copies among them,
    None where they were not looked for, which ``remark`` explains; ``shared`` is as
    `covidcxr.validity.overlap.shared` returns it; ``mended``, the split written instead.
    """

    split: pd.DataFrame
    manifest: pd.DataFrame
    pairs: pd.DataFrame | None
    shared: list[dict[str, Any]]
    remark: str = ""
    mended: Path | None = None


def examine(split: Path, manifest: Path) -> Overlap:
    """Look for all that the parts of a split share.

    Parameters
    ----------
    split
        CSV with ``image_id`` and ``part``.
    manifest
        CSV with ``image_id`` or ``file``, and any of ``patient_id``, ``group_id``,
        ``sha256``, ``path`` and ``label``.

    Raises
    ------
    Unusable
        For a file that cannot be used, naming what to correct.
    """
    parts = read_split(split)
    rows = read_manifest(manifest, parts["image_id"])
    paths = image_paths(manifest, rows)
    if paths is not None:
        pairs = _copies(rows, paths)
        return Overlap(parts, rows, pairs, shared(parts, rows, pairs))
    if not {"patient_id", "group_id", "sha256"} & set(rows):
        raise Unusable(
            f"{manifest}: has neither patient_id, group_id nor sha256, and none of its image "
            "files is there; add such a column."
        )
    remark = (
        f"None of the images lies where {manifest} says, relative to its folder: near copies "
        "are not looked for."
    )
    return Overlap(parts, rows, None, shared(parts, rows), remark)


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

    Raises
    ------
    Problem
        Where groups are too large to leave an image of each class in each part.
    """
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


def as_json(overlap: Overlap) -> dict[str, Any]:
    """Return what is printed with ``--json``."""
    parts = {p: int((overlap.split["part"] == p).sum()) for p in splits.PARTS}
    return {
        "parts": parts,
        "shared": overlap.shared,
        "test_images_affected": len(affected(overlap.shared)),
        "test_images": parts["test"],
        "fix": _remedy(overlap),
    }


def _remedy(overlap: Overlap) -> str:
    if overlap.mended is not None:
        return f"{overlap.mended} holds a split by groups and copies that shares nothing."
    if not overlap.shared:
        return "Nothing is shared, so nothing needs mending."
    return (
        "Draw the split by groups, so that whole groups and all copies of a picture fall "
        "into one part: --fix NEW.csv writes such a split."
    )


def as_text(overlap: Overlap) -> str:
    """Write out what is shared for a terminal, the first of each kind by name."""
    facts = as_json(overlap)
    lines = [
        ", ".join(f"{n:,} {part}" for part, n in facts["parts"].items() if n) + " images.",
        f"{facts['test_images_affected']:,} of {facts['test_images']:,} test images share a "
        "patient, a group or a picture with another part.",
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
            lines.append(f"   {unit['name']}")
            for part, members in unit["parts"].items():
                more = f" and {len(members) - 3} more" if len(members) > 3 else ""
                lines.append(f"      {part}: {', '.join(members[:3])}{more}")
        if len(new) > _LISTED:
            lines.append(f"   and {len(new) - _LISTED} more; --json lists all")
    remark = [overlap.remark] if overlap.remark else []
    return "\n".join([*lines, "", *remark, facts["fix"]]) + "\n"
