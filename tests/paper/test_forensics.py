"""What counts and listings say is counted rightly, and nothing personal is recorded."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.model_selection import StratifiedKFold

from covidcxr.cohorts import splits
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.paper import forensics
from covidcxr.paper.forensics import DataSet

COUNTS = (1441, 360, 92, 268, 0.2)
FRACTIONS = st.sampled_from([0.1, 0.15, 0.2, 0.25, 0.3, 0.5])


# --- class sizes ---------------------------------------------------------------------------


def test_the_papers_counts_leave_two_pairs_of_class_sizes() -> None:
    assert forensics.class_pairs(*COUNTS) == [(460, 1341), (461, 1340)]


def test_counts_that_contradict_each_other_leave_none() -> None:
    assert forensics.class_pairs(1441, 361, 92, 268, 0.2) == []  # 92 and 268 are no 361
    assert forensics.class_pairs(1000, 360, 92, 268, 0.2) == []  # 360 are no fifth of 1,360
    assert forensics.class_pairs(1441, 360, 100, 260, 0.2) == [(500, 1301), (501, 1300)]


def test_another_way_to_round_leaves_other_class_sizes() -> None:
    left = forensics.sizes_by_rule(*COUNTS)
    assert left["down"] == [(460, 1341), (461, 1340)]
    assert left["nearest"] == [(459, 1342), *left["down"], (462, 1339)]
    assert left["fold"] == [(n, 1801 - n) for n in range(457, 465)]
    # Whatever the rule, one set and one pair of sizes fit.
    every = sorted({pair for pairs in left.values() for pair in pairs})
    assert [pair for pair in every if forensics.fitting([pair])] == [(460, 1341)]


def test_counts_that_contradict_each_other_leave_none_by_any_rule() -> None:
    for counts in ((1441, 361, 92, 268, 0.2), (1000, 360, 92, 268, 0.2)):
        assert not any(forensics.sizes_by_rule(*counts).values())


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.integers(5, 60))
def test_every_rule_leaves_the_true_sizes_that_its_tool_divided(covid: int, normal: int) -> None:
    labels = pd.Series(["COVID19"] * covid + ["NORMAL"] * normal)
    taken = labels.groupby(labels).sample(frac=0.2, random_state=0)
    folds = StratifiedKFold(5).split(labels, labels)
    for rule, held in [("nearest", taken), *(("fold", labels.iloc[test]) for _, test in folds)]:
        c, n = int((held == "COVID19").sum()), int((held == "NORMAL").sum())
        left = forensics.sizes_by_rule(covid + normal - c - n, c + n, c, n, 0.2)
        assert (covid, normal) in left[rule]


@given(st.integers(1, 700), st.integers(1, 700), FRACTIONS)
def test_the_true_sizes_are_always_among_those_left(covid: int, normal: int, share: float) -> None:
    c, n = (int(share * size) for size in (covid, normal))
    pairs = forensics.class_pairs(covid + normal - c - n, c + n, c, n, share)
    assert (covid, normal) in pairs
    assert all(int(share * a) == c and int(share * b) == n for a, b in pairs)
    assert {a + b for a, b in pairs} == {covid + normal}


def test_the_share_of_the_disease_is_kept_by_the_test_part() -> None:
    found = forensics.prevalences(460, 1341, 92, 268)
    assert found == {"test": 92 / 360, "all": 460 / 1801}
    assert abs(found["test"] - found["all"]) < 0.0002


# --- data sets -----------------------------------------------------------------------------


def test_the_public_sets_add_up_to_what_is_stated_of_them() -> None:
    totals = {
        data.key: sum(sum(part.values()) for part in data.parts.values())
        for data in forensics.datasets()
    }
    assert totals["jtiptj"] == 7135
    assert totals["prashant268"] == 6432
    assert totals["rahimzadeh"] == 15085
    assert totals["radiography-3"] == 21165
    assert totals["paultimothymooney"] == 5216 + 16 + 624
    assert totals["covidx-cxr-3"] == 29634 + 400
    assert totals["asraf-islam"] == 6939
    assert len(totals) == len(forensics.datasets())  # no key stands twice
    one, other = forensics.dataset("jtiptj"), forensics.dataset("prashant268")
    for label, total in {"COVID19": 576, "NORMAL": 1583, "PNEUMONIA": 4273}.items():
        assert one.count(label) == other.count(label) == total


def test_one_set_alone_has_both_class_sizes() -> None:
    found = forensics.fits(forensics.datasets(), 460, 1341)
    (fit,) = (f for f in found if f.both)
    assert fit.data.key == "jtiptj"
    assert fit.covid == fit.normal == (("train",),)
    assert [f.data.key for f in found if f.covid] == ["jtiptj", "prashant268"]
    assert len([f for f in found if f.normal]) == 4
    assert forensics.fitting(forensics.class_pairs(*COUNTS)) == [fit.data.title]
    assert forensics.fitting([(461, 1340)]) == forensics.fitting([]) == []


def test_sets_that_give_one_class_each_are_named() -> None:
    mixed = forensics.mixtures(forensics.fits(forensics.datasets(), 460, 1341))
    assert ("prashant268", "paultimothymooney") in mixed
    assert ("jtiptj", "jtiptj") not in mixed
    assert len(mixed) == len(set(mixed)) == 2 * 4 - 1


def test_what_the_paper_left_unused_is_counted() -> None:
    data = forensics.dataset("jtiptj")
    parts = ["val", "test"]
    assert data.count("COVID19", parts) + data.count("NORMAL", parts) == 358


def invented(**parts: dict[str, int]) -> DataSet:
    return DataSet(
        key="k", title="Invented", url="u", stated_by="owner", published="p", parts=parts
    )


def test_parts_are_added_and_every_choice_is_told() -> None:
    data = invented(a={"COVID19": 3, "NORMAL": 9}, b={"COVID19": 2}, c={"COVID19": 1, "NORMAL": 1})
    (fit,) = forensics.fits([data], 3, 10)
    assert fit.covid == (("a",), ("b", "c"))
    assert fit.normal == (("a", "c"),)  # b has no NORMAL and adds nothing
    row = forensics.compare([fit]).iloc[0]
    assert row["COVID19 fits"] == "a or b + c"
    assert row["NORMAL"] == "a 9, c 1"
    (none,) = forensics.fits([data], 4, 2)
    assert none.covid == (("a", "c"),) and not none.normal and not none.both


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 20))
def test_every_sum_of_parts_is_searched(sizes: list[int], wanted: int) -> None:
    data = invented(**{f"p{i}": {"COVID19": n, "NORMAL": 1} for i, n in enumerate(sizes)})
    (fit,) = forensics.fits([data], wanted, 99)
    naive = sum(
        sum(choice) == wanted for k in range(1, len(sizes) + 1) for choice in combinations(sizes, k)
    )
    assert len(fit.covid) == naive


def test_a_set_with_an_unknown_key_or_an_empty_class_is_an_error() -> None:
    with pytest.raises(ValidationError):
        invented(a={"COVID19": 0})
    with pytest.raises(ValidationError):
        DataSet.model_validate({**invented(a={"NORMAL": 1}).model_dump(), "sure": True})


# --- tools ---------------------------------------------------------------------------------


def test_tools_are_told_apart_by_what_they_hold_out() -> None:
    table = forensics.split_functions(460, 1341, 0.2, 92, 268)
    rows = table[["kept", "held_out", "COVID19", "NORMAL"]].T.to_dict("list")
    assert rows["Keras ImageDataGenerator"] == [1441, 360, 92, 268]
    assert rows["scikit-learn train_test_split"][:2] == [1440, 361]
    assert rows["scikit-learn train_test_split, stratified"][:2] == [1440, 361]
    assert rows["Keras image_dataset_from_directory"][:2] == [1441, 360]
    chances = table["chance"].to_dict()
    assert chances["Keras ImageDataGenerator"] == 1
    assert chances["scikit-learn train_test_split, stratified"] == 0
    assert chances["scikit-learn train_test_split"] == 0
    assert chances["Keras image_dataset_from_directory"] == pytest.approx(0.054, abs=5e-4)
    # Rounding by class agrees as well, and so do four of five folds.
    assert chances["pandas groupby.sample"] == 1
    assert chances["scikit-learn StratifiedKFold, one fold"] == pytest.approx(0.8)


def test_the_chance_of_a_composition_is_that_of_draws() -> None:
    assert forensics.chance(1, 1, 1, 0) == pytest.approx(0.5)
    assert forensics.chance(3, 2, 2, 1) == pytest.approx(3 * 2 / 10)
    assert sum(forensics.chance(5, 7, k, 4 - k) for k in range(5)) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 200), st.integers(5, 200))
def test_every_tool_divides_all_images(covid: int, normal: int) -> None:
    held = int(0.2 * covid), int(0.2 * normal)
    table = forensics.split_functions(covid, normal, 0.2, *held)
    sizes = table[["kept", "held_out"]].dropna().astype(int)
    assert (sizes.sum(axis=1) == covid + normal).all()
    assert table["chance"].between(0, 1).all()
    assert table.loc["Keras ImageDataGenerator", "chance"] == 1


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


def test_dumb_cases() -> None:
    assert forensics.shared_patients(images("p", "p"), ["0000"]) == 1
    assert forensics.shared_patients(images("p", "q"), ["0000"]) == 0
    assert forensics.shared_patients(images("p", "p", "p"), ["0000", "0001"]) == 2
    assert forensics.shared_patients(images("p", "p"), ["0000", "0001"]) == 0  # nothing is left
    assert forensics.shared_patients(images("p", "p"), []) == 0
    assert forensics.shared_patients(images(None, None), ["0000"]) == 0  # not one unknown patient


def test_a_name_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in the listing"):
        forensics.shared_patients(images("p"), ["elsewhere"])


@given(
    st.lists(st.sampled_from(["p", "q", "r", None]), min_size=1, max_size=12),
    st.integers(0, 2**12 - 1),
)
def test_sharing_is_what_a_loop_counts(patients: list[str | None], bits: int) -> None:
    held = [bool(bits >> i & 1) for i in range(len(patients))]
    table = images(*patients)
    assert forensics.shared_patients(table, table["name"][held].tolist()) == naive(patients, held)


def test_names_are_sorted_as_text() -> None:
    names = [f"COVID19({i}).jpg" for i in range(15)]
    assert forensics.first_by_name(names, 0.2) == [f"COVID19({i}).jpg" for i in (0, 1, 10)]
    assert forensics.first_by_name(reversed(names), 0.2) == forensics.first_by_name(names, 0.2)
    assert forensics.first_by_name(["a", "b", "c", "d"], 0.2) == []


def test_the_study_holds_out_the_same_images() -> None:
    names = [f"COVID19({i}).jpg" for i in range(37)]
    rows = pd.DataFrame({"image_id": [f"COVID19/{n}" for n in names], "label": "COVID19"})
    split = splits.make(rows.assign(group_id=rows["image_id"]), "keras", 0.2)
    tested = split.loc[split["part"] == "test", "image_id"].str.removeprefix("COVID19/")
    assert sorted(tested) == forensics.first_by_name(names, 0.2)


def test_random_splits_agree_with_theory() -> None:
    """The expectation is in closed form: each patient's images, less those wholly held out."""
    sizes = [1] * 30 + [2] * 15 + [3] * 5 + [5] * 1
    listing = images(*(f"p{i}" for i, size in enumerate(sizes) for _ in range(size)))
    n = len(listing)
    k = int(0.2 * n)
    expected = sum(
        m * k / n - m * np.prod([(k - j) / (n - j) for j in range(m)]) for m in sizes if m > 1
    )
    found = forensics.overlap(listing, 0.2, 4000, 1)
    error = found.draws.std() / np.sqrt(len(found.draws))
    assert abs(found.draws.mean() - expected) < 5 * error
    assert found.held_out == k
    assert found.draws.shape == (4000,)


