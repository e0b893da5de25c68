"""The audit of tables of several classes, in the form of that of two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covidcxr.core.words import listing
from covidcxr.paper.audit import labels, scores
from covidcxr.paper.audit import verdicts as two_classes
from covidcxr.paper.audit.classes import names, verdicts
from covidcxr.paper.audit.classes.evidence import Evidence
from covidcxr.paper.audit.classes.reading import ClassTable
from covidcxr.paper.audit.classes.scores import first
from covidcxr.paper.audit.classes.understanding import Understood, understand
from covidcxr.paper.audit.labels import Label, Place, Values
from covidcxr.paper.audit.orientation import READINGS, Orientation
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.verdicts import FAULTS, Verdict
from covidcxr.scores.metrics import CELLS

Rows = dict[str, list[dict[str, Any]]]
"""By score as the paper writes it, what is said of each of its values."""


def audit(
    tables: Sequence[ClassTable], prevalences: Sequence[Printed]
) -> tuple[list[tuple[str, Orientation]], list[dict[str, Any]], list[str]]:
    """Audit tables of several classes.

    Returns name and orientation of each group of tables; the tables in the form of
    `covidcxr.paper.audit.result.ClassTable`; remarks.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[ClassTable]] = {}
    for table in tables:
        groups.setdefault((table.group, table.classes), []).append(table)
    decided: list[tuple[str, Orientation]] = []
    understood: dict[str, Understood] = {}
    for (group, _), some in groups.items():
        orientation, of_group = understand(some)
        decided.append((group, orientation))
        understood |= {one.table.name: one for one in of_group}
    values = {r: _class_values(understood.values(), r) for r in (*READINGS, "")}
    wrong = {r: labels.wrong_names(values[r], verdicts.NEAR_TO_CLASS) for r in READINGS}
    averages = _wrong_averages(understood.values())
    remarks, results = two_classes.exchanged(values[""]), []
    for table in tables:
        one = understood[table.name]
        reported, diagonal = _class_rows(one, prevalences, wrong)
        reported |= _overall_rows(one, averages)
        remarks += diagonal + _exchanged_margins(one, reported)
        results.append(_result(one, reported))
    return decided, results, remarks


def _class_values(tables: Any, reading: str) -> Values:
    """Each printed value of a class with the scores of its cells, in one reading or each's own."""
    listed = {}
    for one in tables:
        cells = one.cells.get(reading or one.reading, one.cells.get(one.reading))
        for i, (name, single) in enumerate(one.single.items()):
            own = one.alone[name].cells if name in one.alone else None
            if (used := cells[i] if cells is not None else own) is not None:
                computed = {s: float(v) for s, v in scores.compute(used).items()
                            if names.of_class(s)}  # fmt: skip
                for score, entries in single.reported.items():
                    for j, entry in enumerate(entries):
                        listed[Place(single.name, score, j)] = (entry.value, computed)
    return listed


def _class_rows(
    one: Understood, prevalences: Sequence[Printed], wrong: Mapping[str, Mapping[Place, Label]]
) -> tuple[Rows, list[str]]:
    """Judge the values of each class, and remark on true negatives of the diagonal only."""
    listed: Rows = {}
    diagonal: list[tuple[str, str, Printed]] = []
    certain = one.cells.get(one.reading)
    for i, (name, single) in enumerate(one.single.items()):
        ways = []
        for number, way in enumerate(one.ways[one.reading] if not one.alone else []):
            if way.certain and way.cells is not None:
                by = one.cells if number == 0 else {one.reading: way.cells}
                of = {r: cells[i] for r, cells in by.items()}
                ways.append(two_classes.reported(single, prevalences, of, one.reading, None, wrong))
            else:
                ways.append(_bounded(single, way, i))
        if single.reported and one.alone:
            judged = one.alone[name]
            of = {} if judged.cells is None else {one.reading: judged.cells}
            ways = [two_classes.reported(single, prevalences, of, one.reading, judged, wrong)]
        for score, entries in single.reported.items():
            kept = listed.setdefault(f"{name} {score}", [])
            for j, entry in enumerate(entries):
                options = [way[score][j] for way in ways or [_bounded(single, None, i)]]
                row = next((o for o in options if o["verdict"] not in FAULTS), options[0])
                if certain is not None and row["verdict"] in FAULTS:
                    right, of_score = int(certain[:, 0].sum()), str(names.of_class(score))
                    if note := verdicts.on_the_diagonal(of_score, entry.value, certain[i], right):
                        row = row | {"note": row["note"] + note}
                        diagonal.append((name, score, entry.value))
                kept.append(row)
    if not diagonal:
        return listed, []
    classes, what, prints = zip(*diagonal, strict=True)
    if labels.chance(prints, len(one.table.classes)) >= labels.LIKELY:
        return listed, []
    whose, of_what = (listing(list(dict.fromkeys(each))) for each in (classes, what))
    return listed, [
        f"{one.table.name}: {of_what} of {whose} take for true negatives only the other classes' "
        "own right decisions, those on the diagonal of the matrix."
    ]


