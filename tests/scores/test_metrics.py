"""Scores: the right answer in dumb cases, then scikit-learn's, then what holds in general."""

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from covidcxr.core.errors import Problem
from covidcxr.paper import publication
from covidcxr.scores import metrics

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


def test_the_threshold_is_inclusive() -> None:
    positive, scores = [True, True, False, False], [0.5, 0.4, 0.5, 0.1]
    for threshold, cells in ((0.5, [1, 1, 1, 1]), (0.3, [2, 0, 1, 1])):
        found = metrics.summary(positive, scores, threshold)
        assert [found[cell] for cell in metrics.CELLS] == cells


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
    if not np.isnan(ours["kappa"]):
        assert ours["kappa"] == pytest.approx(reference.cohen_kappa_score(truth, called))
    if not np.isnan(ours["macro_f1"]):
        assert ours["macro_f1"] == pytest.approx(
            reference.f1_score(truth, called, average="macro", labels=[0, 1])
        )
    if tp + fp:
        assert ours["ppv"] == pytest.approx(reference.precision_score(truth, called))
    if fn + tn:
        assert ours["npv"] == pytest.approx(reference.precision_score(truth, called, pos_label=0))


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
        metrics.summary([True, False], [np.nan, 0.1])


def test_paper_row_totals_show_one_test_part() -> None:
    assert publication.row_totals() == {(92, 268)}
    for table in publication.tables().values():
        assert table.cells("true").sum() == 360
        assert sorted(table.cells("true")) == sorted(table.cells("predicted"))


# --- what holds of every confusion matrix


@given(cells_strategy)
def test_swapping_the_classes_swaps_sensitivity_and_specificity(cells: tuple[int, ...]) -> None:
    tp, fn, fp, tn = cells
    one, other = metrics.score(cells), metrics.score([tn, fp, fn, tp])
    for here, there in (("sensitivity", "specificity"), ("ppv", "npv")):
        np.testing.assert_equal(one[here], other[there])
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "kappa"):
        np.testing.assert_allclose(one[name], other[name], err_msg=name)


@given(cells_strategy)
def test_mcc_is_the_geometric_mean_of_informedness_and_markedness(cells: tuple[int, ...]) -> None:
    # Powers, J Mach Learn Technol 2:37-63 (2011): MCC squared is their product.
    found = metrics.score(cells)
    informed = found["sensitivity"] + found["specificity"] - 1
    marked = found["ppv"] + found["npv"] - 1
    if not np.isnan(found["mcc"]):
        assert found["mcc"] ** 2 == pytest.approx(informed * marked, abs=1e-12)
        assert np.sign(found["mcc"]) == pytest.approx(np.sign(round(float(informed), 12)))
        assert abs(found["kappa"]) <= abs(found["mcc"]) + 1e-12
        assert abs(found["mcc"]) <= 1 + 1e-12


@given(st.tuples(*[st.integers(0, 3)] * 4))
def test_what_has_no_value_is_no_number_and_has_a_reason(cells: tuple[int, ...]) -> None:
    tp, fn, fp, tn = cells
    empty = {
        "accuracy": tp + fn + fp + tn == 0,
        "sensitivity": tp + fn == 0,
        "specificity": fp + tn == 0,
        "ppv": tp + fp == 0,
        "npv": fn + tn == 0,
        "f1": tp + fn + fp == 0,
        "macro_f1": tp + fn + fp == 0 or tn + fn + fp == 0,
        "balanced_accuracy": tp + fn == 0 or fp + tn == 0,
        "mcc": 0 in (tp + fn, fp + tn, tp + fp, fn + tn),
        "kappa": sum(cells) in (tp, tn),
    }
    for name, value in metrics.score(cells).items():
        assert bool(np.isnan(value)) == empty[name], name
        assert not np.isinf(value)
        if empty[name]:
            assert metrics.undefined(name, cells).startswith("no "), name


def test_many_matrices_at_once_score_as_one_by_one() -> None:
    cells = np.random.default_rng(0).integers(0, 4, (3, 5, 4))
    together = metrics.score(cells)
    for place in np.ndindex(3, 5):
        for name, value in metrics.score(cells[place]).items():
            np.testing.assert_equal(together[name][place], value)


def test_a_summary_holds_cells_scores_and_auroc_as_plain_numbers() -> None:
    labels, scores = [True, True, False, False], [0.9, 0.2, 0.4, 0.1]
    found = metrics.summary(labels, scores)
    assert list(found) == [*metrics.CELLS, *metrics.SCORES, "auroc"]
    assert [found[cell] for cell in metrics.CELLS] == [1, 1, 0, 2]
    assert (found["accuracy"], found["ppv"], found["auroc"]) == (0.75, 1, 0.75)
    none = metrics.summary(labels, scores, threshold=0.95, undefined=None)
    assert (none["ppv"], none["npv"]) == (None, 0.5)
    assert json.loads(json.dumps(none)) == none
    assert np.isnan(metrics.summary(labels[:2], scores[:2])["auroc"])


# --- scores without a threshold


