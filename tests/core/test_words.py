"""Counts, lists and lines read as in a sentence."""

from covidcxr.core.words import listing, one_line, p_value, plural, shown


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


def test_a_value_is_shown_on_one_line_cut_and_with_escapes() -> None:
    assert shown("a\n b") == "a b"
    assert shown("\x1b[31m\u202e\U000e0001") == "\\x1b[31m\\u202e\\U000e0001"
    assert shown("a" * 61) == "a" * 60 + "..."
    assert shown("\u202e" * 10**6) == ("\\u202e" * 10)[:60] + "..."
