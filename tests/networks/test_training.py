"""A training is recorded once, resumes from its checkpoint, and stops clearly when it must."""

import errno
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import gallery, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.networks import architecture, checkpoints, fitting, training
from tests import small_network

STUDY = small_network.STUDY


@pytest.fixture
def cohort() -> Cohort:
    return small_network.cohort()


@pytest.fixture
def split(cohort: Cohort) -> pd.DataFrame:
    return splits.make(cohort.manifest, "random", 0.25)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architecture, "build", small_network.build)


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
    monkeypatch.setattr(fitting, "train", lambda *a: pytest.fail("trained again"))
    assert record(cohort, split, tmp_path).content == first.content
    # without the images at hand the record stands for itself
    assert record(None, None, tmp_path).content == first.content


def test_other_data_or_another_split_are_trained_again_when_asked(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(cohort, split, tmp_path)
    moved = split.assign(part=split["part"].to_numpy()[::-1])
    with pytest.raises(Problem, match=r"the input split is .* RERUN=1"):
        record(cohort, moved, tmp_path)
    monkeypatch.setenv("RERUN", "1")
    second = record(cohort, moved, tmp_path)
    assert second["fingerprints"]["split"] != first["fingerprints"]["split"]
    assert second["fingerprints"]["data"] == first["fingerprints"]["data"]


def test_no_record_and_no_data_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"resnet50-random-s0: no such record .* COVIDCXR_DATA"):
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


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = STUDY.model_copy(update={"epochs": 4})

    def run(results: str) -> records.Record:
        return training.record(
            study, "resnet50", "random", 0, results=tmp_path / results,
            cohort=cohort, split=split, scratch=tmp_path / f"scratch of {results}",
        )  # fmt: skip

    whole = run("whole")
    save = checkpoints.save

    def killed(path: Path, network: Any, key: Any, state: Any) -> None:
        save(path, network, key, state)
        if state["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run("resumed")
    assert not list((tmp_path / "resumed").glob("*"))
    monkeypatch.setattr(checkpoints, "save", save)
    resumed = run("resumed")
    assert (whole["training"]["stretches"], resumed["training"]["stretches"]) == (1, 2)
    for table in ("predictions", "saliency"):
        pd.testing.assert_frame_equal(whole.table(table), resumed.table(table), check_exact=True)
    pd.testing.assert_frame_equal(
        whole.table("history").drop(columns="seconds"),
        resumed.table("history").drop(columns="seconds"),
        check_exact=True,
    )
    # what has ended leaves nothing behind
    assert not list((tmp_path / "scratch of resumed" / "checkpoints").glob("*.npz"))


def test_more_epochs_go_on_where_fewer_ended(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    def run(epochs: int, scratch: str, keep: bool = True) -> records.Record:
        return training.record(
            STUDY.model_copy(update={"epochs": epochs}), "resnet50", "random", 0,
            results=tmp_path / f"{scratch}-{epochs}", cohort=cohort, split=split,
            scratch=tmp_path / scratch, keep=keep,
        )  # fmt: skip

    run(2, "shared")
    more, whole = run(4, "shared"), run(4, "own")
    assert more["training"]["stretches"] == 2
    pd.testing.assert_frame_equal(
        more.table("predictions"), whole.table("predictions"), check_exact=True
    )
    # and a shorter one starts anew, without taking the longer one's place
    assert run(3, "shared")["training"]["stretches"] == 1
    assert len(list((tmp_path / "shared" / "checkpoints").glob("*.npz.replaced-*"))) == 1


def kept(cohort: Cohort, split: pd.DataFrame, folder: Path) -> records.Record:
    """Train, and keep the last checkpoint."""
    return training.record(
        STUDY, "resnet50", "random", 0, results=folder / "results",
        cohort=cohort, split=split, scratch=folder, keep=True,
    )  # fmt: skip


def test_a_checkpoint_of_another_method_is_kept(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = partial(kept, cohort, split, tmp_path)
    run()
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.npz")
    before = checkpoint.read_bytes()
    (tmp_path / "results").rename(tmp_path / "away")
    monkeypatch.setattr(training, "METHOD", training.METHOD + 1)
    with pytest.raises(Problem, match=r"another method of training; .* RERUN=1, which moves"):
        run()
    assert checkpoint.read_bytes() == before
    monkeypatch.setenv("RERUN", "1")
    assert run()["training"]["stretches"] == 1
    (aside,) = (tmp_path / "checkpoints").glob("*.npz.replaced-*")
    assert aside.read_bytes() == before


def test_a_damaged_checkpoint_is_one_sentence_and_no_record(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    run = partial(kept, cohort, split, tmp_path)
    run()
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.npz")
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "results").rename(tmp_path / "away")
    for damaged in (bytes(content), content[:-100], b""):
        checkpoint.write_bytes(damaged)
        with pytest.raises(Problem, match=r"\.npz: this checkpoint is damaged .* delete it"):
            run()
        assert not (tmp_path / "results").exists()


def test_a_full_disk_keeps_the_last_checkpoint(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savez, calls = np.savez, []

    def full(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        savez(*args, **kwargs)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(Problem, match="the disk is full; make room and run again"):
        training.record(
            STUDY, "resnet50", "random", 0, results=tmp_path / "results",
            cohort=cohort, split=split, scratch=tmp_path,
        )  # fmt: skip
    assert not (tmp_path / "results").exists()
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    monkeypatch.setattr(np, "savez", savez)
    resumed = training.record(
        STUDY, "resnet50", "random", 0, results=tmp_path / "results",
        cohort=cohort, split=split, scratch=tmp_path,
    )  # fmt: skip
    assert resumed["training"]["stretches"] == 2


def test_parameters_that_came_later_are_recorded_only_where_they_are_not_usual() -> None:
    usual = training.parameters(STUDY, "resnet50", "keras", 0)
    assert not set(usual) & {"fused", "pointwise", "class_weights", "augmentation", "precision"}
    other = STUDY.model_copy(update={"augmentation": "flip"})
    assert training.parameters(other, "resnet50", "keras", 0)["augmentation"] == "flip"


def test_speed_is_recorded_with_what_the_device_could_do(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    speed = record(cohort, split, tmp_path)["training"]
    assert speed["protocol"] == "end to end"
    # Conv 3x3x3 to 4 at 8x8 places, 1x1 4 to 3 at 8x8, dense 192 to 2: forward twice each,
    # and backward twice that.
    assert speed["flops_per_image"] == 6 * (8 * 8 * 27 * 4 + 8 * 8 * 4 * 3 + 192 * 2)
    assert speed["flops_per_second"] == pytest.approx(
        speed["flops_per_image"] * speed["images_per_second"]
    )
    assert speed["attainable_flops_per_second"] > 1e8
    assert speed["precision"] == "float32"


def test_external_cohorts_are_scored_at_the_end_and_others_are_refused(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    def run(external: dict[str, Cohort]) -> records.Record:
        return training.record(
            STUDY, "resnet50", "random", 0,
            results=tmp_path, cohort=cohort, split=split, external=external,
        )  # fmt: skip

    first = run({"mirror": cohort})
    own = first.table("predictions").set_index("image_id")["score"]
    other = first.table("external")
    assert set(other["cohort"]) == {"mirror"}
    np.testing.assert_allclose(other["score"], own[other["image_id"]], rtol=1e-6)
    assert run({"mirror": cohort}).content == first.content
    # what was not asked for then, or is not asked for now, makes it no other training
    assert run({}).content == first.content
    assert run({"mirror": cohort, "more": cohort}).content == first.content
    other_pixels = Cohort(cohort.manifest.assign(sha256="0" * 64), cohort.pixels)
    with pytest.raises(Problem, match="the input external mirror is"):
        run({"mirror": other_pixels})


def test_evidence_is_sought_in_test_images_alone_and_maps_kept_where_they_may_be_shown(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path
) -> None:
    saliency = record(cohort, split, tmp_path).table("saliency")
    tested = set(split.loc[split["part"] == "test", "image_id"])
    assert set(saliency["image_id"]) == tested
    assert saliency.groupby("image_id").size().eq(2).all()
    study = STUDY.model_copy(
        update={"cohort": STUDY.cohort.model_copy(update={"publish_images": False})}
    )
    hidden = training.record(
        study, "resnet50", "random", 0, results=tmp_path / "x", cohort=cohort, split=split
    )
    assert "maps.csv" not in hidden["tables"]


def test_maps_of_the_gallery_are_kept_with_the_record(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record(cohort, split, tmp_path)
    maps = made.table("gallery")
    assert list(maps.columns) == ["method", "file", "score", "row", "column", "share"]
    assert set(maps["file"]) == set(gallery.read()["file"])
    assert maps.groupby(["method", "file"]).size().eq(64).all()
    sums = maps.groupby(["method", "file"])["share"].sum(min_count=64).dropna()
    assert len(sums) and sums.to_numpy() == pytest.approx(1, abs=64 * 5e-5)
    # the same answer without a gallery: it decides nothing
    monkeypatch.setattr(gallery, "read", pd.DataFrame)
    assert record(cohort, split, tmp_path).content == made.content
    without = record(cohort, split, tmp_path / "without")
    assert "gallery.csv" not in without["tables"]
    assert without["tables"]["predictions.csv"] == made["tables"]["predictions.csv"]


def test_a_gallery_that_breaks_the_rules_stops_before_the_training(
    cohort: Cohort, split: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise Problem("no licence")

    monkeypatch.setattr(gallery, "read", refuse)
    monkeypatch.setattr(fitting, "train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(Problem, match="no licence"):
        record(cohort, split, tmp_path)
