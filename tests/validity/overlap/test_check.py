"""The command names what is shared, mends the split, and refuses in one sentence."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import manifest, phantom, splits
from tests.validity.planted import ALTERED, Pictures, cohort, large, run


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort of few images, some of a patient, some copies, and its split."""
    root = tmp_path_factory.mktemp("cohort")
    source = cohort(covid19=8, normal=8, images_per_patient=2.0, near_duplicates=2)
    path_of_manifest = phantom.write(source, root / "set")
    rows = manifest.read(path_of_manifest)
    splits.write(splits.make(rows, "random", 0.25, seed=1), root / "split.csv")
    return root


def test_a_project_manifest_is_judged_with_its_images(prepared: Path) -> None:
    arguments = ("overlap", prepared / "split.csv", prepared / "set" / "manifest.csv")
    status, out, err = run(*arguments, "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert list(report) == [
        "parts", "checked", "unused_columns", "remarks", "shared", "test_images_affected",
        "test_images", "fix",
    ]  # fmt: skip
    assert report["checked"] == ["patients", "groups", "pictures"]
    assert {"view", "sex", "age"} <= set(report["unused_columns"])
    assert report["parts"] == {"train": 12, "validation": 0, "test": 4}
    rows = manifest.read(prepared / "set" / "manifest.csv").set_index("image_id")
    split = splits.read(prepared / "split.csv").set_index("image_id")["part"]
    truth = {
        image
        for image in rows.index
        if split[image] == "test"
        and (
            rows.loc[split[split == "train"].index, "patient_id"] == rows["patient_id"][image]
        ).any()
    }
    assert truth, "the planted patients are not torn apart"
    assert report["test_images_affected"] == len(truth)
    named = {
        i for one in report["shared"] if one["kind"] == "patient" for i in one["parts"]["test"]
    }
    assert named == truth
    text = run(*arguments)[1]
    assert f"{len(truth)} of 4 test images share" in text
    assert "patient" in text


def test_the_fix_shares_nothing(prepared: Path, tmp_path: Path) -> None:
    listing = prepared / "set" / "manifest.csv"
    status, out, _ = run(
        "overlap", prepared / "split.csv", listing, "--fix", tmp_path / "new.csv", "--json"
    )
    assert status == 0
    assert "new.csv" in json.loads(out)["fix"]
    again = json.loads(run("overlap", tmp_path / "new.csv", listing, "--json")[1])
    assert again["shared"] == []
    assert again["test_images_affected"] == 0
    assert again["fix"] == (
        "No patients, groups or copies of a picture are shared; nothing else was looked for."
    )
    assert len(splits.read(tmp_path / "new.csv")) == 16


@pytest.fixture
def plain(tmp_path: Path, chest: Pictures) -> Path:
    """A plain list of files, one a near copy of another, in two folders."""
    (tmp_path / "img").mkdir()
    pictures = {
        "a": chest[0],
        "b": chest[1],
        "c": np.asarray(ALTERED["mirrored"](Image.fromarray(chest[0]))),
        "d": chest[2],
    }
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / "img" / f"{name}.png")
    rows = pd.DataFrame(
        {"file": [f"img/{n}.png" for n in "abcd"], "label": ["COVID19", "NORMAL"] * 2}
    )
    rows.to_csv(tmp_path / "list.csv", index=False)
    (tmp_path / "split.csv").write_text(
        "image_id,part\nimg/a.png,train\nimg/b.png,train\nimg/c.png,test\nimg/d.png,test\n"
    )
    return tmp_path


@pytest.fixture(scope="module")
def chest() -> Pictures:
    return large(phantom.generate(cohort(covid19=2, normal=2))[1])


def asked(folder: Path) -> tuple[int, str, str]:
    return run("overlap", folder / "split.csv", folder / "list.csv", "--json")


def test_a_plain_list_of_files_will_do(plain: Path) -> None:
    status, out, _ = asked(plain)
    assert status == 0
    assert json.loads(out)["shared"] == [
        {
            "kind": "near",
            "name": "img/a.png",
            "parts": {"train": ["img/a.png"], "test": ["img/c.png"]},
        }
    ]


def test_names_by_class_and_file_are_understood(plain: Path) -> None:
    text = (plain / "split.csv").read_text()
    for name, label in zip("abcd", ["COVID19", "NORMAL"] * 2, strict=True):
        text = text.replace(f"img/{name}.png", f"{label}/{name}.png")
    (plain / "split.csv").write_text(text)
    assert json.loads(asked(plain)[1])["test_images_affected"] == 1


