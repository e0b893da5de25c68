"""A cohort's composition is counted rightly and counted anew when the cohort changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import composition, manifest, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS

STUDY = studies.load("config/demo.yaml")


def table(**columns: list[object]) -> pd.DataFrame:
    """Return three COVID19 and three NORMAL images; patient p has two of the former."""
    ids = [f"{label}/{i}.png" for label in LABELS for i in range(3)]
    known: dict[str, list[Any]] = {
        "image_id": ids,
        "path": ids,
        "label": [label for label in LABELS for _ in range(3)],
        "source": ["a", "a", "b", "b", "b", "b"],
        "patient_id": ["p", "p", "q", None, None, "r"],
        "group_id": ["p", "p", "q", *ids[3:5], "r"],
        "view": ["AP", "PA", None, None, None, None],
        "sex": ["F", "M", "M", None, None, None],
        "age": [20, 40, 68, None, None, None],
        "original_width": [100, 100, 200, 300, 300, 340],
        "original_mode": ["L", "L", "RGB", "L", "L", "L"],
        "sha256": [f"{i:064x}" for i in range(6)],
    }
    required = [name for name, column in manifest.MANIFEST.columns.items() if column.required]
    empty: dict[str, list[Any]] = {name: [None] * 6 for name in required}
    return manifest.validate(pd.DataFrame({**empty, **known, **columns}), "here")


def cohort(**columns: list[object]) -> Cohort:
    """Return these images with pixels as bright as 10 times their row."""
    levels = np.arange(6, dtype=np.uint8) * 10
    pixels = np.broadcast_to(levels[:, None, None, None], (6, 4, 4, 3))
    return Cohort(table(**columns), pixels)


def split(images: Cohort) -> pd.DataFrame:
    """Put the first image of each class into the test part."""
    parts = ["test", "train", "train"] * 2
    return images.manifest[["image_id", "label", "group_id"]].assign(part=parts)


# --- what is counted -----------------------------------------------------------------------


def test_categories_are_counted_by_class_and_the_unknown_is_named() -> None:
    counts = composition.categories(table())
    assert list(counts.columns) == ["variable", "value", "label", "n"]
    sizes = counts.set_index(["variable", "value", "label"])["n"].to_dict()
    assert sizes == {
        ("source", "a", "COVID19"): 2,
        ("source", "b", "COVID19"): 1,
        ("source", "b", "NORMAL"): 3,
        ("view", "AP", "COVID19"): 1,
        ("view", "PA", "COVID19"): 1,
        ("view", "unknown", "COVID19"): 1,
        ("view", "unknown", "NORMAL"): 3,
        ("sex", "F", "COVID19"): 1,
        ("sex", "M", "COVID19"): 2,
        ("sex", "unknown", "NORMAL"): 3,
        ("original_mode", "L", "COVID19"): 2,
        ("original_mode", "RGB", "COVID19"): 1,
        ("original_mode", "L", "NORMAL"): 3,
        ("original_format", "unknown", "COVID19"): 3,
        ("original_format", "unknown", "NORMAL"): 3,
        ("images_of_patient", "2", "COVID19"): 2,
        ("images_of_patient", "1", "COVID19"): 1,
        ("images_of_patient", "1", "NORMAL"): 1,
        ("images_of_patient", "unknown", "NORMAL"): 2,
    }


def test_every_category_counts_every_image() -> None:
    for known in (table(), table(patient_id=[None] * 6)):
        counts = composition.categories(known)
        assert counts.groupby("variable")["n"].sum().to_dict() == dict.fromkeys(
            composition.CATEGORIES, 6
        )


def test_measures_count_the_known_values_in_shared_bins() -> None:
    counts = composition.measures(cohort())
    assert list(counts.columns) == ["variable", "label", "low", "high", "n"]
    sums = counts.groupby(["variable", "label"])["n"].sum().to_dict()
    assert sums == {
        ("age", "COVID19"): 3,
        ("age", "NORMAL"): 0,
        ("original_width", "COVID19"): 3,
        ("original_width", "NORMAL"): 3,
        ("brightness", "COVID19"): 3,
        ("brightness", "NORMAL"): 3,
    }
    assert (counts.groupby(["variable", "label"]).size() == composition.BINS).all()
    # 24 bins from 20 to 68 years are 2 years wide.
    ages = counts[(counts["variable"] == "age") & (counts["label"] == "COVID19")]
    assert np.allclose(ages["high"] - ages["low"], 2)
    assert ages.loc[ages["n"] > 0, ["low", "high", "n"]].to_numpy().tolist() == [
        [20, 22, 1],
        [40, 42, 1],
        [66, 68, 1],
    ]
    # Brightness 0, 10, 20 against 30, 40, 50.
    bright = counts[(counts["variable"] == "brightness") & (counts["n"] > 0)]
    assert bright.loc[bright["label"] == "COVID19", "high"].max() < 30
    assert bright.loc[bright["label"] == "NORMAL", "low"].min() >= 29


def test_parts_count_a_planted_overlap_and_groups_that_are_known() -> None:
    counts = composition.parts(split(cohort()))
    assert counts.to_dict("records") == [
        # The first image is of p, whose other image trains.
        dict(zip(counts.columns, ["test", "COVID19", 1, 1, 1, 1], strict=True)),
        dict(zip(counts.columns, ["test", "NORMAL", 1, 1, 0, 0], strict=True)),
        dict(zip(counts.columns, ["train", "COVID19", 2, 2, 2, 0], strict=True)),
        dict(zip(counts.columns, ["train", "NORMAL", 2, 2, 1, 0], strict=True)),
    ]
    columns = ["part", "label", "images", "groups", "groups_known", "images_shared_with_train"]
    assert list(counts.columns) == columns


def test_an_overlap_is_counted_whatever_the_class_in_training() -> None:
    images = cohort(group_id=["g", "h", "h", "g", "g", "i"])
    counts = composition.parts(split(images)).set_index(["part", "label"])
    assert counts["images_shared_with_train"].to_list() == [1, 1, 0, 0]


def test_patients_are_counted_where_they_are_known() -> None:
    assert composition.patients(table()) == {
        "COVID19": {"patients": 2, "images_with_patient": 3},
        "NORMAL": {"patients": 1, "images_with_patient": 1},
    }
    nobody = {"patients": 0, "images_with_patient": 0}
    unknown = composition.patients(table(patient_id=[None] * 6))
    assert unknown == {"COVID19": nobody, "NORMAL": nobody}


# --- the record ----------------------------------------------------------------------------


def mark(results: Path) -> Path:
    """Leave something in a record's folder that goes when the record is made anew."""
    path = results / composition.NAME / "mark"
    path.touch()
    return path


