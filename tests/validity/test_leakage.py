"""What is planted is found, what is not there is not, and the designs hold what they promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from covidcxr.cohorts import phantom
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import PhantomCohort
from covidcxr.figures import leakage as plots
from covidcxr.scores import bootstrap, proportions
from covidcxr.validity import leakage

STUDY = studies.load("config/demo.yaml")


def blobs(
    groups: int, size: int, seed: int = 0, spread: float = 0.1
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_], NDArray[np.str_]]:
    """Groups of points that are near to each other, half of them positive by chance alone."""
    rng = np.random.default_rng(seed)
    group = np.repeat([f"g{i:03d}" for i in range(groups)], size)
    positive = np.repeat(rng.permutation(groups) < groups // 2, size)
    centres = np.repeat(rng.standard_normal((groups, 8)), size, axis=0)
    return (
        {"nearest": centres + spread * rng.standard_normal((groups * size, 8))},
        positive,
        group,
    )


# --- image-level and grouped splits


def test_recognising_a_group_is_bought_by_an_image_level_split_alone() -> None:
    features, positive, group = blobs(60, 3)
    runs = leakage.bought(features, positive, group, seeds=range(8))
    found = leakage.gained(runs, "accuracy").loc["nearest"]
    assert found["random"] > 0.9
    assert abs(found["grouped"] - 0.5) < 0.15
    assert found["low"] > 0.3
    assert found["more"] == 8


def test_both_splits_of_a_seed_test_as_many_images_and_only_one_shares_groups() -> None:
    features, positive, group = blobs(40, 2)
    runs = leakage.bought(features, positive, group, seeds=range(4))
    by = runs.pivot_table(index="seed", columns="split", values=["tested", "trained", "seen"])
    assert (by["tested", "random"] == by["tested", "grouped"]).all()
    assert (by["trained"] + by["tested"] == len(group)).all().all()
    assert (by["seen", "grouped"] == 0).all()
    assert (by["seen", "random"] > 0.5).all()


def test_without_groups_of_several_images_nothing_is_bought() -> None:
    features, positive, _ = blobs(60, 3)
    alone = np.arange(len(positive)).astype(str)
    runs = leakage.bought(features, positive, alone, seeds=range(3))
    assert (runs["seen"] == 0).all()


def test_phantoms_with_several_images_a_patient_are_recognised_and_single_ones_are_not() -> None:
    runs = leakage.control(seeds=range(10))
    found = {
        mean: leakage.gained(one, "accuracy").loc["nearest"]
        for mean, one in runs.groupby("images_per_patient")
    }
    assert found[3.0]["low"] > 0.2
    assert found[1.0]["low"] < 0 < found[1.0]["high"]
    assert abs(found[1.0]["random"] - 0.5) < 0.1


def test_a_coin_is_one_for_all_images_of_a_group_and_new_for_each_seed() -> None:
    group = np.repeat(np.arange(200), 3).astype(str)
    tossed = leakage.coins(group, 0)
    assert set(np.bincount(group.astype(int), weights=tossed)) == {0.0, 3.0}
    assert not np.array_equal(tossed, leakage.coins(group, 1))
    assert np.array_equal(tossed, leakage.coins(group, 0))
    assert abs(tossed.mean() - 0.5) < 0.15


def test_the_split_does_not_look_at_the_coin() -> None:
    # Else a tested class would be rarer in training and chance not one half.
    features, _, group = blobs(400, 1)
    runs = leakage.bought_by_coins(features, group, seeds=range(25))
    mean, n = runs["accuracy"].mean(), int(runs["tested"].sum())
    assert abs(mean - 0.5) < 4 * 0.5 / np.sqrt(n)


def test_the_difference_is_the_mean_of_each_seeds_own() -> None:
    runs = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1, 2, 2],
            "model": "nearest",
            "split": ["random", "grouped"] * 3,
            "trained": 80,
            "tested": 20,
            "accuracy": [0.9, 0.8, 0.8, 0.8, 0.7, 0.9],
        }
    )
    found = leakage.gained(runs, "accuracy").loc["nearest"]
    assert found["value"] == pytest.approx((0.1 + 0.0 - 0.2) / 3)
    assert (found["more"], found["fewer"], found["n"]) == (1, 1, 3)
    reach = stats.ttest_1samp([0.1, 0.0, -0.2], 0).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((reach.low, reach.high))


def test_the_corrected_interval_has_the_published_factor() -> None:
    values = [0.02, 0.05, -0.01, 0.03, 0.04]
    found = leakage.over_seeds(values, 0.25)
    wide, near = found["wide_high"] - found["value"], found["high"] - found["value"]
    assert wide / near == pytest.approx(np.sqrt((1 / 5 + 0.25) / (1 / 5)))
    assert leakage.over_seeds([0.1, 0.1, 0.1], 0.25)["value"] == pytest.approx(0.1)
    assert np.isnan(leakage.over_seeds([0.1, 0.1, 0.1], 0.25)["low"])
    assert np.isnan(leakage.over_seeds([0.1], 0.25)["low"])


def test_one_class_in_training_is_said_of_every_image() -> None:
    positive = np.array([True, True, True, False])
    found = leakage._run(
        "nearest", np.eye(4), positive, np.array(list("abcd")), np.array([0, 1]), np.array([2, 3])
    )
    assert (found["sensitivity"], found["specificity"], found["auroc"]) == (1, 0, 0.5)


def test_models_see_thumbnails_of_their_side() -> None:
    grey = np.full((2, 256, 256), 51, dtype=np.uint8)
    seen = leakage.seen_by_models(grey)
    assert {name: x.shape[1] for name, x in seen.items()} == {
        name: side * side for name, side in leakage.SIDES.items()
    }
    assert all(x == pytest.approx(0.2) for x in seen.values())
    rng = np.random.default_rng(0)
    features, positive = rng.random((40, 16)), np.arange(40) % 2 == 0
    features[positive] += 2
    for name in leakage.MODELS:
        assert leakage.fitted(name, features, positive).score(features, positive) == 1


# --- doses


@given(
    sizes=st.lists(st.integers(1, 5), min_size=8, max_size=24),
    seed=st.integers(0, 1000),
)
def test_only_the_dose_differs_between_doses(sizes: list[int], seed: int) -> None:
    group = np.repeat([f"g{i:02d}" for i in range(len(sizes))], sizes)
    positive = np.repeat(np.arange(len(sizes)) % 2 == 0, sizes)
    for label in (True, False):
        ranks = set()
        for image, own, other, rank in leakage._pairs(positive, group, label, seed):
            assert positive[image] == label
            assert len(own) == len(other) >= 1
            assert image not in own
            assert (group[own] == group[image]).all()
            assert len(set(group[other])) == 1
            assert group[other][0] != group[image]
            assert (positive[other] == label).all()
            ranks.add(rank)
        pairs = len(ranks)
        assert ranks == {(i + 0.5) / pairs for i in range(pairs)}


def test_accuracy_follows_the_dose_and_the_training_part_keeps_its_size() -> None:
    features, positive, group = blobs(60, 3)
    runs = leakage.doses(features, positive, group, seeds=range(6))
    assert runs.groupby("seed")["trained"].nunique().eq(1).all()
    assert runs.groupby("dose")["seen"].mean().to_numpy() == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1], abs=0.05
    )
    for row in leakage.slopes(runs, "accuracy").to_dict("records"):
        assert row["low"] > 0.3
        assert row["all"] > 0.9
        assert abs(row["none"] - 0.5) < 0.15


def test_slopes_of_a_line_are_exact() -> None:
    rows = [
        {"labels": "truth", "model": "nearest", "seed": seed, "dose": dose, "trained": 40,
         "tested": 10, "accuracy": 0.4 + 0.1 * seed * dose}
        for seed in (1, 2, 3) for dose in leakage.DOSES
    ]  # fmt: skip
    found = leakage.slopes(pd.DataFrame(rows), "accuracy").to_dict("records")[0]
    assert found["value"] == pytest.approx(0.2)
    assert (found["none"], found["all"]) == pytest.approx((0.4, 0.6))


def test_too_few_groups_of_several_images_give_no_doses() -> None:
    features, positive, group = blobs(20, 1)
    runs = leakage.doses(features, positive, group, seeds=range(2))
    assert runs.empty
    assert "too few" in plots.slopes_told(runs, 0.95)
    assert "no two groups" in plots.curves(runs, 0.95).text  # type: ignore[union-attr]


# --- numbers on the page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.016, "+1.6"), (-0.0004, "-0.04"), (0.0003, "+0.03"), (-4e-6, "-0.0004"), (0.0, "0.0"),
     (-0.0, "0.0"), (1e-17, "0.0"), (-0.00049, "-0.05"), (-0.0005001, "-0.1")],
)  # fmt: skip
def test_a_difference_that_rounds_to_nothing_keeps_its_sign(value: float, shown: str) -> None:
    assert plots.points(value, float("nan"), float("nan")) == shown
    assert plots.limits(value, 0.032) == f"({shown} to +3.2)"


@given(st.floats(-1, 1))
def test_a_difference_never_changes_sides_of_zero(value: float) -> None:
    shown = plots.points(value, float("nan"), float("nan"))
    assert np.sign(float(shown)) == (0 if abs(value) <= bootstrap.EQUAL else np.sign(value))


# --- networks


def predictions(right: list[bool], known: list[bool]) -> pd.DataFrame:
    """Tested images, one a group, and trained ones of the known groups."""
    n = len(right)
    label = np.where(np.arange(n) % 2 == 0, "COVID19", "NORMAL")
    called = (label == "COVID19") == np.array(right)
    tested = pd.DataFrame(
        {"image_id": [f"t{i}" for i in range(n)], "group_id": [f"g{i}" for i in range(n)],
         "part": "test", "label": label, "score": np.where(called, 0.9, 0.1)}
    )  # fmt: skip
    trained = tested[known].assign(part="train", image_id=lambda t: "x" + t["image_id"])
    return pd.concat([tested, trained], ignore_index=True)


def test_images_of_known_groups_are_compared_with_the_others() -> None:
    known = [True] * 40 + [False] * 40
    right = [True] * 40 + [True, False, False, True] * 10
    found = leakage.within(predictions(right, known)).loc["balanced_accuracy"]
    assert (found["seen"], found["unseen"], found["value"]) == (1, 0.5, 0.5)
    assert (found["images_seen"], found["groups_unseen"]) == (40, 40)
    assert 0.2 < found["low"] < 0.5 < found["high"] < 0.8
    # no error is no certainty
    flawless = leakage.within(predictions([True] * 80, known)).loc["balanced_accuracy"]
    assert flawless["value"] == 0
    assert flawless["low"] < -0.05
    assert flawless["high"] > 0.05
    none = leakage.within(predictions([True] * 8, [False] * 8))
    assert none["value"].isna().all()


def test_a_better_name_of_the_group_moves_its_images() -> None:
    table = predictions([True] * 12, [True] * 4 + [False] * 8)
    # t4, unknown by its group_id, is a copy of an image of g0
    names = {"t4": "g0"}
    found = leakage.within(table, names).loc["accuracy"]
    assert (found["images_seen"], found["groups_seen"]) == (5, 4)


def training(
    folder: Path,
    split: str,
    seed: int,
    right: list[bool],
    *,
    known: list[bool] | None = None,
    **more: Any,
) -> Record:
    return records.write(
        folder / f"resnet50-{split}-s{seed}",
        study=STUDY,
        parameters=records.parameters(STUDY, (), model="resnet50", split=split, seed=seed, **more),
        fingerprints={},
        method=1,
        commit={"id": None, "changed": None},
        tables={
            "predictions": predictions(right, known or [False] * len(right)),
            "history": pd.DataFrame({"epoch": [1]}),
        },
        images={"test": {"COVID19": 1, "NORMAL": 1}},
    )


def test_trainings_that_differ_in_the_kind_of_split_alone_are_paired(tmp_path: Path) -> None:
    good, bad = [True] * 10, [True, False] * 5
    training(tmp_path, "random-1", 0, good, epochs=3)
    training(tmp_path, "grouped-1", 0, bad, epochs=3)
    training(tmp_path, "random-2", 0, good, epochs=3)
    training(tmp_path, "grouped-2", 0, good, epochs=4)  # another protocol
    training(tmp_path, "grouped-2", 1, good, epochs=3)  # another seed
    runs = leakage.trainings({tmp_path}, synthetic=True)
    assert len(runs) == 5
    found = leakage.networks(runs)
    assert list(found["draw"]) == ["1"]
    assert found["accuracy"].item() == pytest.approx(0.5)
    named = plots.by_name(runs, {}, 0.5, 0.95)
    told = plots.pairs_told(runs, found, named)
    assert f"Looked at are five trainings: five of the study '{tmp_path.name}'. " in told
    assert "One pair differs in nothing but a split at random and a grouped one" in told
    assert "file name" not in told
    assert len(plots.pairs_table(found)) == 1
    assert "no such pair" in plots.by_name_told(named)
    assert plots.by_name_table(named).empty
    assert leakage.trainings({tmp_path}, synthetic=False) == []
    alone = [run for run in runs if run["parameters"]["split"] == "random-1"]
    assert "has not been run" in plots.pairs_told(alone, leakage.networks(alone), named)
    assert "No training" in plots.pairs_told([], leakage.networks([]), named)


def test_the_split_by_name_is_paired_with_the_grouped_one_that_differs_in_nothing_else(
    tmp_path: Path,
) -> None:
    good, bad = [True] * 40, [True] * 30 + [False] * 10
    training(tmp_path, "keras", 0, good, epochs=3)
    training(tmp_path, "grouped", 0, bad, epochs=3)
    training(tmp_path, "grouped-2", 0, bad, epochs=4)  # another protocol
    training(tmp_path, "grouped-3", 1, bad, epochs=3)  # another seed
    runs = leakage.trainings({tmp_path}, synthetic=True)
    assert leakage.networks(runs).empty  # a draw that is none has no partner of the same draw
    found = plots.by_name(runs, {}, 0.5, 0.95)
    assert list(found["draw"]) == ["grouped", "grouped"]
    row = found.set_index("score").loc["accuracy"]
    assert (row["value"], row["value_grouped"], row["difference"]) == (1, 0.75, 0.25)
    assert (row["n"], row["n_grouped"], row["both"]) == (40, 40, 40)
    # Newcombe's hybrid interval of two independent samples, of Wilson's limits
    assert (row["low"], row["high"]) == pytest.approx(proportions.wilson(40, 40))
    assert (row["low_grouped"], row["high_grouped"]) == pytest.approx(proportions.wilson(30, 40))
    assert row["least"] == pytest.approx(
        0.25 - np.hypot(1 - row["low"], row["high_grouped"] - 0.75)
    )
    assert row["most"] == pytest.approx(0.25 + np.hypot(0, 0.75 - row["low_grouped"]))
    told = plots.pairs_told(runs, leakage.networks(runs), found)
    assert "has not been run" in told
    assert "One pair differs in nothing but the split by file name and a grouped one." in told
    assert "+25.0 (ResNet50) points, and of the intervals, one above 0" in (
        plots.by_name_told(found)
    )
    assert list(plots.by_name_table(found).columns)[1:3] == [
        "by name, n = 40", "grouped, n = 40"
    ]  # fmt: skip


def test_the_recorded_networks_on_the_split_by_name_and_on_the_grouped_one_are_shown() -> None:
    results = Path("results")
    runs = leakage.trainings({results / "small", results / "replicates"}, synthetic=False)
    group = leakage.groups(records.read(results / "small" / "leakage"))
    found = plots.by_name(runs, group, 0.5, 0.95)
    table = plots.by_name_table(found).reset_index()
    shown = table[table["score"] == "accuracy"].iloc[:, [0, 2, 3]].to_numpy().tolist()
    assert [[network, one[:5], other[:5]] for network, one, other in shown] == [
        ["ResNet50", "0.983", "0.962"],
        ["ResNet152V2", "0.974", "0.968"],
        ["ResNet252V2", "0.991", "0.983"],
    ]
    assert table.columns[2].endswith("n = 345")
    told = plots.pairs_told(runs, leakage.networks(runs), found)
    assert "ten of the study 'replicates' and six of the study 'small'" in told
    assert "Three pairs differ in nothing but the split by file name" in told
    assert "in all three pairs" in plots.by_name_told(found)
    assert "no interval excludes 0" in plots.by_name_told(found)
    assert "ten trainings of ResNet50 in the study 'replicates'" in plots.spread_told(runs, 0.5)
    assert "No training was repeated" in plots.spread_told(runs[:1], 0.5)


def test_images_of_known_groups_are_counted_by_class(tmp_path: Path) -> None:
    made = training(
        tmp_path, "random-1", 0, [True] * 10, known=[True] * 3 + [False] * 7, image_size=32
    )
    found = plots.compared([made], {}, 0.5, 0.95)
    row = plots.within_table(found).iloc[0]
    assert (row["n seen"], row["n others"]) == ("2 + 1 (3)", "3 + 4 (7)")
    assert "higher in none of one run, by 0.0 points" in plots.within_told(found)
    assert "no interval excludes 0" in plots.within_told(found)


# --- the record


@pytest.fixture(scope="module")
def sample() -> Sample:
    cohort = PhantomCohort(
        source="phantom", covid19=40, normal=40, image_size=32, images_per_patient=2.0
    )
    rows, grey = phantom.generate(cohort)
    return Sample(OWN, rows, grey)


def test_the_record_tells_all_and_stands_without_images(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage, "SEEDS", 2)
    for name in ("bought", "bought_by_coins", "doses", "control"):
        monkeypatch.setitem(getattr(leakage, name).__kwdefaults__ or {}, "seeds", range(2))
    names = sample.manifest["group_id"].to_numpy(dtype=str)
    monkeypatch.setattr(leakage, "_groups", lambda *_: names)
    with pytest.raises(Problem, match="no such record and no images"):
        leakage.record(STUDY, results=tmp_path, samples=None)
    made = leakage.record(STUDY, results=tmp_path, samples={OWN: sample})
    assert set(made["tables"]) == {f"{n}.csv" for n in
                                   ("groups", "splits", "doses", "coins", "control")}  # fmt: skip
    assert made["images"] == {"COVID19": 40, "NORMAL": 40}
    counts = made["counts"]["COVID19"]
    assert counts["images"] == 40
    assert counts["groups"] == sample.manifest.loc[sample.positive, "group_id"].nunique()
    assert leakage.groups(made) == dict(zip(sample.manifest["image_id"], names, strict=True))
    again = leakage.record(STUDY, results=tmp_path, samples=None)
    assert again.content == made.content
    runs, tossed = made.table("splits"), plots.tossed(
        made.table("coins"), made.table("control"), 0.95
    )  # fmt: skip
    assert list(runs["tier"].unique()) == ["all"]  # no other subset of phantoms
    gained = leakage.gained(runs, "accuracy")
    text = plots.answer(gained, runs, tossed)
    assert text.count(". ") == 1
    assert "five simple models by more than chance" in text
    assert "know" not in text
    assert "Where a coin decides each group's label" in text
    assert "no subset" in plots.tiers_told(runs, "accuracy", 0.95)
    assert len(plots.gains_table(gained)) == len(leakage.MODELS)
    assert len(plots.slopes_table(made.table("doses"), 0.95)) == 5
    for picture in (
        plots.gains({"accuracy": gained}, 0.95),
        plots.curves(made.table("doses"), 0.95),
        plots.chance(tossed, 0.95),
    ):
        assert picture._repr_mimebundle_()["text/plain"]  # type: ignore[union-attr]


def test_subsets_that_disagree_are_named() -> None:
    def runs(tier: str, gain: float) -> pd.DataFrame:
        rows = [
            {"tier": tier, "seed": seed, "model": "nearest", "split": split, "trained": 80,
             "tested": 20, "accuracy": 0.8 + (gain if split == "random" else 0) + 0.001 * seed *
             (split == "random")}
            for seed in range(5) for split in leakage.SPLITS
        ]  # fmt: skip
        return pd.DataFrame(rows)

    same = pd.concat([runs("all", 0.1), runs("original", 0.1)])
    other = pd.concat([runs("all", 0.1), runs("original", -0.1)])
    assert "judged as on all images" in plots.tiers_told(same, "accuracy", 0.95)
    told = plots.tiers_told(other, "accuracy", 0.95)
    assert "one is judged otherwise" in told
    assert "lower, all images: higher" in told


def test_selection_is_taken_from_the_nearest_record(tmp_path: Path) -> None:
    assert "No run" in plots.selected(tmp_path / "a", tmp_path / "b", 0.95)
    told = plots.selected(tmp_path, Path("results/replicates"), 0.95)
    assert told.startswith("Recorded for the study 'replicates', on real images")
    assert plots.selected(Path("results/replicates"), tmp_path, 0.95).startswith(
        "Recorded for this study"
    )
