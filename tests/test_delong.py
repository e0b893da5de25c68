"""The AUROC's variance: by brute force, by hand, and for clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from covidcxr import delong


def sample(seed: int, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = np.arange(n) % 3 == 0
    scores = np.round(rng.normal(0.5 * positive, 1, (2, n)), 1)
    return positive, scores


@given(st.integers(0, 10_000))
def test_placements_and_covariance_are_those_of_all_pairs(seed: int) -> None:
    positive, scores = sample(seed)
    hits, alarms = scores[:, positive], scores[:, ~positive]
    wins = (hits[:, :, None] > alarms[:, None]) + 0.5 * (hits[:, :, None] == alarms[:, None])
    of_hits, of_alarms = delong.placements(positive, scores)
    np.testing.assert_allclose(of_hits, wins.mean(axis=2))
    np.testing.assert_allclose(of_alarms, wins.mean(axis=1))
    area, covariance = delong.covariance(positive, scores)
    for one, score in zip(area, scores, strict=True):
        assert one == pytest.approx(roc_auc_score(positive, score))
    p, q = positive.sum(), (~positive).sum()
    np.testing.assert_allclose(
        covariance, np.cov(wins.mean(axis=2)) / p + np.cov(wins.mean(axis=1)) / q
    )


def test_a_case_by_hand() -> None:
    # Positives 3, 1; negatives 2, 0: wins 1, 1, 0, 1. Placements of the positives are
    # 1 and 1/2, of the negatives 1/2 and 1; each has variance 1/8 and two images.
    positive = np.array([True, True, False, False])
    area, covariance = delong.covariance(positive, np.array([[3.0, 1.0, 2.0, 0.0]]))
    assert area[0] == 0.75
    assert covariance[0, 0] == pytest.approx(1 / 8 / 2 + 1 / 8 / 2)


def test_clusters_of_one_image_are_images_and_twins_count_once() -> None:
    positive, scores = sample(1, 60)
    area, alone = delong.covariance(positive, scores)
    _, single = delong.covariance(positive, scores, np.arange(60))
    # Obuchowski's factors are of images of a class; those of different classes do not meet.
    np.testing.assert_allclose(single, alone, rtol=1e-9)
    twice = np.tile(np.arange(60), 2)
    both, doubled = delong.covariance(np.tile(positive, 2), np.tile(scores, 2), twice)
    np.testing.assert_allclose(both, area)
    np.testing.assert_allclose(doubled, alone, rtol=0.05)


def test_an_interval_stays_between_0_and_1_and_needs_a_variance() -> None:
    low, high = delong.interval(0.98, 0.02**2, 0.95)
    assert 0.8 < low < 0.98 < high < 1
    assert np.isnan(delong.interval(1.0, 0.0, 0.95)).all()
    assert np.isnan(delong.interval(0.9, 0.0, 0.95)).all()


@given(st.floats(0, 1), st.integers(2, 200), st.integers(2, 200))
def test_newcombes_limits_hold_the_area_and_solve_its_equation(area: float, p: int, q: int) -> None:
    low, high = delong.newcombe(area, p, q, 0.95)
    assert 0 <= low <= area + 1e-9
    assert area - 1e-9 <= high <= 1
    half = (p + q) / 2 - 1
    for theta in (low, high):
        if 1e-6 < theta < 1 - 1e-6:
            spread = theta * (1 - theta) / (p * q)
            spread *= 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
            assert abs(area - theta) == pytest.approx(1.959964 * np.sqrt(spread), abs=1e-6)
    mirrored = delong.newcombe(1 - area, p, q, 0.95)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-6)
