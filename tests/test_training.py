"""A training is deterministic, recorded once, and stops clearly when it must."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from covidcxr import config, networks, records, splits, training
from covidcxr.cohort import Cohort
from covidcxr.problems import Problem

STUDY = config.load("config/demo.yaml", ["image_size=32", "epochs=2", "batch_size=4"])
N = 24


@pytest.fixture
def cohort() -> Cohort:
    """Bright images are COVID19, dark ones NORMAL: anything can learn that."""
    rng = np.random.default_rng(0)
    positive = np.arange(N) % 2 == 0
    pixels = rng.integers(0, 100, (N, 32, 32, 3), dtype=np.uint8)
    pixels[positive] += 150
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:02d}" for i in range(N)],
            "label": np.where(positive, "COVID19", "NORMAL"),
            "group_id": [f"group-{i // 2}" for i in range(N)],
            "sha256": [f"{i:064x}" for i in range(N)],
        }
    ).astype("string")
    return Cohort(manifest, pixels)


@pytest.fixture
def split(cohort: Cohort) -> pd.DataFrame:
    return splits.make(cohort.manifest, "random", 0.25)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(model: str, study: config.Study) -> Any:
        import keras

        inputs = keras.Input((study.image_size, study.image_size, 3))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        x = keras.layers.Conv2D(4, 3, strides=4)(x)
        x = keras.layers.BatchNormalization(momentum=0.5)(x)
        x = keras.layers.Conv2D(3, 1, name="pointwise")(x)
        x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
        x = keras.layers.Dense(2, activation="softmax", name="probabilities")(x)
        return keras.Model(inputs, x)

    monkeypatch.setattr(networks, "build", build)


def test_two_trainings_with_one_seed_are_equal_and_another_seed_differs(
    cohort: Cohort, split: pd.DataFrame
) -> None:
    one, other = (training.train(STUDY, "resnet50", 3, cohort, split) for _ in range(2))
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    pd.testing.assert_frame_equal(
        one[0].drop(columns="seconds"), other[0].drop(columns="seconds"), check_exact=True
    )
    third = training.train(STUDY, "resnet50", 4, cohort, split)
    assert not np.allclose(one[1]["score"], third[1]["score"])


def test_an_easy_task_is_learned_and_the_score_is_of_covid19(
    cohort: Cohort, split: pd.DataFrame
) -> None:
    study = STUDY.model_copy(update={"epochs": 25, "learning_rate": 0.01})
    history, predictions, _ = training.train(study, "resnet50", 0, cohort, split)
    assert list(predictions["image_id"]) == list(cohort.manifest["image_id"])
    means = predictions.groupby("label")["score"].mean()
    assert means["COVID19"] > 0.7 > 0.3 > means["NORMAL"]
    last = history[history["epoch"] == 25].set_index("part")
    called = (predictions["score"] >= 0.5) == (predictions["label"] == "COVID19")
    assert last.loc["test", "accuracy"] == pytest.approx(
        called[predictions["part"] == "test"].mean()
    )


def test_every_part_is_watched_under_its_name(cohort: Cohort, split: pd.DataFrame) -> None:
    history, *_ = training.train(STUDY, "resnet50", 0, cohort, split)
    assert set(history["part"]) == {"train", "test"}
    study = STUDY.model_copy(update={"validation_fraction": 0.25})
    history, *_ = training.train(
        study, "resnet50", 0, cohort, splits.make(cohort.manifest, "random", 0.25, 0.25)
    )
    assert list(history.loc[history["epoch"] == 1, "part"]) == ["train", "validation", "test"]


def record(cohort: Cohort | None, split: pd.DataFrame | None, results: Path) -> records.Record:
    return training.record(
        STUDY, "resnet50", "random", 0, results=results, cohort=cohort, split=split
    )


def test_a_record_is_made_once_and_then_taken(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(cohort, split, tmp_path)
    assert first["metrics"]["test"].keys() >= {"tp", "accuracy", "sensitivity"}
    assert first["images"]["test"] == {"COVID19": 3, "NORMAL": 3}
    assert first["backend"]["name"] == "tensorflow"
    assert first["wall_seconds"] > 0
    monkeypatch.setattr(training, "train", lambda *a: pytest.fail("trained again"))
    assert record(cohort, split, tmp_path).content == first.content
    # without the images at hand the record stands for itself
    assert record(None, None, tmp_path).content == first.content


def test_other_data_or_another_split_are_trained_again(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    first = record(cohort, split, tmp_path)
    moved = split.assign(part=split["part"].to_numpy()[::-1])
    second = record(cohort, moved, tmp_path)
    assert second["fingerprints"]["split"] != first["fingerprints"]["split"]
    assert second["fingerprints"]["data"] == first["fingerprints"]["data"]


def test_no_record_and_no_data_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"resnet50-random-s0: no record .* COVIDCXR_DATA"):
        record(None, None, tmp_path)


def test_a_loss_that_is_no_number_stops_and_leaves_no_record(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    study = STUDY.model_copy(update={"learning_rate": 1e30, "epochs": 5, "optimizer": "sgd"})
    with pytest.raises(Problem, match=r"ResNet50: the loss is no longer a number in epoch 1"):
        training.record(
            study, "resnet50", "random", 0, results=tmp_path, cohort=cohort, split=split
        )
    assert list(tmp_path.iterdir()) == []


def test_rows_in_another_order_are_a_defect(cohort: Cohort, split: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="rows"):
        training.train(STUDY, "resnet50", 0, cohort, split[::-1])


def test_external_cohorts_are_scored_at_the_end_and_their_change_trains_anew(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    def made(external: dict[str, Cohort]) -> records.Record:
        return training.record(
            STUDY, "resnet50", "random", 0,
            results=tmp_path, cohort=cohort, split=split, external=external,
        )  # fmt: skip

    first = made({"mirror": cohort})
    own = first.table("predictions").set_index("image_id")["score"]
    other = first.table("external")
    assert set(other["cohort"]) == {"mirror"}
    np.testing.assert_allclose(other["score"], own[other["image_id"]], rtol=1e-6)
    assert made({"mirror": cohort}).content == first.content
    assert made({})["tables"].keys() == first["tables"].keys() - {"external.csv"}


def test_evidence_is_sought_in_test_images_alone_and_maps_kept_where_they_may_be_shown(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    found = record(cohort, split, tmp_path).table("saliency")
    tested = set(split.loc[split["part"] == "test", "image_id"])
    assert set(found["image_id"]) == tested
    assert found.groupby("image_id").size().eq(2).all()
    study = STUDY.model_copy(
        update={"cohort": STUDY.cohort.model_copy(update={"publish_images": False})}
    )
    hidden = training.record(
        study, "resnet50", "random", 0, results=tmp_path / "x", cohort=cohort, split=split
    )
    assert "maps.csv" not in hidden["tables"]
