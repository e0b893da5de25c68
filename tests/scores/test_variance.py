"""Repeated trainings: their scores, their mean, and which procedure is better."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.scores import variance


def recorded(folder: Path, model: str, split: str, seed: int, rows: pd.DataFrame) -> Record:
    folder.mkdir()
    rows.to_csv(folder / "predictions.csv", index=False)
    curves = {"train": [0.5, 0.6, 0.9], "validation": [0.7, 0.8, 0.8], "test": [0.6, 0.7, 0.75]}
    history = pd.DataFrame(
        [
            {"epoch": e, "part": part, "loss": 1.0, "accuracy": value, "seconds": 1.0}
            for part, values in curves.items()
            for e, value in enumerate(values, 1)
        ]
    )
    history.to_csv(folder / "history.csv", index=False)
    content = {"parameters": {"model": model, "split": split, "seed": seed}}
    (folder / "record.json").write_text(json.dumps(content))
    return Record(folder, content)


def images(scores: list[float], labels: list[str], part: str = "test") -> pd.DataFrame:
    names = [f"{part}{i}" for i in range(len(scores))]
    return pd.DataFrame(
        {"image_id": names, "group_id": names, "part": part, "label": labels, "score": scores}
    )


def table(accuracy: np.ndarray, model: str = "m", n: int = 100) -> pd.DataFrame:
    """A row a run from accuracies of shape (draws, seeds)."""
    return pd.DataFrame(
        [
            {"model": model, "split": f"random-{k}", "seed": s, "draw": f"random-{k}", "n": n}
            | {"accuracy": value}
            for k, row in enumerate(accuracy)
            for s, value in enumerate(row)
        ]
    )


def test_runs_are_scored_on_the_test_part_alone(tmp_path: Path) -> None:
    labels, scores = ["COVID19", "COVID19", "NORMAL", "NORMAL"], [0.9, 0.2, 0.4, 0.1]
    rows = pd.concat([images(scores, labels), images([0.0] * 4, labels, "train")])
    record = recorded(tmp_path / "a", "resnet50", "random-1", 0, rows)
    (run,) = variance.runs([record]).to_dict("records")
    assert run["n"] == 4
    assert (run["accuracy"], run["sensitivity"], run["specificity"]) == (0.75, 0.5, 1.0)
    assert run["auroc"] == roc_auc_score([1, 1, 0, 0], scores)
    assert variance.correctness([record])["correct"].tolist() == [True, False, True, True]
    assert variance.runs([record], 0.15)["accuracy"].tolist() == [0.75]
    assert set(variance.histories([record])["part"]) == {"train", "validation", "test"}


def test_a_split_without_a_number_is_another_draw_for_every_seed() -> None:
    assert variance.draw("random", 3) == variance.draw("random-3", 0) == "random-3"
    assert variance.draw("keras", 0) == variance.draw("keras", 1) == "keras"


def test_a_procedure_is_replicated_by_two_seeds_on_two_draws_of_one_kind() -> None:
    assert variance.replicated(["random-0", "random-1"], [0, 1])
    assert not variance.replicated(["random-0", "random-1"], [0])
    assert not variance.replicated(["random", "keras"], [0, 1])
    assert not variance.replicated(["random-0", "grouped-0"], [0, 1])
    assert not variance.replicated(["random-0"], [0, 1])


def test_baselines_are_runs_whether_they_have_a_seed_or_not(tmp_path: Path) -> None:
    rows = images([0.9, 0.9], ["COVID19", "NORMAL"])
    both = pd.concat([rows.assign(split=f"random-{k}") for k in (0, 1)])
    record = recorded(tmp_path / "b", "", "", 0, both.assign(model="majority", seed=np.nan))
    found = variance.baselines(record)
    assert found["draw"].tolist() == ["random-0", "random-1"]
    assert found["accuracy"].tolist() == [0.5, 0.5]
    assert variance.baselines(None).empty


def test_draws_of_the_split_are_the_units_of_the_mean() -> None:
    found = variance.expected(table(np.array([[0.8, 0.8], [0.9, 0.9], [0.7, 0.7]])))
    reach = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    draws = found.T["draws of the split"]
    assert list(draws[["value", "low", "high"]]) == pytest.approx([0.8, 0.8 - reach, 0.8 + reach])
    assert draws["df"] == 2
    # As if two seeds were two splits
    assert found.T["runs"]["high"] < draws["high"]
    assert found.T["runs"]["df"] == 5
    assert list(found.T["images of one run"][["value", "n"]]) == [0.8, 100]


def test_equal_runs_leave_no_doubt_about_their_mean() -> None:
    found = variance.expected(table(np.full((3, 2), 0.9))).loc["draws of the split"]
    assert found["low"] == pytest.approx(found["high"]) == pytest.approx(0.9)


def test_one_draw_of_the_split_is_refused_with_the_remedy() -> None:
    with pytest.raises(Problem, match="'splits' of the study"):
        variance.expected(table(np.array([[0.9, 0.8]])))


def test_what_always_wins_is_meaningfully_better() -> None:
    both = pd.concat([table(np.full((4, 2), 0.9), "a"), table(np.full((4, 2), 0.8), "b")])
    found = variance.superiority(both, "a", "b")
    assert (found["value"], found["low"], found["high"]) == (1, 1, 1)
    assert found["meaningful"]
    assert found["difference"] == pytest.approx(0.1)
    assert (found["pairs"], found["splits"]) == (8, 4)
    assert not variance.superiority(both, "b", "a")["meaningful"]


def test_equals_are_superior_half_of_the_time() -> None:
    both = pd.concat([table(np.full((3, 2), 0.9), "a"), table(np.full((3, 2), 0.9), "b")])
    found = variance.superiority(both, "a", "b")
    assert (found["value"], found["low"], found["high"]) == (0.5, 0.5, 0.5)
    assert not found["meaningful"]


def test_a_run_without_a_seed_meets_every_run_of_its_draw() -> None:
    without = table(np.array([[0.85], [0.85]]), "b").assign(seed=np.nan)
    both = pd.concat([table(np.array([[0.9, 0.8], [0.9, 0.9]]), "a"), without])
    found = variance.superiority(both, "a", "b")
    assert (found["value"], found["pairs"]) == (0.75, 4)


def test_procedures_that_share_one_draw_cannot_be_compared() -> None:
    both = pd.concat([table(np.array([[0.9], [0.8]]), "a"), table(np.array([[0.9]]), "b")])
    with pytest.raises(Problem, match="a and b share 1 draws"):
        variance.superiority(both, "a", "b")


@settings(max_examples=25)
@given(st.integers(0, 99), st.integers(2, 5), st.integers(1, 3))
def test_one_of_two_procedures_wins_or_they_share(seed: int, draws: int, seeds: int) -> None:
    rng = np.random.default_rng(seed)
    both = pd.concat([table(rng.integers(0, 4, (draws, seeds)) / 4, m) for m in "ab"])
    one, other = (variance.superiority(both, x, y, resamples=500) for x, y in ("ab", "ba"))
    assert one["value"] + other["value"] == pytest.approx(1)
    assert one["low"] + other["high"] == pytest.approx(1)
    assert one["low"] <= one["value"] + 1e-12
    assert one["value"] <= one["high"] + 1e-12


def test_noether_asks_for_29_pairs() -> None:
    # Bouthillier et al. (2021) recommend 29 for gamma = .75 and errors of 5%.
    assert variance.noether() == 29
    assert variance.noether(0.25) == 29
    assert variance.noether(0.6) > variance.noether(0.9)