def test_without_images_it_says_what_it_did_not_look_for(plain: Path) -> None:
    rows = pd.read_csv(plain / "list.csv").assign(patient_id=["1", "2", "3", "2"])
    rows["file"] = "gone/" + rows["file"]
    rows.assign(image_id=rows["file"].str.removeprefix("gone/")).to_csv(
        plain / "list.csv", index=False
    )
    status, out, err = asked(plain)
    assert status == 0
    (report,) = json.loads(out)["shared"]
    assert (report["kind"], report["name"]) == ("patient", "2")
    assert err == ""
    assert "near copies are not looked for" in " ".join(json.loads(out)["remarks"])
    text = run("overlap", plain / "split.csv", plain / "list.csv")[1]
    assert "near copies are not looked for" in text


def broken(plain: Path, name: str, old: str, new: str) -> str:
    path = plain / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    status, _, said = asked(plain)
    assert status == 2
    assert said.endswith(".")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("split.csv", "img/b.png,train", "img/a.png,train", "'img/a.png' stands twice"),
        ("split.csv", "img/b.png", "img/x.png", "does not list image 'img/x.png'"),
        ("split.csv", "b.png,train", "b.png,practice", "row 3: 'practice' is an unknown part"),
        ("split.csv", "b.png,train", "b.png,", "row 3: has no part"),
        ("split.csv", "part\n", "state\n", "column 'part' is missing"),
        ("list.csv", "img/b.png", "img/a.png", "'img/a.png' stands twice"),
        ("list.csv", "file", "name", "neither a column image_id nor file"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(
    plain: Path, name: str, old: str, new: str, words: str
) -> None:
    assert words in broken(plain, name, old, new)


def test_a_missing_or_damaged_file_is_one_sentence(plain: Path) -> None:
    (plain / "img" / "b.png").write_bytes(b"no image")
    assert "img/b.png" in broken(plain, "list.csv", "a", "a")
    (plain / "img" / "b.png").unlink()
    assert "b.png: no such file" in broken(plain, "list.csv", "a", "a")
    for name in "acd":
        (plain / "img" / f"{name}.png").unlink()
    assert "none of its image files is there" in broken(plain, "list.csv", "a", "a")
    (plain / "list.csv").unlink()
    assert "cannot be read as CSV" in asked(plain)[2]
    (plain / "split.csv").write_text("")
    assert "is empty" in asked(plain)[2]


def test_a_fix_that_cannot_be_is_said(plain: Path) -> None:
    rows = pd.read_csv(plain / "list.csv").assign(patient_id="all the same")
    rows.to_csv(plain / "list.csv", index=False)
    status, _, said = run(
        "overlap", plain / "split.csv", plain / "list.csv", "--fix", plain / "new.csv"
    )
    assert status == 1
    assert "test part" in said
    assert not (plain / "new.csv").exists()


def test_a_fix_never_overwrites(plain: Path) -> None:
    for name in ("split.csv", "list.csv"):
        before = (plain / name).read_bytes()
        arguments = ("overlap", plain / "split.csv", plain / "list.csv", "--fix", plain / name)
        status, _, said = run(*arguments)
        assert status == 2
        assert "exists already" in said
        assert (plain / name).read_bytes() == before


# --- columns and ids as people write them


def torn(folder: Path, manifest: str, *options: str) -> tuple[int, dict[str, Any] | str]:
    """Report on four images of two patients, of each one image in the test part."""
    (folder / "m.csv").write_text(manifest)
    (folder / "s.csv").write_text("image_id,part\na,Train\nb,test\nc,training\nd,TEST\n")
    status, out, err = run("overlap", folder / "s.csv", folder / "m.csv", "--json", *options)
    return status, json.loads(out) if status == 0 else err


def listing(column: str, values: Sequence[str]) -> str:
    rows = [f"{image},{value}" for image, value in zip("abcd", values, strict=True)]
    return "\n".join([f"image_id,{column}", *rows, ""])


@pytest.mark.parametrize(
    "column",
    ["patient_id", "patientid", "PatientID", "Patient ID", "subject_id", "patient", " patient ",
     "Participant", "subject"],
)  # fmt: skip
def test_the_patient_is_found_however_its_column_is_spelled(tmp_path: Path, column: str) -> None:
    status, report = torn(tmp_path, listing(column, ["p", "p", "q", "q"]))
    assert status == 0
    assert isinstance(report, dict)
    assert report["checked"] == ["patients"]
    assert report["unused_columns"] == []
    assert report["test_images_affected"] == 2


@pytest.mark.parametrize(
    "values",
    [["7", "7 ", "8", "8"], ["7", "7.0", "8", "08"], ["7", "007", "8", "8.0"],
     ["U\u0308", "\u00dc", "q", "q"]],
)  # fmt: skip
def test_ids_that_mean_the_same_are_the_same(tmp_path: Path, values: list[str]) -> None:
    _, report = torn(tmp_path, listing("patient", values))
    assert isinstance(report, dict)
    assert report["test_images_affected"] == 2
    if any(value.strip() != "7" and value.strip("0.") == "7" for value in values):
        assert "count as one" in " ".join(report["remarks"])


@pytest.mark.parametrize("unknown", ["NA", "nan", "unknown", "-", "", "None", "n/a"])
def test_unknown_patients_are_counted_and_are_not_one(tmp_path: Path, unknown: str) -> None:
    _, report = torn(tmp_path, listing("patient", [unknown, unknown, "q", "q"]))
    assert isinstance(report, dict)
    assert report["test_images_affected"] == 1
    assert "2 of 4 images have no known patient" in report["remarks"][0]


def test_hashes_are_compared_without_case(tmp_path: Path) -> None:
    one, other = "ab" * 32, "cd" * 32
    _, report = torn(tmp_path, listing("Hash", [one, one.upper(), other, "0" * 64]))
    assert isinstance(report, dict)
    assert report["checked"] == ["files"]
    assert report["test_images_affected"] == 1
    status, said = torn(tmp_path, listing("sha256", ["x", "x", "y", "z"]))
    assert status == 2
    assert "has neither patient_id, group_id nor sha256" in str(said)


def test_what_was_not_looked_for_is_said_and_can_be_named(tmp_path: Path) -> None:
    rows = "image_id,who,group\na,p,1\nb,p,2\nc,q,3\nd,q,4\n"
    _, report = torn(tmp_path, rows)
    assert isinstance(report, dict)
    assert (report["checked"], report["unused_columns"]) == (["groups"], ["who"])
    assert "Patients are not looked for" in " ".join(report["remarks"])
    assert report["fix"] == "No groups are shared; nothing else was looked for."
    _, report = torn(tmp_path, rows, "--patient", "who")
    assert isinstance(report, dict)
    assert (report["checked"], report["unused_columns"]) == (["patients", "groups"], [])
    assert report["test_images_affected"] == 2
    status, said = torn(tmp_path, rows, "--patient", "nobody")
    assert status == 2
    assert "column 'nobody' is missing (there are: 'image_id', 'who', 'group')" in str(said)


def test_two_columns_that_could_name_the_patient_are_refused(tmp_path: Path) -> None:
    status, said = torn(tmp_path, "image_id,patient,subject\na,p,1\nb,p,2\nc,q,3\nd,q,4\n")
    assert status == 2
    assert "columns 'patient', 'subject' could each be the patient" in str(said)


def test_a_header_shorter_than_its_rows_is_refused(tmp_path: Path) -> None:
    rows = "image_id,patient_id\n0,a,p\n1,b,p\n2,c,q\n3,d,q\n"
    for text in (rows, rows.replace("p\n", "p,\n").replace("0,", "").replace("1,", "")):
        status, said = torn(tmp_path, text)
        assert status == 2
        assert "row 2: has 3 cells where the header has 2" in str(said)


def test_another_delimiter(tmp_path: Path) -> None:
    text = listing("patient", ["p", "p", "q", "q"]).replace(",", "\t")
    (tmp_path / "m.csv").write_text(text)
    (tmp_path / "s.csv").write_text("image_id\tpart\na\ttrain\nb\ttest\nc\ttrain\nd\ttest\n")
    files = (tmp_path / "s.csv", tmp_path / "m.csv")
    status, _, said = run("overlap", *files)
    assert status == 2
    assert "separated by tabs" in said
    assert "2 of 2 test images share a patient" in run("overlap", *files, "--delimiter", "tab")[1]


# --- the record