def test_neighbours_stay_together_where_names_decide() -> None:
    listing = images(*(f"p{i // 5}" for i in range(50)))
    found = forensics.overlap(listing, 0.2, 200, 0)
    assert found.keras == 0  # ten images are two whole patients
    assert found.draws.min() > 0
    summary = found.summary()
    assert summary["keras"] == 0 and summary["random"]["as_few"] == 0
    assert summary["random"]["low"] <= summary["random"]["median"] <= summary["random"]["high"]
    assert set(summary["random"]) >= {"mean", "smallest", "largest"}


def test_draws_depend_on_the_seed_alone() -> None:
    listing = images(*("ppqqrrsstt" * 2), *"abcdefghij")
    one, same, other = (forensics.overlap(listing, 0.2, 50, seed) for seed in (3, 3, 4))
    assert (one.draws == same.draws).all()
    assert (one.draws != other.draws).any()


def test_a_histogram_has_no_gaps() -> None:
    table = forensics.draws(np.array([3, 5, 3]))
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
    patients = ["secret1", "", "secret1", "NA", "NA", "lone", "", "secret1", "x", "y"]
    rows = [f"train,f{i}.jpg,s{i // 5},{p},{20 + i},http://u/{i}" for i, p in enumerate(patients)]
    return listing(tmp_path, *rows, "test,g0.jpg,s0,secret1,,", "test,g1.jpg,s1,,70,")