def test_a_record_holds_the_tables_and_the_counts(tmp_path: Path) -> None:
    images = cohort()
    record = composition.record(STUDY, results=tmp_path, cohort=images, split=split(images))
    assert record["images"] == {"COVID19": 3, "NORMAL": 3}
    assert record["patients"] == composition.patients(images.manifest)
    for name, frame in (
        ("categories", composition.categories(images.manifest)),
        ("measures", composition.measures(images)),
        ("parts", composition.parts(split(images))),
    ):
        pd.testing.assert_frame_equal(record.table(name), frame, check_dtype=False, rtol=1e-8)


def test_a_record_of_the_same_inputs_is_found_again(tmp_path: Path) -> None:
    images = cohort()
    composition.record(STUDY, results=tmp_path, cohort=images, split=split(images))
    left = mark(tmp_path)
    composition.record(STUDY, results=tmp_path, cohort=images, split=split(images))
    shuffled = Cohort(images.manifest.iloc[::-1], images.pixels[::-1])
    composition.record(STUDY, results=tmp_path, cohort=shuffled, split=split(images)[::-1])
    composition.record(STUDY, results=tmp_path, cohort=None, split=None)
    assert left.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"age": [20, 40, 67, None, None, None]},
        {"patient_id": ["p", "p", "p", None, None, "r"]},
        {"view": ["AP", "AP", None, None, None, None]},
        {"source": ["a", "a", "a", "b", "b", "b"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_record_answers_no_more_when_the_list_is_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, list[object]]
) -> None:
    before, after = cohort(), cohort(**changed)
    assert after.fingerprint == before.fingerprint
    composition.record(STUDY, results=tmp_path, cohort=before, split=split(before))
    left = mark(tmp_path)
    with pytest.raises(Problem, match="the input data is"):
        composition.record(STUDY, results=tmp_path, cohort=after, split=split(before))
    assert left.exists()
    monkeypatch.setenv("RERUN", "1")
    composition.record(STUDY, results=tmp_path, cohort=after, split=split(before))
    assert not left.exists()


