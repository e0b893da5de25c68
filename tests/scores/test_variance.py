"""Runs that repeat a procedure: dumb cases, then planted truths, then what always holds."""

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
from covidcxr.figures import variance as variance_figures
from covidcxr.paper import publication
from covidcxr.scores import variance

quick = settings(max_examples=25)


def made(folder: Path, model: str, split: str, seed: int, rows: pd.DataFrame) -> Record:
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


def answers(right: np.ndarray, label: str | None = None) -> pd.DataFrame:
    """A row a run and image from answers of shape (draws, seeds, images)."""
    k, s, i = (place.ravel() for place in np.indices(right.shape))
    draws = [f"random-{name}" for name in k]
    rows = pd.DataFrame({"model": "m", "split": draws, "seed": s, "draw": draws})
    rows["image_id"], rows["correct"] = i, right.ravel()
    return rows if label is None else rows.assign(label=label)


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


# --- runs


def test_runs_are_scored_on_the_test_part_alone(tmp_path: Path) -> None:
    labels, scores = ["COVID19", "COVID19", "NORMAL", "NORMAL"], [0.9, 0.2, 0.4, 0.1]
    rows = pd.concat([images(scores, labels), images([0.0] * 4, labels, "train")])
    record = made(tmp_path / "a", "resnet50", "random-1", 0, rows)
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
    record = made(tmp_path / "b", "", "", 0, both.assign(model="majority", seed=np.nan))
    found = variance.baselines(record)
    assert found["draw"].tolist() == ["random-0", "random-1"]
    assert found["accuracy"].tolist() == [0.5, 0.5]
    assert variance.baselines(None).empty


# --- components


def test_equal_runs_that_are_always_right_do_not_vary() -> None:
    found = variance.decompose(answers(np.ones((3, 2, 10), bool)))
    assert (found.table["variance"] == 0).all()
    assert (found.table[["low", "high"]] == 0).all().all()
    assert found.mean == 1
    assert "equally accurate" in found.remark


def test_two_accuracies_that_never_change_with_the_seed_have_no_seed_component() -> None:
    right = np.ones((4, 3, 50), bool)
    right[:2, :, 25:] = False
    found = variance.decompose(answers(right))
    assert found.within == pytest.approx(0, abs=1e-9)
    assert found.between == pytest.approx(np.var([0.5, 0.5, 1, 1], ddof=1), rel=2e-2)
    hard = np.mean([0.25 * 50 / 49] * 2 + [0, 0]) / 50
    assert found.table.loc["test set", "variance"] == pytest.approx(hard)


def test_classes_that_are_always_right_and_always_wrong_are_no_chance_of_the_test_part() -> None:
    right = np.zeros((3, 2, 20), bool)
    right[..., :15] = True
    rows = answers(right)
    rows["label"] = np.where(rows["image_id"] < 15, "NORMAL", "COVID19")
    assert value(variance.decompose(rows).table, "test set", "variance") == 0
    assert value(variance.decompose(rows.drop(columns="label")).table, "test set", "variance") > 0


def test_planted_components_are_recovered_on_average() -> None:
    rng, split, seed, n = np.random.default_rng(1), 0.04, 0.025, 250
    found = []
    for _ in range(60):
        taken = variance.decompose(answers(planted(rng, 8, 3, n, split, seed)), resamples=200)
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


def test_balanced_analysis_of_variance_is_reml_where_it_is_not_negative() -> None:
    rng = np.random.default_rng(2)
    agreed = 0
    for _ in range(12):
        right = planted(rng, 6, 2, 200, 0.05, 0.01)
        found = variance.decompose(answers(right), resamples=100)
        accuracy = answers(right).groupby(["draw", "seed"])["correct"].mean()
        between, within = variance.anova(accuracy)
        if between > 1e-5 and found.method == "REML":
            agreed += 1
            assert found.between == pytest.approx(between, rel=2e-2)
            assert found.within == pytest.approx(within, rel=2e-2)
    assert agreed > 6


