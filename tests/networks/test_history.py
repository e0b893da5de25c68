"""Gaps and costs are what the records say."""

import math

import pytest

from covidcxr.networks import history
from tests.figures.test_history import RUNS


def test_a_gap_is_counted_in_its_epoch_and_nowhere_else() -> None:
    gaps = history.accuracy_gaps(history.histories(RUNS)).set_index("seed")
    assert list(gaps["wide"]) == [1, 0]
    assert gaps.loc[0, "widest"] == pytest.approx(0.6)
    assert gaps.loc[0, "widest_epoch"] == 2
    assert gaps.loc[0, "last"] == pytest.approx(0.01)
    assert gaps.loc[1, "last"] == pytest.approx(0)


def test_costs_are_those_of_the_record_and_nan_where_an_old_one_lacks_them() -> None:
    old, new = history.costs(RUNS).to_dict("records")
    assert (old["minutes"], old["memory"]) == (1.5, 2.0)
    assert math.isnan(old["images"]) and math.isnan(old["share"])
    assert (new["stretches"], new["flops"], new["attainable"]) == (2, 3.0, 12.0)
    assert new["share"] == pytest.approx(0.25)


def test_an_average_forgets_its_beginning_as_its_momentum_says() -> None:
    until = history.updates_until(0.99, 0.01)
    assert 0.99**until < 0.01 <= 0.99 ** (until - 1)
