"""Which images train and which test.

A split is a table of ``image_id``, ``label``, ``group_id`` and ``part``
(``train``, ``validation`` or ``test``), one row an image, in the manifest's order.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from covidcxr.core import atomic, csv_tables
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.studies import SplitName

PARTS = ("train", "validation", "test")
COLUMNS = ["image_id", "label", "group_id", "part"]


def make(
    manifest: pd.DataFrame, kind: SplitName, test: float, validation: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Split a cohort.

    Parameters
    ----------
    manifest
        The cohort, one row an image.
    kind
        ``keras``: of each class the first ``int(test * n)`` of the sorted file names, as
        ``ImageDataGenerator(validation_split=test)`` holds out, whatever the seed.
        ``random``: as many of each class, drawn at random. ``grouped``: whole groups, drawn
        at random, up to as many of each class.
    test, validation
        Fractions of the cohort.
    seed
        Decides the draw.

    Raises
    ------
    Problem
        Where a class would be missing from a part that was asked for.
    """
    split = manifest[["image_id", "label", "group_id"]].copy()
    split["part"] = "train"
    for part, fraction in (("test", test), ("validation", validation)):
        if not fraction:
            continue
        rest = split["part"] == "train"
        # Counts follow the whole cohort, so that the second draw is as large as asked for.
        quota = {str(k): int(fraction * n) for k, n in split["label"].value_counts().items()}
        # Parts draw from streams of their own: adding a validation part keeps the test part.
        rng = np.random.default_rng([seed, PARTS.index(part)])
        drawn = split.index.isin(_draw(split[rest], kind, quota, rng))
        split.loc[drawn, "part"] = part
    _check(
        split, kind, [p for p, f in (("train", 1), ("validation", validation), ("test", test)) if f]
    )
    return split


def fingerprint(split: pd.DataFrame) -> str:
    """Return the sha256 of which image is in which part, whatever the row order."""
    lines = sorted(f"{i}\t{p}" for i, p in zip(split["image_id"], split["part"], strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def shared_groups(split: pd.DataFrame, part: str = "test") -> pd.DataFrame:
    """Return the rows of a part whose group also has training images."""
    trained = split.loc[split["part"] == "train", "group_id"]
    return split[(split["part"] == part) & split["group_id"].isin(trained)]


def read(path: Path) -> pd.DataFrame:
    """Read a split that `write` wrote, refusing one that is missing, empty or malformed."""
    try:
        split = csv_tables.read(path).reset_index(drop=True)
    except Unusable as error:
        raise _unusable(path, csv_tables.reason(path, error)) from error
    for column in COLUMNS:
        if column not in split:
            raise _unusable(path, f"column '{column}' is missing")
        if split[column].isna().any():
            raise _unusable(path, f"column '{column}' is not filled in everywhere")
    if split.empty:
        raise _unusable(path, "it lists no image")
    unknown = split.loc[~split["part"].isin(PARTS), "part"]
    if len(unknown):
        raise _unusable(path, f"part '{unknown.iloc[0]}' is none of {', '.join(PARTS)}")
    return split[COLUMNS]


def write(split: pd.DataFrame, path: Path) -> None:
    """Write a split as CSV, whole or not at all."""
    with atomic.file(path) as aside:
        split[COLUMNS].to_csv(aside, index=False, lineterminator="\n")


def _unusable(path: Path, reason: str) -> Problem:
    return Problem(f"{path}: cannot be read as a split ({reason}); delete it and run again.")


def _draw(
    rest: pd.DataFrame, kind: SplitName, quota: dict[str, int], rng: np.random.Generator
) -> pd.Index:
    if kind == "grouped":
        return _whole_groups(rest, quota, rng)
    chosen: list[int] = []
    for label, rows in rest.groupby("label", sort=True):
        names = rows["image_id"].map(lambda image_id: PurePosixPath(image_id).name)
        order = names.sort_values().index.to_numpy()
        if kind == "random":
            order = rng.permutation(order)
        chosen.extend(order[: quota[str(label)]])
    return pd.Index(chosen)


def _whole_groups(rest: pd.DataFrame, quota: dict[str, int], rng: np.random.Generator) -> pd.Index:
    """Walk the groups in random order and take each that still fits every class's quota."""
    counts = rest.groupby(["group_id", "label"], sort=True).size().unstack(fill_value=0)  # noqa: PD010
    room = np.array([quota[str(label)] for label in counts.columns])
    sizes = counts.to_numpy()
    taken = []
    for position in rng.permutation(len(sizes)):
        if (sizes[position] <= room).all():
            room = room - sizes[position]
            taken.append(counts.index[position])
    return rest.index[rest["group_id"].isin(taken)]


def _check(split: pd.DataFrame, kind: SplitName, parts: list[str]) -> None:
    counts = split.groupby(["part", "label"]).size()
    for part in parts:
        for label in sorted(split["label"].unique()):
            if counts.get((part, label), 0) == 0:
                raise Problem(
                    f"Split '{kind}' leaves no {label} image in the {part} part; use more images "
                    "or a larger test_fraction or validation_fraction."
                )
