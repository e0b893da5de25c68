"""The AUROC's variance: by brute force, by hand, and for clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from covidcxr.scores import delong, metrics


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
        covariance, np.cov(wins.mean(axis=2)) / p + np.cov(wins.mean(axis=1)) / q, atol=1e-12
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


def test_the_radiologists_ratings_of_hanley_and_mcneil() -> None:
    # Hanley and McNeil, Radiology 143:29-36 (1982), Table I: 58 normal and 51 abnormal CT
    # images rated 1 to 5, area 0.893. Stata's manual [R] roctab prints for them area 0.8932,
    # DeLong's standard error 0.0307, and 0.83295 to 0.95339.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    scores = np.concatenate([np.repeat(np.arange(5.0), k) for k in (abnormal, normal)])
    positive = np.arange(109) < 51
    area, covariance = delong.covariance(positive, scores[None])
    error = float(np.sqrt(covariance[0, 0]))
    assert area[0] == pytest.approx(0.8932, abs=5e-5)
    assert error == pytest.approx(0.0307, abs=5e-5)
    wald = area[0] + np.array([-1, 1]) * stats.norm.ppf(0.975) * error
    assert wald == pytest.approx([0.83295, 0.95339], abs=5e-5)
    # The logit interval is the same on its own scale, and shorter above than below.
    low, high = delong.interval(float(area[0]), error**2, 0.95)
    logit = [np.log(x / (1 - x)) for x in (low, float(area[0]), high)]
    assert np.diff(logit) == pytest.approx(
        2 * [1.959964 * error / (area[0] * (1 - area[0]))], rel=1e-5
    )
    assert 0.8 < low < wald[0]
    assert area[0] < high < wald[1]
    # Hanley and McNeil's own standard error is 0.032, and Newcombe's interval rests on it.
    low, high = delong.newcombe(float(area[0]), 51, 58, 0.95)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_covariance_of_clusters_is_obuchowskis(seed: int, groups: int) -> None:
    # Obuchowski, Biometrics 53:567-578 (1997): sums of placements by cluster, by loops.
    positive, scores = sample(seed)
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, 30 - groups)])
    both = [len(np.unique(group[inside])) for inside in (positive, ~positive)]
    if min(both) < 2:
        return
    of_hits, of_alarms = delong.placements(positive, scores)
    area, found = delong.covariance(positive, scores, group)
    p, q = positive.sum(), (~positive).sum()
    s10, s01 = np.zeros((2, groups)), np.zeros((2, groups))
    for g in range(groups):
        for m in range(2):
            s10[m, g] = (of_hits[m][group[positive] == g] - area[m]).sum()
            s01[m, g] = (of_alarms[m][group[~positive] == g] - area[m]).sum()
    for i in range(2):
        for j in range(2):
            wanted = both[0] / (both[0] - 1) * (s10[i] * s10[j]).sum() / p**2
            wanted += both[1] / (both[1] - 1) * (s01[i] * s01[j]).sum() / q**2
            cross = (s10[i] * s01[j]).sum() + (s10[j] * s01[i]).sum()
            wanted += groups / (groups - 1) * cross / (p * q)
            assert found[i, j] == pytest.approx(wanted, abs=1e-14)


@given(st.integers(0, 10_000))
def test_swapping_the_classes_changes_neither_area_nor_variance(seed: int) -> None:
    positive, scores = sample(seed)
    group = np.arange(30) // 2
    for clusters in (None, group):
        area, covariance = delong.covariance(positive, scores, clusters)
        other, turned = delong.covariance(~positive, -scores, clusters)
        np.testing.assert_allclose(other, area)
        np.testing.assert_allclose(turned, covariance, atol=1e-15)
        opposite, same = delong.covariance(positive, -scores, clusters)
        np.testing.assert_allclose(opposite, 1 - area)
        np.testing.assert_allclose(same, covariance, atol=1e-15)


@given(st.integers(0, 10_000))
def test_the_order_of_images_changes_nothing(seed: int) -> None:
    positive, scores = sample(seed)
    group = np.arange(30) % 11
    order = np.random.default_rng(seed).permutation(30)
    area, covariance = delong.covariance(positive, scores, group)
    other, moved = delong.covariance(positive[order], scores[:, order], group[order])
    np.testing.assert_allclose(other, area)
    np.testing.assert_allclose(moved, covariance, atol=1e-15)
    for one, score in zip(area, scores, strict=True):
        assert one == pytest.approx(float(metrics.auroc(positive, score)))


def test_the_bootstrap_has_delongs_spread() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(360) < 92
    scores = rng.normal(1.2 * positive, 1)
    weights = np.concatenate(
        [
            rng.multinomial(n, np.full(n, 1 / n), 4_000).reshape(-1, n)
            for n in (92, 268)
        ],
        axis=1,
    )  # fmt: skip
    drawn = metrics.auroc(positive, scores, weights)
    _, covariance = delong.covariance(positive, scores[None])
    assert drawn.std() == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.05)


def test_newcombes_upper_limit_misses_nothing_by_rounding() -> None:
    for p, q in ((1, 1), (2, 500), (92, 268)):
        assert delong.newcombe(1.0, p, q, 0.95)[1] == 1
        assert delong.newcombe(0.0, p, q, 0.95)[0] == 0
        narrow, wide = (delong.newcombe(0.9, p, q, level) for level in (0.9, 0.99))
        assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]
    # More images, less doubt.
    lows = [delong.newcombe(1.0, n, n, 0.95)[0] for n in (5, 20, 80)]
    assert lows == sorted(lows)
