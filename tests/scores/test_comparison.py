"""Paired comparisons: published examples, symmetry, and what no pair can show."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as theirs

from covidcxr.cli import scoresheet
from covidcxr.scores import comparison, delong, mcnemar, metrics
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

QUICK = Protocol(resamples=200)
counts = st.integers(0, 40)


def model(name: str, seed: int, n: int = 80, groups: int | None = None) -> Predictions:
    """Return a model that sees something, on images that are the same for every seed."""
    positive = np.arange(n) % 4 == 0
    rng = np.random.default_rng(seed)
    group = np.arange(n) if groups is None else np.arange(n) % groups
    return Predictions(
        name,
        np.array([f"image-{i:03d}" for i in range(n)]),
        positive,
        np.round(np.clip(rng.normal(0.35 + 0.3 * positive, 0.2), 0, 1), 2),
        group.astype(np.int64),
        "image" if groups is None else "patient",
    )


def moved(p: Predictions, order: np.ndarray) -> Predictions:
    return Predictions(
        p.name, p.image_id[order], p.positive[order], p.score[order], p.group[order], p.unit
    )


def test_the_published_example_of_mcnemar_is_met() -> None:
    # Fagerland, Lydersen and Laake, BMC Med Res Methodol 13:91 (2013), airway
    # hyper-responsiveness before and after transplantation: 1 and 7 discordant pairs.
    assert float(mcnemar.exact_p(1, 7)) == pytest.approx(0.0703, abs=5e-5)
    assert float(mcnemar.mid_p(1, 7)) == pytest.approx(0.0391, abs=5e-5)


@given(counts, counts)
def test_mcnemar_is_statsmodels_and_mid_p_is_smaller(b: int, c: int) -> None:
    p, mid = float(mcnemar.exact_p(b, c)), float(mcnemar.mid_p(b, c))
    assert p == pytest.approx(float(theirs([[5, b], [c, 9]], exact=True).pvalue))
    assert 0 < mid <= p <= 1 + 1e-12
    if b + c == 0:
        assert p == mid == 1


@given(counts, counts)
def test_groups_of_one_image_give_mcnemars_p(b: int, c: int) -> None:
    signs = np.array([1] * b + [-1] * c + [0] * 3)
    assert comparison.mcnemar_by_group(signs) == pytest.approx(float(mcnemar.exact_p(b, c)))


def test_a_patient_with_five_images_is_one_answer() -> None:
    # Two groups, both on one side: of four sign patterns two are as far apart.
    assert comparison.mcnemar_by_group(np.array([5, 3])) == pytest.approx(0.5)
    assert comparison.mcnemar_by_group(np.array([5, 3, -1])) == pytest.approx(0.5)
    assert comparison.mcnemar_by_group(np.array([], dtype=int)) == 1


@pytest.mark.parametrize(("discordant", "images"), [(12, 8), (30, 12), (60, 18), (100, 22)])
def test_the_smallest_difference_is_the_one_computed_elsewhere(
    discordant: int, images: int
) -> None:
    assert comparison.smallest_difference(discordant) == images


def test_a_comparison_turned_round_changes_every_sign() -> None:
    one, other = model("one", 1), model("other", 2)
    there, back = comparison.compare(one, other), comparison.compare(other, one)
    assert (there["mcnemar"]["b"], there["mcnemar"]["c"]) == (
        back["mcnemar"]["c"],
        back["mcnemar"]["b"],
    )
    for name, found in there["differences"].items():
        opposite = back["differences"][name]
        assert found["value"] == pytest.approx(-opposite["value"])
        assert (found["low"], found["high"]) == pytest.approx(
            (-opposite["high"], -opposite["low"]), abs=0.02
        )
    assert there["delong"]["p"] == pytest.approx(back["delong"]["p"])
    assert there["delong"]["z"] == pytest.approx(-back["delong"]["z"])


def test_the_order_of_images_decides_nothing() -> None:
    one, other = model("one", 1, groups=25), model("other", 2, groups=25)
    shuffled = moved(other, np.random.default_rng(0).permutation(len(other)))
    assert comparison.compare(one, other, QUICK) == comparison.compare(one, shuffled, QUICK)


def test_a_model_is_not_told_from_itself() -> None:
    one = model("one", 1)
    found = comparison.compare(one, one, QUICK)
    assert found["mcnemar"]["p"] == 1
    assert found["differences"]["accuracy"]["value"] == 0
    # What was never seen in 80 images may still happen: Clopper and Pearson's upper limit.
    limit = 1 - 0.025 ** (1 / 80)
    assert found["differences"]["accuracy"]["high"] == pytest.approx(limit)
    assert "agree on every image" in found["differences"]["accuracy"]["reason"]
    assert found["differences"]["mcc"]["low"] is None
    assert found["delong"]["p"] is None


def test_the_paired_bootstrap_of_accuracy_has_the_right_spread() -> None:
    one, other = model("one", 1, 400), model("other", 2, 400)
    protocol = Protocol(resamples=20_000, stratified=False)
    found = comparison.compare(one, other, protocol)["differences"]["accuracy"]
    right = [p.called(0.5) == p.positive for p in (one, other)]
    away = right[0].astype(float) - right[1]
    half = stats.norm.ppf(0.975) * away.std() / np.sqrt(len(away))
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.06)


def test_equivalence_needs_the_whole_interval() -> None:
    one, other = model("one", 1, 800), model("other", 1, 800)
    other.score[0] = 1 - other.score[0]
    found = comparison.compare(one, other, QUICK, margin=0.05)["equivalence"]
    assert found["accuracy"] == "equivalent"
    far = model("far", 3, 800)
    far.score[:] = 1 - model("far", 1, 800).score
    assert comparison.compare(one, far, QUICK, margin=0.05)["equivalence"]["accuracy"] == (
        "different"
    )


def test_pairs_have_holms_p() -> None:
    models = [model("one", 1), model("other", 2)]
    wrong = model("wrong", 1)
    wrong.score[:] = 1 - wrong.score
    found = comparison.pairs([*models, wrong], QUICK)
    p = [pair["mcnemar"]["p"] for pair in found]
    assert [pair["mcnemar"]["p_holm"] for pair in found] == pytest.approx(comparison.holm(p))
    assert [pair["mcnemar"]["p_holm"] < mcnemar.LEVEL for pair in found] == [False, True, True]
    assert [(pair["first"], pair["second"]) for pair in found] == [
        ("one", "other"), ("one", "wrong"), ("other", "wrong"),
    ]  # fmt: skip
    assert comparison.pairs(models[:1], QUICK) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 40))
def test_every_difference_has_limits_or_a_reason(seed: int, groups: int) -> None:
    one, other = model("one", seed, 40, groups), model("other", seed + 1, 40, groups)
    found = comparison.compare(one, other, QUICK)
    for name, away in found["differences"].items():
        assert away["low"] is not None or away["reason"], name
    assert 0 <= found["mcnemar"]["p_by_group"] <= 1


# --- tests by their definition


@given(counts, counts)
def test_mid_p_by_its_definition(b: int, c: int) -> None:
    # Fagerland et al. (2013): of as extreme outcomes the one seen counts half.
    n = b + c
    chance = stats.binom.pmf(np.arange(n + 1), n, 0.5)
    tail = chance[: min(b, c)].sum() + chance[min(b, c)] / 2
    wanted = 2 * tail if b != c else 1 - chance[b] / 2
    assert float(mcnemar.mid_p(b, c)) == pytest.approx(wanted if n else 1.0)
    assert float(mcnemar.mid_p(b, c)) == float(mcnemar.mid_p(c, b))


@pytest.mark.filterwarnings("error")
def test_tests_take_many_tables_at_once() -> None:
    b, c = np.arange(12).reshape(3, 4), np.full((3, 4), 5)
    for test in (mcnemar.exact_p, mcnemar.mid_p):
        together = test(b, c)
        assert (test(b.astype(float), c) == together).all()
        assert together.shape == (3, 4)
        for place in np.ndindex(3, 4):
            assert together[place] == pytest.approx(float(test(int(b[place]), 5)))


@given(st.lists(st.integers(-6, 6), max_size=9))
def test_the_p_of_groups_counts_all_signs(difference: list[int]) -> None:
    sums = [
        abs(sum(s * d for s, d in zip(signs, difference, strict=True)))
        for signs in product((-1, 1), repeat=len(difference))
    ]
    wanted = np.mean([s >= abs(sum(difference)) for s in sums])
    found = comparison.mcnemar_by_group(np.array(difference, dtype=np.int64))
    assert found == pytest.approx(wanted)


def test_the_p_of_many_groups_is_counted_quickly() -> None:
    rng = np.random.default_rng(0)
    difference = rng.integers(-3, 4, 2_000)
    z = difference.sum() / np.sqrt((difference**2).sum())
    found = comparison.mcnemar_by_group(difference)
    assert found == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.02)


@given(st.integers(0, 120))
def test_the_smallest_difference_is_the_first_that_is_told(discordant: int) -> None:
    told = [
        d
        for d in range(discordant % 2, discordant + 1, 2)
        if float(theirs([[0, (discordant - d) // 2], [(discordant + d) // 2, 0]]).pvalue) < 0.05
    ]
    assert comparison.smallest_difference(discordant) == (told[0] if told else None)


@settings(max_examples=10)  # statsmodels takes its time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_steps_down(p: list[float]) -> None:
    order, wanted, worst = np.argsort(p), np.empty(len(p)), 0.0
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[at]))
        wanted[at] = worst
    assert comparison.holm(p) == pytest.approx(wanted)


# --- two models


def grouped(one: Predictions, group: np.ndarray) -> Predictions:
    return Predictions(one.name, one.image_id, one.positive, one.score, group, "patient")


def test_discordant_images_are_counted_by_hand() -> None:
    one, other = model("one", 1), model("other", 2)
    right = [p.called(0.5) == p.positive for p in (one, other)]
    found = comparison.compare(one, other, QUICK)
    test, by_class = found["mcnemar"], found["by_class"]
    assert (test["b"], test["c"], test["n"]) == (
        (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum(), 80,
    )  # fmt: skip
    for cell in ("b", "c", "n"):
        assert by_class["sensitivity"][cell] + by_class["specificity"][cell] == test[cell]
    away = found["differences"]["accuracy"]["value"]
    assert away == pytest.approx((test["b"] - test["c"]) / 80)
    assert test["p"] == pytest.approx(
        float(theirs([[0, test["b"]], [test["c"], 0]], exact=True).pvalue)
    )
    assert "p_by_group" not in test


def test_the_difference_of_areas_is_delongs() -> None:
    one, other = model("one", 1), model("other", 2)
    for a, b, group in (
        (one, other, None),
        (model("one", 1, groups=25), model("other", 2, groups=25), np.arange(80) % 25),
    ):
        areas, c = delong.covariance(a.positive, np.stack([a.score, b.score]), group)
        error = np.sqrt(np.array([1, -1]) @ c @ np.array([1, -1]))
        found = comparison.compare(a, b, QUICK)
        test = found["delong"]
        assert test["difference"] == pytest.approx(areas[0] - areas[1])
        assert test["z"] == pytest.approx((areas[0] - areas[1]) / error)
        assert test["p"] == pytest.approx(2 * stats.norm.sf(abs(test["z"])))
        assert test["high"] - test["low"] == pytest.approx(2 * 1.959964 * error)
        assert found["differences"]["auroc"]["value"] == pytest.approx(areas[0] - areas[1])


def test_every_value_is_the_one_score_less_the_other() -> None:
    one, other = model("one", 1, groups=25), model("other", 2, groups=25)
    found = comparison.compare(one, other, QUICK)["differences"]
    assert list(found) == [*metrics.SCORES, *metrics.PROBABILITY_SCORES]
    for name in metrics.SCORES:
        a, b = (metrics.score(metrics.cells(p.positive, p.called(0.5)))[name] for p in (one, other))
        assert found[name]["value"] == pytest.approx(float(a - b)), name
    for name in metrics.PROBABILITY_SCORES:
        a, b = (getattr(metrics, name)(p.positive, p.score) for p in (one, other))
        assert found[name]["value"] == pytest.approx(float(a - b)), name


@pytest.mark.parametrize("groups", [None, 25])
def test_the_order_of_all_images_decides_no_value(groups: int | None) -> None:
    one, other = model("one", 1, groups=groups), model("other", 2, groups=groups)
    order = np.random.default_rng(3).permutation(80)
    here = comparison.compare(one, other, QUICK)
    there = comparison.compare(moved(one, order), other, QUICK)
    assert there["mcnemar"] == here["mcnemar"]
    assert there["equivalence"] == here["equivalence"]
    assert there["delong"] == pytest.approx(here["delong"])
    for name, away in here["differences"].items():
        near = 1e-9 if name in metrics.SCORES else 0.2
        for end in ("value", "low", "high"):
            wanted = pytest.approx(away[end], abs=1e-9 if end == "value" else near)
            assert there["differences"][name][end] == wanted, name


def test_swapping_the_classes_swaps_sensitivity_and_specificity() -> None:
    one, other = model("one", 1), model("other", 2)
    turned = [
        # A score at the threshold would read as the other class.
        Predictions(p.name, p.image_id, ~p.positive, 1 - p.score - 1e-9, p.group, p.unit)
        for p in (one, other)
    ]
    here = comparison.compare(one, other, QUICK)
    there = comparison.compare(turned[0], turned[1], QUICK)
    assert here["mcnemar"] == there["mcnemar"]
    assert here["by_class"]["sensitivity"] == there["by_class"]["specificity"]
    for name, twin in (("sensitivity", "specificity"), ("ppv", "npv"), ("mcc", "mcc")):
        one_way, other_way = here["differences"][name], there["differences"][twin]
        assert one_way["value"] == pytest.approx(other_way["value"])
    assert here["delong"]["p"] == pytest.approx(there["delong"]["p"])


def test_groups_of_one_image_compare_as_images() -> None:
    one, other = model("one", 1), model("other", 2)
    singles = [grouped(p, np.arange(80)) for p in (one, other)]
    protocol = QUICK
    images = comparison.compare(one, other, protocol)
    patients = comparison.compare(singles[0], singles[1], protocol)
    assert patients["mcnemar"]["p_by_group"] == pytest.approx(images["mcnemar"]["p"])
    for name in ("sensitivity", "specificity"):
        by_class = patients["by_class"][name]
        assert by_class["p_by_group"] == pytest.approx(by_class["p"])
    for name in metrics.SCORES:
        here, there = images["differences"][name], patients["differences"][name]
        assert there["value"] == pytest.approx(here["value"])
        assert (there["low"], there["high"]) == (here["low"], here["high"]), name
    assert patients["delong"] == images["delong"]
    assert (patients["unit"], patients["units"]) == ("patient", 80)


def test_images_that_answer_together_are_less_evidence() -> None:
    one, other = model("one", 1, 40), model("other", 2, 40)
    four = [
        Predictions(
            p.name,
            np.array([f"{i}-{k}" for i in range(40) for k in range(4)]),
            np.repeat(p.positive, 4),
            np.repeat(p.score, 4),
            np.repeat(p.group, 4),
            "patient",
        )
        for p in (one, other)
    ]
    alone = comparison.compare(one, other, QUICK)
    together = comparison.compare(four[0], four[1], QUICK)
    assert together["mcnemar"]["p"] < alone["mcnemar"]["p"]
    assert together["mcnemar"]["p_by_group"] == pytest.approx(alone["mcnemar"]["p"])
    here, there = (found["differences"]["accuracy"] for found in (alone, together))
    assert (there["low"], there["high"]) == pytest.approx((here["low"], here["high"]))
    assert together["delong"]["p"] == pytest.approx(alone["delong"]["p"], rel=0.2)


def test_a_model_that_is_always_right_differs_from_one_that_never_is() -> None:
    positive = np.arange(50) < 20
    ids = np.array([f"{i}" for i in range(50)])
    perfect, majority = (
        Predictions(name, ids, positive, np.asarray(score, dtype=np.float64), np.arange(50))
        for name, score in (("perfect", 0.1 + 0.8 * positive), ("majority", np.full(50, 0.1)))
    )
    found = comparison.compare(perfect, majority, QUICK)
    away = found["differences"]["sensitivity"]
    assert away["value"] == 1
    assert away["low"] is not None
    # At least this share answers for the one, and so at most the rest for the other.
    share = 0.025 ** (1 / 20)
    assert (away["low"], away["high"]) == pytest.approx((2 * share - 1, 1))
    assert found["equivalence"]["sensitivity"] == "different"
    # 30 images without a difference allow one of up to 10 points.
    assert found["equivalence"]["specificity"] == "undecided"


def test_of_a_class_that_is_not_there_nothing_is_said() -> None:
    ids = np.array([f"{i}" for i in range(20)])
    rng = np.random.default_rng(0)
    one, other = (
        Predictions(name, ids, np.zeros(20, bool), rng.random(20), np.arange(20))
        for name in ("one", "other")
    )
    found = comparison.compare(one, other, QUICK)
    assert found["delong"] is None
    assert found["differences"]["sensitivity"]["value"] is None
    assert found["differences"]["sensitivity"]["reason"]
    assert found["equivalence"]["sensitivity"] == "undecided"
    assert found["by_class"]["sensitivity"]["n"] == 0
    for name, away in found["differences"].items():
        assert away["low"] is not None or away["reason"], name


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_limits_of_a_difference_stand_in_order_and_hold_zero_where_nothing_is_told(
    seed: int,
) -> None:
    one, other = model("one", seed, 120), model("other", seed + 1, 120)
    found = comparison.compare(one, other, Protocol(resamples=400))
    for name, away in found["differences"].items():
        if away["low"] is not None:
            assert away["low"] <= away["high"], name
            assert away["low"] >= -2 or name == "log_loss", name
    accuracy = found["differences"]["accuracy"]
    if found["mcnemar"]["p"] > 0.2 and accuracy["low"] is not None:
        assert accuracy["low"] <= 0 <= accuracy["high"]


def test_holms_p_takes_the_images_of_a_patient_for_one_answer() -> None:
    # One patient with twelve images on which only the first model is right.
    n = 60
    group = np.concatenate([np.zeros(12), np.arange(1, n - 11)]).astype(np.int64)
    positive = np.arange(n) % 2 == 0
    ids = np.array([f"{i}" for i in range(n)])
    wrong = np.arange(n) < 12
    one = Predictions("one", ids, positive, 0.1 + 0.8 * positive, group, "patient")
    other = Predictions("other", ids, positive, 0.1 + 0.8 * (positive ^ wrong), group, "patient")
    (pair,) = comparison.pairs([one, other], QUICK)
    assert pair["mcnemar"]["p"] < 0.001
    assert pair["mcnemar"]["p_by_group"] == 1
    assert pair["mcnemar"]["p_holm"] == 1


def test_a_perfect_and_a_constant_model_are_told_apart() -> None:
    positive = np.arange(40) < 14
    images, alone = np.arange(40).astype(str), np.arange(40)
    perfect = Predictions("A", images, positive, np.where(positive, 0.9, 0.1), alone)
    constant = Predictions("B", images, positive, np.full(40, 0.5), alone)
    compared = comparison.compare(perfect, constant, Protocol(resamples=200))
    accuracy = compared["differences"]["accuracy"]
    # By class: 0 with limits of -0.232 to 0.232, and 1 from 0.735; 14 and 26 of 40 images.
    low = 0.65 - np.hypot(0.35 * 0.2316, 0.65 * (1 - 0.7354))
    assert accuracy["low"] == pytest.approx(low, abs=1e-3)
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert "limits are of both classes" in accuracy["reason"]
    assert compared["equivalence"]["accuracy"] == "different"
    assert "variance of the difference is 0" in compared["delong"]["reason"]
    area = compared["differences"]["auroc"]
    assert 0 < area["low"] < 0.5 < area["high"]
    text = scoresheet.of_comparison(perfect, constant, compared, Protocol())
    assert "DeLong's test is undefined" in text
    assert "-0.000" not in text


def test_an_interval_that_metrics_would_not_give_is_flagged() -> None:
    positive = np.arange(60) < 20
    images, alone = np.arange(60).astype(str), np.arange(60)
    score = np.where(positive, 0.9, 0.1) + np.arange(60) / 1000
    nearly = score.copy()
    nearly[[0, 59]] = nearly[[59, 0]]
    one = Predictions("A", images, positive, score, alone)
    other = Predictions("B", images, positive, np.clip(nearly, 0, 1), alone)
    test = comparison.compare(one, other, Protocol(resamples=200))["delong"]
    assert "A: DeLong's variance rests on too few images" in test["reason"]


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_exact_p_is_the_binomial_one(b: int, c: int) -> None:
    binomial = min(1.0, 2 * stats.binom.cdf(min(b, c), b + c, 0.5))
    assert float(mcnemar.exact_p(b, c)) == pytest.approx(binomial, rel=1e-9, abs=1e-250)
