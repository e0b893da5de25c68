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


def test_wilson_gives_the_published_example() -> None:
    # Newcombe, Stat Med 17:857-872 (1998), Table I, method 3: 81 of 263 and 0 of 20.
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_wilson_of_nothing_is_not_a_number() -> None:
    assert np.isnan(metrics.wilson(0, 0)).all()


@given(cells_strategy, st.integers(0, 5))
def test_bootstrap_keeps_the_number_of_images_of_each_class(
    cells: tuple[int, ...], seed: int
) -> None:
    drawn = metrics.resample(cells, 50, seed)
    tp, fn, fp, tn = cells
    assert (drawn[:, 0] + drawn[:, 1] == tp + fn).all()
    assert (drawn[:, 2] + drawn[:, 3] == fp + tn).all()
    assert (drawn >= 0).all()


def test_bootstrap_of_counts_is_the_bootstrap_of_images() -> None:
    cells = seedpaper.tables()["resnet252v2"].cells("true")
    tp, fn, fp, tn = cells
    drawn = metrics.score(metrics.resample(cells, 20_000, seed=1))["f1"]
    rng = np.random.default_rng(2)
    positives, negatives = np.repeat([1, 0], [tp, fn]), np.repeat([1, 0], [fp, tn])
    slow = []
    for _ in range(4_000):
        hits = rng.choice(positives, len(positives)).sum()
        alarms = rng.choice(negatives, len(negatives)).sum()
        slow.append(2 * hits / (2 * hits + alarms + len(positives) - hits))
    assert drawn.mean() == pytest.approx(np.mean(slow), abs=0.002)
    assert np.percentile(drawn, [2.5, 97.5]) == pytest.approx(
        np.percentile(slow, [2.5, 97.5]), abs=0.006
    )


@given(cells_strategy)
def test_intervals_hold_their_value_and_say_their_method(cells: tuple[int, ...]) -> None:
    table = metrics.summarise(cells, resamples=200)
    assert list(table.index) == list(metrics.SCORES)
    proportions = table.loc[list(metrics.PROPORTIONS)].dropna()
    assert (proportions["low"] <= proportions["value"] + 1e-12).all()
    assert (proportions["high"] >= proportions["value"] - 1e-12).all()
    assert set(proportions["method"]) <= {"Wilson"}
    undefined = table[table["value"].isna()]
    assert undefined[["low", "high"]].isna().all().all()


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(Problem, match="1 of 2 scores are not numbers"):
        metrics.confusion(["COVID19", "NORMAL"], [np.nan, 0.1])


def test_a_perfect_classifier_is_not_certain() -> None:
    table = metrics.summarise([20, 0, 0, 30])
    for name in ("f1", "balanced_accuracy", "mcc"):
        assert float(table["high"].to_dict()[name]) == pytest.approx(1)
        assert 0.6 < float(table["low"].to_dict()[name]) < 1
        assert table.loc[name, "method"] == "Wilson limits of sensitivity and specificity"


def test_resamples_without_a_score_are_counted() -> None:
    method = str(metrics.summarise([1, 2, 0, 5], resamples=500)["method"].to_dict()["mcc"])
    drawn = metrics.score(metrics.resample([1, 2, 0, 5], 500))["mcc"]
    assert 0 < np.isnan(drawn).sum() < 500
    assert method.endswith(f"B = 500, {np.isnan(drawn).sum()} undefined")


def test_paper_row_totals_show_one_test_part() -> None:
    assert seedpaper.row_totals() == {(92, 268)}
    for table in seedpaper.tables().values():
        assert table.cells("true").sum() == 360
        assert sorted(table.cells("true")) == sorted(table.cells("predicted"))