def test_where_reml_fails_analysis_of_variance_steps_in_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from statsmodels.regression import mixed_linear_model

    def fails(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(mixed_linear_model.MixedLM, "fit", fails)
    right = planted(np.random.default_rng(3), 4, 2, 100, 0.1, 0.01)
    found = variance.decompose(answers(right))
    between, within = variance.anova(answers(right).groupby(["draw", "seed"])["correct"].mean())
    assert (found.between, found.within) == pytest.approx((between, within))
    assert "analysis of variance" in found.remark


@pytest.mark.filterwarnings("error")
@quick
@given(st.integers(2, 4), st.integers(2, 3), st.integers(0, 99))
def test_shares_sum_to_one_limits_are_ordered_and_nothing_warns(
    draws: int, seeds: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    right = rng.random((draws, seeds, 30)) < 0.8
    found = variance.decompose(answers(right, "NORMAL"), resamples=200)
    parts = found.table.loc[list(variance.COMPONENTS)]
    assert parts["share"].sum() == pytest.approx(1)
    assert found.table.loc["a run", "variance"] == pytest.approx(parts["variance"].sum())
    assert (found.table["variance"] >= 0).all()
    assert (found.table["low"] <= found.table["high"]).all()
    assert all(found.table.loc[name, "variance"] == 0 for name in found.zeroed)


def test_what_cannot_be_told_apart_is_refused_with_the_remedy() -> None:
    right = np.ones((1, 2, 5), bool)
    with pytest.raises(Problem, match="'splits' of the study"):
        variance.decompose(answers(right))
    with pytest.raises(Problem, match="'seeds' of the study"):
        variance.decompose(answers(right.reshape(2, 1, 5)))
    with pytest.raises(Problem, match="'splits' of the study"):
        variance.expected(table(np.array([[0.9, 0.8]])))
    rows = answers(np.ones((2, 2, 5), bool))
    with pytest.raises(Problem, match="different images"):
        variance.decompose(rows.drop(index=0))
    with pytest.raises(ValueError, match="one model"):
        variance.decompose(pd.concat([rows, rows.assign(model="other")]))


# --- what to expect


def test_draws_of_the_split_are_the_units_of_the_mean() -> None:
    found = variance.expected(table(np.array([[0.8, 0.8], [0.9, 0.9], [0.7, 0.7]])))
    reach = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    draws = found.T["draws of the split"]
    assert list(draws[["value", "low", "high"]]) == pytest.approx([0.8, 0.8 - reach, 0.8 + reach])
    assert draws["df"] == 2
    # As if two seeds were two splits
    assert value(found, "runs", "high") < draws["high"]
    assert found.loc["runs", "df"] == 5
    assert list(found.T["images of one run"][["value", "n"]]) == [0.8, 100]


def test_equal_runs_leave_no_doubt_about_their_mean() -> None:
    found = variance.expected(table(np.full((3, 2), 0.9))).loc["draws of the split"]
    assert found["low"] == pytest.approx(found["high"]) == pytest.approx(0.9)


# --- superiority


def test_what_always_wins_is_meaningfully_better() -> None:
    both = pd.concat([table(np.full((4, 2), 0.9), "a"), table(np.full((4, 2), 0.8), "b")])
    found = variance.superiority(both, "a", "b")
    assert (found.value, found.low, found.high) == (1, 1, 1)
    assert found.meaningful
    assert found.difference == pytest.approx(0.1)
    assert (found.pairs, found.splits) == (8, 4)
    assert not variance.superiority(both, "b", "a").meaningful


def test_equals_are_superior_half_of_the_time() -> None:
    both = pd.concat([table(np.full((3, 2), 0.9), "a"), table(np.full((3, 2), 0.9), "b")])
    found = variance.superiority(both, "a", "b")
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    assert not found.meaningful


def test_a_run_without_a_seed_meets_every_run_of_its_draw() -> None:
    without = table(np.array([[0.85], [0.85]]), "b").assign(seed=np.nan)
    both = pd.concat([table(np.array([[0.9, 0.8], [0.9, 0.9]]), "a"), without])
    found = variance.superiority(both, "a", "b")
    assert (found.value, found.pairs) == (0.75, 4)


def test_procedures_that_share_one_draw_cannot_be_compared() -> None:
    both = pd.concat([table(np.array([[0.9], [0.8]]), "a"), table(np.array([[0.9]]), "b")])
    with pytest.raises(Problem, match="a and b share 1 draws"):
        variance.superiority(both, "a", "b")


@quick
@given(st.integers(0, 99), st.integers(2, 5), st.integers(1, 3))
def test_one_of_two_procedures_wins_or_they_share(seed: int, draws: int, seeds: int) -> None:
    rng = np.random.default_rng(seed)
    both = pd.concat([table(rng.integers(0, 4, (draws, seeds)) / 4, m) for m in "ab"])
    one, other = (variance.superiority(both, x, y, resamples=500) for x, y in ("ab", "ba"))
    assert one.value + other.value == pytest.approx(1)
    assert one.low + other.high == pytest.approx(1)
    assert one.low <= one.value + 1e-12
    assert one.value <= one.high + 1e-12


def test_noether_asks_for_29_pairs() -> None:
    # Bouthillier et al. (2021) recommend 29 for gamma = .75 and errors of 5%.
    assert variance.noether() == 29
    assert variance.noether(0.25) == 29
    assert variance.noether(0.6) > variance.noether(0.9)
    with pytest.raises(ValueError, match="not there"):
        variance.noether(0.5)


# --- choosing an epoch


def curves(test: list[float], validation: list[float] | None, draw: str = "d") -> pd.DataFrame:
    parts = {"test": test} | ({"validation": validation} if validation else {})
    return pd.DataFrame(
        [
            {"model": "m", "split": draw, "seed": 0, "draw": draw, "epoch": e, "part": part}
            | {"accuracy": value}
            for part, values in parts.items()
            for e, value in enumerate(values, 1)
        ]
    )


def test_a_run_that_ends_at_its_best_is_not_optimistic() -> None:
    found = variance.selection(curves([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])).iloc[0]
    assert found["over_last"] == found["over_validation"] == 0
    assert found["test_epoch"] == found["validation_epoch"] == found["epochs"] == 3


def test_of_equally_good_epochs_the_earliest_counts() -> None:
    found = variance.selection(curves([0.9, 0.6, 0.9], [0.5, 0.7, 0.7])).iloc[0]
    assert (found["test_epoch"], found["validation_epoch"]) == (1, 2)
    assert found["by_validation"] == 0.6
    assert found["over_validation"] == pytest.approx(0.3)


def test_without_a_validation_part_only_the_last_epoch_is_compared() -> None:
    selected = variance.selection(
        pd.concat([curves([0.9, 0.8], None, "d"), curves([0.7, 0.7], None, "e")])
    )
    assert selected["by_validation"].isna().all()
    found = variance.optimism(selected)
    assert list(found.index) == ["last"]
    assert found.loc["last", "value"] == pytest.approx(5)
    assert found.loc["last", "df"] == 1


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_choosing_by_the_test_part_never_looks_worse(pairs: list[tuple[float, float]]) -> None:
    test, validation = (list(values) for values in zip(*pairs, strict=True))
    found = variance.selection(curves(test, validation)).iloc[0]
    assert found["over_last"] >= 0
    assert found["over_validation"] >= 0


def test_the_best_of_independent_epochs_is_the_maximum_of_binomials() -> None:
    p, n, epochs = 0.9, 60, 10
    found = variance.expected_maximum(p, n, epochs)
    below = stats.binom.cdf(np.arange(n), n, p)
    for m in (1, 4, 10):
        exact = (n - (below**m).sum()) / n
        assert found[m - 1] == pytest.approx(exact, abs=3e-3)
    assert (np.diff(found) >= 0).all()


def test_epochs_that_agree_leave_less_to_choose() -> None:
    free, bound, same = (
        variance.expected_maximum(0.8, 100, 12, c, resamples=1500) for c in (0.0, 0.9, 0.9999)
    )
    assert free[-1] > bound[-1] > same[-1] > 0.795
    assert bound[0] == pytest.approx(0.8, abs=5e-3)
    with pytest.raises(ValueError, match="correlation"):
        variance.expected_maximum(0.8, 10, 2, 1.0)


def test_the_best_epoch_of_a_coin_looks_better_than_a_coin() -> None:
    n = int(publication.tables()["resnet252v2"].cells("true").sum())
    found = variance.expected_maximum(0.5, n, int(publication.value("s43-epochs")), resamples=1000)
    # By extreme values: 35 normals have a mean maximum of 2.1 standard deviations.
    assert found[-1] == pytest.approx(0.5 + 2.1 * 0.5 / np.sqrt(n), abs=4e-3)


# --- words and pictures


def test_sentences_say_what_was_found_and_what_is_missing() -> None:
    right = planted(np.random.default_rng(0), 3, 2, 60, 0.05, 0.02)
    taken = variance.decompose(answers(right), resamples=200)
    said = variance.answer("ResNet50", taken)
    assert f"{taken.mean:.1%} of their test images" in said
    assert f"{value(taken.table, 'seed', 'share'):.0%} from the seed" in said
    same = variance.decompose(answers(np.ones((2, 2, 5), bool)))
    assert "equally accurate" in variance.answer("ResNet50", same)

    names = {"a": "A", "b": "B"}
    both = pd.concat([table(np.full((4, 2), 0.9), "a"), table(np.full((4, 2), 0.8), "b")])
    said = variance.judgement([variance.superiority(both, "a", "b")], names)
    assert said.startswith("A beats B in 100% of 8 pairs (100% to 100%; meaningful).")
    assert said.endswith("fewer than 29 pairs.")
    assert "nothing to compare" in variance.judgement([], names)

    two = pd.concat([curves([0.9, 0.8], [0.1, 0.2], "d"), curves([0.7, 0.7], [0.1, 0.2], "e")])
    said = variance.optimism_in_words(variance.optimism(variance.selection(two)), 2)
    assert "looks 5.0 points (0.0 to 68.5) better than the last epoch" in said
    assert "no validation part" not in said
    without = variance.selection(two[two["part"] == "test"])
    assert "no validation part" in variance.optimism_in_words(variance.optimism(without), 2)


def test_pictures_say_what_they_show() -> None:
    rng = np.random.default_rng(0)
    right = planted(rng, 3, 2, 60, 0.05, 0.02)
    networks = table(right.mean(axis=2), "resnet50")
    both = pd.concat([networks, table(np.full((3, 1), 0.7), "majority").assign(seed=np.nan)])
    expected = {m: variance.expected(both[both["model"] == m]) for m in ("resnet50", "majority")}
    told = variance_figures.by_split(both, expected).alt
    assert "ResNet50" in told
    assert "Majority 70.0% (70.0 to 70.0)" in told
    assert (
        "majority"
        not in variance_figures.by_split(networks, {"resnet50": expected["resnet50"]}).alt
    )
    taken = variance.decompose(answers(right), resamples=200)
    told = variance_figures.components({"resnet50": taken}).alt
    assert f"a run {taken.table.loc['a run', 'points']:.2f}" in told
    history = pd.concat([curves([0.5, 0.7, 0.6], [0.5, 0.6, 0.7], f"random-{k}") for k in (0, 10)])
    told = variance_figures.epochs(history, variance.selection(history)).alt
    assert "best on the test part 70.0%" in told
    assert "best on the validation part 60.0%" in told
    curve = {0.5: {0.0: np.array([0.5, 0.55])}}
    told = variance_figures.maximum(curve, {0.5: "a coin"}, 10).alt
    assert told.endswith("50.0% and correlation 0: 55.0%.")
