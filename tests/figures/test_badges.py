"""The badge of a page names its study, cohort, records and code."""

from pathlib import Path
from typing import Any

from covidcxr import figures
from covidcxr.core import studies
from covidcxr.core.records import Record

STUDY = studies.load("config/small.yaml")


def run(**content: Any) -> Record:
    return Record(
        Path("results/other/resnet50-keras-s0"),
        {
            "created": "2026-01-02T03:04:05+00:00",
            "commit": {"id": "abcdef0123", "changed": True},
            "parameters": {"model": "resnet50"},
            "images": {"train": {"COVID19": 3, "NORMAL": 999}, "test": {"COVID19": 1, "NORMAL": 2}},
            **content,
        },
    )


def test_a_training_counts_the_images_of_all_parts() -> None:
    text = figures.badge(STUDY, run()).text
    assert "<dd>folder, 4 COVID19, 1,001 NORMAL</dd>" in text
    assert "<dt>Records made for</dt><dd>other</dd>" in text
    assert "<dt>Recorded</dt><dd>2026-01-02</dd>" in text
    assert "<dd>abcdef01 with changes</dd>" in text
    assert f"{STUDY.epochs} epochs" in text
    assert "REAL IMAGES" in text


def test_a_record_without_a_network_has_no_protocol_of_training() -> None:
    text = figures.badge(STUDY, run(parameters={}, images={"COVID19": 1, "NORMAL": 2})).text
    assert "folder, 1 COVID19, 2 NORMAL" in text
    assert "epochs" not in text


def test_a_synthetic_study_without_records_is_marked() -> None:
    text = figures.badge(studies.load("config/demo.yaml")).text
    assert "no number on this page is a finding" in text
    assert "<dt>Cohort</dt><dd>phantom</dd>" in text
    assert "<dt>Recorded</dt><dd>not yet</dd>" in text
