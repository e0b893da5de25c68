"""Tables fit the page, and words break where they join."""

from hypothesis import given
from hypothesis import strategies as st

from covidcxr.book import markup, typeset


def test_columns_under_a_merged_cell_share_its_width() -> None:
    (table,) = markup.to_nodes(
        "<table><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>"
        "<tr><th rowspan=2>r</th><td colspan=2>wide</td></tr><tr><td>1</td><td>2</td></tr></table>"
    )
    assert typeset.widths(table) == [(1, 1), (2, 2), (2, 2)]


def test_a_narrow_table_is_as_wide_as_it_is_and_a_wide_one_fills_the_line() -> None:
    assert typeset.layout([(5, 9), (4, 6)]) == ("footnotesize", "ll")
    size, specification = typeset.layout([(10, 40), (12, 300)])
    assert size == "footnotesize"
    assert specification.count("X") == 2
    shares = shared(specification)
    assert shares[1] > shares[0]


def shared(specification: str) -> list[int]:
    return [int(part.partition("}")[0]) for part in specification.split(r"\X{")[1:]]


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 400)).map(lambda w: (w[0], w[0] + w[1])),
        min_size=1, max_size=12,
    ),
    st.booleans(),
)  # fmt: skip
def test_columns_share_no_more_than_the_line(lengths: list[tuple[int, int]], merged: bool) -> None:
    size, specification = typeset.layout(lengths, merged)
    assert size in ("footnotesize", "scriptsize", "tiny")
    if "X" in specification:
        assert len(shared(specification)) == len(lengths)
        assert sum(shared(specification)) <= 1000 + len(lengths)
        assert min(shared(specification)) > 0
    else:
        assert specification == "l" * len(lengths)
        assert sum(whole for _, whole in lengths) <= typeset.LINE * 1.15


@given(st.text(st.sampled_from("ab_-./(= "), max_size=30))
def test_a_break_adds_nothing_that_is_seen(code: str) -> None:
    assert typeset.breakable(code).replace("\u200b", "") == code


def test_code_breaks_where_its_words_join() -> None:
    assert typeset.breakable("average_accuracy(a-b)") == ("average_\u200baccuracy(\u200ba-\u200bb)")
