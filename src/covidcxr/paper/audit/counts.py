"""How many values of an audit have which verdict, and the headline that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from covidcxr.core.words import listing, plural
from covidcxr.paper.audit import averages, comparisons, printed_limits, verdicts


def by_verdict(tables: list[dict[str, Any]]) -> dict[str, int]:
    """Count printed scores by verdict."""
    counted = Counter(
        row["verdict"]
        for table in tables
        for rows in table["reported"].values()
        for row in (rows if isinstance(rows, list) else [rows])
    )
    return {verdict: counted[verdict] for verdict in verdicts.VERDICTS if counted[verdict]}


def other_faults(tables: list[dict[str, Any]], compared: list[dict[str, Any]]) -> dict[str, int]:
    """Count what is at fault beside the scores themselves."""
    rows = [
        row
        for table in tables
        for rows in table["reported"].values()
        for row in (rows if isinstance(rows, list) else [rows])
    ]
    found = {
        kind: sum(row.get(key, {}).get("verdict") in faults for row in rows)
        for kind, key, faults in (
            ("interval", "limits", printed_limits.FAULTS),
            ("standard deviation", "deviation", averages.FAULTS),
        )
    }
    found["p value"] = sum(row["verdict"] in comparisons.FAULTS for row in compared)
    return {kind: number for kind, number in found.items() if number}


def headline(
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
