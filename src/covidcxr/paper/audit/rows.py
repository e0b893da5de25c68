"""A row for each printed value: its verdict, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit import areas, averages, labels, printed_limits, together, verdicts
from covidcxr.paper.audit.labels import Label, Place, Values
from covidcxr.paper.audit.names import canonical, word
from covidcxr.paper.audit.printed import Entry, Printed
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.together import Together
from covidcxr.paper.audit.verdicts import Verdict
from covidcxr.scores import metrics
from covidcxr.scores.metrics import CELLS

Cells = Mapping[str, NDArray[np.int64]]
"""tp, fn, fp, tn by reading."""


def each(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """List the printed values of an audited table, each with the paper's name of its score."""
    for score, rows in table["reported"].items():
        for row in rows if isinstance(rows, list) else [rows]:
            yield score, row


def reported(
    table: ReportedTable,
    prevalences: Sequence[Printed],
    cells: Cells,
    reading: str,
    judged: Together | None,
    wrong: Mapping[str, Mapping[Place, Label]],
) -> dict[str, list[dict[str, Any]]]:
    """Return a row for each printed value of a table, by the paper's name of the score.

    Parameters
    ----------
    table
        Of two classes.
    prevalences
        Those that the paper states.
    cells
        tp, fn, fp, tn by reading, of the matrix that is printed or that the scores leave.
    reading
        On which verdicts rest.
    judged
        What the scores of a table without a matrix say together.
    wrong
        Values that are of another score, by reading.
    """
    by_score: dict[str, list[dict[str, Any]]] = {}
    for score, entries in table.reported.items():
        for i, entry in enumerate(entries):
            name = str(canonical(score))
            by: dict[str, Verdict] = {
                r: verdicts.judge(
                    name, entry.value, c, wrong[r].get(Place(table.name, score, i)),
                    prevalences, sum(table.unclassified),
                )
                for r, c in cells.items()
            }  # fmt: skip
            if judged is not None and not (cells and judged.verdict == "consistent"):
                verdict = _alone(table, score, entry, judged, by.get(reading))
            else:
                verdict = by[reading]
            average = averages.judge(table, name, entry.value)
            if average and average["verdict"] == "unattainable":
                verdict = Verdict("impossible", None, None, average["note"])
            elif table.averaged and table.matrix and verdict.verdict in verdicts.FAULTS:
                note = "An average over folds, which need be no one matrix's."
                verdict = Verdict("possible", verdict.computed, None, note)
            said = row(name, entry, verdict, by, cells.get(reading), average)
            if name == "auroc" and entry.limits:
                said["limits"] = _area_limits(entry, table, cells.get(reading))
            if deviation := averages.deviation(table, name, entry):
                said["deviation"] = deviation
            by_score.setdefault(score, []).append(said)
    return by_score


def row(
    name: str,
    entry: Entry,
    verdict: Verdict,
    by: Mapping[str, Verdict],
    cells: NDArray[np.int64] | None,
    average: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is said of one printed value; ``by`` reading, ``cells`` behind its interval.

    ``average``: what is said of it as an average over folds, which may be a fault beside a spread.
    """
    unattainable = average and average["verdict"] == "unattainable"
    if entry.spread and verdict.verdict in verdicts.FAULTS and not unattainable:
        note = "An average with a spread, which need be no one matrix's."
        verdict = Verdict("possible", verdict.computed, None, note)
    readings = {r: {"verdict": v.verdict, "equals": v.equals} for r, v in by.items()}
    said: dict[str, Any] = {"printed": entry.text, **vars(verdict), "readings": readings}
    if entry.limits:
        said["limits"] = _limits(name, entry, cells)
    if average:
        said["average"] = average
    return said


def _area_limits(
    entry: Entry, table: ReportedTable, cells: NDArray[np.int64] | None
) -> dict[str, Any]:
    """Judge the interval of an AUROC by the images of both classes."""
    assert entry.limits
    size = together.sizes(table)
    if cells is not None:
        size = int(cells[:2].sum()), int(cells[2:].sum())
    usable = size and min(size) > 0 and not table.averaged
    return areas.judge(entry.value, entry.limits, size if usable else None)


def _limits(name: str, entry: Entry, cells: NDArray[np.int64] | None) -> dict[str, Any]:
    """Judge a printed interval by the images of its score's matrix, or of its own fraction."""
    assert entry.limits
    k, n = entry.fraction or (None, None)
    if cells is not None and name in metrics.PROPORTIONS:
        counts = dict(zip(CELLS, cells.tolist(), strict=True))
        k, n = (sum(counts[c] for c in part.split("+")) for part in metrics.PROPORTIONS[name])
    return printed_limits.judge(entry.value, entry.limits, k, n)


def _alone(
    table: ReportedTable, score: str, entry: Entry, judged: Together, by_matrix: Verdict | None
) -> Verdict:
    """Judge a value of a table that prints no matrix, and whose scores may not leave one."""
    one = (score, entry.value)
    size = together.sizes(table)
    if one in judged.impossible and size:
        note = verdicts.unattainable(str(canonical(score)), entry.value, [size[0], 0, 0, size[1]])
        return by_matrix or Verdict("impossible", None, None, note)
    if by_matrix is not None:
        return by_matrix
    if canonical(score) == "auroc":
        return Verdict("possible", None, None, "Without a matrix nothing bounds it.")
    if one == judged.odd or (judged.verdict == "contradictory" and judged.odd is None):
        note = "Possible by itself; it contradicts the other scores."
        return Verdict("contradictory", None, None, note)
    if judged.verdict == "averages":
        what = "images" if table.per_image else f"{table.folds} folds"
        return Verdict("possible", None, None, f"An average over {what}.")
    return Verdict("possible", None, None, "Nothing speaks against it by itself.")


def plain(by_score: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the row of a score that has one, and a list of those of a score that has more."""
    return {score: rows[0] if len(rows) == 1 else rows for score, rows in by_score.items()}


def exchanged(values: Values) -> list[str]:
    """Say which two tables, or classes, print each other's value of a score."""
    return [
        f"{a.table} and {b.table} print each other's {word(str(canonical(a.score)))}: "
        f"{values[a][0].text} and {values[b][0].text} are exchanged."
        for a, b in labels.exchanged_rows(values)
    ]
