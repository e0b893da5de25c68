"""The small network learns what can be learned, and from coins nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.networks import simple_models
from covidcxr.validity import epoch_selection

STUDY = studies.load("config/demo.yaml", ["splits=[random-0, random-1]", "seeds=[0]"])


def images(n: int = 240) -> Cohort:
    rng = np.random.default_rng(0)
    positive = np.arange(n) % 3 == 0
    pixels = rng.integers(0, 100, (n, 32, 32, 3), dtype=np.uint8)
    pixels[positive] += np.uint8(120)
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:03d}.png" for i in range(n)],
            "label": np.where(positive, "COVID19", "NORMAL"),
            "group_id": [f"image-{i:03d}.png" for i in range(n)],
            "sha256": [f"{i:064x}" for i in range(n)],
        }
    ).astype("string")
    return Cohort(manifest, pixels)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    # The networks are so small that threads wait for each other more than they work.
    with simple_models.one_thread():
        results = tmp_path_factory.mktemp("results")
        return epoch_selection.record(STUDY, results=results, cohort=images())


def test_every_epoch_of_both_arms_is_recorded(record: Record) -> None:
    rows = record.table("history")
    assert len(rows) == 2 * 2 * epoch_selection.EPOCHS * 2
    last = rows[(rows["epoch"] == epoch_selection.EPOCHS) & (rows["part"] == "test")]
    by_arm = last.groupby("arm")["accuracy"].mean()
    assert by_arm["truth"] > 0.9
    assert by_arm["coin"] < 0.8
    assert rows["accuracy"].between(0, 1).all()
    # without the images the record stands for itself
    again = epoch_selection.record(STUDY, results=record.folder.parent, cohort=None)
    assert again.content == record.content


def test_the_seed_decides_the_run() -> None:
    rng = np.random.default_rng(1)
    features, positive = rng.random((60, 16)), rng.random(60) < 0.5
    parts = np.repeat(["train", "validation", "test"], 20)
    one, again, other = (
        epoch_selection.epochs(features, positive, parts, seed, 4) for seed in (0, 0, 1)
    )
    assert one.equals(again)
    assert not one.equals(other)
    assert list(one["epoch"]) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_coins_are_right_half_of_the_time() -> None:
    rng = np.random.default_rng(2)
    reached = []
    for seed in range(8):
        positive = rng.random(600) < 0.5
        parts = np.repeat(["train", "validation", "test"], 200)
        history = epoch_selection.epochs(rng.random((600, 16)), positive, parts, seed, 5)
        reached.append(
            history.loc[(history["epoch"] == 5) & (history["part"] == "test"), "accuracy"]
        )
    # 3 standard errors of 8 x 200 coins
    assert abs(float(np.mean(reached)) - 0.5) < 3 * 0.5 / np.sqrt(1600)


def test_neither_record_nor_data_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such record and no images"):
        epoch_selection.record(STUDY, results=tmp_path, cohort=None)


def test_the_best_epoch_on_the_test_part_never_looks_worse(record: Record) -> None:
    gain = epoch_selection.selection_gain(record)
    assert list(gain.index) == list(epoch_selection.ARMS.values())
    assert (gain["by_test"] >= gain[["last", "by_validation"]].max(axis=1)).all()
    assert gain["gain"].to_numpy() == pytest.approx(
        100 * (gain["by_test"] - gain["by_validation"]).to_numpy()
    )
    assert (gain["runs"] == 2).all()
