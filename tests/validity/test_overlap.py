"""What is planted into two parts of a split must be named, and nothing else."""

import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from covidcxr.cohorts import manifest, phantom, splits
from covidcxr.cohorts.samples import Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.figures import duplicates as duplicates_figures
from covidcxr.validity import duplicates, overlap
from tests.validity.test_duplicates import ALTERED, Pictures, cohort, large, run, sample

PARTS = st.sampled_from(splits.PARTS)


def table(**columns: Sequence[object]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype="string")


def two_parts(train: str, test: str) -> pd.DataFrame:
    rows = [(name, "train") for name in train] + [(name, "test") for name in test]
    return pd.DataFrame(rows, columns=["image_id", "part"], dtype="string")


# --- the pure function


def test_nothing_known_is_nothing_shared() -> None:
    assert overlap.shared(two_parts("ab", "c"), table(image_id=["a", "b", "c"])) == []


def test_patients_and_groups_are_named_with_their_images() -> None:
    rows = table(
        image_id=["a", "b", "c", "d"],
        patient_id=["p", "q", "p", None],
        group_id=["1", "2", "1", "2"],
    )
    found = overlap.shared(two_parts("ab", "cd"), rows)
    assert found == [
        {"kind": "patient", "name": "p", "parts": {"train": ["a"], "test": ["c"]}},
        {"kind": "group", "name": "1", "parts": {"train": ["a"], "test": ["c"]}},
        {"kind": "group", "name": "2", "parts": {"train": ["b"], "test": ["d"]}},
    ]
    assert overlap.affected(found) == ["c", "d"]


def test_an_unknown_patient_is_not_one_patient() -> None:
    rows = table(image_id=["a", "b"], patient_id=[None, None], sha256=[None, None])
    assert overlap.shared(two_parts("a", "b"), rows) == []


def test_equal_hashes_of_files_are_exact_copies() -> None:
    rows = table(image_id=["a", "b", "c"], sha256=["1", "2", "1"])
    (found,) = overlap.shared(two_parts("ab", "c"), rows)
    assert found == {"kind": "exact", "name": "a", "parts": {"train": ["a"], "test": ["c"]}}


def test_copies_hang_together_and_one_near_link_makes_them_near() -> None:
    rows = table(image_id=["a", "b", "c", "d"])
    links = table(image_a=["a", "b"], image_b=["b", "c"], kind=["exact", "near"])
    (found,) = overlap.shared(two_parts("ab", "cd"), rows, links)
    assert found == {"kind": "near", "name": "a", "parts": {"train": ["a", "b"], "test": ["c"]}}
    # With the link in the middle outside of the split, nothing is shared through it.
    assert overlap.shared(two_parts("a", "c"), rows, links) == []


def test_validation_is_a_part_like_the_others() -> None:
    split = table(image_id=["a", "b", "c"], part=["validation", "test", "train"])
    (found,) = overlap.shared(split, table(image_id=["a", "b", "c"], patient_id=["p", "p", "q"]))
    assert found["parts"] == {"validation": ["a"], "test": ["b"]}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), PARTS), min_size=1, max_size=14))
def test_shared_names_exactly_the_pairs_that_are_torn(rows: list[tuple[int, int, str]]) -> None:
    names = [f"i{k}" for k in range(len(rows))]
    known = table(
        image_id=names,
        patient_id=[f"p{p}" for p, _, _ in rows],
        sha256=[f"h{h}" for _, h, _ in rows],
    )
    split = table(image_id=names, part=[part for _, _, part in rows])
    found = overlap.shared(split, known)
    for kind, at in (("patient", 0), ("exact", 1)):
        expected = {
            frozenset((names[i], names[j]))
            for i, j in combinations(range(len(rows)), 2)
            if rows[i][at] == rows[j][at] and rows[i][2] != rows[j][2]
        }
        told = {
            frozenset(pair)
            for one in found
            if one["kind"] == kind
            for a, b in combinations(one["parts"].values(), 2)
            for pair in ((x, y) for x in a for y in b)
        }
        assert told == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=14))
