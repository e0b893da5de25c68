"""ROC and precision-recall curves: dumb cases, scikit-learn's answers, and general ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from covidcxr.scores import curves, metrics
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

FEW = Protocol(resamples=300)


def of(
    positive: list[bool] | np.ndarray,
    score: list[float] | np.ndarray,
    group: list[int] | None = None,
) -> Predictions:
    n = len(positive)
    return Predictions(
        "a model",
        np.array([str(k) for k in range(n)], dtype=str),
        np.asarray(positive, dtype=bool),
        np.asarray(score, dtype=float),
        np.asarray(group if group else np.arange(n), dtype=np.int64),
        "patient" if group else "image",
    )


images = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6).map(lambda k: k / 6)), min_size=1, max_size=40
)
both = images.filter(lambda rows: len({truth for truth, _ in rows}) == 2)


def test_four_images_with_a_tie() -> None:
    found = curves.points(of([True, False, True, False], [0.9, 0.5, 0.5, 0.1]))
    assert found["threshold"].tolist() == [np.inf, 0.9, 0.5, 0.1]
    assert found["tp"].tolist() == [0, 1, 2, 2]
    assert found["fp"].tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(found["ppv"], [np.nan, 1, 2 / 3, 1 / 2])


@given(both)
def test_points_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    found = curves.points(of(truth, score))
    false, true, thresholds = reference.roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(found["false_positive_rate"], false)
    np.testing.assert_allclose(found["sensitivity"], true)
    np.testing.assert_allclose(found["threshold"], thresholds)
    precision, recall, _ = reference.precision_recall_curve(truth, score)
    np.testing.assert_allclose(found["ppv"][1:], precision[:-1][::-1])
    np.testing.assert_allclose(found["sensitivity"][1:], recall[:-1][::-1])


@given(both)
def test_the_curve_on_a_grid_rises_and_is_the_line_between_the_points(
    rows: list[tuple[bool, float]],
) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    found = curves.bands(of(truth, score), Protocol(resamples=2))
    roc = found[found["curve"] == "roc"]
    assert (np.diff(roc["value"]) >= -1e-12).all()
    points = curves.points(of(truth, score))
    # numpy's line takes any, ours the highest, of several points above one another.
    highest = points.groupby("false_positive_rate")["sensitivity"].max()
    lowest = points.groupby("false_positive_rate")["sensitivity"].min()
    for at, value in zip(roc["at"], roc["value"], strict=True):
        left = highest[highest.index <= at + 1e-9]
        right = lowest[lowest.index > at + 1e-9]
        expected = left.iloc[-1]
        if len(right):
            part = (at - left.index[-1]) / (right.index[0] - left.index[-1])
            expected += part * (right.iloc[0] - expected)
        assert value == pytest.approx(expected, abs=1e-8)


@given(both)
def test_limits_enclose_the_curve_or_its_resamples_and_stay_within_0_and_1(
    rows: list[tuple[bool, float]],
) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    found = curves.bands(of(truth, score), Protocol(resamples=20))
    assert (found["low"] <= found["value"] + 1e-9).all()
    assert (found["high"] >= found["value"] - 1e-9).all()
    assert (np.abs(found[["low", "high"]].to_numpy() - 0.5) <= 0.5 + 1e-9).all()


def test_the_area_of_the_curves_is_that_of_the_scores() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.4
    p = of(truth, np.round(np.clip(0.3 * truth + 0.7 * rng.random(80), 0, 1), 2))
    grid = np.linspace(0, 1, 4_001)
    found = curves.bands(p, Protocol(resamples=1), grid)
    roc, pr = (found[found["curve"] == name]["value"].to_numpy() for name in ("roc", "pr"))
    assert np.trapezoid(roc, grid) == pytest.approx(float(metrics.auroc(truth, p.score)), abs=1e-3)
    assert np.trapezoid(pr, grid) == pytest.approx(float(metrics.auprc(truth, p.score)), abs=1e-3)


def test_a_perfect_model_has_no_perfect_band() -> None:
    found = curves.bands(of([True] * 20 + [False] * 30, [0.9] * 20 + [0.1] * 30), FEW)
    roc = found[found["curve"] == "roc"]
    assert roc["value"].iloc[0] == 1
    assert roc["low"].iloc[0] == pytest.approx(1 / (1 + 3.8415 / 20), abs=1e-4)
    assert roc["low"].iloc[-1] == 1


def test_groups_widen_the_band() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(60) < 30
    score = np.clip(0.2 * truth + 0.8 * rng.random(60), 0, 1)
    alone = curves.bands(of(truth, score), FEW)
    twins = [k // 2 for k in range(120)]
    paired = curves.bands(of(np.repeat(truth, 2), np.repeat(score, 2), twins), FEW)
    copied = curves.bands(of(np.repeat(truth, 2), np.repeat(score, 2)), FEW)
    width = [(b["high"] - b["low"]).mean() for b in (copied, alone, paired)]
    assert width[0] < 0.85 * width[1]
    assert width[2] == pytest.approx(width[1], rel=0.1)


def test_pieces_of_resamples_give_the_same_band(monkeypatch: pytest.MonkeyPatch) -> None:
    p = of([True, True, False, False, True, False], [0.9, 0.4, 0.5, 0.1, 0.7, 0.4])
    rows = curves.bands(p, FEW)
    monkeypatch.setattr("covidcxr.scores.bootstrap.CHUNK", 600)
    pieces = curves.bands(p, FEW)
    assert np.abs(rows["low"] - pieces["low"]).max() < 0.2
    assert (pieces["value"] == rows["value"]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("truth", "reason"),
    [([], "no image"), ([True], "no negative image"),
     ([False, False], "no positive image")],
)  # fmt: skip
def test_a_missing_class_is_a_reason(truth: list[bool], reason: str) -> None:
    p = of(truth, [0.5] * len(truth))
    curves.points(p)
    found = curves.bands(p, FEW)
    assert found["value"].isna().all()
    assert set(found["reason"]) == {reason}


@pytest.mark.filterwarnings("error")
def test_limits_leave_out_what_is_not_a_number() -> None:
    drawn = np.array([[0.0, np.nan, np.nan], [1.0, 0.5, np.nan]])
    low, high = curves.limits(drawn, 0.95)
    np.testing.assert_allclose(low, [0.025, 0.5, np.nan])
    np.testing.assert_allclose(high, [0.975, 0.5, np.nan])
