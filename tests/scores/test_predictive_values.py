"""Predictive values: Bayes by hand, general properties, coverage, and honest extremes."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.scores import predictive_values
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.proportions import wilson
from tests.scores.test_curves import FEW, images, of


def matrix(tp: int, fn: int, fp: int, tn: int) -> Predictions:
    return of(
        [True] * (tp + fn) + [False] * (fp + tn), [0.8] * tp + [0.2] * fn + [0.8] * fp + [0.2] * tn
    )


def test_a_share_of_no_image_is_undefined() -> None:
    p = of([True, True, False, False], [0.9, 0.4, 0.6, 0.1])
    ppv = predictive_values.shares(p, p.called(0.5), 0.95)["ppv"]
    assert (ppv.low, ppv.high) == pytest.approx(wilson(1, 2))
    assert np.isnan(predictive_values.shares(p, p.called(0.95), 0.95)["ppv"].value)


def test_bayes_by_hand() -> None:
    # 90% and 80% at 1%: 9 of 207 calls are right, 792 of 793 clearances.
    rows = predictive_values.at_prevalence(matrix(90, 10, 20, 80), [0.01], FEW)
    assert rows.loc[0, "ppv"] == pytest.approx(0.009 / (0.009 + 0.198))
    assert rows.loc[0, "npv"] == pytest.approx(0.792 / (0.792 + 0.001))
    assert rows.loc[0, "ppv_method"] == "bootstrap"
    assert rows["ppv_low"][0] < rows["ppv"][0] < rows["ppv_high"][0]
    assert rows.loc[0, "reason"] == ""


@given(
    *[st.integers(0, 30)] * 4,
    st.floats(0.001, 0.999),
)
def test_limits_hold_the_value_and_are_shares(
    tp: int, fn: int, fp: int, tn: int, at: float
) -> None:
    row = predictive_values.at_prevalence(
        matrix(tp, fn, fp, tn), [at], Protocol(resamples=400)
    ).iloc[0]
    for name in ("ppv", "npv"):
        value, low, high = (row[name + end] for end in ("", "_low", "_high"))
        if np.isnan(value):
            assert np.isnan(low)
            assert row["reason"]
            continue
        assert -1e-9 <= low <= value + 1e-9
        assert value - 1e-9 <= high <= 1 + 1e-9
        assert row[f"{name}_method"] in ("bootstrap", "Wilson")


def test_no_false_alarm_is_no_certainty() -> None:
    rows = predictive_values.at_prevalence(matrix(50, 0, 0, 100), [0.01, 0.5], FEW)
    assert rows["ppv"].tolist() == [1, 1]
    assert set(rows["ppv_method"]) == {"Wilson"}
    # The limit of specificity alone, with a sensitivity of about 1
    specificity = wilson(100, 100)[0]
    assert rows.loc[0, "ppv_low"] == pytest.approx(
        0.01 / (0.01 + 0.99 * (1 - specificity)), rel=0.02
    )
    assert rows["ppv_high"].tolist() == [1, 1]
    assert (rows["npv_low"] < 1).all()


@pytest.mark.parametrize("rates", [(0.9, 0.8), (0.95, 0.99)])
def test_intervals_of_ppv_cover(rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    sensitivity, specificity = rates
    truth = sensitivity * 0.05 / (sensitivity * 0.05 + (1 - specificity) * 0.95)

    @cache  # of many trials the counts are the same
    def covers(tp: int, tn: int) -> bool:
        p = matrix(tp, 80 - tp, 270 - tn, tn)
        row = predictive_values.at_prevalence(p, [0.05], Protocol(resamples=500)).iloc[0]
        return bool(row["ppv_low"] <= truth <= row["ppv_high"])

    hits, clears = rng.binomial(80, sensitivity, 1_000), rng.binomial(270, specificity, 1_000)
    trials = zip(hits.tolist(), clears.tolist(), strict=True)
    assert np.mean([covers(tp, tn) for tp, tn in trials]) >= 0.92


@given(images)
def test_nothing_warns_whatever_the_images(drawn: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    p = of(truth, score)
    with np.errstate(all="raise", under="ignore"):
        rows = predictive_values.at_prevalence(p, [0.01, 0.5], Protocol(resamples=10))
    if truth.all() or not truth.any():
        assert rows["reason"].all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_prevalence_of_none_or_all_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="prevalence"):
        predictive_values.at_prevalence(matrix(1, 1, 1, 1), [share], FEW)