def test_a_record_is_made_anew_of_another_split_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RERUN", "1")
    images = cohort()
    composition.record(STUDY, results=tmp_path, cohort=images, split=split(images))
    other = split(images).assign(part=["train", "train", "test"] * 2)
    record = composition.record(STUDY, results=tmp_path, cohort=images, split=other)
    assert record["fingerprints"]["split"] == splits.fingerprint(other)
    assert record.table("parts")["images_shared_with_train"].sum() == 0


def test_neither_record_nor_data_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such record and no images to make it from") as caught:
        composition.record(STUDY, results=tmp_path, cohort=None, split=None)
    assert str(caught.value).startswith(f"{tmp_path / composition.NAME}: ")
    assert "\n" not in str(caught.value)
    images = cohort()
    with pytest.raises(Problem):
        composition.record(STUDY, results=tmp_path, cohort=images, split=None)


# --- how the classes differ


def cohort_record(tmp_path: Path, categories: str, measures: str) -> Record:
    (tmp_path / "categories.csv").write_text("variable,value,label,n\n" + categories)
    (tmp_path / "measures.csv").write_text("variable,label,low,high,n\n" + measures)
    return Record(tmp_path, {"tables": {"categories.csv": "", "measures.csv": ""}})


def test_classes_differ_by_what_would_have_to_change(tmp_path: Path) -> None:
    record = cohort_record(
        tmp_path,
        "source,a,COVID19,10\nsource,b,NORMAL,40\n"  # nothing in common
        "view,PA,COVID19,5\nview,AP,COVID19,5\nview,PA,NORMAL,40\n"  # a half
        "sex,F,COVID19,3\nsex,F,NORMAL,9\nsex,unknown,NORMAL,31\n"  # nothing that is known
        "mode,L,COVID19,10\nmode,unknown,NORMAL,40\n",  # known of one class alone
        "age,COVID19,0,10,1\nage,COVID19,10,20,3\nage,NORMAL,0,10,2\nage,NORMAL,10,20,2\n",
    )
    distances = composition.class_differences(record)
    assert distances.to_dict() == pytest.approx({"source": 1, "view": 0.5, "age": 0.25, "sex": 0})
    assert list(distances.index) == ["source", "view", "age", "sex"]


def test_nothing_known_of_both_classes_is_no_difference(tmp_path: Path) -> None:
    record = cohort_record(tmp_path, "source,unknown,COVID19,10\nsource,unknown,NORMAL,4\n", "")
    assert composition.class_differences(record).empty


@pytest.mark.parametrize(
    ("covid", "normal", "distance"),
    [([1, 0], [0, 5], 1.0), ([2, 2], [7, 7], 0.0), ([1, 1], [3, 1], 0.25)],
)
def test_total_variation_of_two_classes(
    covid: list[int], normal: list[int], distance: float
) -> None:
    counts = pd.DataFrame({"COVID19": covid, "NORMAL": normal})
    assert composition.total_variation(counts) == pytest.approx(distance)
    assert np.isnan(composition.total_variation(counts.assign(NORMAL=0)))


def test_supine_is_no_view_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "categories.csv").write_text(
        "variable,value,label,n\nview,AP,COVID19,2\nview,AP Supine,COVID19,3\nview,PA,COVID19,5\n"
        "view,AP,NORMAL,7\nsource,AP Supine,NORMAL,7\n"
    )
    (tmp_path / "measures.csv").write_text("variable,label,low,high,n\n")
    record = Record(tmp_path, {"tables": {}})
    counts = composition.counts(record).set_index(["variable", "value", "label"])["n"]
    assert dict(counts) == {
        ("view", "AP", "COVID19"): 5, ("view", "PA", "COVID19"): 5, ("view", "AP", "NORMAL"): 7,
        ("source", "AP Supine", "NORMAL"): 7,
    }  # fmt: skip
    assert composition.class_differences(record)["view"] == 0.5
