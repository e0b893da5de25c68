"""Patients on both sides of a split are counted rightly, and nothing personal is recorded."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.cohorts import splits
from covidcxr.core.errors import Problem
from covidcxr.paper import forensics

# --- patients ------------------------------------------------------------------------------


def images(*patients: str | None) -> pd.DataFrame:
    """Return images 0, 1, ... of these patients."""
    return pd.DataFrame(
        {
            "name": pd.Series([f"{i:04}" for i in range(len(patients))], dtype="string"),
            "patient": pd.Series(list(patients), dtype="string"),
        }
    )


def naive(patients: Sequence[str | None], held: Sequence[bool]) -> int:
    rest = {p for p, h in zip(patients, held, strict=True) if not h and p is not None}
    return sum(h and p in rest for p, h in zip(patients, held, strict=True))


def shared(table: pd.DataFrame, held: list[str]) -> int:
    return int(forensics.with_sharing(table, held)["shared"].sum())


def test_dumb_cases() -> None:
    assert shared(images("p", "p"), ["0000"]) == 1
    assert shared(images("p", "q"), ["0000"]) == 0
    assert shared(images("p", "p", "p"), ["0000", "0001"]) == 2
    assert shared(images("p", "p"), ["0000", "0001"]) == 0  # nothing is left
    assert shared(images("p", "p"), []) == 0
    assert shared(images(None, None), ["0000"]) == 0  # not one unknown patient


@given(
    st.lists(st.sampled_from(["p", "q", "r", None]), min_size=1, max_size=12),
    st.integers(0, 2**12 - 1),
)
def test_sharing_is_what_a_loop_counts(patients: list[str | None], bits: int) -> None:
    held = [bool(bits >> i & 1) for i in range(len(patients))]
    table = images(*patients)
    assert shared(table, table["name"][held].tolist()) == naive(patients, held)


def test_names_are_sorted_as_text() -> None:
    names = [f"COVID19({i}).jpg" for i in range(15)]
    assert forensics.first_by_name(names) == [f"COVID19({i}).jpg" for i in (0, 1, 10)]
    assert forensics.first_by_name(reversed(names)) == forensics.first_by_name(names)
    assert forensics.first_by_name(["a", "b", "c", "d"]) == []


def test_the_study_holds_out_the_same_images() -> None:
    names = [f"COVID19({i}).jpg" for i in range(37)]
    rows = pd.DataFrame({"image_id": [f"COVID19/{n}" for n in names], "label": "COVID19"})
    split = splits.make(rows.assign(group_id=rows["image_id"]), "keras", 0.2)
    tested = split.loc[split["part"] == "test", "image_id"].str.removeprefix("COVID19/")
    assert sorted(tested) == forensics.first_by_name(names)


def test_random_splits_agree_with_theory() -> None:
    """The expectation is in closed form: each patient's images, less those wholly held out."""
    sizes = [1] * 30 + [2] * 15 + [3] * 5 + [5] * 1
    listing = images(*(f"p{i}" for i, size in enumerate(sizes) for _ in range(size)))
    n = len(listing)
    k = int(0.2 * n)
    expected = sum(
        m * k / n - m * np.prod([(k - j) / (n - j) for j in range(m)]) for m in sizes if m > 1
    )
    draws = forensics.random_splits(listing["patient"], k, 4000, 1)
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean() - expected) < 5 * error
    assert draws.shape == (4000,)


def test_neighbours_stay_together_where_names_decide() -> None:
    listing = images(*(f"p{i // 5}" for i in range(50)))
    names = forensics.first_by_name(listing["name"])
    assert shared(listing, names) == 0  # ten images are two whole patients
    draws = forensics.random_splits(listing["patient"], len(names), 200, 0)
    assert draws.min() > 0
    summary = forensics._summary(draws, 0)
    assert summary["as_few"] == 0
    assert summary["smallest"] <= summary["low"] <= summary["median"] <= summary["high"]
    assert summary["high"] <= summary["largest"]


