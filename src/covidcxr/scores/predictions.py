"""Predictions of one model, image by image, checked before anything is computed from them.

A table of predictions has the columns ``image_id``, ``label`` and ``score`` (the probability of
the positive class), and where they are known ``part`` and ``group_id``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core import csv_tables, identifiers
from covidcxr.core.errors import Unusable
from covidcxr.core.studies import LABELS, POSITIVE
from covidcxr.core.words import quoted, shown

log = logging.getLogger(__name__)

IMAGE = "image"
"""The unit that is resampled if no group is named."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of the model ``name`` for n images; arrays have the shape (n,).

    Attributes
    ----------
    positive
        Positive class by the reference standard.
    score
        The model's probability of the positive class.
    group
        Number of the image's group, 0, 1, ...; each image is its own group if none is named.
    unit
        What a group is: ``image``, or the column that names it.
    """

    name: str
    image_id: NDArray[np.str_]
    positive: NDArray[np.bool_]
    score: NDArray[np.float64]
    group: NDArray[np.int64]
    unit: str = IMAGE

    def __len__(self) -> int:
        return len(self.image_id)

    @property
    def units(self) -> int:
        """Number of groups."""
        return int(self.group.max()) + 1 if len(self) else 0

    @property
    def units_by_class(self) -> tuple[int, int]:
        """Number of groups with a positive image, and with a negative one."""
        sizes = [len(np.unique(self.group[of])) for of in (self.positive, ~self.positive)]
        return sizes[0], sizes[1]

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """Groups, or None if every image is its own and all are independent."""
        return None if self.units == len(self) else self.group

    def called(self, threshold: float) -> NDArray[np.bool_]:
        """Return which images are called positive: score at or above the threshold."""
        return self.score >= threshold

    @property
    def missing_class(self) -> str:
        """Reason why scores of both classes are undefined, empty where none is missing."""
        if not len(self):
            return "no image"
        if not self.positive.any():
            return "no positive image"
        return "no negative image" if self.positive.all() else ""

    @property
    def counts(self) -> dict[str, int]:
        """Images by class."""
        positive = int(self.positive.sum())
        return dict(zip(LABELS, (positive, len(self) - positive), strict=True))

    @property
    def prevalence(self) -> float:
        """Share of positive images."""
        return float(self.positive.mean())


def read(
    path: Path,
    *,
    part: str = "test",
    group: str | None = None,
    positive: str = POSITIVE,
    columns: Mapping[str, str] | None = None,
    delimiter: str = ",",
) -> Predictions:
    """Read a CSV of predictions; parameters as for `from_table`.

    ``columns`` says how ``image_id``, ``label`` and ``score`` are called where otherwise.

    Raises
    ------
    Unusable
        For a file that is no table, and as `from_table`.
    """
    table = csv_tables.read(path, delimiter)
    for name, column in (columns or {}).items():
        require(table, column, str(path))
        table[name] = table[column]
    if "image_id" in table:
        composed = table["image_id"].map(lambda text: normalize("NFC", text), na_action="ignore")
        table["image_id"] = composed.astype("string")
    return from_table(table, str(path), part=part, group=group, positive=positive)


def from_table(
    table: pd.DataFrame,
    name: str,
    *,
    part: str = "test",
    group: str | None = None,
    positive: str = POSITIVE,
) -> Predictions:
    """Check a table of predictions and keep one part of it.

    Parameters
    ----------
    table
        One row an image; messages call the first one row 2, as in its file.
    name
        Name of the model, with which messages begin.
    part
        The rows that are kept, if there is a column ``part``.
    group
        The column that names the group, whose images are not independent. An image of an
        unknown group is a group of its own, which a warning counts.
    positive
        The label of the positive class.

    Raises
    ------
    Unusable
        For a missing column, an empty cell, a score that is no probability, an image
        twice, labels that are not two classes, or no row of the part.
    """
    columns = ["image_id", "label", "score", *([group] if group else [])]
    for column in columns:
        require(table, column, name)
    rows = table if table.index.name == csv_tables.ROW else table.reset_index(drop=True)
    if "part" in rows:
        rows = keep_part(rows, name, part)
    if rows.empty:
        raise Unusable(f"{name}: holds no prediction; one row an image is needed.")
    for column in columns[:3]:
        refuse(rows[column], rows[column].isna(), name, "is empty; fill it in")
    image = rows["image_id"]
    refuse(image, image.duplicated(), name, "stands twice; keep one row an image")
    return Predictions(
        name=name,
        image_id=rows["image_id"].to_numpy(dtype=str),
        score=_scores(rows, name),
        positive=_positive(rows, name, positive),
        group=np.arange(len(rows)) if group is None else _groups(rows[group], name),
        unit=IMAGE if group is None else "images" if group == IMAGE else group,
    )


def align(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Bring two models' predictions into the same order of images.

    `Unusable` if they are not of the same images with the same labels and groups: a paired
    comparison would have no pairs.
    """
    unpaired = sorted(set(first.image_id) ^ set(second.image_id))
    if unpaired:
        image = unpaired[0]
        here, absent = (first, second) if image in first.image_id else (second, first)
        names = [{PurePosixPath(i).name for i in p.image_id} for p in (first, second)]
        remedy = "compare predictions of the same images"
        if names[0] == names[1]:
            remedy = "their names agree without the folders: write them alike in both files"
        elif not set(first.image_id) & set(second.image_id):
            remedy += ", or two test sets that share no image with --unpaired"
        raise Unusable(
            f"{absent.name}: image '{shown(image, 200)}' of {here.name} is missing; in all, "
            f"{len(unpaired):,} stand in one file only; {remedy}."
        )
    order = np.argsort(second.image_id)[np.argsort(np.argsort(first.image_id))]
    columns = ("image_id", "positive", "score", "group")
    second = replace(second, **{column: getattr(second, column)[order] for column in columns})
    other = first.positive != second.positive
    if other.any():
        raise Unusable(
            f"{second.name}: image '{first.image_id[other][0]}' has another label than in "
            f"{first.name}; compare predictions against the same reference standard."
        )
    # The same partition may be numbered differently.
    groups = len(set(zip(first.group, second.group, strict=True)))
    if not groups == first.units == second.units:
        raise Unusable(
            f"{second.name}: column '{second.unit}' groups the images otherwise than "
            f"{first.name}; use the same groups."
        )
    return first, second


