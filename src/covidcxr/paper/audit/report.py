"""The whole audit of a paper, as plain data that JSON can hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.words import listing, plural
from covidcxr.paper.audit import (
    averages,
    comparisons,
    corroboration,
    labels,
    limits,
    orientation,
    scores,
    together,
    verdicts,
)
from covidcxr.paper.audit.classes import report as classes
from covidcxr.paper.audit.labels import Label, Place, Values
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.orientation import READINGS, Orientation
from covidcxr.paper.audit.reading import Paper, ReportedTable
from covidcxr.paper.audit.together import Together
from covidcxr.paper.audit.verdicts import Cells
from covidcxr.scores import metrics
from covidcxr.scores.metrics import CELLS


def audit(paper: Paper, corroborate: bool = True) -> dict[str, Any]:
    """Audit what a paper reports.

    Parameters
    ----------
    paper
        As `covidcxr.paper.audit.reading.parse` returns it.
    corroborate
        Whether to compute intervals and comparisons and to ask mlscorecheck, too, of papers of up
        to `_DETAILED` tables.

    Returns
    -------
    dict
        Plain data of the form `covidcxr.paper.audit.result.Report`, which says what each key holds.
    """
    groups: dict[str, list[ReportedTable]] = {}
    for table in paper.tables:
        groups.setdefault(table.group, []).append(table)
    decided = {
        group: orientation.decide(tables, tables[0].test_set) for group, tables in groups.items()
    }
    cells = {table.name: _cells(table) for table in paper.tables if table.matrix is not None}
    judged = _without_matrix(paper)
    cells |= {n: {"as_printed": j.cells} for n, j in judged.items() if j.cells is not None}
    by_reading = {
        reading: labels.wrong_names(_values(paper, cells, reading)) for reading in READINGS
    }
    tables = [
        _table(table, paper, decided[table.group], cells.get(table.name, {}),
               judged.get(table.name), by_reading, corroborate and len(paper.tables) <= _DETAILED)
        for table in paper.tables
    ]  # fmt: skip
    of_classes, several, remarks = classes.audit(paper.several, paper.stated_prevalences)
    tables += several
    named = [*decided.items(), *of_classes]
    with_margins = [one for _, one in named if one.reason != orientation.NO_MATRIX]
    main = (with_margins or [named[0][1]])[0]
    known: Any = paper.test_set
    if known is None and len(named) == 1 and main.decision != "undecidable":
        sizes = [table["test_set"] for table in tables if table["test_set"]]
        known = max(sizes, key=sizes.count)
    verdict_counts = _by_verdict(tables)
    compared = comparisons.audit(paper, tables)
    others = _other_faults(tables, compared)
    result = {
        "title": paper.title,
        "source": paper.source,
        "headline": _headline(tables, verdict_counts, others),
        "verdicts": verdict_counts,
        "orientation": _decision([one.decision for _, one in named]),
        "reason": " ".join(
            f"{group}: {one.reason}" if len(named) > 1 and group else one.reason
            for group, one in named
            if one.reason != orientation.NO_MATRIX or one is main
        ),
        "reading": main.reading,
        "test_set": known,
        "remarks": [
            *(remark for _, one in named for remark in one.remarks),
            *verdicts.exchanged(_values(paper, cells, main.reading)),
            *_first_forgotten(paper, decided, cells),
            *remarks,
            *(
                f"{table.name}: {table.merged} true classes after the first are added up as "
                "the negative one."
                for table in paper.tables
                if table.merged > 1
            ),
        ],
        "tables": tables,
        "pairs": _pairs(tables, paper),
    }
    result |= {"comparisons": compared} if compared else {}
    result |= {"other_faults": others} if others else {}
    plain: dict[str, Any] = _plain(result)
    return plain


def _by_verdict(tables: list[dict[str, Any]]) -> dict[str, int]:
    """Count printed scores by verdict."""
    counted = Counter(row["verdict"] for table in tables for _, row in verdicts.each(table))
    return {verdict: counted[verdict] for verdict in verdicts.VERDICTS if counted[verdict]}


def _other_faults(tables: list[dict[str, Any]], compared: list[dict[str, Any]]) -> dict[str, int]:
    """Count what is at fault beside the scores themselves."""
    values = [row for table in tables for _, row in verdicts.each(table)]
    faults = {
        kind: sum(row.get(key, {}).get("verdict") in wrong for row in values)
        for kind, key, wrong in (
            ("interval", "limits", limits.FAULTS),
            ("standard deviation", "deviation", averages.FAULTS),
        )
    }
    faults["p value"] = sum(row["verdict"] in comparisons.FAULTS for row in compared)
    return {kind: number for kind, number in faults.items() if number}


def _headline(
    tables: list[dict[str, Any]], counts: Mapping[str, int], others: Mapping[str, int]
) -> str:
    """Count the faults in one sentence, and what else is at fault in another."""
    beside = [plural(number, kind) for kind, number in others.items()]
    torn = sum("classes" in t and (t["together"] or {}).get("verdict") == "contradictory"
               for t in tables)  # fmt: skip
    more = f" {plural(torn, 'table')} of several classes contradicts itself." if torn else ""
    more += f" At fault beside the scores: {listing(beside)}." if beside else ""
    prints = sum(counts.values())
    wrong = {verdict: counts[verdict] for verdict in verdicts.FAULTS if verdict in counts}
    if not prints:
        return f"{plural(len(tables), 'table')}, no printed score.{more}"
    what = f"{plural(prints, 'printed score')} in {plural(len(tables), 'table')}"
    if not wrong:
        return f"{what}: no fault.{more}"
    listed = ", ".join(f"{n} {verdict}" for verdict, n in wrong.items())
    return f"{what}: {plural(sum(wrong.values()), 'fault')} ({listed}).{more}"


def _without_matrix(paper: Paper) -> dict[str, Together]:
    """Judge tables without a matrix, with the names exchanged that explain them all."""
    alone = [table for table in paper.tables if table.matrix is None]
    single = [table for table in alone if not table.averaged]
    torn = [table for table in single if together.contradictory(table)]
    pair = labels.exchanged_columns(
        [(together.values(table), together.sizes(table)) for table in torn]
    )
    return {
        table.name: together.judge(table, pair if table in torn else None)
        if not table.averaged
        else together.judge_averages(table)
        for table in alone
    }


def _cells(table: ReportedTable) -> dict[str, NDArray[np.int64]]:
    return {reading: orientation.cells(table, reading) for reading in READINGS}


def _values(paper: Paper, cells: Mapping[str, Cells], reading: str) -> Values:
    """Each printed value with the scores of its table's matrix, in one reading."""
    listed = {}
    for table in paper.tables:
        of = cells.get(table.name, {})
        read = of.get(reading, of.get("as_printed"))
        if read is None:
            continue
        computed = {name: float(value) for name, value in scores.compute(read).items()}
        for score, entries in table.reported.items():
            for i, entry in enumerate(entries):
                listed[Place(table.name, score, i)] = (entry.value, computed)
    return listed


