"""Patients, groups and copies that have images in more than one part of a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.splits import PARTS
from covidcxr.validity.duplicates import EXACT, NEAR
from covidcxr.validity.duplicates.components import (
    connected_rows,
    equal_value_links,
    first_rows,
    named_links,
)

KINDS = ("patient", "group", EXACT, NEAR)  # what parts may share

_COLUMNS = {"patient": "patient_id", "group": "group_id"}


def shared(
    split: pd.DataFrame, manifest: pd.DataFrame, pairs: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """List the patients, groups and copies with images in more than one part.

    ``split`` has columns ``image_id`` and ``part``; ``manifest`` has ``image_id`` and any of
    ``patient_id``, ``group_id`` and ``sha256``; ``pairs`` are copies (``image_a``, ``image_b`` and
    ``kind``, exact or near), None where they were not looked for, so that only files of equal
    ``sha256`` are copies. Each has its ``kind``, one of `KINDS`; ``name``, of the patient or
    group, or of the first image; ``parts``, the images by part. Copies are named with all copies
    they are connected with, and are exact where all of these are.
    """
    part = split.set_index("image_id")["part"]
    rows = manifest[manifest["image_id"].isin(part.index)].reset_index(drop=True)
    units = [
        (kind, str(name), members.tolist())
        for kind, column in _COLUMNS.items()
        if column in rows
        for name, members in rows.groupby(column)["image_id"]
    ]
    alike, equal = label_copies(rows, pairs)
    for _, members in rows.groupby(alike)["image_id"]:
        kind = EXACT if len(set(equal[members.index])) == 1 else NEAR
        units.append((kind, min(members), members.tolist()))
    listed = []
    for kind, name, images in sorted(units, key=lambda unit: (KINDS.index(unit[0]), unit[1])):
        by_part = {p: sorted(i for i in images if part[i] == p) for p in PARTS}
        by_part = {p: members for p, members in by_part.items() if members}
        if len(by_part) > 1:
            listed.append({"kind": kind, "name": name, "parts": by_part})
    return listed


def affected(units: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the test images that share something with another part, sorted."""
    return sorted({image for unit in units for image in unit["parts"].get("test", [])})


def label_copies(
    manifest: pd.DataFrame, pairs: pd.DataFrame | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Label connected components of copies, shape (n,): by any copy, and by exact ones.

    ``manifest`` and ``pairs`` are as for `shared`.
    """
    exact = [pd.DataFrame({"first": [], "second": []})]
    near = list(exact)
    if "sha256" in manifest:
        exact.append(equal_value_links(manifest["sha256"]))
    if pairs is not None:
        is_exact = pairs["kind"] == EXACT
        for links, kept in ((exact, pairs[is_exact]), (near, pairs[~is_exact])):
            links.append(named_links(manifest["image_id"], kept["image_a"], kept["image_b"]))
    n = len(manifest)
    return connected_rows(n, pd.concat(exact + near)), connected_rows(n, pd.concat(exact))


def joined(manifest: pd.DataFrame, pairs: pd.DataFrame | None) -> NDArray[np.str_]:
    """Label connected components of patients, groups and copies, which a split must keep whole.

    ``manifest`` and ``pairs`` are as for `shared`. Returns shape (n,): the name of the first
    image of each component.
    """
    alike, _ = label_copies(manifest, pairs)
    keys = [pd.Series(alike), *(manifest[c] for c in _COLUMNS.values() if c in manifest)]
    label = connected_rows(len(manifest), pd.concat([equal_value_links(key) for key in keys]))
    names: NDArray[np.str_] = manifest["image_id"].to_numpy(dtype=str)[first_rows(label)]
    return names
