"""All scores with intervals: the audit's numbers, general properties, and the edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr.paper import publication
from covidcxr.scores import bootstrap, evaluation, intervals, metrics, predictions, proportions
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

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


@settings(max_examples=40)
@given(cells_strategy)
def test_a_value_lies_within_its_limits_and_nothing_undefined_goes_without_a_reason(
    cells: tuple[int, ...],
) -> None:
    found = evaluation.of_matrix(cells, QUICK)
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
    found = evaluation.evaluate(made([True] * 20 + [False] * 30, [0.9] * 20 + [0.1] * 30), QUICK)
    for name in ("f1", "balanced_accuracy", "mcc", "kappa", "macro_f1"):
        assert found[name].high == pytest.approx(1)
        assert 0.6 < found[name].low < 1
        assert found[name].method == "Wilson limits of sensitivity and specificity"
    assert found["auroc"].method == "Newcombe's method 5"
    assert 0.8 < found["auroc"].low < found["auroc"].high == 1
    assert found["brier"].reason


def test_resamples_without_a_score_are_counted() -> None:
    one = evaluation.of_matrix([1, 2, 0, 5], Protocol(resamples=500))["mcc"]
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
    alone = evaluation.evaluate(made(list(positive), list(score)), QUICK)
    grouped = evaluation.evaluate(made(list(positive), list(score), list(range(60))), QUICK)
    for name, one in alone.items():
        other = grouped[name]
        assert other.unit == "patient"
        assert (other.value, other.n) == pytest.approx((one.value, one.n))
        if one.resamples is None and name != "auroc":
            assert (other.low, other.high) == pytest.approx((one.low, one.high), nan_ok=True)
        if name == "auroc":
            assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.01)


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
    found = evaluation.evaluate(p, Protocol(resamples=150, seed=7))
    json = found["f1"].as_json()
    assert (json["unit"], json["resamples"], json["seed"]) == ("patient", 150, 7)
    assert "bootstrap" in json["method"]
    assert set(found) == {*metrics.SCORES, *metrics.PROBABILITY_SCORES}
    again = evaluation.evaluate(p, Protocol(resamples=150, seed=7))
    assert found == again


# --- the numbers of the audit, computed once by other code


GOLDEN = {
    # Wilson and Clopper-Pearson, in percent
    "resnet50": {
        "accuracy": (72.62, 81.25, 72.54, 81.45),
        "sensitivity": (66.44, 83.64, 66.06, 84.37),
        "specificity": (72.25, 82.19, 72.14, 82.46),
        "ppv": (45.29, 62.18, 44.89, 62.62),
        "npv": (85.94, 93.60, 85.88, 93.91),
    },
    "resnet152v2": {
        "accuracy": (76.15, 84.31, 76.08, 84.52),
        "sensitivity": (72.39, 88.13, 72.07, 88.85),
        "specificity": (75.04, 84.55, 74.94, 84.82),
        "ppv": (49.93, 66.75, 49.55, 67.23),
        "npv": (88.58, 95.37, 88.53, 95.67),
    },
    "resnet252v2": {
        "accuracy": (89.63, 95.02, 89.60, 95.23),
        "sensitivity": (86.49, 96.98, 86.34, 97.57),
        "specificity": (88.76, 95.12, 88.71, 95.38),
        "ppv": (72.65, 87.44, 72.38, 88.08),
        "npv": (94.94, 98.91, 94.93, 99.13),
    },
}
RESAMPLED = {
    # F1, MCC and balanced accuracy by percentiles, in percent
    "resnet50": ((55.17, 70.15), (39.07, 58.02), (71.69, 81.76)),
    "resnet152v2": ((60.70, 74.89), (47.15, 64.92), (76.10, 85.37)),
    "resnet252v2": ((81.44, 91.53), (75.58, 88.42), (89.83, 95.77)),
}


@pytest.mark.parametrize("model", GOLDEN)
def test_every_proportion_of_the_paper_has_both_intervals(model: str) -> None:
    cells = {str(k): t for k, t in publication.tables().items()}[model].cells("true")
    found = evaluation.of_matrix(cells, QUICK)
    for name, golden in GOLDEN[model].items():
        made = found[name]
        assert made.method == "Wilson"
        assert made.clopper_pearson is not None
        ends = [made.low, made.high, *made.clopper_pearson]
        assert [100 * end for end in ends] == pytest.approx(golden, abs=0.0051), name


@pytest.mark.parametrize("model", RESAMPLED)
def test_every_composite_of_the_paper_has_the_resampled_limits(model: str) -> None:
    cells = {str(k): t for k, t in publication.tables().items()}[model].cells("true")
    found = evaluation.of_matrix(cells, Protocol(stratified=False))
    for name, golden in zip(("f1", "mcc", "balanced_accuracy"), RESAMPLED[model], strict=True):
        ends = 100 * found[name].low, 100 * found[name].high
        assert ends == pytest.approx(golden, abs=100 / 92), name


# --- what holds of every interval


def sampled(
    seed: int, n: int = 60, groups: int | None = None, apart: float = 0.25
) -> tuple[list[bool], list[float], list[int] | None]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    score = np.clip(rng.normal(0.4 + apart * positive, 0.2), 0, 1)
    group = None if groups is None else (np.arange(n) % groups).tolist()
    return positive.tolist(), score.tolist(), group


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.sampled_from([None, 1, 2, 20]),
    st.booleans(),
    st.floats(-0.4, 1),
)
def test_limits_stand_in_order_and_no_number_goes_without_a_reason(
    seed: int, groups: int | None, stratified: bool, apart: float
) -> None:
    p = made(*sampled(seed, 40, groups, apart))
    protocol = Protocol(resamples=100, stratified=stratified)
    for name, one in evaluation.evaluate(p, protocol).items():
        if np.isnan([one.value, one.low, one.high]).any():
            assert one.reason, name
            assert one.method == "none", name
            assert np.isnan([one.low, one.high]).all(), name
            continue
        assert one.low <= one.high, name
        least = -1 if name in ("mcc", "kappa") else 0
        assert one.low >= least - 1e-12, name
        assert one.high <= 1 + 1e-12 or name == "log_loss", name
        if name in metrics.PROPORTIONS or name == "auroc":
            assert one.low - 1e-12 <= one.value <= one.high + 1e-12, name
        assert f"{one.as_json()['low']}" != "nan"


def test_scores_without_an_honest_interval_have_none_and_the_reason() -> None:
    positive, score, _ = sampled(0, 40)
    scores = evaluation.evaluate(made(positive, score), QUICK)
    for name, word in (("ece", "biased"), ("brier", "skewed"), ("log_loss", "skewed")):
        assert np.isfinite(scores[name].value)
        assert np.isnan(scores[name].low)
        assert word in str(scores[name].reason)
    perfect = evaluation.evaluate(made([True] * 40 + [False] * 40, [0.9] * 40 + [0.1] * 40))
    assert perfect["auprc"].value == 1
    assert "as good as it can be" in str(perfect["auprc"].reason)


def test_an_average_precision_lies_within_its_limits_also_with_reversed_scores() -> None:
    positive, score, _ = sampled(1, 120, apart=0.4)
    for values in (score, [1 - s for s in score]):
        one = evaluation.evaluate(made(positive, values), QUICK)["auprc"]
        assert one.low < one.value < one.high
        assert one.method == "jackknife, logit scale"


@pytest.mark.parametrize("positive", [True, False])
def test_one_class_alone_has_what_it_can_have(positive: bool) -> None:
    score = [0.9, 0.8] * 5 if positive else [0.1, 0.2] * 5
    found = evaluation.evaluate(made([positive] * 10, score), QUICK)
    missing = "negative" if positive else "positive"
    for name in ("auroc", "balanced_accuracy", "specificity" if positive else "sensitivity"):
        assert np.isnan(found[name].value)
        assert found[name].reason == f"no {missing} image"
    assert found["accuracy"].value == 1
    assert 0.7 < found["accuracy"].low < 1
    for name, one in found.items():
        assert np.isfinite(one.low) or (one.method, bool(one.reason)) == ("none", True), name


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([None, 12]))
def test_the_order_of_images_decides_nothing_that_counts_decide(
    seed: int, groups: int | None
) -> None:
    positive, score, group = sampled(seed, 60, groups)
    order = np.random.default_rng(seed).permutation(60)
    moved = made(
        np.array(positive)[order].tolist(),
        np.array(score)[order].tolist(),
        None if group is None else np.array(group)[order].tolist(),
    )
    here, there = (evaluation.evaluate(p, QUICK) for p in (made(positive, score, group), moved))
    for name, one in here.items():
        other = there[name]
        assert other.value == pytest.approx(one.value, nan_ok=True), name
        if name in (*metrics.SCORES, "auroc"):
            wanted = pytest.approx((one.low, one.high), nan_ok=True)
            assert (other.low, other.high) == wanted, name
            assert other.method == one.method, name
        else:
            wanted = pytest.approx((one.low, one.high), nan_ok=True)
            assert (other.low, other.high) == wanted, name


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_swapping_the_classes_turns_the_intervals_of_proportions(seed: int) -> None:
    positive, score, group = sampled(seed, 60, 20)
    turned = made([not p for p in positive], [1 - s for s in score], group)
    here = evaluation.evaluate(made(positive, score, group), QUICK)
    there = evaluation.evaluate(turned, QUICK)
    for name, other in (
        ("sensitivity", "specificity"), ("specificity", "sensitivity"), ("ppv", "npv"),
        ("npv", "ppv"), ("accuracy", "accuracy"), ("auroc", "auroc"),
    ):  # fmt: skip
        one, two = here[name], there[other]
        assert (two.value, two.low, two.high) == pytest.approx(
            (one.value, one.low, one.high), nan_ok=True
        )
        assert two.n == one.n


def test_a_group_column_may_have_any_name() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "image_id": [f"{i}" for i in range(80)],
            "label": ["COVID19"] * 40 + ["NORMAL"] * 40,
            "score": np.repeat(rng.random(20), 4),
            "image": [f"{i // 4}" for i in range(80)],
        }
    ).assign(patient=lambda t: t["image"])
    limits = []
    for column in ("patient", "image"):
        p = predictions.from_table(table, "x", group=column)
        one = evaluation.evaluate(p, QUICK)["f1"]
        limits.append((one.low, one.high))
    assert limits[0] == limits[1]


def test_a_few_groups_that_seem_independent_are_not_called_plain_wilson() -> None:
    right = np.tile([True, False], 10)
    group = np.repeat(np.arange(4), 5)
    p = made(right.tolist(), [0.9] * 20, group.tolist())
    one = evaluation.evaluate(p, QUICK)["accuracy"]
    # t with 3 degrees of freedom: the interval is not Wilson's of 20 images.
    assert one.high - one.low > 1.3 * np.ptp(proportions.wilson(10, 20))
    assert one.method != "Wilson"


def test_more_confidence_is_a_wider_interval() -> None:
    p = made(*sampled(3, 80, 30))
    narrow, wide = (
        evaluation.evaluate(p, Protocol(confidence=c, resamples=500)) for c in (0.8, 0.99)
    )
    for name, one in narrow.items():
        if np.isnan(one.low):
            continue
        assert wide[name].low < one.low, name
        assert wide[name].high > one.high or one.high == 1, name


def test_closed_forms_are_those_of_all_scores() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 30, 80)
    p = made(
        list(rng.random(80) < 0.4),
        list(rng.random(80)),
        list(np.unique(group, return_inverse=True)[1]),
    )
    scores = evaluation.evaluate(p, Protocol(0.4, 0.9, resamples=50))
    closed = evaluation.closed_form(p, 0.4, 0.9)
    assert set(closed) == {*metrics.PROPORTIONS, "balanced_accuracy", "auroc"}
    for name, one in closed.items():
        assert one == scores[name]
    one_class = evaluation.closed_form(made([True, True], [0.9, 0.2]))
    assert one_class["specificity"].reason == one_class["auroc"].reason == "no negative image"
    assert intervals.area(made([True, True], [0.9, 0.2])).reason == "no negative image"
