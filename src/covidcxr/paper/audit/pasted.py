"""Tables pasted from a paper: CSV, TSV or Markdown, a row a model, a column a score or a count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from covidcxr.core.errors import Unusable
from covidcxr.core.text_files import read_text
from covidcxr.core.words import plural, quoted, shown
from covidcxr.paper.audit import reading
from covidcxr.paper.audit.names import canonical

SUFFIXES = (".csv", ".tsv", ".md", ".markdown")
"""Endings of files that are read as tables."""

NAME, SKIPPED = "name", "-"
_NAMES = {NAME, "", "model", "network", "method", "classifier", "architecture", "study", "test"}
_COUNTS = ("TP", "FN", "FP", "TN")
_EMPTY = {"", "-", "–", "—", "na", "n/a", "nr", "."}
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_COUNT = re.compile(r"\d{1,3}(,\d{3})+|\d{1,12}", re.ASCII)
_PERCENT = re.compile(r"\s*[(\[]?\s*(?:in\s*)?%\s*[)\]]?\s*$")
_FIRST_NUMBER = re.compile(r"^([-−+]?[\d.,·]++)(?!\s*[%/])")


class _Column(NamedTuple):
    title: str
    kind: str
    """`NAME`, `SKIPPED`, one of TP, FN, FP and TN, or a score."""
    percent: bool


class _Rows(NamedTuple):
    header: list[str]
    cells: list[tuple[int, list[str]]]
    """Each row with its number in the file."""


def read(
    path: Path,
    columns: Sequence[str] | None = None,
    test_set: str | None = None,
) -> reading.Paper:
    """Read a table as a paper prints it.

    Parameters
    ----------
    path
        A file that ends in one of `SUFFIXES`.
    columns
        What the columns hold, in their order: ``name``, ``TP``, ``FN``, ``FP``, ``TN``, a score,
        or ``-`` for one that is skipped. Left out, the header says so.
    test_set
        Positive and negative images: ``92+268``.

    Raises
    ------
    Unusable
        For the first thing that is malformed, with its row and column.
    """
    rows = (_of_csv if path.suffix.lower() in (".csv", ".tsv") else _of_markdown)(path)
    named = _columns(path, rows.header, columns)
    tables, seen = [], dict[str, int]()
    for number, cells in rows.cells:
        table = _table(f"{path}, row {number}", named, cells)
        if first := seen.get(table["name"]):
            raise Unusable(
                f"{path}, row {number}: '{shown(table['name'])}' stands in row {first}, too; name "
                "each differently."
            )
        seen[table["name"]] = number
        tables.append(table)
    content: dict[str, Any] = {"title": path.stem, "tables": tables}
    if test_set is not None:
        content["test_set"] = sizes(test_set)
    return reading.parse(content, str(path))


def sizes(text: str) -> dict[str, int]:
    """Read positive and negative images: ``92+268``."""
    parts = [part.strip() for part in text.split("+")]
    if len(parts) != 2 or not all(_COUNT.fullmatch(part) for part in parts):
        raise Unusable(
            f"--test-set {shown(text)}: should be positive and negative images, such as 92+268."
        )
    positive, negative = (int(part.replace(",", "")) for part in parts)
    return {"positive": positive, "negative": negative}


def _of_csv(path: Path) -> _Rows:
    """Read a file of cells between commas, tabs or, as where commas are decimal, semicolons."""
    from covidcxr.core import csv_tables  # pandas comes with it

    header = read_text(path, "CSV", "row").partition("\n")[0]
    delimiter = next((mark for mark in ",\t;" if mark in header), ",")
    table = csv_tables.read(path, delimiter)
    cells = table.fillna("").astype(str).to_numpy().tolist()
    rows = [(csv_tables.row_of(table, i), row) for i, row in enumerate(cells)]
    return _Rows([_plain(name) for name in table.columns], rows)


def _of_markdown(path: Path) -> _Rows:
    """Read the one table of a Markdown file, whatever text stands around it."""
    lines = read_text(path, "Markdown").splitlines()
    rules = [i for i, line in enumerate(lines) if "|" in line and _RULE.fullmatch(line.strip())]
    if len(rules) != 1 or rules[0] == 0:
        raise Unusable(
            f"{path}: holds {plural(len(rules), 'table')} with a rule such as |---|---| below its "
            "header; one is needed."
        )
    below = rules[0] + 1
    header = _cells(lines[rules[0] - 1])
    rows = []
    for number, line in enumerate(lines[below:], below + 1):
        if "|" not in line:
            break
        cells = _cells(line)
        if len(cells) != len(header):
            raise Unusable(
                f"{path}, row {number}: has {plural(len(cells), 'cell')} where the header has "
                f"{len(header)}; mend it."
            )
        rows.append((number, cells))
    return _Rows([_plain(name) for name in header], rows)


def _cells(line: str) -> list[str]:
    inside = line.strip().removeprefix("|")
    if inside.endswith("|") and not inside.endswith("\\|"):
        inside = inside[:-1]
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", inside)]


def _columns(path: Path, header: list[str], wanted: Sequence[str] | None) -> list[_Column]:
    if wanted is not None and len(wanted) != len(header):
        raise Unusable(
            f"{path}: --columns names {plural(len(wanted), 'column')} where the table has "
            f"{len(header)} ({quoted(header)}); name each, with - for one to skip."
        )
    columns: list[_Column] = []
    for number, title in enumerate(header):
        percent = bool(_PERCENT.search(title))
        kind = _kind((wanted or header)[number])
        if kind is None and wanted is None and number == 0:
            kind = NAME
        if kind is None:
            raise Unusable(
                f"{path}, column {number + 1} ('{shown((wanted or header)[number])}'): is no score "
                "that is known; say what the columns hold by --columns, with - for one to skip."
            )
        if kind != SKIPPED and kind in [column.kind for column in columns]:
            raise Unusable(
                f"{path}, column {number + 1} ('{shown(title)}'): a second column of '{kind}'; "
                "skip one by --columns, with - in its place."
            )
        columns.append(_Column(title, kind, percent))
    kinds = {column.kind for column in columns}
    if NAME not in kinds:
        raise Unusable(f"{path}: no column holds the models' names; say which by --columns name.")
    missing = [cell for cell in _COUNTS if cell not in kinds]
    if 0 < len(missing) < len(_COUNTS):
        raise Unusable(
            f"{path}: column {' and '.join(missing)} is missing beside the other counts; add it."
        )
    return columns


def _kind(title: str) -> str | None:
    plain = _plain(_PERCENT.sub("", title)).rstrip(".:")
    if plain.lower() in _NAMES:
        return NAME
    if plain.upper() in _COUNTS:
        return plain.upper()
    return SKIPPED if plain == SKIPPED else canonical(plain)


def _table(where: str, columns: Sequence[_Column], cells: Sequence[str]) -> dict[str, Any]:
    """Return a row as an item of a paper's tables, each of its cells checked."""
    name, counts, reported = "", dict[str, int](), dict[str, str]()
    for column, cell in zip(columns, map(_plain, cells), strict=True):
        at = f"{where}, column '{shown(column.title or column.kind)}'"
        if column.kind == NAME:
            name = cell
        elif column.kind == SKIPPED or cell.lower() in _EMPTY:
            continue
        elif column.kind in _COUNTS:
            if not _COUNT.fullmatch(cell):
                raise Unusable(f"{at}: '{shown(cell)}' is no count of images; correct it.")
            counts[column.kind] = int(cell.replace(",", ""))
        else:
            text = _FIRST_NUMBER.sub(r"\1%", cell) if column.percent else cell
            reading.check_score(text, at, column.kind)
            reported[column.kind] = text
    if not name:
        raise Unusable(f"{where}: names no model; fill its cell of names.")
    if 0 < len(counts) < len(_COUNTS):
        raise Unusable(f"{where}: has {quoted(counts)} alone; a matrix needs TP, FN, FP and TN.")
    if not counts and not reported:
        raise Unusable(f"{where} ({shown(name)}): holds no score and no count; remove the row.")
    return {"name": name} | ({"counts": counts} if counts else {}) | (
        {"reported": reported} if reported else {}
    )  # fmt: skip


def _plain(cell: str) -> str:
    """Remove what Markdown and LaTeX put around a cell's text."""
    return re.sub(r"\*\*|__|`|\$", "", cell).replace("\\%", "%").strip().strip("*_").strip()
