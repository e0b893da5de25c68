"""Synthetic papers with planted errors: what the auditor finds of each kind, and what it alleges.

A paper has one to four tables on one test set, with five to eight scores each, printed with two to
four digits, with or without its matrices. One kind of error is planted, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from covidcxr.core.errors import Unusable
from covidcxr.paper.audit import scores
from covidcxr.paper.audit.reading import parse
from covidcxr.paper.audit.report import audit
from covidcxr.paper.audit.verdicts import FAULTS

PRINTED = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "mcc",
           "kappa", "auroc")  # fmt: skip


@dataclass
class Draft:
    """A paper before it is printed.

    ``cells``, tp, fn, fp, tn, and ``prints``, text by score, of each table; ``rows``, what the
    rows of its printed matrices are called; ``matrices``, whether they are printed; ``sizes``,
    whether the test set is stated.
    """

    cells: list[list[int]]
    prints: list[dict[str, str]]
    matrices: bool
    sizes: bool
    transposed: bool = False

    def content(self) -> dict[str, Any]:
        """Return the paper as `covidcxr.paper.audit.reading.parse` takes it."""
        tables = []
        for number, (cells, prints) in enumerate(zip(self.cells, self.prints, strict=True), 1):
            tp, fn, fp, tn = cells
            table: dict[str, Any] = {"name": f"model {number}", "reported": prints}
            if self.matrices:
                table |= {"matrix": [[tp, fn], [fp, tn]],
                          "rows": "predicted" if self.transposed else "true"}  # fmt: skip
            tables.append(table)
        paper: dict[str, Any] = {"title": "Synthetic paper", "tables": tables}
        if self.sizes or not self.matrices:
            tp, fn, fp, tn = self.cells[0]
            paper["test_set"] = {"positive": tp + fn, "negative": fp + tn}
        return paper


def draft(rng: Generator, *, matrices: bool | None = None, tables: int | None = None) -> Draft:
    """Draw a paper without an error."""
    positive, negative = (int(10 ** rng.uniform(1.3, 3.3)) for _ in range(2))
    digits, percent = int(rng.integers(2, 5)), bool(rng.integers(2))
    chosen = [str(name) for name in rng.choice(PRINTED, int(rng.integers(5, 9)), replace=False)]
    cells, prints = [], []
    for _ in range(tables or int(rng.integers(1, 5))):
        tp = int(rng.binomial(positive, rng.uniform(0.5, 0.995)))
        tn = int(rng.binomial(negative, rng.uniform(0.5, 0.995)))
        cells.append([tp, positive - tp, negative - tn, tn])
        prints.append(printed(cells[-1], chosen, digits, percent, rng))
    shown = bool(rng.integers(2)) if matrices is None else matrices
    return Draft(cells, prints, shown, bool(rng.integers(2)))


def printed(
    cells: list[int], names: list[str], digits: int, percent: bool, rng: Generator
) -> dict[str, str]:
    """Print scores of a matrix with as many digits, an AUROC between its bounds."""
    values = {name: float(value) for name, value in scores.compute(cells).items()}
    s, t = values["sensitivity"], values["specificity"]
    values["auroc"] = rng.uniform((s + t) / 2, 1 - (1 - s) * (1 - t))
    return {name: show(values[name], digits, percent) for name in names
            if np.isfinite(values[name])}  # fmt: skip


def show(value: float, digits: int, percent: bool) -> str:
    """Print a value, a percentage with as many digits in all."""
    return f"{100 * value:.{max(digits - 2, 0)}f}%" if percent else f"{value:.{digits}f}"


def transposed(paper: Draft, rng: Generator) -> None:
    """Call the rows of every matrix by the wrong name, and the scores accordingly."""
    paper.transposed = paper.matrices = True
    paper.sizes = True
    for cells, prints in zip(paper.cells, paper.prints, strict=True):
        tp, fn, fp, tn = cells
        names = [name for name in prints if name != "auroc"]
        prints |= _again([tp, fp, fn, tn], names, prints, rng)


def exchanged(paper: Draft, rng: Generator) -> None:
    """Exchange the columns of PPV and NPV."""
    for cells, prints in zip(paper.cells, paper.prints, strict=True):
        prints |= _again(cells, ["ppv", "npv"], prints, rng)
        prints["ppv"], prints["npv"] = prints["npv"], prints["ppv"]


def typed(paper: Draft, rng: Generator) -> None:
    """Change one digit of one score by two or more."""
    prints = paper.prints[int(rng.integers(len(paper.prints)))]
    names = [name for name in prints if name != "auroc"]
    name = names[int(rng.integers(len(names)))]
    text = prints[name]
    places = [i for i, c in enumerate(text) if c.isdigit()][-2:]
    place = places[int(rng.integers(len(places)))]
    digit = (int(text[place]) + int(rng.integers(2, 9))) % 10
    prints[name] = text[:place] + str(digit) + text[place + 1 :]


def misplaced(paper: Draft, rng: Generator) -> None:
    """Take one table's scores from a test set of other sizes."""
    number = int(rng.integers(len(paper.cells)))
    other = [int(cell * rng.uniform(1.2, 1.9)) + 3 for cell in paper.cells[number]]
    paper.prints[number] = _again(other, list(paper.prints[number]), paper.prints[number], rng)


