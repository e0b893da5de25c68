"""Influences are those of images really left out; limits are symmetric on their scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.scores import jackknife, metrics


@given(st.integers(0, 10_000), st.integers(4, 25), st.integers(2, 12))
def test_the_influence_is_that_of_leaving_each_image_out(seed: int, n: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(n) < max(2, n // 3)
    score = rng.integers(0, values, n) / values
    without = metrics.auprc(positive, score, 1 - np.eye(n))
    m = np.where(positive, positive.sum(), (~positive).sum())
    expected = (m - 1) / m * (metrics.auprc(positive, score) - without)
    np.testing.assert_allclose(jackknife.auprc_influence(positive, score), expected, atol=1e-12)


def test_the_error_of_a_mean_is_the_textbook_one() -> None:
    loss = np.random.default_rng(0).random(40)
    positive = np.arange(40) < 15
    error = jackknife.standard_error(loss / 40, positive, None, stratified=False)
    assert error == pytest.approx(loss.std(ddof=1) / np.sqrt(40))
    by_class = jackknife.standard_error(loss / 40, positive, None)
    parts = [(part.std(ddof=1) * len(part) / 40) ** 2 / len(part) for part in
             (loss[positive], loss[~positive])]  # fmt: skip
    assert by_class == pytest.approx(np.sqrt(sum(parts)))


def test_images_that_repeat_a_patient_add_nothing() -> None:
    rng = np.random.default_rng(1)
    loss, positive = rng.random(30), np.arange(30) < 12
    single = jackknife.standard_error(loss / 30, positive, None)
    thrice = jackknife.standard_error(
        np.repeat(loss, 3) / 90, np.repeat(positive, 3), np.repeat(np.arange(30), 3)
    )
    assert thrice == pytest.approx(single)


@pytest.mark.parametrize(
    ("scale", "value"), [("logit", 0.9), ("Fisher z", -0.4), ("log", 3.0)]
)  # fmt: skip
def test_limits_of_a_small_error_are_those_of_the_normal_distribution(
    scale: jackknife.Scale, value: float
) -> None:
    low, high = jackknife.limits(value, 1e-5, scale, 10**6, 0.95)
    assert (value - low) / 1e-5 == pytest.approx(1.96, abs=0.01)
    assert (high - value) / 1e-5 == pytest.approx(1.96, abs=0.01)


@pytest.mark.parametrize(("scale", "value"), [("logit", 1.0), ("Fisher z", 1.0), ("log", 0.0)])
def test_at_an_end_of_the_scale_there_are_no_limits(scale: jackknife.Scale, value: float) -> None:
    assert np.isnan(jackknife.limits(value, 0.1, scale, 10, 0.95)).all()
