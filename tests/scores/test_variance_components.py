"""Components of the variance: dumb cases, then planted truths, then what always holds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.mixed_linear_model import MixedLM

from covidcxr.core.errors import Problem
from covidcxr.scores.variance_components import COMPONENTS, decompose


def answers(right: np.ndarray, label: str = "NORMAL") -> pd.DataFrame:
    """A row a run and image from answers of shape (draws, seeds, images)."""
    k, s, i = (place.ravel() for place in np.indices(right.shape))
    draws = [f"random-{name}" for name in k]
    rows = pd.DataFrame({"model": "m", "split": draws, "seed": s, "draw": draws})
    rows["image_id"], rows["correct"] = i, right.ravel()
    return rows.assign(label=label)


def value(frame: pd.DataFrame, row: str, column: str) -> float:
    return float(frame[column].to_dict()[row])


def planted(
    rng: np.random.Generator, draws: int, seeds: int, n: int, split: float, seed: float
) -> np.ndarray:
    """Answers with known components; nine of ten images are easy and the others are coins."""
    easy = rng.choice([0.85, 0.5], p=[0.9, 0.1], size=(draws, 1, n))
    of_split = rng.normal(0, split, (draws, 1, 1))
    of_seed = rng.normal(0, seed, (draws, seeds, 1))
    return rng.random((draws, seeds, n)) < easy + of_split + of_seed


def test_equal_runs_that_are_always_right_do_not_vary() -> None:
    found = decompose(answers(np.ones((3, 2, 10), bool)))
    assert (found.table["variance"] == 0).all()
    assert (found.table[["low", "high"]] == 0).all().all()
    assert found.mean == 1
    assert found.zeroed == ()


def test_two_accuracies_that_never_change_with_the_seed_have_no_seed_component() -> None:
    right = np.ones((4, 3, 50), bool)
    right[:2, :, 25:] = False
    found = decompose(answers(right))
    assert found.within == pytest.approx(0, abs=1e-9)
    assert found.between == pytest.approx(np.var([0.5, 0.5, 1, 1], ddof=1), rel=2e-2)
    hard = np.mean([0.25 * 50 / 49] * 2 + [0, 0]) / 50
    assert found.table.loc["test set", "variance"] == pytest.approx(hard)


def test_classes_that_are_always_right_and_always_wrong_are_no_chance_of_the_test_part() -> None:
    right = np.zeros((3, 2, 20), bool)
    right[..., :15] = True
    rows = answers(right)
    rows["label"] = np.where(rows["image_id"] < 15, "NORMAL", "COVID19")
    assert value(decompose(rows).table, "test set", "variance") == 0
    assert value(decompose(rows.assign(label="NORMAL")).table, "test set", "variance") > 0


def test_planted_components_are_recovered_on_average() -> None:
    rng, split, seed, n = np.random.default_rng(1), 0.04, 0.025, 250
    found = []
    for _ in range(60):
        taken = decompose(answers(planted(rng, 8, 3, n, split, seed)), resamples=200)
        found.append(
            {
                **taken.table["variance"].to_dict(),
                "covered": value(taken.table, "split", "low")
                <= 100 * split
                <= value(taken.table, "split", "high"),
            }
        )
    mean = pd.DataFrame(found).mean()
    chance = np.array([0.85] * 9 + [0.5])
    finite = (np.mean(chance * (1 - chance)) - seed**2 - split**2 + np.var(chance)) / n
    assert mean["test set"] == pytest.approx(finite, rel=0.05)
    assert mean["split"] == pytest.approx(split**2, rel=0.25)
    assert mean["seed"] == pytest.approx(seed**2, rel=0.25)
    assert mean["covered"] > 0.85


def accuracies(right: np.ndarray) -> pd.DataFrame:
    return answers(right).groupby(["draw", "seed"])["correct"].mean().reset_index()


def test_the_closed_form_is_the_reml_of_statsmodels() -> None:
    rng, compared = np.random.default_rng(2), 0
    for _ in range(12):
        right = planted(rng, 6, 2, 200, 0.05, 0.01)
        found = decompose(answers(right), resamples=100)
        if found.between > 1e-5:
            compared += 1
            runs = accuracies(right)
            # The optimiser's tolerances are made for numbers around 1.
            scaled, scale = runs["correct"] / runs["correct"].std(), runs["correct"].var()
            theirs = MixedLM(scaled, np.ones(len(runs)), groups=runs["draw"]).fit(reml=True)
            assert found.between == pytest.approx(scale * theirs.cov_re.iloc[0, 0], rel=2e-2)
            assert found.within == pytest.approx(scale * theirs.scale, rel=2e-2)
    assert compared > 6


def test_where_draws_differ_less_than_seeds_all_runs_are_one_sample() -> None:
    right = np.ones((2, 2, 10), bool)
    right[:, 1, :4] = False
    found = decompose(answers(right))
    assert found.between == 0
    assert found.within == pytest.approx(accuracies(right)["correct"].var())


@pytest.mark.filterwarnings("error")
@settings(max_examples=25)
@given(st.integers(2, 4), st.integers(2, 3), st.integers(0, 99))
def test_shares_sum_to_one_limits_are_ordered_and_nothing_warns(
    draws: int, seeds: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    right = rng.random((draws, seeds, 30)) < 0.8
    found = decompose(answers(right, "NORMAL"), resamples=200)
    parts = found.table.loc[list(COMPONENTS)]
    assert parts["share"].sum() == pytest.approx(1)
    assert found.table.loc["a run", "variance"] == pytest.approx(parts["variance"].sum())
    assert (found.table["variance"] >= 0).all()
    assert (found.table["low"] <= found.table["high"]).all()
    assert all(found.table.loc[name, "variance"] == 0 for name in found.zeroed)


def test_what_cannot_be_told_apart_is_refused_with_the_remedy() -> None:
    right = np.ones((1, 2, 5), bool)
    with pytest.raises(Problem, match="'splits' of the study"):
        decompose(answers(right))
    with pytest.raises(Problem, match="'seeds' of the study"):
        decompose(answers(right.reshape(2, 1, 5)))
    rows = answers(np.ones((2, 2, 5), bool))
    with pytest.raises(Problem, match="Not every seed was tested on every image of random-0"):
        decompose(rows.drop(index=0))
    with pytest.raises(ValueError, match="one model"):
        decompose(pd.concat([rows, rows.assign(model="other")]))