def test_a_listing_is_typed_and_unknown_patients_stay_unknown(tmp_path: Path) -> None:
    table = forensics.read_listing(ten(tmp_path))
    assert list(table.columns) == ["folder", "name", "source", "patient", "age"]
    train = table[table["folder"] == "train"]
    assert train["patient"].isna().sum() == 2
    assert train["patient"].iloc[3] == "s0/NA"  # a patient may be called NA
    # An id counts within its source.
    assert train["patient"].iloc[0] == "s0/secret1" and train["patient"].iloc[7] == "s1/secret1"
    assert table["age"].isna().sum() == 1


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ([], "", "No columns"),
        ([], HEADER, "no row has the kaggle_split 'train'"),
        (["test,a,s,p,1,u"], HEADER, "no row has the kaggle_split 'train'"),
        (["train,a,s,p,1,u"], HEADER.replace("patient_id", "patient"), "'patient_id' is missing"),
        (["train,a,s,p,1,u"] * 2, HEADER, "'a' is listed twice"),
        (["train,,s,p,1,u"], HEADER, "'kaggle_name' is not filled in"),
        (["train,a,,p,1,u"], HEADER, "'source' is not filled in"),
        (["train,a,s,p,old,u"], HEADER, "age 'old' is no number"),
        (['train,"a,s,p,1,u'], HEADER, "EOF"),
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
    assert [r.folder for r in records.every(results)] == [made.folder]
    with pytest.raises(Problem, match="COVIDCXR_DATA"):
        forensics.record(None, results, seed=7)  # of other draws


def test_it_is_said_whether_the_listing_was_counted(tmp_path: Path) -> None:
    path = ten(tmp_path)
    made = forensics.record(path, tmp_path / "results", resamples=10)
    assert forensics.status(made, path).startswith("Counted in the listing at hand: 10 files")
    shown = forensics.status(made, None)
    assert shown.startswith("Shown from the record")
    assert f"{made.created:%Y-%m-%d}" in shown


def test_a_class_without_known_ages_or_patients_is_counted(tmp_path: Path) -> None:
    path = listing(tmp_path, *(f"train,f{i},s,,," for i in range(5)))
    made = forensics.record(path, tmp_path / "results", resamples=10)
    assert made["ages"] == {"known": 0, "youngest": None, "median": None, "under_18": 0}
    assert made["shared"]["keras"] == made["shared"]["random"]["largest"] == 0
    assert made["patients"]["largest"] == made["patients"]["patients"] == 0
    assert made.table("patients").empty