def all_probability_scores(
    positive: np.ndarray, score: npt.ArrayLike, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    functions = {name: getattr(metrics, name) for name in metrics.PROBABILITY_SCORES}
    return {name: function(positive, score, weights) for name, function in functions.items()}


def probability_sample(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return both classes, with ties, and certain and wrong scores."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    return positive, np.round(np.clip(rng.normal(0.4 + 0.2 * positive, 0.3), 0, 1), 1)


@given(st.integers(0, 10_000))
def test_probability_scores_are_scikit_learns(seed: int) -> None:
    positive, score = probability_sample(seed)
    found = all_probability_scores(positive, score)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(positive, score))
    assert found["auprc"] == pytest.approx(reference.average_precision_score(positive, score))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(positive, score))
    assert found["log_loss"] == pytest.approx(reference.log_loss(positive, score))


@given(st.integers(0, 10_000))
def test_weighted_probability_scores_are_scikit_learns(seed: int) -> None:
    positive, score = probability_sample(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (2, len(score)))
    weights[:, :2] += 1
    found = all_probability_scores(positive, score, weights)
    for at, w in enumerate(weights):
        for name, function in (
            ("auroc", reference.roc_auc_score),
            ("auprc", reference.average_precision_score),
            ("brier", reference.brier_score_loss),
            ("log_loss", reference.log_loss),
        ):
            wanted = function(positive, score, sample_weight=w)
            assert found[name][at] == pytest.approx(wanted), name


@given(st.integers(0, 10_000))
def test_the_auroc_sees_ranks_only_and_turns_round_with_the_classes(seed: int) -> None:
    positive, score = probability_sample(seed)
    area = metrics.auroc(positive, score)
    assert metrics.auroc(positive, score**3) == pytest.approx(area)
    assert metrics.auroc(~positive, score) == pytest.approx(1 - area)
    assert metrics.auroc(~positive, 1 - score) == pytest.approx(area)
    for name in ("brier", "log_loss"):
        function = getattr(metrics, name)
        assert function(~positive, 1 - score) == pytest.approx(function(positive, score))


@given(st.integers(0, 10_000))
def test_the_order_of_images_does_not_change_a_probability_score(seed: int) -> None:
    positive, score = probability_sample(seed)
    order = np.random.default_rng(seed).permutation(len(score))
    moved = all_probability_scores(positive[order], score[order])
    for name, value in all_probability_scores(positive, score).items():
        assert moved[name] == pytest.approx(float(value)), name


def test_the_calibration_error_by_hand() -> None:
    # Bin (0.1, 0.2]: mean score 0.2, one positive of two; bin (0.8, 0.9]: 0.85, all.
    positive = np.array([True, False, True, True])
    score = np.array([0.2, 0.2, 0.9, 0.8 + 1e-9])
    assert metrics.ece(positive, score) == pytest.approx((2 * 0.3 + 2 * 0.15) / 4)
    # An upper edge belongs to its bin, and 0 to the first.
    edges = np.array([0.0, 0.1, 0.3, 0.6, 0.7, 1.0])
    alone = np.zeros(6, bool)
    assert metrics.ece(alone, edges) == pytest.approx(edges.mean())
    assert metrics.ece(np.array([True, False]), np.array([0.0, 0.1])) == pytest.approx(0.45)
    assert metrics.ece(np.array([True, False]), np.array([0.1, 0.1 + 1e-9])) == pytest.approx(0.5)


@given(st.integers(0, 10_000))
def test_the_calibration_error_is_that_of_a_loop_over_bins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, score = rng.random(50) < 0.5, rng.random(50)
    total = 0.0
    for low in np.arange(10) / 10:
        inside = (score > low) & (score <= low + 0.1)
        if inside.any():
            total += inside.sum() * abs(score[inside].mean() - positive[inside].mean())
    assert metrics.ece(positive, score) == pytest.approx(total / 50)


def test_a_certain_mistake_costs_much_and_not_infinitely_much() -> None:
    loss = float(metrics.log_loss(np.array([True]), [0.0]))
    assert loss == pytest.approx(-np.log(np.finfo(float).eps))
    assert metrics.log_loss(np.array([True, False]), [1.0, 0.0]) == pytest.approx(0, abs=1e-12)


def test_one_class_has_no_auroc_and_says_so() -> None:
    for truth, reason in ((True, "no negative image"), (False, "no positive image")):
        positive = np.full(3, truth)
        found = all_probability_scores(positive, [0.2, 0.4, 0.9])
        cells = metrics.cells(positive, np.array([False, False, True]))
        assert np.isnan(found["auroc"])
        assert metrics.undefined("auroc", cells) == reason
        assert np.isfinite([found[name] for name in ("brier", "log_loss", "ece")]).all()
    assert np.isnan(metrics.auprc(np.zeros(3, bool), [0.2, 0.4, 0.9]))
    weights = np.array([[1, 1, 1], [0, 1, 1]])
    area = metrics.auroc(np.array([True, False, False]), [0.9, 0.1, 0.2], weights)
    assert area[0] == 1
    assert np.isnan(area[1])