def test_draws_depend_on_the_seed_alone() -> None:
    patients = images(*("ppqqrrsstt" * 2), *"abcdefghij")["patient"]
    one, same, other = (forensics.random_splits(patients, 6, 50, seed) for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()


def test_a_histogram_has_no_gaps() -> None:
    table = forensics._histogram(np.array([3, 5, 3]))
    assert table["shared"].tolist() == [3, 4, 5]
    assert table["n"].tolist() == [2, 0, 1]


# --- listing and record --------------------------------------------------------------------

HEADER = "kaggle_split,kaggle_name,source,patient_id,age,url\n"


def listing(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "listing.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def ten(tmp_path: Path) -> Path:
    """Ten training files, of which the first two by name are held out, and two others."""
    patients = ["secret1", "", "secret1", "NA-1", "NA-1", "lone", "", "secret1", "x", "y"]
    rows = [f"train,f{i}.jpg,s{i // 5},{p},{20 + i},http://u/{i}" for i, p in enumerate(patients)]
    return listing(tmp_path, *rows, "test,g0.jpg,s0,secret1,,", "test,g1.jpg,s1,,70,")


def test_a_listing_is_typed_and_unknown_patients_stay_unknown(tmp_path: Path) -> None:
    table = forensics.read_listing(ten(tmp_path))
    assert list(table.columns) == ["folder", "name", "source", "patient", "age"]
    train = table[table["folder"] == "train"]
    assert train["patient"].isna().sum() == 2
    assert train["patient"].iloc[3] == "s0/NA-1"
    # An id counts within its source.
    assert train["patient"].iloc[0] == "s0/secret1" and train["patient"].iloc[7] == "s1/secret1"
    assert table["age"].isna().sum() == 1


def test_a_word_for_unknown_is_no_patient_and_equal_numbers_are_one(tmp_path: Path) -> None:
    patients = ["NA", "unknown", "-", "7", "7.0", "007"]
    rows = [f"train,f{i}.jpg,s,{p},,http://u/{i}" for i, p in enumerate(patients)]
    table = forensics.read_listing(listing(tmp_path, *rows))
    assert table["patient"].isna().tolist() == [True] * 3 + [False] * 3
    assert set(table["patient"].dropna()) == {"s/7"}


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ([], "", "is empty"),
        ([], HEADER, "no row has the kaggle_split 'train'"),
        (["test,a,s,p,1,u"], HEADER, "no row has the kaggle_split 'train'"),
        (["train,a,s,p,1,u"], HEADER.replace("patient_id", "patient"), "'patient_id' is missing"),
        (["train,a,s,p,1,u"] * 2, HEADER, "'a' is listed twice"),
        (["train,,s,p,1,u"], HEADER, "'kaggle_name' is not filled in"),
        (["train,a,,p,1,u"], HEADER, "'source' is not filled in"),
        (["train,a,s,p,old,u"], HEADER, "age 'old' is no number"),
        (['train,"a,s,p,1,u'], HEADER, "unexpected end of data"),
    ],
)
def test_an_unusable_listing_is_one_sentence(
    tmp_path: Path, rows: list[str], header: str, said: str
) -> None:
    path = listing(tmp_path, *rows, header=header)
    with pytest.raises(Problem, match="cannot be read as a listing") as problem:
        forensics.read_listing(path)
    assert said in str(problem.value) and str(path) in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_missing_or_binary_listing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file"):
        forensics.read_listing(tmp_path / "nothing.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff\xe0" * 9)
    with pytest.raises(Problem, match=r"image\.csv: cannot be read"):
        forensics.read_listing(tmp_path / "image.csv")


def test_the_listing_is_looked_for_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVIDCXR_DATA", raising=False)
    assert forensics.listing() == []
    monkeypatch.setenv("COVIDCXR_DATA", str(tmp_path))
    assert forensics.listing() == []
    path = ten(tmp_path).rename(tmp_path / "covid19_metadata.csv")
    assert forensics.listing() == [path]


def test_the_record_holds_the_right_numbers(tmp_path: Path) -> None:
    made = forensics.record(ten(tmp_path), tmp_path / "results")
    assert made.folder == tmp_path / "results/forensics/patients"
    assert made["held_out"] == 2  # f0 of a known patient, f1 of none
    assert made["shared"]["keras"] == 1
    assert made["images"] == {"COVID19": 10}
    assert made["patients"] == {
        "patients": 6,  # secret1 of two sources, NA, lone, x, y
        "images_known": 8,
        "images_unknown": 2,
        "held_out_unknown": 1,
        "largest": 2,
        "repeated": 2,
        "images_of_repeated": 4,
        "patients_shared": 1,
    }
    assert made["elsewhere"] == {"images": 2, "unknown": 1, "shared": 1, "held_out_shared": 1}
    assert made["ages"] == {"known": 10, "youngest": 20, "median": 24.5, "under_18": 0}
    assert made.table("draws")["n"].sum() == made["resamples"] == forensics.RESAMPLES
    sizes = made.table("patients")
    assert (sizes["images_per_patient"] * sizes["patients"]).sum() == 8
    by_source = made.table("sources").set_index("source")
    assert by_source.loc["s0"].to_dict() == {
        "images": 5, "known": 4, "patients": 2, "held_out": 2, "shared": 1,
    }  # fmt: skip
    assert by_source["images"].sum() == 10
    json.dumps(made.content, allow_nan=False)
    assert not made.is_synthetic


def test_the_record_names_nobody(tmp_path: Path) -> None:
    folder = forensics.record(ten(tmp_path), tmp_path / "results").folder
    text = "".join(path.read_text() for path in sorted(folder.iterdir()))
    for personal in ("secret1", "lone", ".jpg", "http", str(tmp_path)):
        assert personal not in text


def test_a_record_stands_for_its_listing_whatever_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ten(tmp_path)
    made = forensics.record(path, tmp_path / "results", resamples=100)
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    again = forensics.record(path, tmp_path / "results", resamples=100)
    assert again.content == made.content
    path.write_text(path.read_text().replace("lone", "secret1"))
    monkeypatch.setenv("RERUN", "1")
    changed = forensics.record(path, tmp_path / "results", resamples=100)
    assert changed["fingerprints"]["data"] != made["fingerprints"]["data"]
    assert changed["patients"]["patients"] == 5


def test_without_a_listing_the_record_is_shown_or_asked_for(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with pytest.raises(Problem, match="COVIDCXR_DATA"):
        forensics.record(None, results)
    path = ten(tmp_path)
    made = forensics.record(path, results)
    assert forensics.record(None, results).content == made.content
    assert [p.parent for p in results.glob("*/*/record.json")] == [made.folder]
    with pytest.raises(Problem, match="COVIDCXR_DATA"):
        forensics.record(None, results, seed=7)  # of other draws


def test_a_class_without_known_ages_or_patients_is_counted(tmp_path: Path) -> None:
    path = listing(tmp_path, *(f"train,f{i},s,,," for i in range(5)))
    made = forensics.record(path, tmp_path / "results", resamples=10)
    assert made["ages"] == {"known": 0, "youngest": None, "median": None, "under_18": 0}
    assert made["shared"]["keras"] == made["shared"]["random"]["largest"] == 0
    assert made["patients"]["largest"] == made["patients"]["patients"] == 0
    assert made.table("patients").empty
