"""What the audits of published tables come to, paper by paper and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from covidcxr.paper import audit

OWN = "seedpaper"
"""The paper of this edition, whose audit has its own page."""

FINDINGS = ("contradictory", "impossible", "inconsistent", "mislabelled", "transposed", "rounding",
            "consistent", "undecided")  # fmt: skip
"""What is said of a paper, the first that applies; `rounding`: digits cut off, or rounded twice."""

FAULTY = FINDINGS[:5]
"""Findings of which the reader of a table should know."""

_ROUNDING = ("truncated", "rounded twice", "adjusted", "undefined")


def reports() -> dict[str, dict[str, Any]]:
    """Audit every published example but the paper of this edition, by name."""
    return {
        name: audit.audit(audit.parse(audit.example(name), name), corroborate=False)
        for name in audit.examples()
        if name != OWN
    }


def finding(report: Mapping[str, Any]) -> str:
    """Return the gravest finding of an audit, one of `FINDINGS`."""
    together = {(table["together"] or {}).get("verdict") for table in report["tables"]}
    verdicts = report["verdicts"]
    applies = {
        "contradictory": "contradictory" in together and "contradictory" in verdicts,
        "impossible": "impossible" in verdicts,
        "inconsistent": "inconsistent" in verdicts,
        "mislabelled": "mislabelled" in verdicts,
        "transposed": report["orientation"] in ("transposed", "mixed"),
        "rounding": any(verdict in verdicts for verdict in _ROUNDING),
        "consistent": "exact" in verdicts,
    }
    return next((name for name, true in applies.items() if true), "undecided")


def summary(audits: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Count papers by finding, those with a fault, tables and values."""
    counts = Counter(finding(report) for report in audits.values())
    return {
        "papers": len(audits),
        "tables": sum(len(report["tables"]) for report in audits.values()),
        "values": sum(sum(report["verdicts"].values()) for report in audits.values()),
        "faulty": sum(counts[name] for name in FAULTY),
        **{name: counts[name] for name in FINDINGS},
    }
