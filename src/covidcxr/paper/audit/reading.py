"""What a paper reports, read from YAML; what is malformed is named with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem
from covidcxr.paper import publication
from covidcxr.paper.audit import printed
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.scores import NAMES, SIGNED, UNBOUNDED

_LARGEST = 10**12

PREVALENCES = ("1%", "5%", "10%", "50%")
"""Shares of positives to which predictive values are carried over where a file names none."""


@dataclass(frozen=True)
class ReportedTable:
    """One table of a paper.

    Attributes
    ----------
    name
        The model or table that it reports.
    matrix
        Shape (2, 2), as printed; None where the paper prints scores alone.
    rows
        What the paper says its rows are: ``predicted`` or ``true``.
    first
        Which class stands first, in rows and columns: ``positive`` or ``negative``.
    reported
        Printed values by the paper's name of the score.
    """

    name: str
    matrix: tuple[tuple[int, int], tuple[int, int]] | None
    rows: str
    first: str
    reported: dict[str, tuple[Printed, ...]]


@dataclass(frozen=True)
class Paper:
    """What a paper reports.

    Attributes
    ----------
    title
        Its name.
    test_set
        Positive and negative images, where it states them.
    prevalences
        Shares of positives to which predictive values are carried over.
    tables
        Its tables.
    """

    title: str
    test_set: tuple[int, int] | None
    prevalences: tuple[float, ...]
    tables: tuple[ReportedTable, ...]


def read(path: Path) -> Paper:
    """Read a paper's report from a YAML file.

    Raises
    ------
    Problem
        For a file that cannot be read, and for the first thing in it that is malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        known = ", ".join(examples())
        raise Problem(
            f"{path}: cannot be read ({reason}); give a YAML file or one of the examples: {known}."
        ) from error
    return parse(strict_yaml.parse(text, f"{path}: is"), str(path))


def examples() -> list[str]:
    """Return the names of the examples that come with the package."""
    folder = files("covidcxr").joinpath("data/audits")
    return ["seedpaper", *sorted(item.name.removesuffix(".yaml") for item in folder.iterdir())]


def example(name: str) -> Any:
    """Return the content of an example, as `parse` takes it."""
    if name == "seedpaper":
        return publication.reported()
    path = files("covidcxr").joinpath(f"data/audits/{name}.yaml")
    return yaml.safe_load(path.read_text("utf-8"))


def parse(content: Any, where: str) -> Paper:
    """Check what a paper reports.

    Parameters
    ----------
    content
        The parsed YAML.
    where
        The file to name in an error.

    Raises
    ------
    Problem
        For the first thing that is malformed, with its place.
    """
    _keys(content, where, required={"title", "tables"}, optional={"test_set", "prevalences"})
    test_set = None
    if content.get("test_set") is not None:
        at = f"{where}: test_set"
        _keys(content["test_set"], at, required={"positive", "negative"})
        test_set = tuple(
            _count(content["test_set"][k], f"{at}, {k}") for k in ("positive", "negative")
        )
        if 0 in test_set:
            raise Problem(f"{at}: has a class without images; an audit needs both classes.")
    tables = content["tables"]
    if not isinstance(tables, list) or not tables:
        raise Problem(f"{where}: tables: should be a list of at least one table.")
    parsed = tuple(
        _table(table, f"{where}: tables, item {i}", test_set is not None)
        for i, table in enumerate(tables, 1)
    )
    names = [table.name for table in parsed]
    for name in names:
        if names.count(name) > 1:
            raise Problem(f"{where}: tables: two are named '{name}'; name each differently.")
    shares = content.get("prevalences")
    shares = list(PREVALENCES) if shares is None else shares
    if not isinstance(shares, list) or not shares:
        raise Problem(f"{where}: prevalences: should be a list such as ['1%', '10%'].")
    prevalences = tuple(
        _printed(share, f"{where}: prevalences, item {i}").value
        for i, share in enumerate(shares, 1)
    )
    title = _name(content["title"], f"{where}: title")
    return Paper(title, test_set, prevalences, parsed)  # type: ignore[arg-type]


