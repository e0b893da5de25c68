"""Agreement with the paper: criteria stated beforehand, and what they decide."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from covidcxr.core.studies import Agreement
from covidcxr.paper import agreement, publication
from covidcxr.scores import evaluation, intervals, proportions
from covidcxr.scores.intervals import Interval, Protocol

shares = st.floats(0.01, 0.99)


def proportion(k: int, n: int) -> Interval:
    low, high = proportions.wilson(k, n)
    return Interval(k / n, low, high, "Wilson", "image", n)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.04, 0.04, "agrees"),
        (0.06, 0.2, "differs"),
        (-0.2, -0.05, "differs"),
        (-0.01, 0.06, "undecided"),
        (-0.3, 0.3, "undecided"),
        (float("nan"), 0.0, "undecided"),
    ],
)
def test_an_interval_decides_where_it_lies_on_one_side_of_the_margin(
    low: float, high: float, verdict: str
) -> None:
    assert agreement.judge(low, high, 0.05) == verdict


def test_all_scores_agree_or_the_study_does_not() -> None:
    assert agreement.overall(["agrees", "agrees"]) == "agrees"
    assert agreement.overall(["agrees", "undecided"]) == "undecided"
    assert agreement.overall(["undecided", "differs", "agrees"]) == "differs"


@given(st.integers(1, 91), st.integers(1, 267))
def test_the_difference_of_two_proportions_has_newcombes_interval(k: int, m: int) -> None:
    value, low, high = intervals.difference(proportion(k, 92), proportion(m, 268))
    theirs = confint_proportions_2indep(k, 92, m, 268, method="newcomb", compare="diff")
    assert value == pytest.approx(k / 92 - m / 268)
    assert (low, high) == pytest.approx(theirs)


def test_newcombes_published_example_is_met() -> None:
    # Newcombe, Stat Med 17:873-890 (1998), Table II, method 10: 56/70 - 48/80.
    value, low, high = intervals.difference(proportion(56, 70), proportion(48, 80))
    assert (value, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_difference_turned_round_changes_its_sign(k: int, m: int) -> None:
    one, other = proportion(k, 50), proportion(m, 50)
    value, low, high = intervals.difference(one, other)
    assert intervals.difference(other, one) == pytest.approx((-value, -high, -low))
    assert low <= value <= high


def test_a_score_without_limits_decides_nothing() -> None:
    nan = float("nan")
    nothing = Interval(nan, nan, nan, "none", "image", 0, reason="no image")
    value, low, high = intervals.difference(nothing, proportion(3, 5))
    assert np.isnan([value, low, high]).all()


def test_the_papers_own_matrices_never_differ_from_it() -> None:
    for model, table in publication.tables().items():
        ours = evaluation.of_matrix(table.cells("true"))
        judged = agreement.against_paper(model, ours, Agreement(), Protocol())
        assert (judged["difference"] == 0).all()
        assert not (judged["verdict"] == "differs").any()
        wide = agreement.against_paper(model, ours, Agreement(margin=0.3), Protocol())
        assert agreement.overall(list(wide["verdict"])) == "agrees"


def test_the_constant_answer_differs_from_every_network() -> None:
    always_normal = evaluation.of_matrix([0, 92, 0, 268])
    for model in publication.tables():
        judged = agreement.against_paper(model, always_normal, Agreement(), Protocol())
        assert judged["verdict"]["sensitivity"] == "differs"
        assert judged["verdict"]["ppv"] == "undecided"
        assert agreement.overall(list(judged["verdict"])) == "differs"


def test_runs_before_the_criteria_are_hindsight() -> None:
    days = [datetime(2026, 11, d, tzinfo=UTC) for d in (22, 23, 24)]
    assert agreement.made_before("2026-11-23", days) == 1
    assert agreement.made_before("2026-11-23", days[1:]) == 0
