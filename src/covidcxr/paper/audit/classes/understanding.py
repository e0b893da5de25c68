"""A table of several classes, brought to four cells of each class, or to limits of its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit import feasible, orientation, together
from covidcxr.paper.audit.classes import closing, names, shares
from covidcxr.paper.audit.classes.evidence import Evidence, of_counts, of_prints
from covidcxr.paper.audit.classes.reading import ClassTable
from covidcxr.paper.audit.classes.scores import Conventions, overall
from covidcxr.paper.audit.orientation import READINGS, Orientation
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.together import Together

Cells = NDArray[np.int64]
"""tp, fn, fp, tn of each class, shape (k, 4)."""


@dataclass(frozen=True)
class Understood:
    """A table, the ways to understand it by reading, and the scores of the cells of each way.

    ``single`` holds each class against the rest, as a table of two classes; ``said``, verdict and
    note on a table without counts as a whole; ``alone``, what the scores of each class say
    together where there is no matrix.
    """

    table: ClassTable
    reading: str
    ways: Mapping[str, list[Evidence]]
    scores: Mapping[str, list[dict[str, Conventions]]]
    single: Mapping[str, ReportedTable]
    said: tuple[str, str] | None = None
    alone: Mapping[str, Together] = field(default_factory=dict)

    @property
    def cells(self) -> dict[str, Cells]:
        """Cells by reading, where they are certain."""
        first = {reading: ways[0] for reading, ways in self.ways.items() if ways}
        return {r: way.cells for r, way in first.items() if way.certain and way.cells is not None}


def understand(tables: Sequence[ClassTable]) -> tuple[Orientation, list[Understood]]:
    """Decide what the rows are of tables on one test set, and understand each table."""
    wide = [table for table in tables if _is_wide(table)]
    margins = {
        reading: {
            table.name: tuple(_true_first(table, reading).sum(axis=1).tolist())
            for table in tables
            if table.matrix and table not in wide
        }
        for reading in READINGS
    }
    sizes = tables[0].test_set
    decided = orientation.by_margins(margins, sizes, tables[0].classes)
    if len(wide) == sum(table.matrix is not None for table in tables) > 0:
        reason = "The images without a decision show which margin is the truth."
        decided = Orientation("as_printed", reason)
    remarks = list(decided.remarks)
    for table in wide:
        margin = _true_first(table, READINGS[0]).sum(axis=1).tolist()
        if sizes and margin != list(sizes):
            has, states = (" + ".join(f"{n:,}" for n in one) for one in (margin, sizes))
            remarks.append(f"{table.name} has {has} images; the paper states {states}.")
    decided = replace(decided, remarks=remarks)
    return decided, [_understand(table, decided.of(table.name)) for table in tables]


def _is_wide(table: ClassTable) -> bool:
    return table.matrix is not None and len(table.matrix) != len(table.matrix[0])


def _true_first(table: ClassTable, reading: str) -> Cells:
    """Return a matrix of counts, true classes by decisions, in one reading."""
    matrix = np.array(table.matrix, dtype=np.int64)
    rows = table.rows if reading == "as_printed" else orientation.OTHER[table.rows]
    return matrix.T if rows == "predicted" else matrix


def _understand(table: ClassTable, reading: str) -> Understood:
    sizes, alone, said = table.test_set, {}, None
    single = {
        name: ReportedTable(
            f"{table.name}, {name}", None, "true", "positive", table.by_class.get(name, {}),
            (sizes[i], sum(sizes) - sizes[i]) if sizes else None, folds=table.folds,
        )
        for i, name in enumerate(table.classes)
    }  # fmt: skip
    if table.matrix is not None and not _is_wide(table):
        ways = {r: of_counts(_true_first(table, r)) for r in READINGS}
    else:
        reading = READINGS[0]
        if table.matrix is not None:
            evidence = of_counts(_true_first(table, reading))
        elif table.shares is not None:
            evidence, said = shares.evidence(table)
        elif table.one_vs_rest is not None:
            closed = closing.close(table.classes, np.array(table.one_vs_rest), sizes)
            evidence = [Evidence(closed.cells)] if closed.cells is not None else []
            said = closed.verdict, closed.note
        else:
            judge = together.judge if table.folds == 1 else together.judge_averages
            alone = {name: judge(one) for name, one in single.items() if one.reported}
            evidence, said = _without_matrix(table, single, alone)
        ways = {reading: evidence}
    scores = {
        r: [{} if way.cells is None else overall(way.cells, way.matrix) for way in evidence]
        for r, evidence in ways.items()
    }
    return Understood(table, reading, ways, scores, single, said, alone)


def _without_matrix(
    table: ClassTable, single: Mapping[str, ReportedTable], alone: Mapping[str, Together]
) -> tuple[list[Evidence], tuple[str, str]]:
    """Understand a table by the cells that the scores of all its classes leave, if they close."""
    torn = [f"{name}: {one.note}" for name, one in alone.items() if one.verdict == "contradictory"]
    verdict = "contradictory" if torn else "consistent"
    listed = [one.cells for one in alone.values() if one.cells is not None]
    if table.test_set and len(listed) == len(table.classes):
        closed = closing.close(table.classes, np.array(listed), table.test_set)
        said = f"The scores of each class single its counts out. {closed.note}"
        if closed.verdict == "consistent":
            return [Evidence(closed.cells)], (verdict, " ".join([said, *torn]))
        if not torn and all(_is_single(one) for one in single.values()):
            return [], ("contradictory", said)
    said = " ".join(torn) or "No matrix is printed: averages are held against the classes."
    return [Evidence(None, False, of_prints(single))], (verdict, said)


def _is_single(table: ReportedTable) -> bool:
    """Say whether one matrix alone has the scores of a class, digits cut off included."""
    assert table.test_set
    named = [(str(names.of_class(score)), value) for score, value in together.values(table)]
    fitting = feasible.matrices(named, table.test_set)
    return fitting is not None and len(fitting) == 1
