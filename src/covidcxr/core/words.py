"""Counts, lists and reasons within sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def plural(n: int, word: str) -> str:
    """Write a number before its word: "1 image", "2 images"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def listing(names: Sequence[str], word: str = "and") -> str:
    """Write names as a sentence lists them: "A, B and C"."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def p_value(p: float) -> str:
    """Write a p value with three decimals, or with one digit below 0.001."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"


def one_line(text: object) -> str:
    """Join the lines of a text, for a sentence."""
    return " ".join(str(text).split())


def printable(text: str) -> str:
    """Write characters that a terminal would obey, and halves of broken ones, as escapes."""
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def message(text: object, most: int = 2000) -> str:
    """Write a text for a terminal: printable, and its middle left out where it is long."""
    line = printable(str(text))
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 :]}"


def _escape(code: int) -> str:
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def shown(text: object, most: int = 60) -> str:
    """Write a value for a message: on one line, printable, cut to its first characters."""
    line = printable(one_line(text)[: most + 1])
    return line if len(line) <= most else f"{line[:most]}..."


def quoted(values: Iterable[object]) -> str:
    """Write values for a message, each in quotes: "'a', 'b'"; "none" for none."""
    return ", ".join(f"'{shown(value)}'" for value in values) or "none"


def failure(error: BaseException) -> str:
    """Write why something failed on one line, an error of the system without its path."""
    return one_line(getattr(error, "strerror", None) or error)
