"""Synthetic papers: planted errors are found, and none is alleged where none is."""

import numpy as np
import pytest

from covidcxr.paper.audit import synthetic


@pytest.fixture(scope="module")
def counts() -> dict[str, tuple[int, int]]:
    return synthetic.blamed(80)


def test_a_clean_paper_is_never_blamed(counts: dict[str, tuple[int, int]]) -> None:
    assert counts["none"] == (0, 80)


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("transposed", 0.99),
        ("columns exchanged", 0.8),
        ("typing error", 0.95),
        ("another test set", 0.85),
        ("averages over folds", 0.7),
    ],
)
def test_planted_errors_are_found(
    counts: dict[str, tuple[int, int]], kind: str, least: float
) -> None:
    found, papers = counts[kind]
    assert papers >= 50
    assert found / papers >= least


def test_every_kind_changes_a_paper() -> None:
    for number, plant in enumerate(synthetic.ERRORS.values()):
        rng = np.random.default_rng(number)
        paper = synthetic.draft(rng, matrices=True, tables=2)
        before = str(paper)
        plant(paper, rng)
        assert str(paper) != before


def test_prints_have_their_digits() -> None:
    assert synthetic.show(0.98649, 3, percent=True) == "98.6%"
    assert synthetic.show(0.98649, 3, percent=False) == "0.986"
    assert synthetic.show(0.98649, 2, percent=True) == "99%"
