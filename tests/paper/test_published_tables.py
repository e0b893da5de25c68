"""Findings on published tables, the gravest first."""

from typing import Any

import pytest

from covidcxr.figures import published_tables as layouts
from covidcxr.paper import published_tables
from covidcxr.paper.published_tables import FINDINGS, finding


@pytest.fixture(scope="module")
def audits() -> dict[str, dict[str, Any]]:
    return published_tables.reports()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ct-screening", "contradictory"),
        ("ten-networks", "impossible"),
        ("lung-area", "inconsistent"),
        ("bi-rads-4", "mislabelled"),
        ("tomosynthesis", "rounding"),
        ("melanoma", "consistent"),
        ("one-against-rest", "undecided"),
    ],
)
def test_findings(audits: dict[str, dict[str, Any]], name: str, found: str) -> None:
    assert finding(audits[name]) == found


def test_a_transposed_table_is_a_finding() -> None:
    report = {"tables": [], "verdicts": {"exact": 3}, "orientation": "transposed"}
    assert finding(report) == "transposed"


def test_findings_add_up(audits: dict[str, dict[str, Any]]) -> None:
    summary = published_tables.summary(audits)
    assert sum(summary[name] for name in FINDINGS) == summary["papers"] == len(audits)
    assert 0 < summary["faulty"] < summary["papers"]
    rows = layouts.papers(audits)
    assert rows[["right", "wrong", "open"]].sum().sum() == summary["values"]
    assert list(rows["finding"]) == sorted(rows["finding"], key=FINDINGS.index)
    assert len(layouts.reasons(audits)) >= 6


def test_controls_are_counted() -> None:
    some = {"planted": "typing error", "papers": 40, "found": 30, "innocent": 0, "accused": 0}
    none = {"planted": "none", "papers": 40, "found": 0, "innocent": 90, "accused": 0}
    first, second = layouts.controls([none, some]).to_dict("records")
    assert (first["found"], first["accused"]) == ("", "0: 0.00% (0.00% to 4.09%)")
    assert (second["found"], second["accused"]) == ("30: 75.0% (59.8% to 85.8%)", "")
