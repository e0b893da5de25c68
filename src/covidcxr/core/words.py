"""Counts as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence

_WORDS = (
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip


def in_words(n: int) -> str:
    """Write a count in words where it is small, for a sentence; 0 is none."""
    return _WORDS[n] if n < len(_WORDS) else f"{n:,}"


def some(n: int, of: int) -> str:
    """Write in words how many of some things, for a sentence."""
    if n == of > 1:
        return "both" if of == 2 else f"all {in_words(of)}"
    # A small number beside a large one is written as that is.
    return f"{in_words(n) if of < len(_WORDS) else n or 'none'} of {in_words(of)}"


def plural(n: int, word: str) -> str:
    """Write a number before its word: "1 image", "2 images"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def listing(names: Sequence[str]) -> str:
    """Write names as a sentence lists them: "A, B and C"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def one_line(text: object) -> str:
    """Join the lines of a text, for a sentence."""
    return " ".join(str(text).split())
