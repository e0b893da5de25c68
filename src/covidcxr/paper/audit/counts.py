"""How many values of an audit have which verdict, and the headline that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from covidcxr.core.words import listing, plural
from covidcxr.paper.audit import averages, comparisons, printed_limits, rows, verdicts


def by_verdict(tables: list[dict[str, Any]]) -> dict[str, int]:
    """Count printed scores by verdict."""
    counted = Counter(row["verdict"] for table in tables for _, row in rows.each(table))
    return {verdict: counted[verdict] for verdict in verdicts.VERDICTS if counted[verdict]}


def other_faults(tables: list[dict[str, Any]], compared: list[dict[str, Any]]) -> dict[str, int]:
    """Count what is at fault beside the scores themselves."""
    values = [row for table in tables for _, row in rows.each(table)]
    faults = {
        kind: sum(row.get(key, {}).get("verdict") in wrong for row in values)
        for kind, key, wrong in (
            ("interval", "limits", printed_limits.FAULTS),
            ("standard deviation", "deviation", averages.FAULTS),
        )
    }
    faults["p value"] = sum(row["verdict"] in comparisons.FAULTS for row in compared)
    return {kind: number for kind, number in faults.items() if number}


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
