"""The command names what is shared, mends the split, and refuses in one sentence."""

import json
from pathlib import Path

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
    assert list(report) == ["parts", "shared", "test_images_affected", "test_images", "fix"]
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
    assert again["fix"] == "Nothing is shared, so nothing needs mending."
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
    assert "near copies are not looked for" in err
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
        ("split.csv", "b.png,train", "b.png,practice", "part 'practice' is unknown"),
        ("split.csv", "b.png,train", "b.png,", "line 3 has no part"),
        ("split.csv", "part\n", "set\n", "column 'part' is missing"),
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
    assert "cannot be read as CSV" in asked(plain)[2]


def test_a_fix_that_cannot_be_is_said(plain: Path) -> None:
    rows = pd.read_csv(plain / "list.csv").assign(patient_id="all the same")
    rows.to_csv(plain / "list.csv", index=False)
    status, _, said = run(
        "overlap", plain / "split.csv", plain / "list.csv", "--fix", plain / "new.csv"
    )
    assert status == 1
    assert "test part" in said
    assert not (plain / "new.csv").exists()


# --- the record
