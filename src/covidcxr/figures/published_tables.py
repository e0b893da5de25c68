"""Tables of the page on published tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def controls(rows: Sequence[Mapping[str, Any]], confidence: float = 0.95) -> pd.DataFrame:
    """List what was found of planted errors, and how many innocent tables were accused, by kind."""
    return pd.DataFrame(
        [
            {
                "planted": row["planted"],
                "papers": row["papers"],
                "found": ""
                if row["planted"] == "none"
                else _share(row["found"], row["papers"], confidence),
                "innocent tables": row["innocent"],
                "accused": _share(row["accused"], row["innocent"], confidence, 2)
                if row["innocent"]
                else "",
            }
            for row in rows
        ]
    )


def _share(part: int, whole: int, confidence: float, digits: int = 1) -> str:
    low, high = wilson(part, whole, confidence)
    return f"{part:,}: {part / whole:.{digits}%} ({low:.{digits}%} to {high:.{digits}%})"
