"""Ids are equal exactly where they mean the same."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import identifiers


def ids(*values: str | None) -> "pd.Series[str]":
    return pd.Series(values, dtype="string")


@pytest.mark.parametrize("word", ["NA", "nan", "Unknown", "-", "?", "n/a", "None", "", None])
def test_words_that_say_that_nothing_is_known(word: str | None) -> None:
    known, (remark,) = identifiers.resolve(ids(word, "p"), "patient")
    assert known.to_list() == [pd.NA, "p"]
    assert remark.startswith("1 of 2 images have no known patient")


@pytest.mark.parametrize("name", ["Nan Li", "0", "NA-7", "-1", "p.", "unknown-3"])
def test_names_that_only_resemble_such_words_are_names(name: str) -> None:
    assert not identifiers.is_unknown(ids(name)).any()


def test_numbers_of_one_value_are_one_id_and_names_are_kept() -> None:
    known, (remark,) = identifiers.resolve(
        ids("7", "7.0", "007", "70", "7a", "1.5", "0"), "patient"
    )
    assert known.to_list() == ["7", "7", "7", "70", "7a", "1.5", "0"]
    assert remark == (
        "1 patient id is written in several ways that mean the same ('007', '7', '7.0'); they "
        "count as one."
    )


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=8), st.data())
def test_any_spelling_of_a_number_groups_as_the_number(
    values: list[int], data: st.DataObject
) -> None:
    spelled = [
        "0" * data.draw(st.integers(0, 3)) + str(v) + data.draw(st.sampled_from(["", ".", ".00"]))
        for v in values
    ]
    known, _ = identifiers.resolve(ids(*spelled), "patient")
    assert known.to_list() == [str(v) for v in values]
