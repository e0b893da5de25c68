"""Planted leakage is measured, none is measured where there is none, and the designs are exact."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from covidcxr.cohorts import phantom
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import PhantomCohort
from covidcxr.networks import simple_models
from covidcxr.validity import leakage
from covidcxr.validity.leakage import experiments, summaries

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


def test_an_image_level_split_alone_rewards_recognising_a_group() -> None:
    features, positive, group = blobs(60, 3)
    runs = experiments.compare_split_kinds(features, positive, group, seeds=range(8))
    inflation = summaries.score_inflation(runs, "accuracy").loc["nearest"]
    assert inflation["random"] > 0.9
    assert abs(inflation["grouped"] - 0.5) < 0.15
    assert inflation["low"] > 0.3
    assert inflation["more"] == 8


def test_both_splits_of_a_seed_test_as_many_images_and_only_one_shares_groups() -> None:
    features, positive, group = blobs(40, 2)
    runs = experiments.compare_split_kinds(features, positive, group, seeds=range(4))
    by = runs.pivot_table(index="seed", columns="split", values=["tested", "trained", "seen"])
    assert (by["tested", "random"] == by["tested", "grouped"]).all()
    assert (by["trained"] + by["tested"] == len(group)).all().all()
    assert (by["seen", "grouped"] == 0).all()
    assert (by["seen", "random"] > 0.5).all()


def test_without_groups_of_several_images_no_group_is_seen() -> None:
    features, positive, _ = blobs(60, 3)
    alone = np.arange(len(positive)).astype(str)
    runs = experiments.compare_split_kinds(features, positive, alone, seeds=range(3))
    assert (runs["seen"] == 0).all()


def test_phantoms_with_several_images_a_patient_are_recognised_and_single_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(experiments, "QUICK", ("nearest",))
    runs = experiments.phantom_control(seeds=range(10))
    by_mean = {
        mean: summaries.score_inflation(one, "accuracy").loc["nearest"]
        for mean, one in runs.groupby("images_per_patient")
    }
    assert by_mean[3.0]["low"] > 0.2
    assert by_mean[1.0]["low"] < 0 < by_mean[1.0]["high"]
    assert abs(by_mean[1.0]["random"] - 0.5) < 0.1


def test_a_random_label_is_one_for_all_images_of_a_group_and_new_for_each_seed() -> None:
    group = np.repeat(np.arange(200), 3).astype(str)
    labels = experiments.random_group_labels(group, 0)
    assert set(np.bincount(group.astype(int), weights=labels)) == {0.0, 3.0}
    assert not np.array_equal(labels, experiments.random_group_labels(group, 1))
    assert np.array_equal(labels, experiments.random_group_labels(group, 0))
    assert abs(labels.mean() - 0.5) < 0.15


def test_the_split_is_not_stratified_by_the_random_label() -> None:
    # Else a tested class would be rarer in training and chance not one half.
    features, _, group = blobs(400, 1)
    runs = experiments.random_label_experiment(features, group, seeds=range(25))
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
    inflation = summaries.score_inflation(runs, "accuracy").loc["nearest"]
    assert inflation["value"] == pytest.approx((0.1 + 0.0 - 0.2) / 3)
    assert (inflation["more"], inflation["fewer"], inflation["n"]) == (1, 1, 3)
    reach = stats.ttest_1samp([0.1, 0.0, -0.2], 0).confidence_interval(0.95)
    assert (inflation["low"], inflation["high"]) == pytest.approx((reach.low, reach.high))


def test_the_corrected_interval_has_the_published_factor() -> None:
    values = [0.02, 0.05, -0.01, 0.03, 0.04]
    mean = summaries.corrected_resampled_t(values, 0.25)
    wide, near = mean["wide_high"] - mean["value"], mean["high"] - mean["value"]
    assert wide / near == pytest.approx(np.sqrt((1 / 5 + 0.25) / (1 / 5)))
    assert summaries.corrected_resampled_t([0.1, 0.1, 0.1], 0.25)["value"] == pytest.approx(0.1)
    assert np.isnan(summaries.corrected_resampled_t([0.1, 0.1, 0.1], 0.25)["low"])
    assert np.isnan(summaries.corrected_resampled_t([0.1], 0.25)["low"])


def test_one_class_in_training_is_the_answer_for_every_image() -> None:
    positive = np.array([True, True, True, False])
    scores = experiments.evaluate(
        "nearest", np.eye(4), positive, np.array(list("abcd")), np.array([0, 1]), np.array([2, 3])
    )
    assert (scores["sensitivity"], scores["specificity"], scores["auroc"]) == (1, 0, 0.5)


def test_models_see_thumbnails_of_their_side() -> None:
    grey = np.full((2, 256, 256), 51, dtype=np.uint8)
    seen = experiments.features(grey)
    assert {name: x.shape[1] for name, x in seen.items()} == {
        name: side * side for name, side in experiments.SIDES.items()
    }
    assert all(x == pytest.approx(0.2) for x in seen.values())
    rng = np.random.default_rng(0)
    features, positive = rng.random((40, 16)), np.arange(40) % 2 == 0
    features[positive] += 2
    for name in experiments.MODELS:
        kind = "quick boosting" if name == "boosting" else name
        trained = simple_models.fitted(kind, features, positive)
        assert trained.score(features, positive) == 1


@given(
    sizes=st.lists(st.integers(1, 5), min_size=8, max_size=24),
    seed=st.integers(0, 1000),
)
def test_only_contamination_differs_between_shares(sizes: list[int], seed: int) -> None:
    group = np.repeat([f"g{i:02d}" for i in range(len(sizes))], sizes)
    positive = np.repeat(np.arange(len(sizes)) % 2 == 0, sizes)
    for label in (True, False):
        ranks = set()
        for image, own, other, rank in experiments._pairs(positive, group, label, seed):
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


def test_accuracy_follows_the_share_and_the_training_part_keeps_its_size() -> None:
    features, positive, group = blobs(60, 3)
    runs = experiments.contamination_experiment(features, positive, group, seeds=range(6))
    assert runs.groupby("seed")["trained"].nunique().eq(1).all()
    assert runs.groupby("dose")["seen"].mean().to_numpy() == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1], abs=0.05
    )
    for row in summaries.contamination_slopes(runs, "accuracy").to_dict("records"):
        assert row["low"] > 0.3
        assert row["all"] > 0.9
        assert abs(row["none"] - 0.5) < 0.15


def test_slopes_of_a_line_are_exact() -> None:
    rows = [
        {"labels": "truth", "model": "nearest", "seed": seed, "dose": dose, "trained": 40,
         "tested": 10, "accuracy": 0.4 + 0.1 * seed * dose}
        for seed in (1, 2, 3) for dose in experiments.SHARES
    ]  # fmt: skip
    slopes = summaries.contamination_slopes(pd.DataFrame(rows), "accuracy").to_dict("records")[0]
    assert slopes["value"] == pytest.approx(0.2)
    assert (slopes["none"], slopes["all"]) == pytest.approx((0.4, 0.6))


def test_too_few_groups_of_several_images_give_no_contamination_experiment() -> None:
    features, positive, group = blobs(20, 1)
    runs = experiments.contamination_experiment(features, positive, group, seeds=range(2))
    assert runs.empty
    assert summaries.contamination_slopes(runs, "accuracy").empty


@pytest.fixture(scope="module")
def sample() -> Sample:
    cohort = PhantomCohort(
        source="phantom", covid19=40, normal=40, image_size=32, images_per_patient=2.0
    )
    rows, grey = phantom.generate(cohort)
    return Sample(OWN, rows, grey)


def test_the_record_holds_every_experiment_and_stands_without_images(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "SEEDS", 2)
    for experiment in (
        experiments.compare_split_kinds,
        experiments.random_label_experiment,
        experiments.contamination_experiment,
        experiments.phantom_control,
    ):
        monkeypatch.setitem(experiment.__kwdefaults__ or {}, "seeds", range(2))
    names = sample.manifest["group_id"].to_numpy(dtype=str)
    monkeypatch.setattr(leakage, "_groups", lambda *_: names)
    with pytest.raises(Problem, match="no such record and no images"):
        leakage.record(STUDY, results=tmp_path, samples=None)
    record = leakage.record(STUDY, results=tmp_path, samples={OWN: sample})
    tables = ("groups", "splits", "doses", "coins", "control")
    assert set(record["tables"]) == {f"{name}.csv" for name in tables}
    assert record["images"] == {"COVID19": 40, "NORMAL": 40}
    counts = record["counts"]["COVID19"]
    assert counts["images"] == 40
    assert counts["groups"] == sample.manifest.loc[sample.positive, "group_id"].nunique()
    assert leakage.groups(record) == dict(zip(sample.manifest["image_id"], names, strict=True))
    again = leakage.record(STUDY, results=tmp_path, samples=None)
    assert again.content == record.content
    runs = record.table("splits")
    assert list(runs["tier"].unique()) == ["all"]  # no other subset of phantoms
    assert len(summaries.score_inflation(runs, "accuracy")) == len(experiments.MODELS)
    assert len(summaries.contamination_slopes(record.table("doses"), "accuracy")) == 5
    results = summaries.random_label_results(record.table("coins"), record.table("control"), 0.95)
    assert len(results) == 2 * (2 * len(experiments.PROBES) + 2 * len(experiments.QUICK))
