"""A cohort is the same whatever its source, and says in one sentence what it lacks."""

import hashlib
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
    FolderCohort,
    KaggleCohort,
    PhantomCohort,
    Study,
)
from tests.cohorts.conftest import listed, of, picture, rows

SIZE = 32
NOT_A_FOLDER: list[studies.Cohort] = [
    PhantomCohort(source="phantom"),
    KaggleCohort(source="kaggle"),
    FolderCohort(source="folder"),
]
"""Cohorts that have no folder here, as long as the environment names none."""


def study(source: studies.Cohort) -> Study:
    return Study(name="a", title="a study", cohort=source, image_size=SIZE, weights="none")


def test_images_are_at_hand_unless_a_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert cohort.is_available(study(PhantomCohort(source="phantom")))
    assert cohort.is_available(study(KaggleCohort(source="kaggle")))
    assert cohort.is_available(study(FolderCohort(source="folder", path="somewhere")))
    assert not cohort.is_available(study(FolderCohort(source="folder")))
    monkeypatch.setenv(DATA_VARIABLE, "somewhere")
    assert cohort.is_available(study(FolderCohort(source="folder")))


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
        assert cohort.folder_fingerprint(study(other)) == ""
    named = cohort.folder_fingerprint(study(of(folder)))
    assert len(named) == 64
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    assert cohort.folder_fingerprint(study(FolderCohort(source="folder"))) == named


def test_a_state_is_of_names_sizes_and_times_and_not_of_the_place(
    folder: Path, tmp_path: Path
) -> None:
    listed(folder)
    (folder / "COVID19" / "folder.png").mkdir()
    shutil.copytree(folder, tmp_path / "copy")  # copies times
    before = cohort.folder_fingerprint(study(of(folder)))
    assert cohort.folder_fingerprint(study(of(tmp_path / "copy"))) == before
    (folder / "notes.txt").write_text("none")
    (folder / "COVID19" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert cohort.folder_fingerprint(study(of(folder))) == before


@pytest.mark.parametrize("change", ["time", "size", "name", "more", "less", "csv", "linked"])
def test_whatever_changes_below_the_folder_changes_the_state(
    folder: Path, tmp_path: Path, change: str
) -> None:
    listed(folder)
    image = folder / "NORMAL" / "0.png"
    if change == "linked":
        (folder / "NORMAL").rename(tmp_path / "elsewhere")
        (folder / "NORMAL").symlink_to(tmp_path / "elsewhere")
    before = cohort.folder_fingerprint(study(of(folder)))
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
    assert cohort.folder_fingerprint(study(of(folder))) != before


def test_a_state_covers_a_csv_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    listed(folder)
    csv = (folder / "cohort.csv").rename(tmp_path / "mine.csv")
    named = study(of(folder, manifest=str(csv)))
    before = cohort.folder_fingerprint(named)
    csv.write_text(csv.read_text() + "NORMAL/1.png,NORMAL\n")
    assert cohort.folder_fingerprint(named) != before


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


def test_a_truncated_image_is_named(folder: Path, tmp_path: Path) -> None:
    cut = folder / "NORMAL" / "1.png"
    cut.write_bytes(cut.read_bytes()[:-300])
    with pytest.raises(Problem, match="damaged or cut short") as caught:
        cohort.prepare(study(of(folder)), tmp_path / "prepared")
    assert str(caught.value).startswith(f"{cut}: ")
    assert not (tmp_path / "prepared").exists()
