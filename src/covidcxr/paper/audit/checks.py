"""What a key of an audited file must hold; what is malformed is named with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from covidcxr.core.errors import Unusable
from covidcxr.core.words import shown
from covidcxr.paper.audit import printed
from covidcxr.paper.audit.names import SIGNED, UNBOUNDED
from covidcxr.paper.audit.printed import Entry

Sizes = tuple[int, int]
"""Positive and negative images."""

LARGEST = 10**12
FOLDS = 1000
CELLS = ("TP", "FN", "FP", "TN")


def count(value: Any, where: str) -> int:
    """Return a count of images."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(f"{where}: {quote(value)} is no whole number; give a count of images.")
    if value < 0:
        raise Unusable(f"{where}: {shown(value)} is negative; give a count of images.")
    if value > LARGEST:
        raise Unusable(
            f"{where}: {shown(value, 20)} is more images than there are; give a count of images."
        )
    return value


def cells(content: Any, where: str) -> tuple[int, ...]:
    """Return tp, fn, fp, tn."""
    keys(content, where, {*CELLS})
    return tuple(count(content[c], f"{where}, {c}") for c in CELLS)


def entry(value: Any, where: str, score: str) -> Entry:
    """Return a printed value of a score, by the auditor's name of it."""
    if not isinstance(value, str):
        raise Unusable(
            f"{where}: {quote(value)} is not in quotes; write it as printed, such as '77.22%' or "
            "'0.80', so that no digit is lost."
        )
    bounded = score not in UNBOUNDED
    try:
        cell = printed.entry(value, bounded)
    except ValueError as error:
        raise Unusable(f"{where}: '{shown(value)}' {error}; write it as printed.") from error
    number = cell.value.value
    if bounded and number > 1:
        said = "above 100%" if "%" in cell.value.text else "above 1; write % behind a percentage"
        raise Unusable(f"{where}: '{shown(value)}' is {said}; correct it.")
    if number < (-1 if score in SIGNED else 0):
        raise Unusable(f"{where}: '{shown(value)}' is below what the score can be; correct it.")
    return cell


def entries(content: Any, where: str, score: str) -> tuple[Entry, ...]:
    """Return the printed values of a score, of which a file gives one or a list."""
    if content == []:
        raise Unusable(f"{where}: lists no value; give one or remove the line.")
    listed = content if isinstance(content, list) else [content]
    return tuple(entry(value, where, score) for value in listed)


def folds(content: Any, where: str) -> int:
    """Return a number of folds."""
    number = count(content, where)
    if not 1 <= number <= FOLDS:
        raise Unusable(f"{where}: {number} is no number of folds from 1 to 1,000; correct it.")
    return number


def text(value: Any, where: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"{where}: {quote(value)} is no text; put it in quotes.")
    return value


def quote(value: Any) -> str:
    """Quote a value; of what holds others, only its kind."""
    if isinstance(value, Mapping | list):
        return "a list" if isinstance(value, list) else "a group of lines"
    return shown(repr(value))


def choice(value: Any, where: str, choices: Iterable[str]) -> str:
    """Return one of several words."""
    if isinstance(value, bool):  # true is a word here, and a truth value in YAML
        value = str(value).lower()
    if value not in choices:
        raise Unusable(f"{where}: {quote(value)} is neither {' nor '.join(choices)}; correct it.")
    return str(value)


def keys(content: Any, where: str, required: set[str], optional: Iterable[str] = ()) -> None:
    """Refuse unknown keys, and ask for missing ones."""
    if not isinstance(content, Mapping):
        raise Unusable(f"{where}: should hold 'key: value' lines: {', '.join(sorted(required))}.")
    for key in content:
        if key not in {*required, *optional}:
            known = ", ".join(sorted({*required, *optional}))
            raise Unusable(f"{where}: key '{shown(key)}' is unknown; known are {known}.")
    for key in sorted(required):
        if content.get(key) is None:
            raise Unusable(f"{where}: key '{key}' is missing; add it.")


def sizes(content: Any, where: str) -> Sizes | None:
    """Read positive and negative images."""
    if content is None:
        return None
    keys(content, where, {"positive", "negative"})
    positive, negative = (
        count(content[key], f"{where}, {key}") for key in ("positive", "negative")
    )
    if 0 in (positive, negative):
        raise Unusable(f"{where}: has a class without images; an audit needs both classes.")
    return positive, negative


def yes(content: Mapping[str, Any], key: str, where: str) -> bool:
    """Read true or false; false where the key is missing."""
    value = content.get(key, False)
    if not isinstance(value, bool):
        raise Unusable(f"{where}, {key}: {quote(value)} is neither true nor false; correct it.")
    return value
