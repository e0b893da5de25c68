"""Splits hold out what Keras holds out, and grouped ones tear no group apart."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from covidcxr.cohorts import splits
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, SplitName

quick = settings(max_examples=40, deadline=None)


def cohort(covid19: int, normal: int, images_per_group: int = 1) -> pd.DataFrame:
    """Return the columns of a manifest that a split looks at."""
    rows = [
        (f"{label}/{label}-{i}.png", label, f"{label}-{i // images_per_group}")
        for label, count in (("COVID19", covid19), ("NORMAL", normal))
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["image_id", "label", "group_id"], dtype="string")


def counts(split: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return how many images of each class are in each part."""
    return dict(Counter(zip(split["part"], split["label"], strict=True)))


def members(split: pd.DataFrame, part: str) -> set[str]:
    return set(split["image_id"][split["part"] == part])


@st.composite
def cohorts(draw: st.DrawFn, mixed: bool = False) -> pd.DataFrame:
    """Draw cohorts with 12 to 60 images of each class in groups of 1 to 4 images."""
    rows = []
    for label in LABELS:
        group = 0
        for i in range(draw(st.integers(12, 60))):
            group += draw(st.booleans()) or i % 4 == 0
            rows.append((f"{label}/{i}.png", label, f"{'' if mixed else label}{group}"))
    frame = pd.DataFrame(rows, columns=["image_id", "label", "group_id"], dtype="string")
    order = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(frame))
    return frame.iloc[order].reset_index(drop=True)


# --- as Keras holds out ------------------------------------------------------------------


def test_the_papers_counts_and_files() -> None:
    manifest = cohort(460, 1341).sample(frac=1, random_state=0).reset_index(drop=True)
    split = splits.make(manifest, "keras", 0.2)
    assert counts(split) == {
        ("test", "COVID19"): 92,
        ("test", "NORMAL"): 268,
        ("train", "COVID19"): 368,
        ("train", "NORMAL"): 1073,
    }
    # What Keras does with its `validation_split`: sort a folder's names, cut at int(split * n).
    for label, n in (("COVID19", 460), ("NORMAL", 1341)):
        names = sorted(f"{label}-{i}.png" for i in range(n))[: int(0.2 * n)]
        assert {f"{label}/{name}" for name in names} == {
            i for i in members(split, "test") if i.startswith(label)
        }