def _table(
    table: ReportedTable,
    paper: Paper,
    decided: Orientation,
    cells: Cells,
    judged: Together | None,
    wrong: Mapping[str, Mapping[Place, Label]],
    detailed: bool,
) -> dict[str, Any]:
    reading = "as_printed" if table.matrix is None else decided.of(table.name)
    used = cells.get(reading)
    size = together.sizes(table) if used is None else (int(used[:2].sum()), int(used[2:].sum()))
    result: dict[str, Any] = {
        "name": table.name,
        "matrix": table.matrix,
        "rows": table.rows,
        "together": None
        if judged is None
        else {"verdict": judged.verdict, "note": judged.note, "sizes": judged.sizes},
        "matrix_from": "print" if table.matrix is not None else None if used is None else "scores",
        "reading": reading,
        "test_set": size,
        "cells": {r: dict(zip(CELLS, c, strict=True)) for r, c in cells.items()},
        "scores": {r: scores.compute(c) for r, c in cells.items()},
        "intervals": {r: scores.intervals(c) if detailed else {} for r, c in cells.items()},
        "reported": verdicts.plain(
            verdicts.reported(table, paper.stated_prevalences, cells, reading, judged, wrong)
        ),
        "corroboration": _corroborated(table, size) if detailed else None,
    }
    if used is not None:
        values = result["scores"][reading]
        at = (float(values["sensitivity"]), float(values["specificity"]))
        result |= {
            "auroc": scores.area(*at),
            "predictive_values": metrics.predictive_values(*at, paper.prevalences),
            "baseline": scores.baseline(used.tolist()),
        }
    return result


def _corroborated(table: ReportedTable, size: tuple[int, int] | None) -> dict[str, Any] | None:
    prints = {score: [e.value for e in entries] for score, entries in table.reported.items()}
    if table.averaged:
        return corroboration.corroborate_folds(prints, table.parts)
    if not size:
        return None
    return corroboration.corroborate(prints, size)


def _decision(decisions: list[str]) -> str:
    kinds = set(decisions) - {"undecidable"} or {"undecidable"}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _first_forgotten(
    paper: Paper, decided: Mapping[str, Orientation], cells: Mapping[str, Cells]
) -> list[str]:
    """Hint at tables whose scores would all be right with the negative class first."""
    other = {"positive": "negative", "negative": "positive"}
    hints = []
    for table in paper.tables:
        prints = [(str(canonical(score)), printed) for score, printed in together.values(table)]
        if table.matrix is None or len(prints) < 2:
            continue
        upright = cells[table.name][decided[table.group].of(table.name)]
        fits, turned = (
            sum(printed.match(float(by[name])) is not None for name, printed in prints)
            for by in (scores.compute(upright), scores.compute(upright[::-1]))
        )
        if turned == len(prints) > fits + 1:
            hints.append(
                f"{table.name}: every score would be right if the {other[table.first]} class "
                f"stands first in the matrix (first: {other[table.first]})."
            )
    return hints


def _pairs(tables: list[dict[str, Any]], paper: Paper) -> list[dict[str, Any]]:
    """Bound the tests of tables with a matrix, of each two on one test set."""
    groups = {table.name: table.group for table in paper.tables}
    known = [t for t in tables if t["cells"]][:_DETAILED]
    listed = []
    for i, first in enumerate(known):
        for second in known[i + 1 :]:
            if groups[first["name"]] != groups[second["name"]]:
                continue
            a, b = (list(t["cells"][t["reading"]].values()) for t in (first, second))
            allowed = comparisons.pair(a, b)
            row = {"a": first["name"], "b": second["name"], "comparable": allowed is not None}
            listed.append(row | (allowed or {}))
    return listed


_DETAILED = 30
"""Tables up to which each has intervals and is asked of mlscorecheck, and each pair compared."""


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, and what is undefined into None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
