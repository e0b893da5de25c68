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
    assert "REAL IMAGES" in text
    assert "study small: 4 COVID19 + 1,001 NORMAL; " in text
    assert f"{STUDY.image_size} px, {STUDY.epochs} epochs; records made for other; " in text
    assert text.endswith("recorded 2026-01-02</p></aside>")


def test_many_days_are_the_first_and_the_last() -> None:
    days = [run(created=f"2026-01-0{day}T00:00:00+00:00") for day in (4, 2, 3)]
    assert "recorded 2026-01-02 to 2026-01-04" in figures.badge(STUDY, *days).text


def test_a_record_without_a_network_has_no_protocol_of_training() -> None:
    text = figures.badge(STUDY, run(parameters={}, images={"COVID19": 1, "NORMAL": 2})).text
    assert "1 COVID19 + 2 NORMAL" in text
    assert "epochs" not in text


def test_a_synthetic_study_without_records_is_marked() -> None:
    text = figures.badge(studies.load("config/demo.yaml")).text
    assert "no number on this page is a finding" in text
    assert "study demo; random weights at the start; " in text
    assert "not yet recorded" in text


def test_results_of_another_protocol_are_named_in_one_sentence() -> None:
    parameters = {"model": "resnet50", "image_size": 256, "epochs": STUDY.epochs}
    text = figures.badge(STUDY, run(), run(parameters=parameters)).text
    assert "were made for other and not for the study small" in text
    assert "REAL IMAGES" not in text


def test_real_records_under_a_synthetic_study_are_no_demonstration() -> None:
    demo = studies.load("config/demo.yaml")
    record = run(parameters={"cohort": {"source": "folder"}}, images={"COVID19": 1, "NORMAL": 2})
    text = figures.badge(demo, record).text
    assert "not for the study demo" in text
    assert "DEMO" not in text


def test_few_test_images_of_a_study_of_ones_own_are_said() -> None:
    own = STUDY.model_copy(update={"name": "mine"})
    assert "few test images (1 COVID19 and 2 NORMAL)" in figures.badge(own, run()).text
    many = {"train": {"COVID19": 3, "NORMAL": 9}, "test": {"COVID19": 30, "NORMAL": 30}}
    assert "few test images" not in figures.badge(own, run(images=many)).text
    assert "few test images" not in figures.badge(STUDY, run()).text
