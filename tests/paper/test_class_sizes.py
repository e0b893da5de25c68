"""Class sizes and public data sets that fit the paper's counts."""

from itertools import combinations
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from covidcxr.paper import class_sizes
from covidcxr.paper.class_sizes import Counts, DataSet

COUNTS = Counts(1441, 360, 92, 268)
FRACTIONS = st.sampled_from([0.1, 0.15, 0.2, 0.25, 0.3, 0.5])


def test_the_papers_counts_are_the_printed_ones() -> None:
    assert class_sizes.printed_counts() == COUNTS


def test_the_papers_counts_leave_two_pairs_of_class_sizes() -> None:
    assert class_sizes.class_pairs(COUNTS) == [(460, 1341), (461, 1340)]


def test_counts_that_contradict_each_other_leave_none() -> None:
    assert class_sizes.class_pairs(Counts(1441, 361, 92, 268)) == []  # 92 and 268 are no 361
    assert class_sizes.class_pairs(Counts(1000, 360, 92, 268)) == []  # 360 are no fifth of 1,360
    assert class_sizes.class_pairs(Counts(1441, 360, 100, 260)) == [(500, 1301), (501, 1300)]


def test_another_way_to_round_leaves_other_class_sizes() -> None:
    left = class_sizes.pairs_by_rule(COUNTS)
    assert left["down"] == [(460, 1341), (461, 1340)]
    assert left["nearest"] == [(459, 1342), *left["down"], (462, 1339)]
    # Whatever the rule, one set and one pair of sizes fit.
    every = sorted({pair for pairs in left.values() for pair in pairs})
    assert [pair for pair in every if class_sizes.fitting([pair])] == [(460, 1341)]


def test_counts_that_contradict_each_other_leave_none_by_any_rule() -> None:
    for counts in (Counts(1441, 361, 92, 268), Counts(1000, 360, 92, 268)):
        assert not any(class_sizes.pairs_by_rule(counts).values())


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.integers(5, 60))
def test_every_rule_leaves_the_true_sizes_that_its_tool_divided(covid: int, normal: int) -> None:
    labels = pd.Series(["COVID19"] * covid + ["NORMAL"] * normal)
    held = labels.groupby(labels).sample(frac=0.2, random_state=0)
    c, n = int((held == "COVID19").sum()), int((held == "NORMAL").sum())
    left = class_sizes.pairs_by_rule(Counts(covid + normal - c - n, c + n, c, n))
    assert (covid, normal) in left["nearest"]


@given(st.integers(1, 700), st.integers(1, 700), FRACTIONS)
def test_the_true_sizes_are_always_among_those_left(covid: int, normal: int, share: float) -> None:
    c, n = (int(share * size) for size in (covid, normal))
    pairs = class_sizes.class_pairs(
        Counts(covid + normal - c - n, c + n, c, n), lambda n: int(share * n)
    )
    assert (covid, normal) in pairs
    assert all(int(share * a) == c and int(share * b) == n for a, b in pairs)
    assert {a + b for a, b in pairs} == {covid + normal}


# --- data sets -----------------------------------------------------------------------------


def data_set(key: str) -> DataSet:
    return next(data for data in class_sizes.data_sets() if data.key == key)


def test_the_public_sets_add_up_to_what_is_stated_of_them() -> None:
    totals = {
        data.key: sum(sum(part.values()) for part in data.parts.values())
        for data in class_sizes.data_sets()
    }
    assert totals["jtiptj"] == 7135
    assert totals["prashant268"] == 6432
    assert totals["rahimzadeh"] == 15085
    assert totals["radiography-3"] == 21165
    assert totals["paultimothymooney"] == 5216 + 16 + 624
    assert totals["covidx-cxr-3"] == 29634 + 400
    assert totals["asraf-islam"] == 6939
    assert len(totals) == len(class_sizes.data_sets())  # no key stands twice
    one, other = data_set("jtiptj"), data_set("prashant268")
    of_class: dict[Any, int] = {"COVID19": 576, "NORMAL": 1583, "PNEUMONIA": 4273}
    for label, total in of_class.items():
        assert one.count(label) == other.count(label) == total


def test_one_set_alone_has_both_class_sizes() -> None:
    found = class_sizes.fit(class_sizes.data_sets(), 460, 1341)
    (fit,) = (f for f in found if f.both)
    assert fit.data.key == "jtiptj"
    assert fit.covid == fit.normal == (("train",),)
    assert [f.data.key for f in found if f.covid] == ["jtiptj", "prashant268"]
    assert len([f for f in found if f.normal]) == 4
    assert class_sizes.fitting(class_sizes.class_pairs(COUNTS)) == [fit.data]
    assert class_sizes.fitting([(461, 1340)]) == class_sizes.fitting([]) == []


def test_sets_that_give_one_class_each_are_named() -> None:
    mixed = list(class_sizes.mixtures(class_sizes.fit(class_sizes.data_sets(), 460, 1341)))
    assert ("prashant268", "paultimothymooney") in mixed
    assert ("jtiptj", "jtiptj") not in mixed
    assert len(mixed) == len(set(mixed)) == 2 * 4 - 1


def test_what_the_paper_left_unused_is_counted() -> None:
    data = data_set("jtiptj")
    parts = ["val", "test"]
    assert data.count("COVID19", parts) + data.count("NORMAL", parts) == 358


def invented(**parts: dict[str, int]) -> DataSet:
    return DataSet(
        key="k", title="Invented", url="u", stated_by="owner", published="p", parts=parts
    )


def test_parts_are_added_and_every_choice_is_told() -> None:
    data = invented(a={"COVID19": 3, "NORMAL": 9}, b={"COVID19": 2}, c={"COVID19": 1, "NORMAL": 1})
    (fit,) = class_sizes.fit([data], 3, 10)
    assert fit.covid == (("a",), ("b", "c"))
    assert fit.normal == (("a", "c"),)  # b has no NORMAL and adds nothing
    row = class_sizes.as_table([fit]).iloc[0]
    assert row["COVID19 fits"] == "a or b + c"
    assert row["NORMAL"] == "a 9, c 1"
    (none,) = class_sizes.fit([data], 4, 2)
    assert none.covid == (("a", "c"),) and not none.normal and not none.both


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 20))
def test_every_sum_of_parts_is_searched(sizes: list[int], wanted: int) -> None:
    data = invented(**{f"p{i}": {"COVID19": n, "NORMAL": 1} for i, n in enumerate(sizes)})
    (fit,) = class_sizes.fit([data], wanted, 99)
    naive = sum(
        sum(choice) == wanted for k in range(1, len(sizes) + 1) for choice in combinations(sizes, k)
    )
    assert len(fit.covid) == naive


def test_a_set_with_an_unknown_key_or_an_empty_class_is_an_error() -> None:
    with pytest.raises(ValidationError):
        invented(a={"COVID19": 0})
    with pytest.raises(ValidationError):
        DataSet.model_validate({**invented(a={"NORMAL": 1}).model_dump(), "sure": True})
