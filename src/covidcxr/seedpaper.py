"""The paper's printed numbers as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from covidcxr.config import ModelName


@dataclass(frozen=True)
class Table:
    """One of the paper's Tables 1 to 3.

    Attributes
    ----------
    model
        The network it reports.
    place, section
        Where it stands in the paper.
    matrix
        Shape (2, 2), as printed: rows labelled "model", columns "target",
        COVID-19 first.
    printed
        The scores beside the matrix, as strings, under the paper's names.
    """

    model: ModelName
    place: str
    section: str
    matrix: tuple[tuple[int, int], tuple[int, int]]
    printed: dict[str, str]

    def cells(self, rows: str) -> NDArray[np.int64]:
        """Return tp, fn, fp, tn with the rows read as ``predicted`` or as ``true``."""
        (a, b), (c, d) = self.matrix
        return np.array([a, c, b, d] if rows == "predicted" else [a, b, c, d])


@cache
def load() -> dict[str, Any]:
    """Return the whole file."""
    return yaml.safe_load(files("covidcxr").joinpath("data/seedpaper.yaml").read_text("utf-8"))


def tables() -> dict[ModelName, Table]:
    """Return Tables 1 to 3 by network."""
    return {
        row["model"]: Table(**{**row, "matrix": tuple(tuple(r) for r in row["matrix"])})
        for row in load()["tables"]
    }


def row_totals() -> set[tuple[int, int]]:
    """Return the distinct row totals of the printed matrices."""
    return {(sum(table.matrix[0]), sum(table.matrix[1])) for table in tables().values()}
