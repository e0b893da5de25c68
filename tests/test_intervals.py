"""Intervals: published examples, the audit's numbers, and what happens at the edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from covidcxr import bootstrap, intervals, metrics, predictions, seedpaper
from covidcxr.intervals import Protocol
from covidcxr.predictions import Predictions

cells_strategy = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda c: sum(c) > 0)
QUICK = Protocol(resamples=200)


def made(positive: list[bool], score: list[float], group: list[int] | None = None) -> Predictions:
    n = len(positive)
    return Predictions(
        "made",
        np.array([f"{i}" for i in range(n)]),
        np.array(positive),
        np.array(score, dtype=float),
        np.arange(n) if group is None else np.array(group),
        "image" if group is None else "patient",
    )


def test_wilson_gives_the_published_example() -> None:
    # Newcombe, Stat Med 17:857-872 (1998), Table I, methods 3 and 5: 81 of 263 and 0 of 20.
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert intervals.clopper_pearson(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert intervals.clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)


def test_a_proportion_of_nothing_has_no_interval() -> None:
    assert np.isnan(intervals.wilson(0, 0)).all()
    assert np.isnan(intervals.clopper_pearson(0, 0)).all()


@pytest.mark.parametrize(
    ("model", "accuracy", "sensitivity", "f1", "mcc"),
    [
        ("resnet50", (0.7262, 0.8125), (0.6644, 0.8364), (0.5517, 0.7015), (0.3907, 0.5802)),
        ("resnet152v2", (0.7615, 0.8431), (0.7239, 0.8813), (0.6070, 0.7489), (0.4715, 0.6492)),
        ("resnet252v2", (0.8963, 0.9502), (0.8649, 0.9698), (0.8144, 0.9153), (0.7558, 0.8842)),
    ],
)
def test_the_papers_corrected_matrices_have_the_intervals_computed_elsewhere(
    model: str,
    accuracy: tuple[float, float],
    sensitivity: tuple[float, float],
    f1: tuple[float, float],
    mcc: tuple[float, float],
) -> None:
    cells = {str(k): t for k, t in seedpaper.tables().items()}[model].cells("true")
    found = intervals.of_matrix(cells, Protocol(stratified=False))
    for name, wanted, near in (
        ("accuracy", accuracy, 5e-5),
        ("sensitivity", sensitivity, 5e-5),
        # limits of a bootstrap lie on a grid of about one image
        ("f1", f1, 1 / 92),
        ("mcc", mcc, 1 / 92),
    ):
        assert (found[name].low, found[name].high) == pytest.approx(wanted, abs=near)


@settings(max_examples=40)
@given(cells_strategy)
def test_a_value_lies_within_its_limits_and_nothing_undefined_goes_without_a_reason(
    cells: tuple[int, ...],
) -> None:
    found = intervals.of_matrix(cells, QUICK)
    assert list(found) == list(metrics.SCORES)
    for name, one in found.items():
        if np.isnan(one.value):
            assert one.reason
            assert np.isnan([one.low, one.high]).all()
            assert one.as_json()["value"] is None
        elif name in metrics.PROPORTIONS:
            assert one.low - 1e-12 <= one.value <= one.high + 1e-12
            exact = one.clopper_pearson
            assert exact is not None
            assert exact[0] <= one.value + 1e-12
            assert exact[1] >= one.value - 1e-12


def test_a_perfect_classifier_is_not_certain() -> None:
    found = intervals.evaluate(made([True] * 20 + [False] * 30, [0.9] * 20 + [0.1] * 30), QUICK)
    for name in ("f1", "balanced_accuracy", "mcc", "kappa", "macro_f1"):
        assert found[name].high == pytest.approx(1)
        assert 0.6 < found[name].low < 1
        assert found[name].method == "Wilson limits of sensitivity and specificity"
    assert found["auroc"].method == "Newcombe's method 5"
    assert 0.8 < found["auroc"].low < found["auroc"].high == 1
    assert found["brier"].reason


def test_resamples_without_a_score_are_counted() -> None:
    one = intervals.of_matrix([1, 2, 0, 5], Protocol(resamples=500))["mcc"]
    drawn = bootstrap.matrices(
        bootstrap.units(np.arange(8) < 3, (np.arange(8) < 1)[None]), 500, np.random.default_rng(3)
    )
    share = np.isnan(metrics.score(drawn[:, 0])["mcc"]).mean()
    assert one.reason
    assert one.reason.endswith("resamples have no value and are left out")
    assert int(one.reason.split()[0]) / 500 == pytest.approx(share, abs=0.1)


def test_groups_of_one_image_are_images() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    score = np.clip(rng.normal(0.3 + 0.3 * positive, 0.2), 0, 1)
    alone = intervals.evaluate(made(list(positive), list(score)), QUICK)
    grouped = intervals.evaluate(made(list(positive), list(score), list(range(60))), QUICK)
    for name, one in alone.items():
        other = grouped[name]
        assert other.unit == "patient"
        assert (other.value, other.n) == pytest.approx((one.value, one.n))
        if one.resamples is None and name != "auroc":
            assert (other.low, other.high) == pytest.approx((one.low, one.high))
        if name == "auroc":
            assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.01)


def test_images_that_answer_together_are_worth_fewer() -> None:
    right = np.repeat(np.arange(30) % 3 > 0, 4)
    group = np.repeat(np.arange(30), 4)
    n, effect = intervals.effective(right, group)
    assert effect == pytest.approx(4 * 30 / 29)
    assert n < 30
    same, one = intervals.effective(right, np.arange(120))
    assert (same, one) == (120, 1)
    n, effect = intervals.effective(np.ones(120, bool), group)
    assert (n, effect) == (30, 4)


def test_bca_is_scipys_for_one_sample() -> None:
    # Accuracy of images is the mean of 0 and 1: a plain sample.
    cells = [30, 10, 12, 48]
    drawn = bootstrap.Units(
        np.eye(4, dtype=np.int64), np.array(cells), np.zeros(4, np.int64), np.arange(4)[None]
    )
    values = metrics.score(bootstrap.matrices(drawn, 20_000, np.random.default_rng(0)))["f1"][:, 0]
    speed = bootstrap.acceleration(drawn, lambda m: metrics.score(m[..., 0, :])["f1"][..., None])
    f1 = float(metrics.score(cells)["f1"])
    low, high = bootstrap.bca(f1, values, float(speed[0]), 0.95)

    truth = np.repeat([1, 1, 0, 0], cells)
    called = np.repeat([1, 0, 1, 0], cells)

    def score(y: np.ndarray, c: np.ndarray, axis: int = -1) -> np.ndarray:
        tp = (y & c).sum(axis)
        return np.asarray(2 * tp / (y.sum(axis) + c.sum(axis)))

    theirs = stats.bootstrap(
        (truth, called), score, paired=True, vectorized=True, n_resamples=20_000, method="BCa",
        rng=np.random.default_rng(1), batch=2_000,
    )  # fmt: skip
    assert values.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.03)
    limits = theirs.confidence_interval
    assert (low, high) == pytest.approx((limits.low, limits.high), abs=0.006)


def test_the_json_names_method_unit_resamples_and_seed() -> None:
    table = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "label": ["COVID19"] * 3 + ["NORMAL"] * 3,
            "score": [0.9, 0.8, 0.3, 0.6, 0.2, 0.1],
            "patient": list("xxyzzz"),
        }
    )
    p = predictions.from_table(table, "here", group="patient")
    found = intervals.evaluate(p, Protocol(resamples=150, seed=7))
    json = found["brier"].as_json()
    assert (json["unit"], json["resamples"], json["seed"]) == ("patient", 150, 7)
    assert "bootstrap" in json["method"]
    assert set(found) == {*metrics.SCORES, *metrics.GRADED}
    again = intervals.evaluate(p, Protocol(resamples=150, seed=7))
    assert found == again


def test_one_class_alone_leaves_reasons_and_no_invented_limits() -> None:
    found = intervals.evaluate(made([True, True], [1.0, 0.0]), QUICK)
    assert found["sensitivity"].value == 0.5
    for name in ("specificity", "balanced_accuracy", "mcc", "auroc"):
        assert found[name].reason == "no negative image"
    assert np.isnan(found["kappa"].low)
    assert found["kappa"].method == "none"
    assert found["log_loss"].value > 10