def test_joined_names_leave_nothing_to_share(rows: list[tuple[int, int]]) -> None:
    known = table(
        image_id=[f"i{k}" for k in range(len(rows))],
        patient_id=[f"p{p}" if p else None for p, _ in rows],
        sha256=[f"h{h}" for _, h in rows],
    )
    name = overlap.joined(known, None)
    for chosen in set(name):
        split = table(
            image_id=known["image_id"].tolist(),
            part=np.where(name == chosen, "test", "train").tolist(),
        )
        assert overlap.shared(split, known) == []


# --- the command


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort of few images, some of a patient, some copies, and its split."""
    root = tmp_path_factory.mktemp("cohort")
    source = cohort(covid19=8, normal=8, images_per_patient=2.0, near_duplicates=2)
    made = phantom.write(source, root / "set")
    rows = manifest.read(made)
    splits.write(splits.make(rows, "random", 0.25, seed=1), root / "split.csv")
    return root


def test_a_project_manifest_is_judged_with_its_images(prepared: Path) -> None:
    arguments = ("overlap", prepared / "split.csv", prepared / "set" / "manifest.csv")
    status, out, err = run(*arguments, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert list(found) == ["parts", "shared", "test_images_affected", "test_images", "fix"]
    assert found["parts"] == {"train": 12, "validation": 0, "test": 4}
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
    assert found["test_images_affected"] == len(truth)
    named = {i for one in found["shared"] if one["kind"] == "patient" for i in one["parts"]["test"]}
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
    (found,) = json.loads(out)["shared"]
    assert (found["kind"], found["name"]) == ("patient", "2")
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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> records.Record:
    study = studies.load("config/demo.yaml")
    results = tmp_path_factory.mktemp("results")
    own = sample(
        "cohort", cohort(covid19=24, normal=24, images_per_patient=2.0, near_duplicates=2), False
    )
    # The external cohort's first image is the own one's, mirrored; its second its patient's.
    rows = own.manifest.iloc[:4].assign(
        image_id=list("wxyz"), group_id=["w", own.manifest["group_id"][5], "y", "z"], source="w"
    )
    rows = rows.assign(source=["w", own.manifest["source"][5], "y", "z"], sha256=list("wxyz"))
    grey = own.grey[[40, 41, 42, 43]]
    grey = np.stack([grey[0][:, ::-1], *np.rot90(grey[1:], 2, axes=(1, 2))])
    both = {"cohort": own, "other": Sample("other", rows, grey)}
    found = duplicates.record(study, results=results, samples=both)
    return overlap.record(study, results=results, samples=both, made=found)


def test_a_study_is_told_what_its_splits_share(made: records.Record) -> None:
    shares = overlap.shares(made).set_index(["split", "label"])
    assert (shares.loc[["grouped-copies"], "share"] == 0).all()
    assert (shares.loc[["random"], "share"] > 0.2).all()
    assert (shares["draws"].to_numpy() == [1, 1] + [overlap.DRAWS] * 6).all()
    assert "none when split by group and copies" in overlap.answer(made)
    drawn = duplicates_figures.torn(overlap.shares(made))
    assert "at random, COVID19" in drawn.alt
    assert len(overlap.as_table(made)) == 8


def test_a_mean_lies_within_its_range_as_it_is_written() -> None:
    few = {"share": 0.0007, "low": 0.0, "high": 0.0037}
    assert overlap._range(few) == "0.1% (0.0 to 0.4)"
    assert overlap._range({"share": 0.2, "low": 0.2, "high": 0.2}) == "20.0%"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_no_mean_leaves_its_range(shares: list[float]) -> None:
    row = {"share": float(np.mean(shares)), "low": min(shares), "high": max(shares)}
    numbers = [float(n) for n in re.findall(r"[\d.]+", overlap._range(row))]
    if len(numbers) == 3:
        assert numbers[1] <= numbers[0] <= numbers[2]


def test_external_images_that_are_known_are_counted(made: records.Record) -> None:
    outside = overlap.outside(made)
    assert outside["images"].sum() == 4
    assert outside["patient or group"].sum() == 1
    assert outside["copy of the picture"].sum() == 1
    assert outside["any of them"].sum() == 2
    assert "2 of 4 of 'other'" in overlap.outside_words(made)


def test_a_record_needs_images_once(made: records.Record) -> None:
    study = studies.load("config/demo.yaml")
    results = made.folder.parent
    assert overlap.record(study, results=results, samples=None, made=made).content == made.content
    with pytest.raises(Problem, match="no such record"):
        overlap.record(study, results=results / "none", samples=None, made=made)
