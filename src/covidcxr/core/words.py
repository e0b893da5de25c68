"""Counts, lists and reasons within sentences."""

from __future__ import annotations

from collections.abc import Sequence


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


def failure(error: BaseException) -> str:
    """Write why something failed on one line, an error of the system without its path."""
    return one_line(getattr(error, "strerror", None) or error)
