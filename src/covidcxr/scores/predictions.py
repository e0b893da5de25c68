"""Predictions of one model, image by image, checked before anything is computed from them.

A table of predictions has the columns ``image_id``, ``label`` and ``score`` (the
probability of the positive class), and where they are known ``part`` and
``group_id``; run records hold such tables, and any other model can write one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core.errors import Unusable
from covidcxr.core.studies import LABELS, POSITIVE

IMAGE = "image"
"""The unit that is drawn anew where no group is named."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of n images.

    Attributes
    ----------
    name
        What to call it.
    image_id
        Shape (n,), text.
    positive
        Shape (n,): by the reference standard the image is of the positive class.
    score
        Shape (n,): the model's probability of that.
    group
        Shape (n,): the number of the image's group, 0, 1, ...; every image is its own
        group where none is named.
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
        """How many groups there are."""
        return int(self.group.max()) + 1 if len(self) else 0

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """The groups, or None where every image is its own and all are independent."""
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
        """The share of positive images."""
        return float(self.positive.mean())


def read(
    path: Path,
    *,
    part: str = "test",
    group: str | None = None,
    positive: str = POSITIVE,
) -> Predictions:
    """Read a CSV of predictions.

    Parameters
    ----------
    path
        The file.
    part
        Which rows count, where the file has a column ``part``.
    group
        The column that names the group, whose images are not independent.
    positive
        The label of the positive class.

    Raises
    ------
    Unusable
        For what cannot be judged, with the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, ValueError) and "unpack" in str(error):
            raise Unusable(f"{path}: is empty; one row an image is needed.") from error
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise Unusable(f"{path}: cannot be read as CSV ({reason}); check the file.") from error
    for name in header:
        if header.count(name) > 1:
            raise Unusable(f"{path}: column '{name}' stands twice; remove one of the two.")
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
    """Check a table of predictions and keep what is judged.

    Parameters
    ----------
    table
        One row an image; the first row of data is called row 2, as in its file.
    name
        What the sentences of errors begin with.
    part, group, positive
        As for `read`.

    Raises
    ------
    Unusable
        For a missing column, an empty cell, a score that is no probability, an image
        twice, labels that are not two classes, or no row of the part.
    """
    wanted = ["image_id", "label", "score", *([group] if group else [])]
    for column in wanted:
        if column not in table:
            there = ", ".join(map(str, table.columns)) or "none"
            raise Unusable(f"{name}: column '{column}' is missing (there are: {there}); add it.")
    rows = table.reset_index(drop=True)
    if "part" in rows:
        empty = rows["part"].isna()
        if empty.any():
            raise Unusable(f"{_row(name, empty)}: column 'part' is empty; fill it in.")
        there = ", ".join(sorted(map(str, rows["part"].unique()))) or "none"
        rows = rows[rows["part"] == part]
        if rows.empty:
            raise Unusable(f"{name}: no row is of part '{part}' (there are: {there}); choose one.")
    if rows.empty:
        raise Unusable(f"{name}: holds no prediction; one row an image is needed.")
    for column in wanted:
        empty = rows[column].isna()
        if empty.any():
            raise Unusable(f"{_row(name, empty)}: column '{column}' is empty; fill it in.")
    again = rows["image_id"].duplicated()
    if again.any():
        image = rows.loc[again, "image_id"].iloc[0]
        raise Unusable(
            f"{_row(name, again)}: image_id '{image}' stands twice; keep one row an image."
        )
    score = _scores(rows, name)
    truth = _truth(rows, name, positive)
    codes = np.arange(len(rows)) if group is None else pd.factorize(rows[group])[0]
    return Predictions(
        name=name,
        image_id=rows["image_id"].to_numpy(dtype=str),
        positive=truth,
        score=score,
        group=codes.astype(np.int64),
        unit=IMAGE if group is None else "images" if group == IMAGE else group,
    )


def align(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return two models' predictions with their images in the same order.

    Raises
    ------
    Unusable
        Where they are not of the same images with the same labels and groups: a paired
        comparison would have no pairs.
    """
    missing = sorted(set(first.image_id) ^ set(second.image_id))
    if missing:
        image = missing[0]
        absent, there = (second, first) if image in set(first.image_id) else (first, second)
        raise Unusable(
            f"{absent.name}: image '{image}' of {there.name} is missing; in all, {len(missing):,} "
            "stand in one file only; compare predictions of the same images."
        )
    order = np.argsort(second.image_id)[np.argsort(np.argsort(first.image_id))]
    moved = Predictions(
        second.name,
        second.image_id[order],
        second.positive[order],
        second.score[order],
        second.group[order],
        second.unit,
    )
    other = first.positive != moved.positive
    if other.any():
        raise Unusable(
            f"{second.name}: image '{first.image_id[other][0]}' has another label than in "
            f"{first.name}; compare predictions against the same reference standard."
        )
    # The same partition may be numbered differently.
    if len(set(zip(first.group, moved.group, strict=True))) != first.units or (
        first.units != moved.units
    ):
        raise Unusable(
            f"{second.name}: column '{second.unit}' groups the images otherwise than "
            f"{first.name}; use the same groups."
        )
    return first, moved


def _scores(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    score = pd.to_numeric(rows["score"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = pd.Series(~((score >= 0) & (score <= 1)), index=rows.index)
    if wrong.any():
        value = rows.loc[wrong, "score"].iloc[0]
        raise Unusable(
            f"{_row(name, wrong)}: score '{value}' is not a number from 0 to 1; give the "
            "probability of the positive class."
        )
    return np.asarray(score, dtype=np.float64)


def _truth(rows: pd.DataFrame, name: str, positive: str) -> NDArray[np.bool_]:
    labels = list(dict.fromkeys(rows["label"]))
    if len(labels) > 2:
        third = rows["label"] == labels[2]
        raise Unusable(
            f"{_row(name, third)}: label '{labels[2]}' is a third class beside '{labels[0]}' and "
            f"'{labels[1]}'; two are needed."
        )
    # Normal images alone are a sample without a patient, unless another class was asked for.
    if positive not in labels and (positive != POSITIVE or labels != ["NORMAL"]):
        raise Unusable(
            f"{name}: no label is '{positive}' (there are: {', '.join(labels)}); name the "
            "positive class with --positive."
        )
    return (rows["label"] == positive).to_numpy(dtype=bool)


def _row(name: str, wrong: pd.Series) -> str:
    """Name the first wrong row by its line in the file, whose first line is the header."""
    return f"{name}, row {int(wrong.index[wrong.to_numpy()][0]) + 2}"
