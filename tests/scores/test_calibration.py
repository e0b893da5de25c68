"""Calibration: dumb cases, statsmodels' answers, a model that is calibrated, degenerate ones."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from covidcxr.figures import calibration as use_figures
from covidcxr.scores import calibration, metrics
from covidcxr.scores.intervals import Interval
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
    assert parts.bins == len(np.unique(score))
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert parts.brier == pytest.approx(float(metrics.brier(truth, score)))


def test_slope_and_intercept_are_those_of_statsmodels() -> None:
    p = calibrated(200, np.random.default_rng(2), slope=0.6, away=0.4)
    found = calibration.slope_intercept(p, 0.9)
    line = logit(p.score)
    family = sm.families.Binomial()
    joint = sm.GLM(p.positive.astype(float), sm.add_constant(line), family).fit()
    fixed = sm.GLM(p.positive.astype(float), np.ones((200, 1)), family, offset=line).fit()
    for name, fitted in (("slope", joint), ("intercept", fixed)):
        assert found[name].value == pytest.approx(fitted.params[-1], abs=1e-6)
        assert (found[name].low, found[name].high) == pytest.approx(
            tuple(fitted.conf_int(0.1)[-1]), abs=1e-6
        )


def test_clusters_have_the_covariance_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    base = calibrated(120, rng)
    group = rng.integers(0, 40, 120)
    group = np.unique(group, return_inverse=True)[1]
    p = of(base.positive, base.score, group.tolist())
    found = calibration.slope_intercept(p)
    joint = sm.GLM(
        p.positive.astype(float), sm.add_constant(logit(p.score)), sm.families.Binomial()
    ).fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)
    assert (found["slope"].low, found["slope"].high) == pytest.approx(
        tuple(joint.conf_int()[-1]), abs=1e-6
    )


def test_a_calibrated_model_is_found_calibrated_about_95_times_in_100() -> None:
    rng = np.random.default_rng(4)
    inside = {"slope": 0, "intercept": 0}
    for _ in range(300):
        found = calibration.slope_intercept(calibrated(250, rng))
        for name, truth in (("slope", 1), ("intercept", 0)):
            inside[name] += found[name].low <= truth <= found[name].high
    assert all(0.91 <= count / 300 <= 0.99 for count in inside.values()), inside


def test_scores_too_extreme_and_too_high_are_told_as_such() -> None:
    rng = np.random.default_rng(5)
    found = calibration.slope_intercept(calibrated(2_000, rng, slope=0.5, away=-1))
    assert found["slope"].high < 1
    assert found["intercept"].high < 0
    assert "more extreme" in calibration.verdict(found["slope"])
    found = calibration.slope_intercept(calibrated(2_000, rng, slope=2))
    assert "more moderate" in calibration.verdict(found["slope"])


def test_far_wrong_scores_do_not_send_the_regression_to_infinity() -> None:
    truth = np.arange(40) % 3 == 0
    score = np.linspace(0.05, 0.9, 40)
    score[:3] = 1e-19, 0.0, 1.0
    found = calibration.slope_intercept(of(truth, score))
    for one in found.values():
        assert np.isfinite([one.value, one.low, one.high]).all()
        assert abs(one.value) < 10
        assert one.reason == "3 of 40 scores are 0 or 1 to the last digit and were moved"


def test_the_expected_error_of_a_calibrated_model_falls_with_its_images() -> None:
    rng = np.random.default_rng(6)
    few, many = (calibration.expected_error(calibrated(n, rng), 200) for n in (40, 4_000))
    assert few.expected > 3 * many.expected > 0
    assert few.low < few.expected < few.high
    p = calibrated(40, rng)
    found = calibration.expected_error(p, 50)
    assert found.value == float(metrics.ece(p.positive, p.score))
    assert found == calibration.expected_error(p, 50)
    sure = calibration.expected_error(of([True, False], [1.0, 0.0]), 10)
    assert (sure.value, sure.expected, sure.as_large) == (0, 0, 1)


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
    found = calibration.slope_intercept(p)
    assert np.isnan(found["slope"].value)
    assert found["slope"].reason == slope
    assert found["intercept"].reason == intercept
    assert np.isnan(found["intercept"].value) == (intercept is not None)
    calibration.reliability(p)
    calibration.brier_decomposition(p)
    calibration.expected_error(p, 5)
    assert slope in calibration.told(found["slope"])
    assert slope in calibration.verdict(found["slope"])
    assert calibration.summary({"a model": p}).shape == (1, 9)


def test_one_group_has_no_interval() -> None:
    p = of([True, False, True, False], [0.9, 0.7, 0.4, 0.1], [0, 0, 0, 0])
    found = calibration.slope_intercept(p)["slope"]
    assert np.isfinite(found.value)
    assert np.isnan(found.low)
    assert found.reason == "too few groups for an interval"
    assert "cannot be judged" in calibration.verdict(found)


def test_told_writes_limits() -> None:
    assert calibration.told(Interval(1.234, 0.9, 1.5, "Wald", "image", 9)) == "1.23 (0.90 to 1.50)"


def test_the_reliability_picture_says_how_many_bins_are_off() -> None:
    p = of([False] * 20 + [True] * 20, [0.9] * 20 + [0.1] * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = use_figures.reliability(
            {"upside down": p}, {"upside down": calibration.reliability(p)}
        )
    assert "upside down: 2 bins, 2 with the diagonal outside" in picture.alt