def require(table: pd.DataFrame, column: str, name: str) -> None:
    """Refuse a table without the column."""
    if column not in table:
        raise Unusable(
            f"{name}: column '{shown(column)}' is missing (there are: "
            f"{csv_tables.columns_of(table)}); add it, or name the one that is meant."
        )


def _groups(column: pd.Series, name: str) -> NDArray[np.int64]:
    """Return the group of each image, 0, 1, ...; each unknown one is a group of its own."""
    ids, remarks = identifiers.resolve(column.astype("string"), "group")
    for remark in remarks:
        log.warning("%s: %s", name, remark)
    codes = pd.factorize(ids)[0]
    codes[codes < 0] = len(codes) + np.arange((codes < 0).sum())
    return pd.factorize(codes)[0].astype(np.int64)


def keep_part(rows: pd.DataFrame, name: str, part: str) -> pd.DataFrame:
    """Keep the rows of a part, of which there is one at least."""
    refuse(rows["part"], rows["part"].isna(), name, "is empty; fill it in")
    kept = rows[rows["part"] == part]
    if kept.empty:
        raise Unusable(
            f"{name}: no row is of part '{shown(part)}' (there are: "
            f"{quoted(sorted(rows['part'].unique()))}); choose one."
        )
    return kept


def _scores(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    score = pd.to_numeric(rows["score"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = pd.Series(~((score >= 0) & (score <= 1)), index=rows.index)
    fault = (
        "is not a number from 0 to 1; give the probability of the positive class, with a decimal "
        "point (percent divided by 100, a logit through the sigmoid)"
    )
    refuse(rows["score"], wrong, name, fault)
    return score


def _positive(rows: pd.DataFrame, name: str, positive: str) -> NDArray[np.bool_]:
    labels = list(dict.fromkeys(rows["label"]))
    if len(labels) > 2:
        fault = (
            f"is a third class beside '{shown(labels[0])}' and '{shown(labels[1])}'; two are needed"
        )
        refuse(rows["label"], rows["label"] == labels[2], name, fault)
    # Normal images alone are a sample without a patient, unless another class was asked for.
    if positive not in labels and (positive != POSITIVE or labels != ["NORMAL"]):
        raise Unusable(
            f"{name}: no label is '{positive}' (there are: {quoted(labels)}); name the "
            "positive class with --positive."
        )
    return (rows["label"] == positive).to_numpy(dtype=bool)


def refuse(column: pd.Series, wrong: pd.Series, name: str, fault: str) -> None:
    """Name the first wrong cell by its line in the file, whose first line is the header."""
    if wrong.any():
        position = int(wrong.to_numpy(dtype=bool).argmax())
        value = column.iloc[position]
        cell = f"column '{column.name}'" if pd.isna(value) else f"{column.name} '{shown(value)}'"
        raise Unusable(f"{name}, row {csv_tables.row_of(column, position)}: {cell} {fault}.")
