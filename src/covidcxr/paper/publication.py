"""The paper's printed numbers, formulas, references and citations, as data."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from covidcxr.core.studies import LABELS, TITLES, Label, ModelName, Strict

Rows = Literal["predicted", "true"]
ScoreName = Literal["accuracy", "precision", "recall", "specificity", "npv", "f1"]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)
"""The paper's names of its scores."""

_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six")
_WORDS = {word: Decimal(n) for n, word in enumerate(_NUMBER_WORDS, 1)}
_SIZE = re.compile(r"(\d+)×(\d+)|\((\d+),(\d+)\)", re.ASCII)
_PLAIN = re.compile(r"\d{1,3}(,\d{3})+|\d+(\.\d+)?", re.ASCII)
_SCALE = {"percent": Decimal("0.01"), "billion operations": Decimal(10**9)}


class Number(Strict):
    """A printed number: its digits or its word without the unit, and what it is said to be.

    ``percent`` and ``billion operations`` scale its value. ``of`` and ``score`` are the network
    and the paper's name of the score, if it is a score of a network.
    """

    id: str
    printed: str
    place: str
    says: str
    unit: str | None = None
    of: ModelName | None = None
    score: ScoreName | None = None

    @property
    def value(self) -> float:
        """The number: a percentage as a fraction, the side of a square size."""
        return float(_digits(self.printed) * _SCALE.get(self.unit or "", Decimal(1)))

    @property
    def with_unit(self) -> str:
        """What is printed, with the sign of a percentage."""
        return self.printed + ("%" if self.unit == "percent" else "")


class Table(Strict):
    """One of the paper's Tables 1 to 3.

    The matrix is as printed: rows labelled "model", columns "target", COVID-19 first. ``rows`` is
    what the paper says its rows are; ``printed`` are the scores beside it, as text.
    """

    model: ModelName
    place: str
    section: str
    rows: Rows
    matrix: tuple[tuple[int, int], tuple[int, int]]
    printed: dict[str, str]

    def cells(self, rows: str) -> NDArray[np.int64]:
        """Return tp, fn, fp, tn with the rows read as ``predicted`` or as ``true``."""
        (a, b), (c, d) = self.matrix
        return np.array([a, c, b, d] if rows == "predicted" else [a, b, c, d])


class Section(Strict):
    """A section: its printed number, a title of ours, the network it is about."""

    number: str
    title: str
    of: ModelName | None = None


class Cell(Strict):
    """How the paper's words define one of TP, TN, FP and FN."""

    name: Literal["TP", "TN", "FP", "FN"]
    predicted: Label
    actual: Label
    place: str


class Equation(Strict):
    """How the paper defines a score: a pandas expression over TP, TN, FP, FN, Precision, Recall.

    Number and label (the left-hand side) are None if no equation is printed.
    """

    score: ScoreName
    formula: str
    place: str
    in_words: str
    number: str | None = None
    label: str | None = None


class MetricList(Strict):
    """The scores that a section announces for its table, in its order."""

    place: str
    table: str
    scores: tuple[ScoreName, ...]


class Figure(Strict):
    """A figure: its printed number and panels, the section that announces it."""

    number: str
    panels: tuple[str, ...]
    section: str
    shows: str
    of: ModelName | None = None


class Pointer(Strict):
    """A pointer to another part of the paper, with the panels (``3a``) or the number it names."""

    place: str
    kind: Literal["figure", "table", "section"]
    printed: str
    says: str
    panels: tuple[str, ...] = ()
    number: str | None = None
    of: ModelName | None = None


class Citation(Strict):
    """A citation: where, of which reference (None: no number printed), and for what."""

    place: str
    says: str
    reference: str | None = None


class Study(Strict):
    """What section 2 says of a cited study, as ids of numbers."""

    reference: str
    name: str
    numbers: tuple[str, ...]


class Reference(Strict):
    """An entry of the reference list, as printed; None where nothing is printed."""

    number: str
    authors: tuple[str, ...]
    title: str | None = None
    venue: str | None = None
    volume: str | None = None
    pages: str | None = None
    year: str | None = None
    url: str | None = None
    accessed: str | None = None


