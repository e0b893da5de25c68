"""Counts, lists and lines read as in a sentence."""

from covidcxr.core.words import listing, one_line, p_value, plural


def test_one_has_no_plural() -> None:
    assert [plural(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_the_last_two_names_are_joined_by_and() -> None:
    assert [listing("ABC"[:n]) for n in (1, 2, 3)] == ["A", "A and B", "A, B and C"]


def test_lines_are_joined() -> None:
    assert one_line(ValueError(" bad\n  value ")) == "bad value"


def test_small_p_values_keep_a_digit() -> None:
    assert [p_value(p) for p in (1, 0.0123, 0.001, 0.00042, 3e-7)] == [
        "1.000",
        "0.012",
        "0.001",
        "0.0004",
        "3e-07",
    ]
