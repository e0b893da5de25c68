"""Counts as sentences have them."""

from covidcxr.core.words import in_words, some


def test_small_counts_are_words_and_none_is_no_zero() -> None:
    assert [in_words(n) for n in (0, 1, 12, 13, 1341)] == [
        "none", "one", "twelve", "13", "1,341"
    ]  # fmt: skip
    assert [some(*of) for of in ((0, 5), (1, 1), (2, 2), (5, 5), (3, 5), (0, 13), (10, 13))] == [
        "none of five", "one of one", "both", "all five", "three of five", "none of 13", "10 of 13"
    ]  # fmt: skip
