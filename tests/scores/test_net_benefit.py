"""Net benefit: decision curves by hand, general properties, and degenerate predictions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from covidcxr.scores import net_benefit
from covidcxr.scores.intervals import Protocol
from tests.scores.test_curves import FEW, both, images, of
from tests.scores.test_predictive_values import matrix


def test_net_benefit_by_hand() -> None:
    rows = net_benefit.decision_curve(matrix(8, 2, 9, 81), [0.0, 0.2, 0.5], protocol=FEW)
    # 0.2 is reached by all scores, of 0.2 and of 0.8; 0.5 only by the upper ones.
    np.testing.assert_allclose(rows["model"], [0.1, 0.1 - 0.9 * 0.25, 8 / 100 - 9 / 100])
    np.testing.assert_allclose(rows["all"], [0.1, 0.1 - 0.9 * 0.25, 0.1 - 0.9])
    assert (rows["none"] == 0).all()
    assert rows.loc[0, "low"] == rows.loc[0, "high"] == pytest.approx(0.1)


def test_net_benefit_at_another_prevalence_by_hand() -> None:
    rows = net_benefit.decision_curve(matrix(8, 2, 9, 81), [0.25], 0.5, FEW)
    assert rows.loc[0, "model"] == pytest.approx(0.8 * 0.5 - 0.1 * 0.5 / 3)
    assert rows.loc[0, "all"] == pytest.approx(0.5 - 0.5 / 3)


@given(both, st.floats(0.01, 0.99), st.floats(0, 0.99))
def test_treating_all_is_a_model_that_calls_all(
    drawn: list[tuple[bool, float]], share: float, at: float
) -> None:
    truth = [one for one, _ in drawn]
    row = net_benefit.decision_curve(of(truth, [1.0] * len(truth)), [at], share, FEW).iloc[0]
    assert row["model"] == pytest.approx(row["all"])
    # It is worth nothing where the threshold is the prevalence.
    at_share = net_benefit.decision_curve(of(truth, [1.0] * len(truth)), [share], share, FEW)
    assert at_share.loc[0, "all"] == pytest.approx(0, abs=1e-9)


@given(both, st.floats(0.01, 0.99))
def test_no_model_beats_perfection_and_limits_hold_the_value(
    drawn: list[tuple[bool, float]], share: float
) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    rows = net_benefit.decision_curve(
        of(truth, score), np.linspace(0, 0.9, 7), share, Protocol(resamples=20), adjusted=True
    )
    assert (rows["model"] <= share + 1e-9).all()
    assert (rows["low"] <= rows["model"] + 1e-9).all()
    assert (rows["high"] >= rows["model"] - 1e-9).all()


def test_moving_scores_adds_to_their_logits() -> None:
    score = np.array([0.1, 0.5, 0.99])
    moved = net_benefit.shifted(score, 0.25, 0.01)
    np.testing.assert_allclose(logit(moved) - logit(score), logit(0.01) - logit(0.25))
    np.testing.assert_allclose(net_benefit.shifted([0, 1], 0.2, 0.1), [0, 1])
    np.testing.assert_allclose(net_benefit.shifted(score, 0.3, 0.3), score)


def test_where_a_model_is_useful() -> None:
    curve = pd.DataFrame(
        {"threshold": [0.1, 0.2, 0.3, 0.4, 0.5], "low": [0.1, 0.3, 0.2, -0.1, 0.1],
         "all": [0.2, 0.1, 0.0, -0.3, -0.5], "model": 0.3, "reason": ""}
    )  # fmt: skip
    assert net_benefit.useful(curve) == (0.2, 0.3)
    assert net_benefit.useful(curve.assign(low=-1.0)) is None


@given(images)
def test_nothing_warns_whatever_the_images(drawn: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    with np.errstate(all="raise", under="ignore"):
        curve = net_benefit.decision_curve(
            of(truth, score), [0.0, 0.5], protocol=Protocol(resamples=10)
        )
    if truth.all() or not truth.any():
        assert curve["model"].isna().all()
        assert curve["reason"].all()
        assert net_benefit.useful(curve) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_impossible_prevalences_and_thresholds_are_refused(share: float) -> None:
    p = matrix(1, 1, 1, 1)
    with pytest.raises(ValueError, match="prevalence"):
        net_benefit.decision_curve(p, [0.5], share, FEW)
    with pytest.raises(ValueError, match="threshold"):
        net_benefit.decision_curve(p, [1.0], 0.5, FEW)
