"""A folder says which images it holds, or in one sentence what it lacks."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import cohort, composition, folders, images
from covidcxr.core.errors import Problem
from covidcxr.core.studies import (
    DATA_VARIABLE,
    LABELS,
    FolderCohort,
    Study,
)
from tests.cohorts.conftest import complaint, listed, of, picture, rows


def test_class_folders_are_enough(folder: Path) -> None:
    found = rows(folder)
    assert list(found["image_id"]) == [f"{label}/{i}.png" for label in LABELS for i in range(3)]
    assert list(found["path"]) == list(found["image_id"])
    assert list(found["label"]) == ["COVID19"] * 3 + ["NORMAL"] * 3
    assert set(found["source"]) == {"images"}
    assert list(found["group_id"]) == list(found["image_id"])
    assert found[["patient_id", "view", "sex", "age"]].isna().all(axis=None)
    file = (folder / "NORMAL" / "2.png").read_bytes()
    assert found["sha256"].iloc[-1] == hashlib.sha256(file).hexdigest()


def test_what_is_no_image_is_left_out_and_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "NORMAL" / "notes.txt").write_text("none")
    (folder / "NORMAL" / "scan").write_bytes(picture(0))
    for name in ("a.heic", "b.HEIF", "c.jp2"):
        (folder / "COVID19" / name).write_bytes(b"0")
    (folder / "NORMAL" / "._0.png").write_bytes(b"what macOS writes")
    (folder / "NORMAL" / "folder.png").mkdir()
    (folder / "NORMAL" / "masks").mkdir()
    (folder / "NORMAL" / "masks" / "0.png").write_bytes(picture(0))
    (folder / "NORMAL" / os.fsdecode(b"x\xe9.png")).write_bytes(picture(0))
    (folder / "TUBERCULOSIS").mkdir()
    (folder / "TUBERCULOSIS" / "0.png").write_bytes(picture(0))
    assert len(rows(folder)) == 6
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"{folder}: left out: 2 (a photo of a telephone; export it as PNG), ")
    for reason in (
        "1 (JPEG 2000; export it as PNG)", "1 (.txt is no ending of an image)",
        "1 (no ending; add .png or .jpg to the name)", "1 (a system's own file)",
        "1 (a mask, by its folder)", "1 (a name that cannot be printed; rename it)",
        "x\\xe9.png for one",
    ):  # fmt: skip
        assert reason in said


@pytest.mark.parametrize("ending", ["webp", "gif", "jfif", "jpe"])
def test_further_endings_are_read(folder: Path, ending: str) -> None:
    kind = {"webp": "WEBP", "gif": "GIF"}.get(ending, "JPEG")
    (folder / "COVID19" / f"x.{ending}").write_bytes(picture(5, "L", kind))
    assert f"COVID19/x.{ending}" in set(rows(folder)["image_id"])


@pytest.mark.parametrize(
    "names", [("covid", "normal"), ("COVID-19", "Normal"), ("Covid", "NORMAL")]
)
def test_class_folders_may_be_spelled_as_usual(folder: Path, names: tuple[str, str]) -> None:
    for label, name in zip(LABELS, names, strict=True):
        (folder / label).rename(folder / name)
    assert rows(folder)["label"].value_counts().to_dict() == {"COVID19": 3, "NORMAL": 3}


def test_class_folders_can_be_named(folder: Path) -> None:
    (folder / "COVID19").rename(folder / "sick")
    (folder / "more").mkdir()
    (folder / "more" / "x.png").write_bytes(picture(7))
    named = rows(folder, classes={"COVID19": ["sick", "more"]})
    assert named["label"].value_counts().to_dict() == {"COVID19": 4, "NORMAL": 3}
    assert "has no folder 'ill', which cohort.classes names" in complaint(
        folder, classes={"COVID19": ["ill"]}
    )


def test_a_link_to_a_folder_is_counted_and_not_followed(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "x.png").write_bytes(picture(8))
    (folder / "NORMAL" / "ward").symlink_to(tmp_path / "ward")
    assert len(rows(folder)) == 6
    assert "1 (a link to a folder, which is not followed)" in caplog.text


def test_the_name_of_the_data_folder_may_be_any(folder: Path) -> None:
    assert len(rows(folder.rename(folder.with_name("my\u00a0data")))) == 6


def test_a_class_folder_of_another_place_is_refused(folder: Path) -> None:
    said = complaint(folder, classes={"NORMAL": [str(folder / "NORMAL")]})
    assert "which cohort.classes names" in said


def test_two_folders_of_a_class_are_a_problem(folder: Path) -> None:
    (folder / "covid-19").mkdir()
    said = complaint(folder)
    assert "has several folders for class COVID19 (COVID19, covid-19); name those you mean" in said


def test_a_class_without_a_folder_is_a_problem_that_names_what_is_there(folder: Path) -> None:
    (folder / "NORMAL").rename(folder / "healthy")
    said = complaint(folder)
    assert "has no folder for class NORMAL; it holds COVID19, healthy; rename one" in said
    above = folder.parent / "above"
    (above / "test").mkdir(parents=True)
    (folder / "healthy").rename(folder / "NORMAL")
    folder.rename(above / "train")
    assert f"it holds test, train; name one of them: cohort.path={above}/train." in complaint(above)


def test_images_further_down_count_as_they_do_in_keras(folder: Path) -> None:
    (folder / "NORMAL" / "more").mkdir()
    (folder / "NORMAL" / "more" / "9.JPG").write_bytes(picture(9, "L", "JPEG"))
    found = rows(folder)
    assert found["path"].iloc[-1] == "NORMAL/more/9.JPG"
    assert found["image_id"].iloc[-1] == "NORMAL/9.JPG"


def test_a_csv_says_which_images_there_are(folder: Path) -> None:
    listed(
        folder,
        "label,file,patient_id,group_id,age,sex,view,original_width,remark",
        "COVID19,COVID19/1.png,p1,,40,F,AP,1024,told by the source",
        "NORMAL,NORMAL/2.png,,g,3 years,unknown,,,",
        "NORMAL,NORMAL/0.png,,,,,,,",
    )
    found = rows(folder)
    assert list(found["image_id"]) == ["COVID19/1.png", "NORMAL/2.png", "NORMAL/0.png"]
    assert list(found["group_id"]) == ["p1", "g", "NORMAL/0.png"]
    assert found["age"].to_list() == [40.0, pd.NA, pd.NA]
    assert found["sex"].to_list() == ["F", pd.NA, pd.NA]
    assert found["view"].to_list() == ["AP", pd.NA, pd.NA]
    assert set(found["source"]) == {"cohort"}
    assert "remark" not in found


def test_what_a_csv_says_in_other_words_is_not_lost_silently(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [
        "COVID19/0.png,COVID19,60s,Male",
        "COVID19/1.png,COVID19,61,M",
        "NORMAL/0.png,NORMAL,,",
        "NORMAL/1.png,NORMAL,3 years,F",
    ]
    listed(folder, "file,label,age,sex", *lines)
    found = rows(folder)
    assert found["age"].to_list() == [pd.NA, 61.0, pd.NA, pd.NA]
    assert found["sex"].to_list() == [pd.NA, "M", pd.NA, "F"]
    csv = folder / "cohort.csv"
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (
            logging.WARNING,
            f"{csv}: 2 of 3 values of column 'age' are taken as unknown, '60s' in row 2 for one; "
            "write a number of years.",
        ),
        (
            logging.WARNING,
            f"{csv}: 1 of 3 values of column 'sex' are taken as unknown, 'Male' in row 2 for one; "
            "write F or M.",
        ),
    ]


def test_columns_that_are_not_used_are_listed_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["COVID19/0.png,x,COVID19,1,,", "NORMAL/0.png,x,NORMAL,2,,"]
    listed(folder, "file,path,label,gender,age,remark", *lines)
    with caplog.at_level(logging.INFO, logger="covidcxr"):
        rows(folder)
    told = f"{folder / 'cohort.csv'}: columns that are not used: path, gender, remark"
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.INFO, told)]


def test_a_csv_that_is_clear_is_read_without_a_word(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["COVID19/0.png,COVID19,40.5,F", "NORMAL/0.png,NORMAL,,"]
    listed(folder, "file,label,age,sex", *lines)
    with caplog.at_level(logging.INFO, logger="covidcxr"):
        rows(folder)
    assert not caplog.records


def test_the_csv_knows_the_originals_better_than_the_files(folder: Path) -> None:
    listed(
        folder, "file,label,original_width", "COVID19/0.png,COVID19,1024", "NORMAL/0.png,NORMAL,"
    )
    found = rows(folder)
    assert found["original_width"].to_list() == [1024, pd.NA]
    assert found[["original_height", "original_mode", "original_bytes"]].isna().all(axis=None)


def test_the_files_tell_what_the_csv_does_not(folder: Path) -> None:
    (folder / "COVID19" / "0.png").write_bytes(picture(0, "RGB", "JPEG", width=50))
    listed(folder)
    found = rows(folder)
    assert found["original_width"].to_list() == [50, 40]
    assert found["original_height"].to_list() == [30, 30]
    assert found["original_mode"].to_list() == ["RGB", "L"]
    assert found["original_format"].to_list() == ["JPEG", "PNG"]
    assert found["original_bytes"][0] == (folder / "COVID19" / "0.png").stat().st_size


def test_a_csv_of_another_name_is_named(folder: Path) -> None:
    listed(folder)
    (folder / "cohort.csv").rename(folder / "mine.csv")
    assert len(rows(folder, manifest="mine.csv")) == 2
    assert len(rows(folder)) == 6


def test_a_csv_may_have_a_path_column_of_its_own(folder: Path) -> None:
    listed(folder, "file,label,path", "COVID19/0.png,COVID19,/x", "NORMAL/0.png,NORMAL,/y")
    assert list(rows(folder)["path"]) == ["COVID19/0.png", "NORMAL/0.png"]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (1, [0]),
        (2, [0, 8]),
        (3, [0, 4, 8]),
        (4, [0, 3, 5, 8]),
        (5, [0, 2, 4, 6, 8]),
        (9, list(range(9))),
        (20, [*range(9)]),
    ],
)
def test_images_per_class_are_evenly_spaced(folder: Path, wanted: int, kept: list[int]) -> None:
    for i in range(9):
        (folder / "NORMAL" / f"{i}.png").write_bytes(picture(i))
    found = rows(folder, images_per_class=wanted)
    normal = found["image_id"][found["label"] == "NORMAL"]
    assert list(normal) == [f"NORMAL/{i}.png" for i in kept]
    assert (found["label"] == "COVID19").sum() == min(wanted, 3)


@pytest.mark.parametrize(
    ("columns", "lines", "told"),
    [
        ("file", ["COVID19/0.png"], "column 'label' is missing (there are: 'file'); add it"),
        ("label", ["COVID19"], "column 'file' is missing (there are: 'label'); add it"),
        ("file,label", ["COVID19/0.png,COVID19", "NORMAL/0.png,"], "row 3 has no label"),
        ("file,label", ["COVID19/0.png,COVID19", ",NORMAL"], "row 3 has no file"),
        ("file,label", ["COVID19/0.png,COVID19"], "class NORMAL has no image"),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL", "NORMAL/1.png,PNEUMONIA"],
            "row 4 has label 'PNEUMONIA'; write COVID19 or NORMAL",
        ),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "", "NORMAL/0.png,normal"],
            "row 4 has label 'normal'; write COVID19 or NORMAL",
        ),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL", "NORMAL/0.png,NORMAL"],
            "lists NORMAL/0.png twice; remove one",
        ),
        (
            "file,label,age",
            ["COVID19/0.png,COVID19,400", "NORMAL/0.png,NORMAL,"],
            "column 'age' fails",
        ),
    ],
)
def test_what_is_wrong_with_a_csv_is_named(
    folder: Path, columns: str, lines: list[str], told: str
) -> None:
    listed(folder, columns, *lines)
    message = complaint(folder)
    assert message.startswith(f"{folder / 'cohort.csv'}: ")
    assert told in message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00file"], ids=["empty", "no text"])
def test_a_csv_that_cannot_be_read_is_named(folder: Path, content: bytes) -> None:
    (folder / "cohort.csv").write_bytes(content)
    assert complaint(folder).startswith(f"{folder / 'cohort.csv'}")


def test_patients_of_whom_nothing_is_known_are_not_one_patient(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [f"{label}/{k}.png,{label}" for label in ("COVID19", "NORMAL") for k in range(2)]
    lines = [f"{i},{p}" for i, p in zip(images, ("unknown", "NA", "7.0", "007"), strict=True)]
    listed(folder, "file,label,patient_id", *lines)
    table = rows(folder)
    assert table["patient_id"].to_list() == [pd.NA, pd.NA, "7", "7"]
    assert table["group_id"].nunique() == 3
    assert "2 of 4 images have no known patient ('NA', 'unknown')" in caplog.text
    assert "('007', '7.0'); they count as one" in caplog.text


def test_a_csv_that_is_named_but_absent_is_a_problem(folder: Path) -> None:
    message = complaint(folder, manifest="mine.csv")
    assert message.startswith(f"{folder / 'mine.csv'}: no such file; correct the study's key")


def test_an_empty_class_is_a_problem(folder: Path) -> None:
    for path in (folder / "COVID19").iterdir():
        path.unlink()
    assert complaint(folder).startswith(f"{folder}: class COVID19 has no image")


def test_a_missing_file_is_named(folder: Path) -> None:
    listed(folder, "file,label", "COVID19/8.png,COVID19", "NORMAL/8.png,NORMAL")
    message = complaint(folder)
    assert message.startswith(f"{folder / 'COVID19' / '8.png'} and 1 more: no such file; restore")


def test_a_file_that_changed_since_it_was_listed_is_named(folder: Path) -> None:
    sound = images.sha256(folder / "COVID19" / "0.png")
    lines = [f"COVID19/0.png,COVID19,{sound}", f"NORMAL/0.png,NORMAL,{sound}"]
    listed(folder, "file,label,sha256", *lines)
    assert len(rows(folder)) == 2
    (folder / "NORMAL" / "0.png").write_bytes(picture(7))
    message = complaint(folder)
    assert message.startswith(f"{folder / 'NORMAL' / '0.png'}: is not the file that")
    assert "restore it or correct the list" in message


def test_two_files_of_one_name_in_a_class_are_told_apart_by_their_folders(folder: Path) -> None:
    (folder / "NORMAL" / "more").mkdir()
    (folder / "NORMAL" / "more" / "0.png").write_bytes(picture(9))
    ids = list(rows(folder)["image_id"])
    assert ids[3:] == ["NORMAL/0.png", "NORMAL/1.png", "NORMAL/2.png", "NORMAL/more/0.png"]


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    root, found = folders.gather(FolderCohort(source="folder"))
    assert root == folder
    assert len(found) == 6


def test_a_study_without_a_folder_says_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(Problem) as caught:
        folders.gather(FolderCohort(source="folder"))
    for choice in (DATA_VARIABLE, "cohort.path", "cohort.source=kaggle", "STUDY=demo"):
        assert choice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(Problem) as caught:
        folders.gather(FolderCohort(source="folder"))
    assert str(caught.value).startswith(f"{tmp_path / 'nowhere'}: no such folder; correct ")


def test_twelve_bits_in_files_of_sixteen_plant_no_difference_between_classes(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ramp = np.linspace(0, 255, 40 * 40).reshape(40, 40)
    for path in folder.rglob("*.png"):
        deep = path.parent.name == "COVID19"
        Image.fromarray((ramp * 16).astype(np.uint16) if deep else ramp.astype(np.uint8)).save(path)
    read = rows(folder)
    assert read["grey_bits"].to_list() == [12, 12, 12, pd.NA, pd.NA, pd.NA]
    assert (
        "3 of 6 files have more than 8 bits and are scaled by those in use: 3 by 12 bits"
        in caplog.text
    )
    small = Study(name="a", title="a study", cohort=of(folder), image_size=32, weights="none")
    cohort.prepare(small, tmp_path / "prepared")
    mean = cohort.read(tmp_path / "prepared").pixels.mean(axis=(1, 2, 3))
    assert abs(mean[:3].mean() - mean[3:].mean()) < 1
    levels = composition.grey_levels(cohort.read(tmp_path / "prepared"))
    stored = levels[["files", "deep", "bits", "lowest", "highest"]].to_numpy().tolist()
    assert stored == [[3, 3, "12", 0, 4080], [3, 0, "–", "–", "–"]]
    assert levels["mean"].to_numpy() == pytest.approx([mean[:3].mean(), mean[3:].mean()])


def test_a_folder_whose_name_is_no_text_is_refused_by_one_sentence(tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin \xe9"))
    place.mkdir()
    with pytest.raises(Problem, match="not UTF-8 text; rename it"):
        folders.root_of(FolderCohort(source="folder", path=str(place)))
