"""Printed averages of a table and the spread behind them, in words."""

from __future__ import annotations

from typing import Any

from covidcxr.paper.audit import folds
from covidcxr.paper.audit.names import SIGNED, UNBOUNDED
from covidcxr.paper.audit.printed import Entry, Printed
from covidcxr.paper.audit.reading import ReportedTable

FAULTS = ("too large", "too small")
"""Verdicts that say that a standard deviation is wrong."""

_ASSUMED = ", if the folds are stratified and as even as can be"


def judge(table: ReportedTable, score: str, printed: Printed) -> dict[str, Any] | None:
    """Judge a printed average over folds or runs of known sizes; None where nothing is known.

    The verdict is `covidcxr.paper.audit.folds.judge`'s, or ``uneven`` where folds of the sizes that
    we assume do not have it, and others may.
    """
    said = folds.judge(score, printed, table.parts)
    if said is None or table.per_image:
        return None
    note = f"{table.folds} test sets have this average{_ASSUMED if table.assumed else ''}."
    if said["verdict"] == "unchecked":
        note = "Too many averages lie so close."
    elif said["verdict"] == "unattainable":
        near = " and ".join(printed.show_longer(one) for one in said["nearest"])
        note = (f"No {table.folds} test sets of these sizes have this average"
                f"{_ASSUMED if table.assumed else ''}{f'; nearest are {near}' if near else ''}."
                )  # fmt: skip
        said["verdict"] = "uneven" if table.assumed else "unattainable"
    return {**said, "note": note}


def deviation(table: ReportedTable, score: str, entry: Entry) -> dict[str, Any] | None:
    """Judge what stands behind ± as a standard deviation; None where a score has no scale.

    The verdict is `covidcxr.paper.audit.folds.spread`'s, or ``uneven`` where it is too small for
    folds of the sizes that we assume.
    """
    if entry.spread is None or score in UNBOUNDED:
        return None
    number = table.folds if table.folds > 1 and not table.per_image else None
    parts = () if table.per_image else table.parts
    said = folds.spread(score, entry.value, entry.spread, number, parts)
    least, most = (entry.spread.show_longer(limit) for limit in said["limits"])
    values = f"{number or 'Two or more'} values from {'-1' if score in SIGNED else '0'} to 1"
    note = f"{values} with this mean have a standard deviation of at most {most}."
    if said["verdict"] in ("too small", "standard error"):
        note = f"Over test sets of these sizes the standard deviation is at least {least}"
        note += _ASSUMED if table.assumed else ""
        note += "; its standard error may be as small." if said["verdict"] != "too small" else "."
        said["verdict"] = "uneven" if table.assumed else said["verdict"]
    return {**said, "note": note}
