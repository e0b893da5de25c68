"""Calibration: dumb cases, general properties, statsmodels' answers, coverage."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from covidcxr.figures import calibration as page
from covidcxr.scores import calibration, metrics
from covidcxr.scores.calibration import slope_intercept, verdict
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions
from tests.scores.test_curves import images, of


def calibrated(n: int, rng: np.random.Generator, slope: float = 1, away: float = 0) -> Predictions:
    line = rng.normal(-0.5, 1.5, n)
    return of(rng.random(n) < expit(away + slope * line), expit(line))


def test_two_bins_by_hand() -> None:
    p = of([False, True, True, True], [0.1, 0.3, 0.8, 1.0])
    rows = calibration.reliability(p, bins=2)
    assert rows["n"].tolist() == [2, 2]
    np.testing.assert_allclose(rows["score"], [0.2, 0.9])
    assert rows["share"].tolist() == [0.5, 1.0]
    assert rows["low"].tolist()[1] == pytest.approx(1 / (1 + 3.8415 / 2), abs=1e-4)
    parts = calibration.brier_decomposition(p, bins=2)
    assert parts.reliability == pytest.approx(0.5 * 0.3**2 + 0.5 * 0.1**2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == pytest.approx(0.75 * 0.25)


@given(images, st.integers(1, 12))
def test_equal_scores_share_a_bin_and_every_image_has_one(
    drawn: list[tuple[bool, float]], bins: int
) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    rows = calibration.reliability(of(truth, score), bins)
    assert rows["n"].sum() == len(truth)
    assert len(rows) <= bins
    assert (rows["least"].to_numpy()[1:] > rows["most"].to_numpy()[:-1]).all()


@given(images)
def test_brier_is_the_sum_of_its_parts_where_scores_are_constant_within_bins(
    drawn: list[tuple[bool, float]],
) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    # A bin an image at least gives every distinct score a bin of its own.
    parts = calibration.brier_decomposition(of(truth, score), bins=200)
    assert len(calibration.reliability(of(truth, score), 200)) == len(np.unique(score))
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert parts.brier == pytest.approx(float(metrics.brier(truth, score)))


def test_the_expected_error_of_a_calibrated_model_falls_with_its_images() -> None:
    rng = np.random.default_rng(6)
    few, many = (calibration.expected_error(calibrated(n, rng), 200) for n in (40, 4_000))
    assert few.expected > 3 * many.expected > 0
    assert few.low < few.expected < few.high
    p = calibrated(40, rng)
    error = calibration.expected_error(p, 50)
    assert error.value == float(metrics.ece(p.positive, p.score))
    assert error == calibration.expected_error(p, 50)
    sure = calibration.expected_error(of([True, False], [1.0, 0.0]), 10)
    assert (sure.value, sure.expected) == (0, 0)


# --- slope and intercept


def test_slope_and_intercept_are_those_of_statsmodels() -> None:
    p = calibrated(200, np.random.default_rng(2), slope=0.6, away=0.4)
    line = slope_intercept(p, 0.9)
    score = logit(p.score)
    family = sm.families.Binomial()
    joint = sm.GLM(p.positive.astype(float), sm.add_constant(score), family).fit()
    fixed = sm.GLM(p.positive.astype(float), np.ones((200, 1)), family, offset=score).fit()
    for name, fitted in (("slope", joint), ("intercept", fixed)):
        assert line[name].value == pytest.approx(fitted.params[-1], abs=1e-6)
        assert (line[name].low, line[name].high) == pytest.approx(
            tuple(fitted.conf_int(0.1)[-1]), abs=1e-6
        )


def test_clusters_have_the_covariance_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    base = calibrated(120, rng)
    group = rng.integers(0, 40, 120)
    group = np.unique(group, return_inverse=True)[1]
    p = of(base.positive, base.score, group.tolist())
    line = slope_intercept(p)
    joint = sm.GLM(
        p.positive.astype(float), sm.add_constant(logit(p.score)), sm.families.Binomial()
    ).fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)
    assert (line["slope"].low, line["slope"].high) == pytest.approx(
        tuple(joint.conf_int()[-1]), abs=1e-6
    )


def test_a_calibrated_model_is_found_calibrated_about_95_times_in_100() -> None:
    rng = np.random.default_rng(4)
    inside = {"slope": 0, "intercept": 0}
    for _ in range(300):
        line = slope_intercept(calibrated(250, rng))
        for name, truth in (("slope", 1), ("intercept", 0)):
            inside[name] += line[name].low <= truth <= line[name].high
    assert all(0.91 <= count / 300 <= 0.99 for count in inside.values()), inside


def test_scores_too_extreme_and_too_high_are_recognised() -> None:
    rng = np.random.default_rng(5)
    line = slope_intercept(calibrated(2_000, rng, slope=0.5, away=-1))
    assert line["slope"].high < 1
    assert line["intercept"].high < 0
    assert verdict(line["slope"]) == "too extreme"
    line = slope_intercept(calibrated(2_000, rng, slope=2))
    assert verdict(line["slope"]) == "too moderate"


def test_far_wrong_scores_do_not_send_the_regression_to_infinity() -> None:
    truth = np.arange(40) % 3 == 0
    score = np.linspace(0.05, 0.9, 40)
    score[:3] = 1e-19, 0.0, 1.0
    line = slope_intercept(of(truth, score))
    for one in line.values():
        assert np.isfinite([one.value, one.low, one.high]).all()
        assert abs(one.value) < 10
        assert one.reason == "3 of 40 scores are 0 or 1 to the last digit and were moved"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("truth", "score", "slope", "intercept"),
    [
        ([], [], "no image", "no image"),
        ([True, True], [0.4, 0.6], "no negative image", "no negative image"),
        ([False, False], [0.4, 0.6], "no positive image", "no positive image"),
        ([True, False, True], [0.9, 0.1, 0.8], "a score separates the classes", None),
        ([True, False, True], [0.1, 0.9, 0.2], "a score separates the classes", None),
        ([True, False, False], [0.5, 0.5, 0.1], "a score separates the classes", None),
        ([True, False], [0.5, 0.5], "all scores are equal", None),
    ],
)
def test_degenerate_predictions_give_reasons_and_no_warning(
    truth: list[bool], score: list[float], slope: str, intercept: str | None
) -> None:
    p = of(truth, score)
    line = slope_intercept(p)
    assert np.isnan(line["slope"].value)
    assert line["slope"].reason == slope
    assert line["intercept"].reason == intercept
    assert np.isnan(line["intercept"].value) == (intercept is not None)
    calibration.reliability(p)
    calibration.brier_decomposition(p)
    calibration.expected_error(p, 5)
    assert verdict(line["slope"]) == "undecided"
    assert page.calibration_table({"a model": p}, Protocol()).shape == (1, 5)
    assert page.brier_table({"a model": p}).shape == (1, 5)


def test_one_group_has_no_interval() -> None:
    p = of([True, False, True, False], [0.9, 0.7, 0.4, 0.1], [0, 0, 0, 0])
    slope = slope_intercept(p)["slope"]
    assert np.isfinite(slope.value)
    assert np.isnan(slope.low)
    assert slope.reason == "too few groups for an interval"
    assert verdict(slope) == "undecided"