def averaged(paper: Draft, rng: Generator) -> None:
    """Average the scores of one table over five folds."""
    number = int(rng.integers(len(paper.cells)))
    tp, fn, fp, tn = paper.cells[number]
    prints = paper.prints[number]
    positives, negatives = (np.array_split(np.arange(n), 5) for n in (tp + fn, fp + tn))
    right = rng.permutation(tp + fn) < tp, rng.permutation(fp + tn) < tn
    folds = []
    for p, n in zip(positives, negatives, strict=True):
        a, b = int(right[0][p].sum()), int(right[1][n].sum())
        folds.append([a, len(p) - a, len(n) - b, b])
    means = {name: float(np.mean(v)) for name, v in scores.compute(folds).items()}
    for name in prints:
        if name != "auroc" and np.isfinite(means[name]):
            prints[name] = show(means[name], _digits(prints[name]), "%" in prints[name])


def rounded_twice(paper: Draft, rng: Generator) -> None:
    """Round every score to one digit more before it is rounded."""
    paper.matrices = True
    for cells, prints in zip(paper.cells, paper.prints, strict=True):
        example = next(iter(prints.values()))
        longer = printed(cells, [name for name in prints if name != "auroc"],
                         _digits(example) + 1, "%" in example, rng)  # fmt: skip
        step = Decimal(1).scaleb(-len(example.rstrip("%").partition(".")[2]))
        for name, text in longer.items():
            shorter = Decimal(text.rstrip("%")).quantize(step, ROUND_HALF_UP)
            prints[name] = f"{shorter}%" if "%" in example else str(shorter)


ERRORS: dict[str, Callable[[Draft, Generator], None]] = {
    "transposed": transposed,
    "columns exchanged": exchanged,
    "typing error": typed,
    "another test set": misplaced,
    "averages over folds": averaged,
    "rounded twice": rounded_twice,
}
"""The kinds of error that are planted."""


class Trial(NamedTuple):
    """Whether an error was found, tables that it did not touch, and those of them accused."""

    found: bool
    innocent: int
    accused: int


def trial(kind: str | None, rng: Generator) -> Trial | None:
    """Audit one paper with an error of a kind, or without.

    None where the error changed no printed digit. A value that is refused as impossible, such as
    170%, is found. Without an error nothing is to be found, and twice rounded tables are innocent.
    """
    paper = draft(rng, tables=3 if kind == "transposed" else None)
    before = [dict(prints) for prints in paper.prints]
    if kind is not None:
        ERRORS[kind](paper, rng)
    if kind not in (None, "transposed") and paper.prints == before:
        return None
    try:
        report = audit(parse(paper.content(), "synthetic paper"), corroborate=False)
    except Unusable:
        return Trial(True, 0, 0)
    turned = report["orientation"] in ("transposed", "mixed")
    blamed = [turned or _faulty(table) for table in report["tables"]]
    if kind == "rounded twice":
        return Trial(kind in report["verdicts"], len(blamed), sum(blamed))
    innocent = [
        kind != "transposed" and old == new for old, new in zip(before, paper.prints, strict=True)
    ]
    accused = sum(map(all, zip(innocent, blamed, strict=True)))
    return Trial(any(blamed), sum(innocent), accused)


def _faulty(table: Mapping[str, Any]) -> bool:
    rows = table["reported"].values()
    return any(row["verdict"] in FAULTS for row in rows)


def _again(
    cells: list[int], names: list[str], prints: dict[str, str], rng: Generator
) -> dict[str, str]:
    example = next(iter(prints.values()))
    return printed(cells, names, _digits(example), "%" in example, rng)


def _digits(text: str) -> int:
    decimals = len(text.rstrip("%").partition(".")[2])
    return decimals + 2 if "%" in text else decimals
