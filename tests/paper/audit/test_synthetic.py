"""Synthetic papers: planted errors are found, and none is alleged where none is."""

import json
from typing import Any
from unittest import mock

import numpy as np
import pytest

from covidcxr.core.errors import Problem
from covidcxr.paper.audit import controls, synthetic

RECORD = controls.record()
ROWS: dict[str, dict[str, Any]] = {row["planted"]: row for row in RECORD["rows"]}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_papers_audited_again_come_out_as_on_record() -> None:
    assert controls.run(*controls.SAMPLE) == RECORD["sample"], (
        "the numbers moved: undo it, or raise METHOD and run the module controls"
    )


def test_the_record_is_of_ten_thousand_papers() -> None:
    assert list(ROWS) == ["none", *synthetic.ERRORS]
    assert ROWS["none"]["papers"] == controls.CLEAN
    assert controls.CLEAN + len(synthetic.ERRORS) * controls.PLANTED == 10_000
    assert all(row["papers"] <= controls.PLANTED for row in RECORD["rows"][1:])


def test_at_most_one_innocent_table_in_a_thousand_is_accused() -> None:
    assert ROWS["none"]["innocent"] > 5000
    for row in ROWS.values():
        assert row["accused"] <= row["innocent"] / 1000, row


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("transposed", 0.99),
        ("columns exchanged", 0.9),
        ("typing error", 0.95),
        ("another test set", 0.85),
        ("averages over folds", 0.7),
        ("rounded twice", 0.9),
    ],
)
def test_planted_errors_are_found(kind: str, least: float) -> None:
    assert ROWS[kind]["papers"] >= 400
    assert ROWS[kind]["found"] / ROWS[kind]["papers"] >= least


def test_a_record_of_another_method_is_refused() -> None:
    with (
        mock.patch.object(controls, "METHOD", controls.METHOD + 1),
        pytest.raises(Problem, match="run python -m"),
    ):
        controls.record()


def test_an_auditor_that_accuses_everybody_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "FAULTS", ("exact",))
    (clean, *_) = controls.run(3, 0)
    assert clean["accused"] == clean["innocent"] >= 3
    assert json.dumps(clean)


def test_every_kind_changes_a_paper() -> None:
    for number, plant in enumerate(synthetic.ERRORS.values()):
        rng = np.random.default_rng(number)
        paper = synthetic.draft(rng, matrices=True, tables=4)
        before = str(paper)
        plant(paper, rng)
        assert str(paper) != before


def test_prints_have_their_digits() -> None:
    assert synthetic.show(0.98649, 3, percent=True) == "98.6%"
    assert synthetic.show(0.98649, 3, percent=False) == "0.986"
    assert synthetic.show(0.98649, 2, percent=True) == "99%"


def test_a_score_is_rounded_twice() -> None:
    # 146 of 148 is 0.98649: rounded to 0.9865 first, it becomes 0.987.
    paper = synthetic.Draft([[146, 2, 7, 200]], [{"sensitivity": "0.986"}], False, True)
    synthetic.rounded_twice(paper, np.random.default_rng(0))
    assert paper.prints == [{"sensitivity": "0.987"}]
    assert paper.matrices
