"""Text files, read whole."""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.errors import Unusable
from covidcxr.core.words import failure


def is_file(path: Path) -> bool:
    """Return whether a path leads to a file; not if its name is too long or its folder closed."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_text(path: Path, kind: str = "text", line: str = "line", most: int | None = None) -> str:
    """Read a text file.

    Parameters
    ----------
    path
        UTF-8, with or without a byte order mark, or UTF-16 with one.
    kind
        What the file should be, for an error: ``CSV``.
    line
        What a line of it is called in an error: ``row``.
    most
        Bytes that it may have; None for any number.

    Raises
    ------
    Unusable
        For a file that cannot be read, is too large, in another encoding, or holds a NUL.
    """
    try:
        with path.open("rb") as file:
            content = file.read(-1 if most is None else most + 1)
    except (OSError, ValueError) as error:
        raise Unusable(
            f"{path}: cannot be read as {kind} ({failure(error)}); check the file."
        ) from error
    if most is not None and len(content) > most:
        raise Unusable(f"{path}: is larger than {most / 1e6:g} MB; remove what is not needed.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise Unusable(
            f"{path}, {line} {number}: is not UTF-8 text; save the file as UTF-8."
        ) from error
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        raise Unusable(
            f"{path}, {line} {number}: holds a NUL character; save the file as UTF-8 text."
        )
    return text
