"""What is planted into two parts of a split must be named, and nothing else."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.cohorts import splits
from covidcxr.validity import overlap

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
    units = overlap.shared(two_parts("ab", "cd"), rows)
    assert units == [
        {"kind": "patient", "name": "p", "parts": {"train": ["a"], "test": ["c"]}},
        {"kind": "group", "name": "1", "parts": {"train": ["a"], "test": ["c"]}},
        {"kind": "group", "name": "2", "parts": {"train": ["b"], "test": ["d"]}},
    ]
    assert overlap.affected(units) == ["c", "d"]


def test_an_unknown_patient_is_not_one_patient() -> None:
    rows = table(image_id=["a", "b"], patient_id=[None, None], sha256=[None, None])
    assert overlap.shared(two_parts("a", "b"), rows) == []


def test_equal_hashes_of_files_are_exact_copies() -> None:
    rows = table(image_id=["a", "b", "c"], sha256=["1", "2", "1"])
    (unit,) = overlap.shared(two_parts("ab", "c"), rows)
    assert unit == {"kind": "exact", "name": "a", "parts": {"train": ["a"], "test": ["c"]}}


def test_copies_hang_together_and_one_near_link_makes_them_near() -> None:
    rows = table(image_id=["a", "b", "c", "d"])
    links = table(image_a=["a", "b"], image_b=["b", "c"], kind=["exact", "near"])
    (unit,) = overlap.shared(two_parts("ab", "cd"), rows, links)
    assert unit == {"kind": "near", "name": "a", "parts": {"train": ["a", "b"], "test": ["c"]}}
    # With the link in the middle outside of the split, nothing is shared through it.
    assert overlap.shared(two_parts("a", "c"), rows, links) == []


def test_validation_is_a_part_like_the_others() -> None:
    split = table(image_id=["a", "b", "c"], part=["validation", "test", "train"])
    (unit,) = overlap.shared(split, table(image_id=["a", "b", "c"], patient_id=["p", "p", "q"]))
    assert unit["parts"] == {"validation": ["a"], "test": ["b"]}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), PARTS), min_size=1, max_size=14))
def test_shared_names_exactly_the_pairs_that_are_torn(rows: list[tuple[int, int, str]]) -> None:
    names = [f"i{k}" for k in range(len(rows))]
    known = table(
        image_id=names,
        patient_id=[f"p{p}" for p, _, _ in rows],
        sha256=[f"h{h}" for _, h, _ in rows],
    )
    split = table(image_id=names, part=[part for _, _, part in rows])
    units = overlap.shared(split, known)
    for kind, at in (("patient", 0), ("exact", 1)):
        expected = {
            frozenset((names[i], names[j]))
            for i, j in combinations(range(len(rows)), 2)
            if rows[i][at] == rows[j][at] and rows[i][2] != rows[j][2]
        }
        pairs = {
            frozenset(pair)
            for one in units
            if one["kind"] == kind
            for a, b in combinations(one["parts"].values(), 2)
            for pair in ((x, y) for x in a for y in b)
        }
        assert pairs == expected


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
