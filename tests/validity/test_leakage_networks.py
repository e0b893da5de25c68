"""Networks are paired with what differs in the split alone, and compared within one split."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from covidcxr.core import records, studies
from covidcxr.core.records import Record
from covidcxr.validity import leakage
from covidcxr.validity.leakage import networks

STUDY = studies.load("config/demo.yaml")
THRESHOLD, CONFIDENCE = 0.5, 0.95


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


def within(run: Record, group: dict[str, str] | None = None) -> pd.DataFrame:
    return networks.seen_vs_unseen([run], group or {}, THRESHOLD, CONFIDENCE)


def test_images_of_seen_groups_are_compared_with_the_others(tmp_path: Path) -> None:
    known = [True] * 40 + [False] * 40
    right = [True] * 40 + [True, False, False, True] * 10
    table = within(training(tmp_path, "random-0", 0, right, known=known))
    assert list(table["score"]) == ["accuracy", "balanced_accuracy", "auroc"]
    row = table.set_index("score").loc["balanced_accuracy"]
    assert (row["seen"], row["unseen"], row["value"]) == (1, 0.5, 0.5)
    assert (row["groups_seen"], row["groups_unseen"]) == (40, 40)
    assert 0.2 < row["low"] < 0.5 < row["high"] < 0.8
    # no error is no certainty
    flawless = within(training(tmp_path, "random-1", 0, [True] * 80, known=known)).iloc[1]
    assert flawless["value"] == 0
    assert flawless["low"] < -0.05
    assert flawless["high"] > 0.05


def test_runs_without_both_kinds_of_images_are_left_out(tmp_path: Path) -> None:
    assert within(training(tmp_path, "random-0", 0, [True] * 8)).empty
    assert within(training(tmp_path, "keras", 0, [True] * 8, known=[True] + [False] * 7)).empty
    known = [True] * 4 + [False] * 4
    assert within(training(tmp_path, "grouped-0", 0, [True] * 8, known=known)).empty


def test_a_better_name_of_the_group_moves_its_images(tmp_path: Path) -> None:
    run = training(tmp_path, "random-0", 0, [True] * 12, known=[True] * 4 + [False] * 8)
    # t4, unknown by its group_id, is a copy of an image of g0
    row = within(run, {"t4": "g0"}).iloc[0]
    assert (row["images_seen"], row["groups_seen"]) == ("3 + 2", 4)


def test_images_of_seen_groups_are_counted_by_class(tmp_path: Path) -> None:
    known = [True] * 3 + [False] * 7
    row = within(training(tmp_path, "random-1", 0, [True] * 10, known=known)).iloc[0]
    assert (row["images_seen"], row["groups_seen"]) == ("2 + 1", 3)
    assert (row["images_unseen"], row["groups_unseen"]) == ("3 + 4", 7)


def test_trainings_that_differ_in_the_kind_of_split_alone_are_paired(tmp_path: Path) -> None:
    good, bad = [True] * 10, [True, False] * 5
    training(tmp_path, "random-1", 0, good, epochs=3)
    training(tmp_path, "grouped-1", 0, bad, epochs=3)
    training(tmp_path, "random-2", 0, good, epochs=3)
    training(tmp_path, "grouped-2", 0, good, epochs=4)  # another protocol
    training(tmp_path, "grouped-2", 1, good, epochs=3)  # another seed
    training(tmp_path, "grouped-3", 0, good, epochs=3)  # another draw
    runs = networks.trainings({tmp_path}, synthetic=True)
    assert len(runs) == 6
    assert networks.trainings({tmp_path}, synthetic=False) == []
    pairs = networks.split_pairs(runs, {}, THRESHOLD, CONFIDENCE)
    assert list(pairs["image_level_split"]) == ["random-1", "random-1"]
    assert list(pairs["grouped_split"]) == ["grouped-1", "grouped-1"]
    assert pairs.set_index("score").loc["accuracy", "value"] == pytest.approx(0.5)
    assert networks.split_pairs(runs[:1], {}, THRESHOLD, CONFIDENCE).empty
    assert networks.split_pairs([], {}, THRESHOLD, CONFIDENCE).empty


def test_the_split_by_name_is_paired_with_the_grouped_one_that_differs_in_nothing_else(
    tmp_path: Path,
) -> None:
    good, bad = [True] * 40, [True] * 30 + [False] * 10
    training(tmp_path, "keras", 0, good, epochs=3)
    training(tmp_path, "grouped", 0, bad, epochs=3)
    training(tmp_path, "grouped-2", 0, bad, epochs=4)  # another protocol
    training(tmp_path, "grouped-3", 1, bad, epochs=3)  # another seed
    runs = networks.trainings({tmp_path}, synthetic=True)
    pairs = networks.split_pairs(runs, {}, THRESHOLD, CONFIDENCE)
    assert list(pairs["grouped_split"]) == ["grouped", "grouped"]
    row = pairs.set_index("score").loc["accuracy"]
    assert (row["image_level_value"], row["grouped_value"], row["value"]) == (1, 0.75, 0.25)
    assert (row["image_level_n"], row["grouped_n"], row["tested_by_both"]) == (40, 40, 40)
    # Newcombe's hybrid interval of two independent samples, of Wilson's limits
    wilson = {k: proportion_confint(k, 40, method="wilson") for k in (40, 30)}
    assert (row["image_level_low"], row["image_level_high"]) == pytest.approx(wilson[40])
    assert (row["grouped_low"], row["grouped_high"]) == pytest.approx(wilson[30])
    assert row["low"] == pytest.approx(0.25 - np.hypot(1 - wilson[40][0], wilson[30][1] - 0.75))
    assert row["high"] == pytest.approx(0.25 + np.hypot(0, 0.75 - wilson[30][0]))


def test_the_recorded_networks_on_the_split_by_name_and_on_the_grouped_one() -> None:
    results = Path("results")
    runs = networks.trainings({results / "small", results / "replicates"}, synthetic=False)
    group = leakage.groups(records.read(results / "small" / "leakage"))
    pairs = networks.split_pairs(runs, group, THRESHOLD, CONFIDENCE)
    accuracy = pairs[pairs["score"] == "accuracy"]
    columns = accuracy[["model", "image_level_value", "grouped_value"]].round(3)
    assert columns.to_numpy().tolist() == [
        ["resnet50", 0.983, 0.962], ["resnet152v2", 0.974, 0.968], ["resnet252v2", 0.991, 0.983],
    ]  # fmt: skip
    assert (accuracy["image_level_n"] == 345).all()
    assert (accuracy["image_level_seen"] == 19).all()
    assert (accuracy["grouped_seen"] == 3).all()
    assert (accuracy["tested_by_both"] == 71).all()
    assert (accuracy["low"] < 0).all()
    assert (accuracy["high"] > 0).all()
    differences = networks.seen_vs_unseen(runs, group, THRESHOLD, CONFIDENCE)
    means = differences.groupby("score")["value"].mean()
    assert 100 * means["balanced_accuracy"] == pytest.approx(1.7, abs=0.05)
    assert len(differences) == 13 * len(networks.WITHIN)
