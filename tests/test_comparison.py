"""Paired comparisons: published examples, symmetry, and what no pair can show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as theirs

from covidcxr import comparison
from covidcxr.intervals import Protocol
from covidcxr.predictions import Predictions

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
    assert float(comparison.mcnemar(1, 7)) == pytest.approx(0.0703, abs=5e-5)
    assert float(comparison.mid_p(1, 7)) == pytest.approx(0.0391, abs=5e-5)


@given(counts, counts)
def test_mcnemar_is_statsmodels_and_mid_p_is_smaller(b: int, c: int) -> None:
    p, mid = float(comparison.mcnemar(b, c)), float(comparison.mid_p(b, c))
    assert p == pytest.approx(float(theirs([[5, b], [c, 9]], exact=True).pvalue))
    assert 0 < mid <= p <= 1 + 1e-12
    if b + c == 0:
        assert p == mid == 1


@given(counts, counts)
def test_groups_of_one_image_give_mcnemars_p(b: int, c: int) -> None:
    signs = np.array([1] * b + [-1] * c + [0] * 3)
    assert comparison.mcnemar_by_group(signs) == pytest.approx(float(comparison.mcnemar(b, c)))


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


def test_five_discordant_images_show_nothing() -> None:
    assert comparison.smallest_difference(5) is None
    assert comparison.smallest_difference(6) == 6


def test_holm_by_hand() -> None:
    assert comparison.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


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


def test_bca_and_percentile_differ_little_where_nothing_is_skewed() -> None:
    one, other = model("one", 1, 400), model("other", 2, 400)
    plain, fancy = (
        comparison.compare(one, other, Protocol(resamples=5_000, kind=kind))["differences"]
        for kind in ("percentile", "bca")
    )
    assert "BCa" in fancy["accuracy"]["method"]
    for name in ("accuracy", "balanced_accuracy", "mcc"):
        assert fancy[name]["low"] == pytest.approx(plain[name]["low"], abs=0.01)


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


def test_pairs_have_holms_p_and_are_told_in_words() -> None:
    models = [model("one", 1), model("other", 2)]
    wrong = model("wrong", 1)
    wrong.score[:] = 1 - wrong.score
    found = comparison.pairs([*models, wrong], QUICK)
    p = [pair["mcnemar"]["p"] for pair in found]
    assert [pair["mcnemar"]["p_holm"] for pair in found] == pytest.approx(comparison.holm(p))
    assert "2 of 3 pairs differ" in comparison.answer(found)
    table = comparison.as_table(found)
    assert list(table["pair"]) == ["one less other", "one less wrong", "other less wrong"]
    assert "differ by" in comparison.smallest_told(found)
    assert "one network" in comparison.answer([])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 40))
def test_every_difference_has_limits_or_a_reason(seed: int, groups: int) -> None:
    one, other = model("one", seed, 40, groups), model("other", seed + 1, 40, groups)
    found = comparison.compare(one, other, QUICK)
    for name, away in found["differences"].items():
        assert away["low"] is not None or away["reason"], name
    assert 0 <= found["mcnemar"]["p_by_group"] <= 1
