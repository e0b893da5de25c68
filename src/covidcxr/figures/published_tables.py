"""Tables of the page on published tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from covidcxr.paper import published_tables
from covidcxr.paper.audit.verdicts import FAULTS
from covidcxr.scores.proportions import wilson

_RIGHT = ("exact", "truncated", "rounded twice", "adjusted", "undefined")


def papers(audits: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """List the audited papers: the finding, and how many values are right, wrong and open."""
    rows = []
    for report in audits.values():
        verdicts = report["verdicts"]
        rows.append(
            {
                "paper": report["title"],
                "printed in": report["source"].split(", http")[0],
                "tables": len(report["tables"]),
                "right": sum(verdicts.get(verdict, 0) for verdict in _RIGHT),
                "wrong": sum(verdicts.get(verdict, 0) for verdict in FAULTS),
                "open": verdicts.get("possible", 0),
                "finding": published_tables.finding(report),
            }
        )
    order = {name: place for place, name in enumerate(published_tables.FINDINGS)}
    return pd.DataFrame(rows).sort_values("finding", key=lambda f: f.map(order), ignore_index=True)


def reasons(audits: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """List what is said of tables as a whole, and of single values that are impossible."""
    rows = []
    for report in audits.values():
        for remark in report["remarks"]:
            rows.append({"paper": report["title"], "reason": remark})
        for table in report["tables"]:
            together = table["together"] or {"verdict": "consistent"}
            if together["verdict"] == "contradictory":
                rows.append({"paper": report["title"], "reason": together["note"]})
    return pd.DataFrame(rows)


def controls(counts: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    """List how many synthetic papers were blamed, by the kind of error that was planted."""
    rows = []
    for kind, (blamed, papers_) in counts.items():
        low, high = wilson(blamed, papers_)
        rows.append(
            {
                "planted": kind,
                "papers": papers_,
                "blamed": blamed,
                "share": f"{blamed / papers_:.1%}",
                "95% interval": f"{low:.1%} to {high:.1%}",
            }
        )
    return pd.DataFrame(rows)