def _table(content: Any, where: str, known_size: bool) -> ReportedTable:
    _keys(content, where, required={"name"}, optional={"matrix", "rows", "first", "reported"})
    name = _name(content["name"], f"{where}, name")
    where = f"{where} ({name})"
    matrix = None
    if content.get("matrix") is not None:
        matrix = _matrix(content["matrix"], f"{where}, matrix")
        if "rows" not in content:
            raise Problem(
                f"{where}: key 'rows' is missing; say what the paper says its rows are, "
                "predicted or true."
            )
    elif not known_size:
        raise Problem(
            f"{where}: has no matrix; give one, or give test_set, so that the scores can be "
            "checked against the number of images."
        )
    rows = _choice(content.get("rows", "true"), f"{where}, rows", ("predicted", "true"))
    first = _choice(content.get("first", "positive"), f"{where}, first", ("positive", "negative"))
    given = {} if content.get("reported") is None else content["reported"]
    if not isinstance(given, Mapping):
        raise Problem(f"{where}, reported: should hold lines such as accuracy: '77.22%'.")
    if matrix is None and not given:
        raise Problem(f"{where}: has neither a matrix nor reported scores; give one of them.")
    reported = {}
    for score, values in given.items():
        at = f"{where}, reported, {score}"
        if score not in NAMES:
            raise Problem(f"{at}: is an unknown score; known are {', '.join(NAMES)}.")
        if values == []:
            raise Problem(f"{at}: lists no value; give one or remove the line.")
        reported[str(score)] = tuple(
            _printed(v, at, NAMES[score])
            for v in (values if isinstance(values, list) else [values])
        )
    return ReportedTable(name, matrix, rows, first, reported)


def _matrix(content: Any, where: str) -> tuple[tuple[int, int], tuple[int, int]]:
    shaped = isinstance(content, list) and len(content) == 2
    if not shaped or any(not isinstance(row, list) or len(row) != 2 for row in content):
        raise Problem(f"{where}: should have two rows of two counts, as in [[70, 22], [60, 208]].")
    a, b, c, d = (
        _count(cell, f"{where}, row {i}, column {j}")
        for i, row in enumerate(content, 1)
        for j, cell in enumerate(row, 1)
    )
    if a + b + c + d == 0:
        raise Problem(f"{where}: counts no image at all; correct it.")
    return (a, b), (c, d)


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem(f"{where}: {value!r} is no whole number; give a count of images.")
    if value < 0:
        raise Problem(f"{where}: {value} is negative; give a count of images.")
    if value > _LARGEST:
        raise Problem(f"{where}: {value} is more images than there are; give a count of images.")
    return value


def _printed(value: Any, where: str, score: str = "") -> Printed:
    if not isinstance(value, str):
        raise Problem(
            f"{where}: {value!r} is not in quotes; write it as printed, such as '77.22%' or "
            "'0.80', so that no digit is lost."
        )
    try:
        parsed = printed.parse(value)
    except ValueError as error:
        raise Problem(f"{where}: '{value}' {error}; write it as printed.") from error
    if parsed.value < 0 and score in UNBOUNDED:
        raise Problem(f"{where}: '{value}' is below what the score can be; correct it.")
    if score in UNBOUNDED:
        return parsed
    if parsed.value > 1:
        said = "above 100%" if "%" in value else "above 1; write % behind a percentage"
        raise Problem(f"{where}: '{value}' is {said}; correct it.")
    if (parsed.value < 0 and score not in SIGNED) or parsed.value < -1:
        raise Problem(f"{where}: '{value}' is below what the score can be; correct it.")
    return parsed


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Problem(f"{where}: {value!r} is no text; put it in quotes.")
    return value


def _choice(value: Any, where: str, choices: Iterable[str]) -> str:
    if isinstance(value, bool):  # true is a word here, and a truth value in YAML
        value = str(value).lower()
    if value not in choices:
        raise Problem(f"{where}: '{value}' is neither {' nor '.join(choices)}; correct it.")
    return str(value)


def _keys(
    content: Any,
    where: str,
    required: set[str],
    optional: set[str] = frozenset(),  # type: ignore[assignment]
) -> None:
    if not isinstance(content, Mapping):
        raise Problem(f"{where}: should hold 'key: value' lines: {', '.join(sorted(required))}.")
    for key in content:
        if key not in required | optional:
            known = ", ".join(sorted(required | optional))
            raise Problem(f"{where}: key '{key}' is unknown; known are {known}.")
    for key in sorted(required):
        if content.get(key) is None:
            raise Problem(f"{where}: key '{key}' is missing; add it.")
