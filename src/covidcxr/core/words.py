"""Counts, lists and lines as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence


def plural(n: int, word: str) -> str:
    """Write a number before its word: "1 image", "2 images"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def listing(names: Sequence[str]) -> str:
    """Write names as a sentence lists them: "A, B and C"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def p_value(p: float) -> str:
    """Write a p value with three decimals, or with one digit below 0.001."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"


def one_line(text: object) -> str:
    """Join the lines of a text, for a sentence."""
    return " ".join(str(text).split())
