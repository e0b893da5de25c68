"""Linked rows form the closure of their links."""

from itertools import combinations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.validity.duplicates.components import connected_rows


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_groups_are_the_closure_of_links(links: list[tuple[int, int]]) -> None:
    label = connected_rows(12, pd.DataFrame(links, columns=["first", "second"], dtype=int))
    closed = [{i} for i in range(12)]
    for _ in range(12):
        for a, b in links:
            union = closed[a] | closed[b]
            for member in union:
                closed[member] = union
    for a, b in combinations(range(12), 2):
        assert (label[a] == label[b]) == (b in closed[a])
