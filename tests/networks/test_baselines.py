"""Trivial models: right in dumb cases, at chance on noise, and recorded like all else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from covidcxr.cohorts import cohort, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.networks import baselines
from covidcxr.scores import predictions

N = 60
STUDY = studies.load("config/demo.yaml", ["splits=[random, grouped-3]", "seeds=[4, 5]"])


def images(apart: int, n: int = N) -> Cohort:
    """Return noise in which COVID19 is brighter by some grey levels."""
    rng = np.random.default_rng(0)
    positive = np.arange(n) % 3 == 0
    pixels = rng.integers(0, 100, (n, 40, 40, 3), dtype=np.uint8)
    pixels[positive] += np.uint8(apart)
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:03d}.png" for i in range(n)],
            "label": np.where(positive, "COVID19", "NORMAL"),
            "group_id": [f"group-{i // 2}" for i in range(n)],
            "sha256": [f"{i + 1000 * apart:064x}" for i in range(n)],
        }
    ).astype("string")
    return Cohort(manifest, pixels)


def scored(record: object, split: str, seed: int) -> dict[str, predictions.Predictions]:
    tables = baselines.predictions_of(record, split, seed)  # type: ignore[arg-type]
    return {name: predictions.from_table(rows, name) for name, rows in tables.items()}


def test_brighter_patients_are_recognised_by_all_but_the_majority(tmp_path: Path) -> None:
    record = baselines.record(STUDY, results=tmp_path, cohort=images(150))
    by_model = scored(record, "random", 4)
    assert list(by_model) == list(baselines.TITLES.values())
    for name, p in by_model.items():
        right = float((p.called(0.5) == p.positive).mean())
        if name == "Majority":
            assert right == pytest.approx((~p.positive).mean())
            assert len(set(p.score)) == 1
        else:
            assert right == 1


def test_noise_is_recognised_by_no_model() -> None:
    noise = images(0, 600)
    positive = (noise.manifest["label"] == "COVID19").to_numpy(dtype=bool)
    features = {
        "brightness": baselines.brightness(noise.pixels),
        "thumbnails": baselines.thumbnails(noise.pixels),
    }
    training = np.arange(600) < 300
    for scores in baselines.predict(features, positive, training, ~training).values():
        # 3 standard errors of an AUROC of 100 + 200 images
        assert abs(roc_auc_score(positive[~training], scores) - 0.5) < 0.11


def test_thumbnails_average_areas() -> None:
    flat = np.full((2, 64, 64, 3), 80, dtype=np.uint8)
    flat[1, ::2] = 40
    small = baselines.thumbnails(flat)
    assert small.shape == (2, baselines.THUMBNAIL**2)
    assert (small[0] == 80).all()
    assert (small[1] == 60).all()
    assert baselines.brightness(flat).tolist() == [[80.0], [60.0]]


def test_each_draw_stands_once_and_has_its_own_test_part(tmp_path: Path) -> None:
    assert baselines.draws(STUDY) == [("random", 4), ("random", 5), ("grouped-3", 4)]
    sample = images(150)
    record = baselines.record(STUDY, results=tmp_path, cohort=sample)
    rows = record.table("predictions")
    assert set(rows["part"]) == {"test"}
    for name, seed in baselines.draws(STUDY):
        kind, draw = studies.split_kind(name), studies.split_draw(name, seed)
        split = splits.make(sample.manifest, kind, STUDY.test_fraction, 0.0, draw)
        wanted = set(split.loc[split["part"] == "test", "image_id"])
        for table in baselines.predictions_of(record, name, seed).values():
            assert set(table["image_id"]) == wanted
    one, other = (
        baselines.predictions_of(record, "grouped-3", seed)["Majority"] for seed in (4, 5)
    )
    assert one.equals(other)


def test_a_record_is_made_once_taken_and_made_anew_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = baselines.record(STUDY, results=tmp_path, cohort=images(150))
    with monkeypatch.context() as patched:
        patched.setattr(baselines, "predict", lambda *a: pytest.fail("trained again"))
        assert baselines.record(STUDY, results=tmp_path, cohort=images(150)).content == (
            first.content
        )
        # without the images at hand the record stands for itself
        assert baselines.record(STUDY, results=tmp_path, cohort=None).content == first.content
    with pytest.raises(Problem, match="the input data is"):
        baselines.record(STUDY, results=tmp_path, cohort=images(100))
    monkeypatch.setenv("RERUN", "1")
    other = baselines.record(STUDY, results=tmp_path, cohort=images(100))
    assert other["fingerprints"]["data"] != first["fingerprints"]["data"]


def test_neither_record_nor_data_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such record and no images") as caught:
        baselines.record(STUDY, results=tmp_path, cohort=None)
    assert "COVIDCXR_DATA" in str(caught.value)


def test_the_synthetic_cohort_goes_all_the_way(tmp_path: Path) -> None:
    study = studies.load("config/demo.yaml", ["cohort.covid19=12", "cohort.normal=20"])
    cohort.prepare(study, tmp_path / "cohort")
    record = baselines.record(study, results=tmp_path, cohort=cohort.read(tmp_path / "cohort"))
    by_model = scored(record, "keras", 0)
    assert {len(p) for p in by_model.values()} == {2 + 4}
    assert record["images"] == {"COVID19": 12, "NORMAL": 20}


def test_a_draw_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    record = baselines.record(STUDY, results=tmp_path, cohort=images(150))
    for split, seed in (("random", 99), ("keras", 4)):
        with pytest.raises(Problem, match=f"no split '{split}' with seed {seed}"):
            baselines.predictions_of(record, split, seed)


def test_corrected_groups_reach_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERUN", "1")
    study = STUDY.model_copy(update={"splits": ["random-1"]})
    before = images(150)
    after = Cohort(before.manifest.assign(group_id="all").astype("string"), before.pixels)
    assert after.fingerprint == before.fingerprint
    baselines.record(study, results=tmp_path, cohort=before)
    record = baselines.record(study, results=tmp_path, cohort=after)
    assert set(record.table("predictions")["group_id"]) == {"all"}


def test_metrics_are_those_of_the_first_draw(tmp_path: Path) -> None:
    scores = baselines.record(STUDY, results=tmp_path, cohort=images(150))["metrics"]
    assert (scores["split"], scores["seed"], scores["threshold"]) == ("random", 4, 0.5)
    for name in ("brightness", "logistic", "neighbours"):
        assert (scores[name]["accuracy"], scores[name]["auroc"]) == (1, 1)
    # 4 of 20 COVID19 and 8 of 40 NORMAL images are held out.
    assert [scores["majority"][cell] for cell in ("tp", "fn", "fp", "tn")] == [0, 4, 0, 8]
    assert scores["majority"]["ppv"] is None
    assert scores["majority"]["auroc"] == 0.5
