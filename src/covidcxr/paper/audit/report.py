"""The whole audit of a paper, as plain data that JSON can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from covidcxr.paper.audit import bounds, corroboration, orientation, scores, verdicts
from covidcxr.paper.audit.orientation import Orientation
from covidcxr.paper.audit.reading import Paper, ReportedTable
from covidcxr.paper.audit.scores import READINGS
from covidcxr.scores import metrics
from covidcxr.scores.metrics import CELLS


def audit(paper: Paper) -> dict[str, Any]:
    """Audit what a paper reports.

    Parameters
    ----------
    paper
        As `covidcxr.paper.audit.reading.parse` returns it.

    Returns
    -------
    dict
        ``title``; ``orientation`` (``as_printed``, ``transposed`` or ``undecidable``),
        ``reason``, ``reading`` (on which verdicts rest), ``test_set`` (positive and
        negative images, stated or decided, else None); ``tables``, a dict each:

        ``name``, ``matrix``, ``rows``
            As given.
        ``matrix_from``, ``reading``, ``test_set``
            Whether the matrix is of the ``print`` or found from the ``scores``, how it is
            read, and its positive and negative images in that reading.
        ``cells``, ``scores``, ``intervals``
            By reading.
        ``reported``
            By the paper's name of the score: ``printed``, ``verdict`` (see
            `covidcxr.paper.audit.verdicts`), ``computed``, ``equals``, ``note``, and
            ``readings`` with the verdict under each reading; a list of them where the
            file gives several values.
        ``auroc``, ``predictive_values``, ``baseline``
            As `covidcxr.paper.audit.bounds` returns them, in the reading that was decided.
        ``corroboration``
            As `covidcxr.paper.audit.corroboration` returns it.

        and ``pairs`` of tables: ``a``, ``b`` and what `covidcxr.paper.audit.bounds.pair` returns.
    """
    decided = orientation.decide(paper.tables, paper.test_set)
    tables = [_table(table, paper, decided) for table in paper.tables]
    agreed = {tuple(t["test_set"]) for t in tables if t["test_set"]}
    known = paper.test_set or (agreed.pop() if decided.decision != "undecidable" else None)
    return _plain(
        {
            "title": paper.title,
            "orientation": decided.decision,
            "reason": decided.reason,
            "reading": decided.reading,
            "test_set": known,
            "tables": tables,
            "pairs": _pairs(tables, decided.reading),
        }
    )


def _table(table: ReportedTable, paper: Paper, decided: Orientation) -> dict[str, Any]:
    found: dict[str, Any] = {"name": table.name, "matrix": table.matrix, "rows": table.rows}
    if table.matrix is None:
        assert paper.test_set is not None
        made = verdicts.reconstruct(table, paper.test_set)
        cells = {} if made is None else {"as_printed": made}
        reading = "as_printed"
        found["matrix_from"] = None if made is None else "scores"
    else:
        cells = {reading: orientation.cells(table, reading) for reading in READINGS}
        reading = decided.reading
        found["matrix_from"] = "print"
    used = cells.get(reading)
    test_set = paper.test_set if used is None else (int(used[:2].sum()), int(used[2:].sum()))
    found |= {
        "reading": reading,
        "test_set": test_set,
        "cells": {r: dict(zip(CELLS, c, strict=True)) for r, c in cells.items()},
        "scores": {r: scores.compute(c) for r, c in cells.items()},
        "intervals": {r: scores.intervals(c) for r, c in cells.items()},
        "reported": _reported(table, cells, reading, test_set),
        "corroboration": corroboration.corroborate(table.reported, test_set) if test_set else None,
    }
    if used is not None:
        values = found["scores"][reading]
        at = (float(values["sensitivity"]), float(values["specificity"]))
        found |= {
            "auroc": bounds.auroc(*at),
            "predictive_values": metrics.predictive_values(*at, paper.prevalences),
            "baseline": bounds.baseline(used.tolist()),
        }
    return found


def _reported(
    table: ReportedTable,
    cells: dict[str, Any],
    reading: str,
    test_set: tuple[int, int] | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for score, values in table.reported.items():
        rows = []
        for printed in values:
            if cells:
                by = {r: verdicts.judge(score, printed, c) for r, c in cells.items()}
                verdict = by[reading]
            else:
                assert test_set is not None
                by, verdict = {}, verdicts.judge_without_matrix(score, printed, test_set)
            readings = {r: {"verdict": v.verdict, "equals": v.equals} for r, v in by.items()}
            rows.append({"printed": printed.text, **vars(verdict), "readings": readings})
        found[score] = rows[0] if len(rows) == 1 else rows
    return found


def _pairs(tables: list[dict[str, Any]], reading: str) -> list[dict[str, Any]]:
    known = [t for t in tables if t["cells"]]
    found = []
    for i, first in enumerate(known):
        for second in known[i + 1 :]:
            a, b = (list(t["cells"][t["reading"]].values()) for t in (first, second))
            limits = bounds.pair(a, b)
            row = {"a": first["name"], "b": second["name"], "comparable": limits is not None}
            found.append(row | (limits or {}))
    return found


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, and what is undefined into None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