def _bounded(single: ReportedTable, way: Evidence | None, i: int) -> Rows:
    """Judge the values of a class whose cells are only bounded, or contradict each other."""
    listed: Rows = {}
    for score, entries in single.reported.items():
        name = str(names.of_class(score))
        for entry in entries:
            verdict = Verdict("possible", None, None, "The table contradicts itself.")
            if way is not None:
                limits = way.limits.get(name)
                span = None if limits is None else (float(limits[i, 0]), float(limits[i, 1]))
                likely = scores.compute(way.cells[i]) if way.cells is not None else {}
                known = [("", float(likely[name]))] if name in likely else []
                verdict = verdicts.within(entry.value, span, known, way.way)
            listed.setdefault(score, []).append(two_classes.row(name, entry, verdict, {}, None))
    return listed


def _overall_rows(one: Understood, wrong: Mapping[Place, Label]) -> Rows:
    """Judge the values of the whole table."""
    listed: Rows = {}
    by = "the matrix" if one.table.shares else "the values of the classes"
    cells, right = one.cells.get(one.reading), None
    if cells is not None:
        right = np.array([cells[:, 0].sum(), cells[:, 1].sum(), 0, 0])
    for score, entries in one.table.overall.items():
        name = str(names.of_table(score))
        for j, entry in enumerate(entries):
            label = wrong.get(Place(one.table.name, score, j))
            by_reading = {
                r: verdicts.judge(
                    name, entry.value, list(zip(ways, one.scores[r], strict=True)),
                    one.table.test_set, label if r == one.reading else None, by,
                )
                for r, ways in one.ways.items()
            }  # fmt: skip
            counted = right if name == "accuracy" else None
            row = two_classes.row(name, entry, by_reading[one.reading], by_reading, counted)
            listed.setdefault(score, []).append(row)
    return listed


def _wrong_averages(tables: Any) -> dict[Place, Label]:
    """Find the values of whole tables that are of another score."""
    values = {
        Place(one.table.name, score, j): (
            one.table.overall[score][j].value,
            first(one.scores[one.reading][0]),
        )
        for one in tables
        if one.reading in one.cells
        for score, of in _overall_rows(one, {}).items()
        for j, row in enumerate(of)
        if row["verdict"] in FAULTS
    }
    return labels.wrong_names(values, verdicts.NEAR_TO_TABLE, names.of_table)


def _exchanged_margins(one: Understood, reported: Rows) -> list[str]:
    """Say that all values would be right with rows and columns exchanged, where two are not."""
    by = [row["readings"] for of in reported.values() for row in of if len(row["readings"]) > 1]
    faults = {r: sum(row[r]["verdict"] in FAULTS for row in by) for r in READINGS}
    other = READINGS[1 - READINGS.index(one.reading)]
    if faults[other] or faults[one.reading] < 2:
        return []
    return [f"{one.table.name}: every score would be right with rows and columns exchanged."]


def _result(one: Understood, reported: Rows) -> dict[str, Any]:
    table, cells = one.table, one.cells
    sizes: Any = table.test_set
    if one.reading in cells:
        sizes = cells[one.reading][:, :2].sum(axis=1)
    prints = table.shares and [[share.text for share in row] for row in table.shares]
    return {
        "name": table.name,
        "classes": list(table.classes),
        "matrix": prints or table.matrix,
        "rows": table.rows,
        "together": one.said
        and {"verdict": one.said[0], "note": one.said[1], "sizes": None},
        "matrix_from": "print" if prints or table.matrix else None,
        "reading": one.reading,
        "test_set": None if sizes is None else dict(zip(table.classes, sizes, strict=True)),
        "cells": {},
        "one_vs_rest": {
            r: {name: dict(zip(CELLS, c, strict=True))
                for name, c in zip(table.classes, of, strict=True)}
            for r, of in cells.items()
        },
        "scores": {
            r: {
                "by_class": {
                    name: {s: v[i] for s, v in scores.compute(of).items() if names.of_class(s)}
                    for i, name in enumerate(table.classes)
                },
                "overall": first(one.scores[r][0]),
            }
            for r, of in cells.items()
        },
        "intervals": {},
        "reported": two_classes.plain(reported),
        "corroboration": None,
    }  # fmt: skip
