"""A cohort is the same whatever its source, and says in one sentence what it lacks."""

import hashlib
import io
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import cohort, images, kaggle, manifest, phantom
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import (
    DATA_VARIABLE,
    LABELS,
    FolderCohort,
    KaggleCohort,
    PhantomCohort,
    Study,
)

SIZE = 32
NOT_A_FOLDER: list[studies.Cohort] = [
    PhantomCohort(source="phantom"),
    KaggleCohort(source="kaggle"),
    FolderCohort(source="folder"),
]
"""Cohorts that have no folder here, as long as the environment names none."""


def picture(seed: int, mode: str = "L", kind: str = "PNG", width: int = 40) -> bytes:
    """Return a file with noise in it."""
    noise = np.random.default_rng(seed).integers(0, 256, (30, width, 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise, "RGBA").convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders with three images each."""
    for label in LABELS:
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "images" / label / f"{i}.png").write_bytes(picture(i))
    return tmp_path / "images"


def listed(folder: Path, columns: str = "file,label", *lines: str) -> None:
    """Write a CSV beside the class folders; without lines it lists an image of each class."""
    lines = lines or ("COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL")
    (folder / "cohort.csv").write_text("\n".join([columns, *lines]) + "\n", encoding="utf-8")


def rows(folder: Path, **options: object) -> pd.DataFrame:
    """Return the manifest of a folder."""
    return cohort.from_folder(of(folder, **options))[1]


def of(folder: Path, **options: object) -> FolderCohort:
    return FolderCohort.model_validate({"source": "folder", "path": str(folder), **options})


def study(source: studies.Cohort) -> Study:
    return Study(name="a", title="a study", cohort=source, image_size=SIZE, weights="none")


def complaint(folder: Path, **options: object) -> str:
    """Return the one sentence that a folder is answered with."""
    with pytest.raises(Problem) as caught:
        rows(folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- folders ----------------------------------------------------------------------------


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


def test_what_is_no_image_is_passed_over(folder: Path) -> None:
    (folder / "NORMAL" / "notes.txt").write_text("none")
    (folder / "NORMAL" / "._0.png").write_bytes(b"what macOS writes")
    (folder / "NORMAL" / "folder.png").mkdir()
    (folder / "TUBERCULOSIS").mkdir()
    (folder / "TUBERCULOSIS" / "0.png").write_bytes(picture(0))
    assert len(rows(folder)) == 6


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
            f"{csv}: 2 of 3 values of column 'age' are taken as unknown, '60s' for one; "
            "write a number of years.",
        ),
        (
            logging.WARNING,
            f"{csv}: 1 of 3 values of column 'sex' are taken as unknown, 'Male' for one; "
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
    listed(folder, "file,label,original_width", "COVID19/0.png,COVID19,1024", "NORMAL/0.png,NORMAL")
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


# --- what is wrong with a folder ------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "lines", "told"),
    [
        ("file", ["COVID19/0.png"], "column 'label' is missing; add it"),
        ("label", ["COVID19"], "column 'file' is missing; add it"),
        ("file,label", ["COVID19/0.png,COVID19", "NORMAL/0.png,"], "line 3 has no label"),
        ("file,label", ["COVID19/0.png,COVID19", ",NORMAL"], "line 3 has no file"),
        ("file,label", ["COVID19/0.png,COVID19"], "class NORMAL has no image"),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL", "NORMAL/1.png,PNEUMONIA"],
            "line 4 has label 'PNEUMONIA'; write COVID19 or NORMAL",
        ),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "", "NORMAL/0.png,normal"],
            "line 4 has label 'normal'; write COVID19 or NORMAL",
        ),
        (
            "file,label",
            ["COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL", "NORMAL/0.png,NORMAL"],
            "two files are named NORMAL/0.png; rename one",
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
    assert complaint(folder).startswith(f"{folder / 'cohort.csv'}: cannot be read as CSV")


def test_a_csv_that_is_named_but_absent_is_a_problem(folder: Path) -> None:
    message = complaint(folder, manifest="mine.csv")
    assert message.startswith(f"{folder / 'mine.csv'}: no such file; correct cohort.manifest")


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


def test_two_files_of_one_name_in_a_class_are_a_problem(folder: Path) -> None:
    (folder / "NORMAL" / "more").mkdir()
    (folder / "NORMAL" / "more" / "0.png").write_bytes(picture(9))
    assert "two files are named NORMAL/0.png; rename one" in complaint(folder)


def test_a_truncated_image_is_named(folder: Path, tmp_path: Path) -> None:
    cut = folder / "NORMAL" / "1.png"
    cut.write_bytes(cut.read_bytes()[:-300])
    with pytest.raises(Problem, match="damaged or cut short") as caught:
        cohort.prepare(study(of(folder)), tmp_path / "prepared")
    assert str(caught.value).startswith(f"{cut}: ")
    assert not (tmp_path / "prepared").exists()


# --- where the images are ---------------------------------------------------------------------


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    root, found = cohort.from_folder(FolderCohort(source="folder"))
    assert root == folder
    assert len(found) == 6


def test_a_study_without_a_folder_says_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(Problem) as caught:
        cohort.from_folder(FolderCohort(source="folder"))
    for choice in (DATA_VARIABLE, "cohort.path", "cohort.source=kaggle", "STUDY=demo"):
        assert choice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(Problem) as caught:
        cohort.from_folder(FolderCohort(source="folder"))
    assert str(caught.value).startswith(f"{tmp_path / 'nowhere'}: no such folder; correct ")


def test_images_are_at_hand_unless_a_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert cohort.at_hand(study(PhantomCohort(source="phantom")))
    assert cohort.at_hand(study(KaggleCohort(source="kaggle")))
    assert cohort.at_hand(study(FolderCohort(source="folder", path="somewhere")))
    assert not cohort.at_hand(study(FolderCohort(source="folder")))
    monkeypatch.setenv(DATA_VARIABLE, "somewhere")
    assert cohort.at_hand(study(FolderCohort(source="folder")))


def test_only_a_folder_with_a_csv_has_a_listing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert cohort.listing(study(of(folder))) == []
    listed(folder)
    assert cohort.listing(study(of(folder))) == [folder / "cohort.csv"]
    assert cohort.listing(study(of(folder, manifest="mine.csv"))) == []
    for other in NOT_A_FOLDER:
        assert cohort.listing(study(other)) == []


def test_only_a_folder_at_hand_has_a_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    for other in NOT_A_FOLDER:
        assert cohort.state(study(other)) == ""
    named = cohort.state(study(of(folder)))
    assert len(named) == 64
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    assert cohort.state(study(FolderCohort(source="folder"))) == named


def test_a_state_is_of_names_sizes_and_times_and_not_of_the_place(
    folder: Path, tmp_path: Path
) -> None:
    listed(folder)
    (folder / "COVID19" / "folder.png").mkdir()
    shutil.copytree(folder, tmp_path / "copy")  # copies times
    before = cohort.state(study(of(folder)))
    assert cohort.state(study(of(tmp_path / "copy"))) == before
    (folder / "notes.txt").write_text("none")
    (folder / "COVID19" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert cohort.state(study(of(folder))) == before


@pytest.mark.parametrize("change", ["time", "size", "name", "more", "less", "csv", "linked"])
def test_whatever_changes_below_the_folder_changes_the_state(
    folder: Path, tmp_path: Path, change: str
) -> None:
    listed(folder)
    image = folder / "NORMAL" / "0.png"
    if change == "linked":
        (folder / "NORMAL").rename(tmp_path / "elsewhere")
        (folder / "NORMAL").symlink_to(tmp_path / "elsewhere")
    before = cohort.state(study(of(folder)))
    facts = image.stat()
    match change:
        case "time" | "linked":
            os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1_000_000))
        case "size":
            image.write_bytes(image.read_bytes() + b"0")
            os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        case "name":
            image.rename(image.with_name("9.png"))
        case "more":
            (folder / "NORMAL" / "9.JPG").write_bytes(picture(9, "L", "JPEG"))
        case "less":
            image.unlink()
        case "csv":
            listed(folder, "file,label", "COVID19/1.png,COVID19", "NORMAL/0.png,NORMAL", "")
    assert cohort.state(study(of(folder))) != before


def test_a_state_covers_a_csv_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    listed(folder)
    csv = (folder / "cohort.csv").rename(tmp_path / "mine.csv")
    named = study(of(folder, manifest=str(csv)))
    before = cohort.state(named)
    csv.write_text(csv.read_text() + "NORMAL/1.png,NORMAL\n")
    assert cohort.state(named) != before


# --- prepared and read ------------------------------------------------------------------------


def test_images_of_any_kind_are_prepared_as_they_are_decoded(folder: Path, tmp_path: Path) -> None:
    kinds = {
        "COVID19/l.png": picture(1, "L"),
        "COVID19/rgb.png": picture(2, "RGB"),
        "COVID19/rgba.png": picture(3, "RGBA"),
        "NORMAL/p.png": picture(4, "P"),
        "NORMAL/i16.png": picture(5, "I;16"),
        "NORMAL/png-inside.jpg": picture(6, "L"),
        "NORMAL/rgb.jpeg": picture(7, "RGB", "JPEG"),
    }
    for name, content in kinds.items():
        (folder / name).write_bytes(content)
    cohort.prepare(study(of(folder)), tmp_path / "prepared")
    read = cohort.read(tmp_path / "prepared")
    assert set(kinds) < set(read.manifest["image_id"])
    assert read.pixels.shape == (13, SIZE, SIZE, 3)
    assert read.pixels.dtype == np.uint8
    for path, pixels in zip(read.manifest["path"], read.pixels, strict=True):
        np.testing.assert_array_equal(pixels, images.decode(folder / path, SIZE, "nearest"))
    pd.testing.assert_frame_equal(read.manifest, rows(folder))


def test_a_synthetic_cohort_is_prepared_with_its_ground_truth(tmp_path: Path) -> None:
    source = PhantomCohort(
        source="phantom",
        covid19=8,
        normal=8,
        image_size=48,
        exact_duplicates=1,
        near_duplicates=2,
    )
    cohort.prepare(study(source), tmp_path / "prepared")
    read = cohort.read(tmp_path / "prepared")
    frame, pixels = phantom.generate(source)
    assert list(read.manifest["image_id"]) == list(frame["image_id"])
    assert read.manifest["planted_alteration"].notna().sum() == 3
    for found, made in zip(read.pixels, pixels, strict=True):
        smaller = Image.fromarray(made).resize((SIZE, SIZE), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(found, np.asarray(smaller.convert("RGB")))


def test_kaggles_set_is_downloaded_counted_and_prepared(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kaggle, "download", lambda _: folder)
    source = KaggleCohort(source="kaggle", covid19=3, normal=3, images_per_class=2)
    cohort.prepare(study(source), tmp_path / "prepared")
    read = cohort.read(tmp_path / "prepared")
    assert set(read.manifest["source"]) == {"kaggle"}
    assert read.manifest["label"].value_counts().to_dict() == {"COVID19": 2, "NORMAL": 2}

    with pytest.raises(Problem, match="4 NORMAL images are expected but 3 found"):
        cohort.prepare(study(source.model_copy(update={"normal": 4})), tmp_path / "other")
    assert not (tmp_path / "other").exists()


# --- the fingerprint --------------------------------------------------------------------------


def test_the_fingerprint_is_of_names_labels_and_files(folder: Path) -> None:
    whole = rows(folder)
    no_pixels = np.empty((0, SIZE, SIZE, 3), np.uint8)

    def fingerprint(manifest: pd.DataFrame) -> str:
        return cohort.Cohort(manifest, no_pixels).fingerprint

    lines = sorted(f"{r.image_id}\t{r.label}\t{r.sha256}" for r in whole.itertuples())
    assert fingerprint(whole) == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert fingerprint(whole.iloc[::-1]) == fingerprint(whole)
    assert fingerprint(whole.iloc[1:]) != fingerprint(whole)

    relabelled = whole.assign(label=whole["label"].where(whole.index > 0, "NORMAL"))
    assert fingerprint(relabelled) != fingerprint(whole)
    (folder / "NORMAL" / "0.png").write_bytes(picture(7))
    assert fingerprint(rows(folder)) != fingerprint(whole)


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUM", b"\x93NUMPY\x01\x00v\x00{'descr", b"PK\x03\x04", b"no array"],
    ids=["empty", "cut in the magic", "cut in the header", "zip", "text"],
)
def test_damaged_pixels_are_named(folder: Path, tmp_path: Path, content: bytes) -> None:
    prepared = tmp_path / "prepared"
    cohort.prepare(study(of(folder)), prepared)
    (prepared / "pixels.npy").write_bytes(content)
    with pytest.raises(Problem) as caught:
        cohort.read(prepared)
    assert str(caught.value).startswith(f"{prepared}: cannot be read")
    assert str(caught.value).endswith(f"delete {prepared} and run again.")
    assert "\n" not in str(caught.value)


def test_pixels_cut_short_are_named(folder: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    cohort.prepare(study(of(folder)), prepared)
    whole = (prepared / "pixels.npy").read_bytes()
    (prepared / "pixels.npy").write_bytes(whole[:-1])
    with pytest.raises(Problem, match="cannot be read"):
        cohort.read(prepared)


def test_pixels_of_other_images_are_named(folder: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    cohort.prepare(study(of(folder)), prepared)
    manifest.write(rows(folder).iloc[1:], prepared / "manifest.csv")
    with pytest.raises(Problem, match="has 6 pictures of 5 images"):
        cohort.read(prepared)


def test_a_missing_part_is_named(folder: Path, tmp_path: Path) -> None:
    for part in ("pixels.npy", "manifest.csv"):
        prepared = tmp_path / part
        cohort.prepare(study(of(folder)), prepared)
        (prepared / part).unlink()
        with pytest.raises(Problem, match=f"{part}.*cannot be read|cannot be read.*{part}"):
            cohort.read(prepared)
