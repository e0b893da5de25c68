"""Cohorts side by side: gathered whole, read back, and thinned to a tier."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import samples
from covidcxr.core import studies
from covidcxr.core.errors import Problem

SMALL = [
    "cohort.covid19=6", "cohort.normal=8", "cohort.exact_duplicates=1", "cohort.near_duplicates=1",
    "external.holdout.covid19=4", "external.holdout.normal=4",
    "external.holdout.exact_duplicates=0", "external.holdout.near_duplicates=0",
    "external.adults.covid19=4", "external.adults.normal=4",
    "external.adults.exact_duplicates=0", "external.adults.near_duplicates=0",
]  # fmt: skip
DEMO = studies.load("config/demo.yaml", SMALL)


def folder_study(root: Path, **external: str) -> studies.Study:
    """Return a study of class folders with listings for external cohorts."""
    for label in ("COVID19", "NORMAL"):
        (root / label).mkdir(parents=True)
        for number in range(2):
            grey = np.full((40, 30), 60 * number + 20, dtype=np.uint8)
            Image.fromarray(grey).save(root / label / f"{number}.png")
    named = {n: {"source": "folder", "manifest": m} for n, m in external.items()}
    return studies.load(
        "config/small.yaml",
        ["image_size=32", f"cohort.path={root}", f"external={json.dumps(named)}"],
    )


def test_all_cohorts_are_gathered_at_one_size(tmp_path: Path) -> None:
    samples.prepare(DEMO, tmp_path / "s")
    gathered = samples.read(tmp_path / "s")
    assert list(gathered) == ["cohort", "adults", "holdout"]
    assert gathered["cohort"].grey.shape == (14, samples.SIZE, samples.SIZE)
    assert gathered["cohort"].positive.sum() == 6
    others = samples.external(tmp_path / "s")
    assert set(others) == {"adults", "holdout"}
    assert others["adults"].pixels.shape == (8, 64, 64, 3)
    assert samples.fingerprint(gathered) != samples.fingerprint({"cohort": gathered["cohort"]})


def test_a_cohort_that_is_not_at_hand_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study = folder_study(tmp_path / "data", holdout="holdout.csv")
    monkeypatch.setenv("COVIDCXR_DATA", str(tmp_path / "data"))
    samples.prepare(study, tmp_path / "s")
    assert list(samples.read(tmp_path / "s")) == ["cohort"]
    assert "External cohort 'holdout' is not at hand" in caplog.text


def test_a_listed_file_that_is_missing_stops_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = folder_study(tmp_path / "data", adults="adults.csv")
    monkeypatch.setenv("COVIDCXR_DATA", str(tmp_path / "data"))
    (tmp_path / "data/adults.csv").write_text(
        "file,label\nCOVID19/0.png,COVID19\nNORMAL/gone.png,NORMAL\n"
    )
    with pytest.raises(Problem, match=r"gone\.png: no such file"):
        samples.prepare(study, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_what_is_damaged_is_refused_with_its_remedy(tmp_path: Path) -> None:
    samples.prepare(DEMO, tmp_path / "s")
    grey = tmp_path / "s/holdout/grey.npy"
    grey.write_bytes(grey.read_bytes()[:40])
    with pytest.raises(Problem, match=r"delete .* and run again"):
        samples.read(tmp_path / "s")
    shutil.rmtree(tmp_path / "s/cohort")
    with pytest.raises(Problem, match="holds no cohort"):
        samples.read(tmp_path / "s")


def test_tiers_follow_the_way_that_files_came() -> None:
    ways = ["original", "annotated-original", "kermany-224", None]
    rows = pd.DataFrame({"resized_from": ways, "label": ["COVID19"] * 4}).astype("string")
    sample = samples.Sample("cohort", rows, np.zeros((4, 8, 8), np.uint8))
    assert sample.tier("all").all()
    assert sample.tier("unannotated").tolist() == [True, False, True, True]
    assert sample.tier("original").tolist() == [True, False, False, False]
    bare = samples.Sample("cohort", rows[["label"]], sample.grey)
    assert bare.tier("original").all()


def test_shrinking_averages_areas() -> None:
    pictures = np.zeros((1, 8, 8), np.uint8)
    pictures[0, :, ::2] = 100
    assert (samples.thumbnails(pictures, 4) == 50).all()


def test_an_external_cohort_cannot_take_the_own_ones_name() -> None:
    with pytest.raises(Problem, match=r"external\.cohort"):
        studies.load("config/demo.yaml", ["external={cohort: {source: phantom}}"])
    with pytest.raises(Problem, match=r"'external\.adults\.confounded' is unknown"):
        studies.load("config/demo.yaml", ["external.adults.confounded=1"])
