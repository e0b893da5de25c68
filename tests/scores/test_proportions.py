"""Intervals of proportions: published examples, statsmodels' answers, and groups of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from covidcxr.scores import proportions


def test_wilson_gives_the_published_example() -> None:
    # Newcombe, Stat Med 17:857-872 (1998), Table I, methods 3 and 5: 81 of 263 and 0 of 20.
    assert proportions.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert proportions.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert proportions.clopper_pearson(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert proportions.clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)


def test_a_proportion_of_nothing_has_no_interval() -> None:
    assert np.isnan(proportions.wilson(0, 0)).all()
    assert np.isnan(proportions.clopper_pearson(0, 0)).all()


def test_images_that_answer_together_are_worth_fewer() -> None:
    right = np.repeat(np.arange(30) % 3 > 0, 4)
    group = np.repeat(np.arange(30), 4)
    n, effect = proportions.effective_sample_size(right, group)
    assert effect == pytest.approx(4 * 34 / 33)
    assert n < 30
    same, one = proportions.effective_sample_size(right, np.arange(120))
    assert (same, one) == (120, 1)
    n, effect = proportions.effective_sample_size(np.ones(120, bool), group)
    assert (n, effect) == (30, 4)


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_groups_are_never_worth_more_than_their_images(seed: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    right, group = rng.random(60) < rng.random(), rng.integers(0, groups, 60)
    worth, effect = proportions.effective_sample_size(right, group)
    assert 1 <= worth <= 60
    assert effect >= 1
    order = rng.permutation(60)
    assert proportions.effective_sample_size(right[order], group[order]) == pytest.approx(
        (worth, effect)
    )
    assert proportions.effective_sample_size(~right, group) == pytest.approx((worth, effect))
    # The names of groups say nothing.
    assert proportions.effective_sample_size(right, 7 * group + 3) == pytest.approx((worth, effect))


def test_the_design_effect_is_statsmodels_of_a_mean_with_clusters() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 3)
    right = rng.random(120) < rng.beta(1, 0.4, 40)[group]
    # Two groups all right and two all wrong are added, as to Agresti and Coull's proportion.
    more = np.concatenate([right, np.repeat([True, True, False, False], 3)])
    clusters = np.concatenate([group, np.repeat(np.arange(40, 44), 3)])
    robust = OLS(more.astype(float), np.ones(132)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    variance, p = float(robust.bse[0]) ** 2 * 44 / 43, more.mean()
    worth, effect = proportions.effective_sample_size(right, group)
    assert effect == pytest.approx(variance / (p * (1 - p) / 132))
    # With 40 groups their spread is known by 39 degrees of freedom.
    lost = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 39)) ** 2
    assert worth == pytest.approx(120 / effect * lost)


def test_a_first_mistake_does_not_raise_the_lower_limit() -> None:
    # 30 patients with 4 images: who is right on all 120 knows no more than who errs on one.
    group = np.repeat(np.arange(30), 4)
    limits = []
    for wrong in range(6):
        right = np.arange(120) >= wrong
        worth, _ = proportions.effective_sample_size(right, group)
        limits.append(proportions.wilson(right.mean() * worth, worth)[0])
    assert max(limits[1:]) < limits[0]
