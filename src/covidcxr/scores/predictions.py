"""Predictions of one model, image by image, checked before anything is computed from them.

A table of predictions has the columns ``image_id``, ``label`` and ``score`` (the
probability of the positive class), and where they are known ``part`` and
``group_id``. Run records hold such tables, and any other model can write one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core.errors import Unusable
from covidcxr.core.studies import LABELS, POSITIVE
from covidcxr.core.words import failure

IMAGE = "image"
"""The unit that is resampled if no group is named."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a model for n images.

    Attributes
    ----------
    name
        Name of the model.
    image_id
        Shape (n,), text.
    positive
        Shape (n,): positive class by the reference standard.
    score
        Shape (n,): the model's probability of the positive class.
    group
        Shape (n,): number of the image's group, 0, 1, ...; each image is its own group if
        none is named.
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
    def clusters(self) -> NDArray[np.int64] | None:
        """Groups, or None if every image is its own and all are independent."""
        return None if self.units == len(self) else self.group

    def called(self, threshold: float) -> NDArray[np.bool_]:
        """Return which images are called positive: score at or above the threshold."""
        return self.score >= threshold

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
    path: Path, *, part: str = "test", group: str | None = None, positive: str = POSITIVE
) -> Predictions:
    """Read a CSV of predictions; parameters as for `from_table`.

    Raises
    ------
    Unusable
        For a file that is no table, and as `from_table`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        reason = failure(error)
        raise Unusable(f"{path}: cannot be read as CSV ({reason}); check the file.") from error
    if not lines:
        raise Unusable(f"{path}: is empty; one row an image is needed.")
    header, *rows = lines
    for column in header:
        if header.count(column) > 1:
            raise Unusable(f"{path}: column '{column}' stands twice; remove one of the two.")
    # pandas would skip an empty line and take surplus cells for names of rows.
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise Unusable(
                f"{path}, row {number}: has {len(row) or 'no'} cells where the header has "
                f"{len(header)}, or is empty; mend or remove it."
            )
    table = pd.DataFrame(rows, columns=header, dtype="string").replace("", pd.NA)
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
        The column that names the group, whose images are not independent.
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
        if column not in table:
            present = ", ".join(map(str, table.columns)) or "none"
            raise Unusable(f"{name}: column '{column}' is missing (there are: {present}); add it.")
    rows = table.reset_index(drop=True)
    if "part" in rows:
        rows = _part(rows, name, part)
    if rows.empty:
        raise Unusable(f"{name}: holds no prediction; one row an image is needed.")
    for column in columns:
        _refuse(rows[column], rows[column].isna(), name, "is empty; fill it in")
    image = rows["image_id"]
    _refuse(image, image.duplicated(), name, "stands twice; keep one row an image")
    codes = np.arange(len(rows)) if group is None else pd.factorize(rows[group])[0]
    return Predictions(
        name=name,
        image_id=rows["image_id"].to_numpy(dtype=str),
        score=_scores(rows, name),
        positive=_positive(rows, name, positive),
        group=codes.astype(np.int64),
        unit=IMAGE if group is None else "images" if group == IMAGE else group,
    )


def align(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Bring two models' predictions into the same order of images.

    Raises
    ------
    Unusable
        If they are not of the same images with the same labels and groups: a paired
        comparison would have no pairs.
    """
    unpaired = sorted(set(first.image_id) ^ set(second.image_id))
    if unpaired:
        image = unpaired[0]
        here, absent = (first, second) if image in first.image_id else (second, first)
        raise Unusable(
            f"{absent.name}: image '{image}' of {here.name} is missing; in all, {len(unpaired):,} "
            "stand in one file only; compare predictions of the same images."
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


def _part(rows: pd.DataFrame, name: str, part: str) -> pd.DataFrame:
    _refuse(rows["part"], rows["part"].isna(), name, "is empty; fill it in")
    kept = rows[rows["part"] == part]
    if kept.empty:
        present = ", ".join(sorted(map(str, rows["part"].unique()))) or "none"
        raise Unusable(f"{name}: no row is of part '{part}' (there are: {present}); choose one.")
    return kept


def _scores(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    score = pd.to_numeric(rows["score"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = pd.Series(~((score >= 0) & (score <= 1)), index=rows.index)
    fault = "is not a number from 0 to 1; give the probability of the positive class"
    _refuse(rows["score"], wrong, name, fault)
    return score


def _positive(rows: pd.DataFrame, name: str, positive: str) -> NDArray[np.bool_]:
    labels = list(dict.fromkeys(rows["label"]))
    if len(labels) > 2:
        fault = f"is a third class beside '{labels[0]}' and '{labels[1]}'; two are needed"
        _refuse(rows["label"], rows["label"] == labels[2], name, fault)
    # Normal images alone are a sample without a patient, unless another class was asked for.
    if positive not in labels and (positive != POSITIVE or labels != ["NORMAL"]):
        raise Unusable(
            f"{name}: no label is '{positive}' (there are: {', '.join(labels)}); name the "
            "positive class with --positive."
        )
    return (rows["label"] == positive).to_numpy(dtype=bool)


def _refuse(column: pd.Series, wrong: pd.Series, name: str, fault: str) -> None:
    """Name the first wrong cell by its line in the file, whose first line is the header."""
    if wrong.any():
        row, value = next(iter(column[wrong].items()))
        cell = f"column '{column.name}'" if pd.isna(value) else f"{column.name} '{value}'"
        raise Unusable(f"{name}, row {int(str(row)) + 2}: {cell} {fault}.")
