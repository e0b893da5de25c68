"""Calibration by bins: dumb cases, general properties, a model that is calibrated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.scores import calibration, metrics
from tests.scores.test_calibration_regression import calibrated
from tests.scores.test_curves import images, of


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