def test_the_papers_split_has_no_chance_in_it() -> None:
    manifest = cohort(20, 30)
    first, second = (splits.make(manifest, "keras", 0.2, seed=seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(first, second)


# --- at random ---------------------------------------------------------------------------


def test_a_random_split_has_the_papers_counts() -> None:
    manifest = cohort(460, 1341)
    keras, drawn = (splits.make(manifest, kind, 0.2) for kind in ("keras", "random"))
    assert counts(drawn) == counts(keras)
    assert members(drawn, "test") != members(keras, "test")


@pytest.mark.parametrize("kind", ["random", "grouped"])
def test_a_drawn_split_follows_its_seed(kind: SplitName) -> None:
    manifest = cohort(60, 60, images_per_group=3)
    one, again, other = (splits.make(manifest, kind, 0.2, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, again)
    assert members(one, "test") != members(other, "test")


def test_a_random_split_draws_every_image_equally_often() -> None:
    manifest = cohort(20, 20)
    drawn = [members(splits.make(manifest, "random", 0.25, seed=s), "test") for s in range(200)]
    often = [sum(name in part for part in drawn) for name in manifest["image_id"]]
    assert sum(often) == 200 * 10
    # Of 40 binomial counts with n = 200 and p = 1/4 hardly one lies 4.5 deviations off.
    assert max(abs(np.array(often) - 50)) < 4.5 * np.sqrt(200 * 0.25 * 0.75)


@pytest.mark.parametrize("kind", ["keras", "random", "grouped"])
@quick
@given(manifest=cohorts(), data=st.data())
def test_the_order_of_rows_plays_no_part(
    kind: SplitName, manifest: pd.DataFrame, data: st.DataObject
) -> None:
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(len(manifest))
    split = splits.make(manifest, kind, 0.4, seed=3)
    shuffled = splits.make(manifest.iloc[order].reset_index(drop=True), kind, 0.4, seed=3)
    assert members(split, "test") == members(shuffled, "test")
    assert splits.fingerprint(split) == splits.fingerprint(shuffled)
    assert list(split["image_id"]) == list(manifest["image_id"])


# --- by groups ---------------------------------------------------------------------------


@quick
@given(manifest=cohorts(), test=st.floats(0.34, 0.6), seed=st.integers(0, 99))
def test_a_grouped_split_tears_no_group_apart(
    manifest: pd.DataFrame, test: float, seed: int
) -> None:
    split = splits.make(manifest, "grouped", test, seed=seed)
    assert split.groupby("group_id")["part"].nunique().max() == 1
    for label, rows in split.groupby("label"):
        missing = int(test * len(rows)) - (rows["part"] == "test").sum()
        assert 0 <= missing < rows.groupby("group_id").size().max(), label


@quick
@given(manifest=cohorts(mixed=True), seed=st.integers(0, 99))
def test_groups_with_both_labels_stay_whole_too(manifest: pd.DataFrame, seed: int) -> None:
    try:
        split = splits.make(manifest, "grouped", 0.4, 0.3, seed=seed)
    except Problem:  # a few large groups leave a class out
        reject()
    assert split.groupby("group_id")["part"].nunique().max() == 1
    for (part, label), n in counts(split).items():
        fraction = {"test": 0.4, "validation": 0.3}.get(part, 1)
        assert n <= int(fraction * (split["label"] == label).sum())


def test_groups_of_one_image_are_split_as_at_random() -> None:
    manifest = cohort(460, 1341)
    grouped, drawn = (splits.make(manifest, kind, 0.2) for kind in ("grouped", "random"))
    assert counts(grouped) == counts(drawn)


# --- the validation part -----------------------------------------------------------------


def test_a_numbered_split_is_one_draw_whatever_the_seed() -> None:
    assert [studies.split_draw("random", seed) for seed in (0, 5)] == [0, 5]
    assert [studies.split_draw("random-3", seed) for seed in (0, 5)] == [3, 3]
    assert studies.split_kind("grouped-12") == "grouped"
    assert [studies.follows_seed(name) for name in ("keras", "grouped", "random-3")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("name", ["keras-1", "random-", "random-01", "sorted", "random-1-2"])
def test_an_unknown_split_is_named(name: str) -> None:
    with pytest.raises(Problem, match=f"split '{name}' is unknown; choose keras, random or gr"):
        studies.split_kind(name)


@pytest.mark.parametrize("kind", ["keras", "random", "grouped"])
def test_a_validation_part_leaves_the_test_part_alone(kind: SplitName) -> None:
    manifest = cohort(460, 1341)
    without, split = (splits.make(manifest, kind, 0.2, part) for part in (0.0, 0.1))
    assert members(split, "test") == members(without, "test")
    assert counts(split) == {
        ("test", "COVID19"): 92,
        ("test", "NORMAL"): 268,
        ("validation", "COVID19"): 46,
        ("validation", "NORMAL"): 134,
        ("train", "COVID19"): 322,
        ("train", "NORMAL"): 939,
    }


@pytest.mark.parametrize("kind", ["keras", "random"])
@quick
@given(
    manifest=cohorts(),
    test=st.floats(0.1, 0.5),
    validation=st.floats(0.1, 0.4),
    seed=st.integers(0, 99),
)
def test_every_part_has_the_size_that_was_asked(
    kind: SplitName, manifest: pd.DataFrame, test: float, validation: float, seed: int
) -> None:
    found = counts(splits.make(manifest, kind, test, validation, seed))
    for label, n in manifest["label"].value_counts().items():
        assert found["test", str(label)] == int(test * n)
        assert found["validation", str(label)] == int(validation * n)
        assert sum(found[part, str(label)] for part in splits.PARTS) == n


# --- what cannot be split ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "kind", "validation", "told"),
    [
        (cohort(4, 50), "keras", 0.0, "'keras' leaves no COVID19 image in the test part"),
        (cohort(50, 4), "random", 0.0, "'random' leaves no NORMAL image in the test part"),
        (cohort(50, 9), "keras", 0.1, "no NORMAL image in the validation part"),
        (cohort(50, 50, 25), "grouped", 0.0, "no COVID19 image in the test part"),
    ],
)
def test_a_part_without_a_class_is_a_problem(
    manifest: pd.DataFrame, kind: SplitName, validation: float, told: str
) -> None:
    with pytest.raises(Problem) as caught:
        splits.make(manifest, kind, 0.2, validation)
    assert told in str(caught.value)
    assert "test_fraction" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_split_that_leaves_nothing_to_train_on_is_a_problem() -> None:
    everything = pd.DataFrame(
        {"image_id": ["a", "b"], "label": LABELS, "group_id": ["a", "b"]}, dtype="string"
    )
    with pytest.raises(Problem, match="no COVID19 image in the"):
        splits.make(everything, "keras", 0.5, 0.4)


# --- what is told about a split ----------------------------------------------------------


@quick
@given(manifest=cohorts(), data=st.data())
def test_one_moved_image_changes_the_fingerprint(
    manifest: pd.DataFrame, data: st.DataObject
) -> None:
    split = splits.make(manifest, "random", 0.3)
    moved = split.copy()
    row = data.draw(st.integers(0, len(split) - 1))
    moved.loc[row, "part"] = "train" if moved.loc[row, "part"] == "test" else "test"
    assert splits.fingerprint(moved) != splits.fingerprint(split)


def test_planted_groups_on_both_sides_are_found() -> None:
    split = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "label": "NORMAL",
            "group_id": ["1", "1", "2", "3", "3", "3"],
            "part": ["test", "train", "test", "train", "test", "validation"],
        }
    )
    assert list(splits.shared_groups(split)["image_id"]) == ["a", "e"]
    assert list(splits.shared_groups(split, "validation")["image_id"]) == ["f"]


def test_the_papers_split_shares_groups_and_the_grouped_one_does_not() -> None:
    manifest = cohort(101, 101, images_per_group=3)
    assert len(splits.shared_groups(splits.make(manifest, "keras", 0.2)))
    assert not len(splits.shared_groups(splits.make(manifest, "grouped", 0.2)))


# --- files -------------------------------------------------------------------------------


def test_a_written_split_is_read_as_it_was(tmp_path: Path) -> None:
    manifest = cohort(20, 20)
    # Names that pandas would take for missing values.
    manifest.loc[:3, "group_id"] = pd.array(["NA", "null", "nan", "001"], dtype="string")
    split = splits.make(manifest, "random", 0.2, 0.2)
    splits.write(split, tmp_path / "deep" / "split.csv")
    read = splits.read(tmp_path / "deep" / "split.csv")
    pd.testing.assert_frame_equal(read, split.astype("string"))
    assert splits.fingerprint(read) == splits.fingerprint(split)
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "split.csv"]


ROW = "COVID19/a.png,COVID19,a,test"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"image_id,label,group_id,part\n", "it lists no image"),
        (b"image_id,label,group_id\na,NORMAL,a\n", "column 'part' is missing"),
        (f"image_id,label,group_id,part\n{ROW[:-4]}\n".encode(), "column 'part' is not filled in"),
        (f"image_id,label,group_id,part\n{ROW[:-5]}\n".encode(), "row 2: has 3 cells"),
        (f"image_id,label,group_id,part\n{ROW[:-1]}\n".encode(), "part 'tes' is none of train, "),
        (f'image_id,label,group_id,part\n"{ROW}\n'.encode(), "unexpected end of data"),
    ],
)
def test_a_file_that_is_no_split_is_named(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "split.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        splits.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read as a split (")
    assert told in message
    assert message.endswith("; delete it and run again.")
    assert "\n" not in message