class Paper(Strict):
    """All of ``data/seedpaper.yaml``, whose keys the attributes are."""

    title: str
    sections: tuple[Section, ...]
    numbers: tuple[Number, ...]
    tables: tuple[Table, ...]
    cells: tuple[Cell, ...]
    equations: tuple[Equation, ...]
    metric_lists: tuple[MetricList, ...]
    figures: tuple[Figure, ...]
    cross_references: tuple[Pointer, ...]
    citations: tuple[Citation, ...]
    literature: tuple[Study, ...]
    references: tuple[Reference, ...]


@cache
def load() -> dict[str, Any]:
    """Return the whole file as it is."""
    return yaml.safe_load(files("covidcxr").joinpath("data/seedpaper.yaml").read_text("utf-8"))


@cache
def paper() -> Paper:
    """Return the whole file, typed."""
    return parse(load())


def parse(content: dict[str, Any]) -> Paper:
    """Type the content of a file; an unknown or missing key is a `pydantic.ValidationError`."""
    # Strict validation takes a list for a tuple only if it reads JSON.
    return Paper.model_validate_json(json.dumps(content))


def numbers() -> dict[str, Number]:
    """Return all printed numbers by id: of the running text, then of the tables.

    A table's numbers are called ``table1-recall`` and ``table1-covid19-normal``, row before column.
    """
    of_tables = (number for table in paper().tables for number in _of_table(table))
    return {number.id: number for number in [*paper().numbers, *of_tables]}


def value(id: str) -> float:
    """Return the value of a printed number."""
    return numbers()[id].value


def tables() -> dict[ModelName, Table]:
    """Return Tables 1 to 3 by network."""
    # The scores are copied: nothing that a caller does to them can change the paper.
    return {t.model: t.model_copy(deep=True) for t in paper().tables}


def row_totals() -> set[tuple[int, int]]:
    """Return the distinct row totals of the printed matrices."""
    return {(sum(table.matrix[0]), sum(table.matrix[1])) for table in tables().values()}


def reported() -> dict[str, Any]:
    """Return the paper's tables as `covidcxr.paper.audit` reads any paper's.

    Each score lists the prints of the table, then those of the text. The paper states no class
    sizes of its test part.
    """
    return {
        "title": paper().title,
        "tables": [
            {
                "name": TITLES[table.model],
                "matrix": [list(row) for row in table.matrix],
                "rows": table.rows,
                "reported": {score: _prints(table, score) for score in SCORES},
            }
            for table in paper().tables
        ],
    }


def _prints(table: Table, score: ScoreName) -> list[str]:
    """Return every print of a network's score, of the table first."""
    text = (n for n in paper().numbers if n.of == table.model and n.score == score)
    return [table.printed[score], *(n.with_unit for n in text)]


def _of_table(table: Table) -> list[Number]:
    name = table.place.lower().replace(" ", "")
    cells = [
        Number(
            id=f"{name}-{row}-{column}".lower(),
            printed=str(table.matrix[i][j]),
            place=f"{table.place}, row {row}, column {column}",
            says=f"images that the model calls {row} and that are {column}, as labelled",
            unit="images",
            of=table.model,
        )
        for i, row in enumerate(LABELS)
        for j, column in enumerate(LABELS)
    ]
    return cells + [
        Number(id=f"{name}-{score}", printed=table.printed[score], of=table.model, score=score,
               place=f"{table.place}, {score}", says=f"{score} beside the matrix", unit="fraction")
        for score in SCORES
    ]  # fmt: skip


def _digits(text: str) -> Decimal:
    """Return what is printed, unscaled."""
    if text in _WORDS:
        return _WORDS[text]
    if size := _SIZE.fullmatch(text):
        height, width = (Decimal(side) for side in size.groups() if side is not None)
        if height == width:
            return height
    elif _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", ""))
    raise ValueError(f"{text!r} is no number, number word or square size")
