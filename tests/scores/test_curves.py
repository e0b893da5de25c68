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
def test_the_area_under_the_points_is_the_auroc(rows: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    found = curves.points(of(truth, score))
    area = np.trapezoid(found["sensitivity"], found["false_positive_rate"])
    assert area == pytest.approx(float(metrics.auroc(truth, score)))


@pytest.mark.filterwarnings("error")
def test_limits_leave_out_what_is_not_a_number() -> None:
    drawn = np.array([[0.0, np.nan, np.nan], [1.0, 0.5, np.nan]])
    low, high = curves.limits(drawn, 0.95)
    np.testing.assert_allclose(low, [0.025, 0.5, np.nan])
    np.testing.assert_allclose(high, [0.975, 0.5, np.nan])
