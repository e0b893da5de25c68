"""The published tables among the examples, against values that other code computed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from covidcxr.paper import audit

RIGHT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text())


def verdicts(table: dict[str, Any]) -> dict[str, str]:
    return {
        f"{score} {row['printed'].split(' (')[0]}": row["verdict"]
        for score, rows in table["reported"].items()
        for row in (rows if isinstance(rows, list) else [rows])
        if row["verdict"] != "exact"
    }


def test_every_published_example_has_its_right_values() -> None:
    assert set(RIGHT) | {"seedpaper", "panwar"} == set(audit.examples())


@pytest.mark.parametrize("name", RIGHT)
def test_matrices_and_verdicts(name: str) -> None:
    report = audit.audit(audit.parse(audit.example(name), name), corroborate=False)
    assert {table["name"] for table in report["tables"]} == set(RIGHT[name])
    for table in report["tables"]:
        right = RIGHT[name][table["name"]]
        of = table["one_vs_rest" if "classes" in table else "cells"].get(table["reading"])
        by_class = "classes" in table and {name: list(c.values()) for name, c in of.items()}
        cells = by_class or (list(of.values()) if of else None)
        assert cells == right["cells"], table["name"]
        assert verdicts(table) == right.get("verdicts", {}), table["name"]


@pytest.mark.parametrize("name", RIGHT)
def test_where_it_was_printed(name: str) -> None:
    assert audit.parse(audit.example(name), name).source
