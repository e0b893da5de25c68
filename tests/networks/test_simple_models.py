"""Grouped cross-validation: nobody is asked about a group that was seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from covidcxr.networks import simple_models

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("model", simple_models.MODELS)
def test_what_is_there_is_found_and_noise_is_not(model: str) -> None:
    positive = np.arange(200) % 2 == 0
    group = np.arange(200) // 2 % 100
    noise = RNG.standard_normal((200, 3))
    seen = noise + 3 * positive[:, None]
    score = simple_models.cross_validated(model, seen, positive, group.astype(str))
    assert roc_auc_score(positive, score) > 0.97
    blind = simple_models.cross_validated(model, noise, positive, group.astype(str))
    # four standard errors of an AUROC of 100 + 100
    assert abs(roc_auc_score(positive, blind) - 0.5) < 0.17


def test_a_groups_own_mark_is_of_no_use() -> None:
    # Each group has a place of its own and a label by coin: only its own images would tell.
    group = np.repeat(np.arange(60), 9)
    places = RNG.standard_normal((60, 2))[group] + 0.001 * RNG.standard_normal((540, 2))
    positive = (RNG.random(60) < 0.5)[group]
    grouped = simple_models.cross_validated("neighbours", places, positive, group.astype(str))
    alone = simple_models.cross_validated(
        "neighbours", places, positive, np.arange(540).astype(str)
    )
    assert roc_auc_score(positive, alone) > 0.95
    assert abs(roc_auc_score(positive, grouped) - 0.5) < 0.25


def test_a_class_with_one_group_has_no_answer() -> None:
    positive = np.array([True, True, False, False, False])
    score = simple_models.cross_validated("logistic", np.eye(5), positive, list("aabcd"))
    assert np.isnan(score).all()


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_area_is_scikit_learns_and_its_limits_hold_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(60) % 3 == 0
    scored = np.clip(rng.random(60) * 0.6 + 0.3 * positive, 0, 1)
    area = simple_models.area(scored, positive, (np.arange(60) // 2).astype(str))
    assert area.value == pytest.approx(roc_auc_score(positive, scored))
    assert area.low <= area.value <= area.high


def test_an_unknown_model_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="none of logistic"):
        simple_models.model("forest", 3)
