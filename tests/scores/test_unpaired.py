"""Unpaired comparisons: published and hand-computed examples, symmetry, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from covidcxr.core.errors import Unusable
from covidcxr.scores import unpaired
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

QUICK = Protocol(resamples=0)


def sample(
    name: str, hits: list[float], alarms: list[float], group: list[int] | None = None
) -> Predictions:
    n = len(hits) + len(alarms)
    return Predictions(
        name,
        np.array([f"{name}-{i}" for i in range(n)]),
        np.arange(n) < len(hits),
        np.array(hits + alarms, dtype=float),
        np.arange(n) if group is None else np.array(group),
        "image" if group is None else "patient",
    )


def test_newcombes_published_example_is_met() -> None:
    # Stat Med 17:873-890 (1998), table II, method 10: 56 of 70 less 48 of 80.
    one = sample("a", [0.9] * 56 + [0.1] * 14, [0.1] * 9)
    other = sample("b", [0.9] * 48 + [0.1] * 32, [0.1] * 9)
    compared = unpaired.compare(one, other, QUICK)
    row = compared["differences"]["sensitivity"]
    assert row["value"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    # The same table by the hypergeometric distribution: as likely or less than 56.
    chances = stats.hypergeom(150, 104, 70).pmf(np.arange(71))
    by_hand = chances[chances <= chances[56] * (1 + 1e-9)].sum()
    assert compared["fisher"]["sensitivity"]["p"] == pytest.approx(by_hand)
    assert compared["fisher"]["specificity"]["p"] == 1


def test_unpaired_delong_by_hand() -> None:
    # Placements of a: 1, 2/3 and 1/2, 1, 1: area 5/6, variance 1/18 / 2 + 1/12 / 3 = 1/18.
    # Placements of b: 1, 1/2 and 1/2, 1: area 3/4, variance 1/8 / 2 + 1/8 / 2 = 1/8.
    one, other = sample("a", [0.9, 0.4], [0.5, 0.3, 0.1]), sample("b", [0.8, 0.2], [0.6, 0.1])
    test = unpaired.compare(one, other, QUICK)["delong"]
    error = np.sqrt(1 / 18 + 1 / 8)
    assert test["difference"] == pytest.approx(1 / 12)
    assert test["z"] == pytest.approx(1 / 12 / error)
    assert test["p"] == pytest.approx(2 * (1 - stats.norm.cdf(1 / 12 / error)))
    assert test["low"] == pytest.approx(1 / 12 - 1.959964 * error)
    assert "normal" in test["distribution"]


scores = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=20)


@settings(deadline=None, max_examples=30)
@given(scores, scores, scores, scores)
def test_turned_round_every_sign_changes(
    a: list[float], b: list[float], c: list[float], d: list[float]
) -> None:
    one, other = sample("a", a, b), sample("b", c, d)
    there, back = (unpaired.compare(*pair, QUICK) for pair in ((one, other), (other, one)))
    for name, row in there["differences"].items():
        mirror = back["differences"][name]
        if row["low"] is None:
            assert mirror["low"] is None
            assert row["reason"]
        else:
            assert row["low"] == pytest.approx(-mirror["high"])
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9
    for name, fisher in there["fisher"].items():
        assert fisher["p"] == pytest.approx(back["fisher"][name]["p"])
    assert there["equivalence"] == back["equivalence"]


def test_images_of_one_patient_get_no_fisher() -> None:
    one = sample("a", [0.9, 0.8, 0.2], [0.1, 0.6, 0.3], [0, 0, 1, 2, 2, 3])
    other = sample("b", [0.9, 0.8, 0.2], [0.1, 0.6, 0.3])
    test = unpaired.compare(one, other, QUICK)["fisher"]["accuracy"]
    assert test["p"] is None
    assert "independent" in test["reason"]


def test_each_set_has_its_own_threshold() -> None:
    one, other = sample("a", [0.9, 0.8], [0.1, 0.2]), sample("b", [0.4, 0.3], [0.1, 0.2])
    row = unpaired.compare(one, other, QUICK, thresholds=(0.5, 0.3))["differences"]["accuracy"]
    assert row["value"] == 0


def test_a_missing_class_and_a_shared_image_are_said() -> None:
    one, other = sample("a", [0.9, 0.8], [0.1, 0.2]), sample("b", [0.4, 0.3], [])
    compared = unpaired.compare(one, other, QUICK)
    assert compared["delong"] is None
    assert compared["fisher"]["specificity"]["reason"] == "a class is missing"
    with pytest.raises(Unusable, match="image 'a-0' and 3 others of a is in it too"):
        unpaired.compare(one, one, QUICK)
