"""Scores and intervals: the right answer in dumb cases, then golden and general ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from covidcxr import metrics, seedpaper
from covidcxr.problems import Problem

cells_strategy = st.tuples(*[st.integers(0, 200)] * 4).filter(lambda c: sum(c) > 0)


def test_perfect_wrong_and_one_sided_classifiers() -> None:
    perfect = metrics.score([5, 0, 0, 7])
    assert all(value == 1 for value in perfect.values())
    wrong = metrics.score([0, 5, 7, 0])
    assert wrong["accuracy"] == wrong["f1"] == 0
    assert wrong["mcc"] == -1
    always_normal = metrics.score([0, 5, 0, 7])
    assert always_normal["specificity"] == 1
    assert np.isnan(always_normal["ppv"])
    assert np.isnan(always_normal["mcc"])


def test_covid19_is_positive_and_the_threshold_is_inclusive() -> None:
    labels = ["COVID19", "COVID19", "NORMAL", "NORMAL"]
    assert metrics.confusion(labels, [0.5, 0.4, 0.5, 0.1]).tolist() == [1, 1, 1, 1]
    assert metrics.confusion(labels, [0.5, 0.4, 0.5, 0.1], threshold=0.3).tolist() == [2, 0, 1, 1]


@given(cells_strategy)
def test_scores_agree_with_scikit_learn_where_both_are_defined(cells: tuple[int, ...]) -> None:
    tp, fn, fp, tn = cells
    truth = [1] * (tp + fn) + [0] * (fp + tn)
    called = [1] * tp + [0] * fn + [1] * fp + [0] * tn
    ours = metrics.score(cells)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(truth, called))
    if tp + fn and fp + tn:
        assert ours["balanced_accuracy"] == pytest.approx(
            reference.balanced_accuracy_score(truth, called)
        )
    if tp + fp + fn:
        assert ours["f1"] == pytest.approx(reference.f1_score(truth, called))
    if not np.isnan(ours["mcc"]):
        assert ours["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, called))


@given(cells_strategy)
def test_transposing_a_matrix_swaps_sensitivity_and_ppv_and_keeps_accuracy_f1_mcc(
    cells: tuple[int, ...],
) -> None:
    tp, fn, fp, tn = cells
    one, other = metrics.score(cells), metrics.score([tp, fp, fn, tn])
    np.testing.assert_equal(one["sensitivity"], other["ppv"])
    np.testing.assert_equal(one["specificity"], other["npv"])
    for name in ("accuracy", "f1", "mcc"):
        np.testing.assert_allclose(one[name], other[name])


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(Problem, match="1 of 2 scores are not numbers"):
        metrics.confusion(["COVID19", "NORMAL"], [np.nan, 0.1])


def test_paper_row_totals_show_one_test_part() -> None:
    assert seedpaper.row_totals() == {(92, 268)}
    for table in seedpaper.tables().values():
        assert table.cells("true").sum() == 360
        assert sorted(table.cells("true")) == sorted(table.cells("predicted"))
