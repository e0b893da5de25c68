"""CSV files read strictly: each cell as text, each fault named with its row."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd

from covidcxr.core.errors import Unusable
from covidcxr.core.text_files import read_text
from covidcxr.core.words import one_line, plural, quoted, shown

ROW = "row"  # name of the index of a table that was read: the row in the file, counted from 1

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read(path: Path, delimiter: str = ",") -> pd.DataFrame:
    """Read a CSV file as text.

    Blanks around cells are removed; empty cells are NA. Rows and unnamed columns without a
    filled cell, as spreadsheets append them, are skipped. A first line ``sep=;`` is obeyed.

    Parameters
    ----------
    path
        UTF-8, with or without a byte order mark, or UTF-16 with one.
    delimiter
        One character.

    Returns
    -------
    pandas.DataFrame
        Columns of dtype ``string``; the index, named `ROW`, is each row's number in the file.

    Raises
    ------
    Unusable
        For a file that is no such table, naming the first row at fault.
    """
    rows, delimiter = _rows(path, delimiter)
    if not rows:
        raise Unusable(f"{path}: is empty; a header and rows are needed.")
    number, header = rows.pop(0)
    _check_header(path, number, header, delimiter)
    for number, cells in rows:
        if len(cells) > len(header) and not any(cells[len(header) :]):
            remedy = f"remove the '{delimiter}' at its end, or name the column in the header"
        else:
            remedy = f"mend it; a cell that holds a '{delimiter}' stands in double quotes"
        if len(cells) != len(header):
            raise Unusable(
                f"{path}, row {number}: has {plural(len(cells), 'cell')} where the header has "
                f"{len(header)}; {remedy}."
            )
    names = [name or f"column {k}" for k, name in enumerate(header, 1)]
    index = pd.Index([number for number, _ in rows], name=ROW)
    table = pd.DataFrame(
        [cells for _, cells in rows], index=index, columns=names, dtype="string"
    ).replace("", pd.NA)
    unnamed = [name for name, cell in zip(names, header, strict=True) if not cell]
    return table.drop(columns=[name for name in unnamed if table[name].isna().all()])


def columns_of(table: pd.DataFrame) -> str:
    """List the columns of a table, quoted, for a message."""
    return quoted(table.columns)


def reason(path: Path, error: Unusable) -> str:
    """Return what `read` said of a file, without its name, for a sentence of the caller's."""
    return str(error).removeprefix(str(path)).lstrip(":, ").removesuffix(".")


def row_of(table: pd.DataFrame | pd.Series, position: int) -> int:
    """Return the row in its file of a table's row at this position."""
    label = table.index[position]
    # A table that was not read from a file is counted as one whose first row is the header.
    return int(label) if table.index.name == ROW else int(label) + 2


def _rows(path: Path, delimiter: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Return the rows with a filled cell, numbered from 1, and the delimiter."""
    text, first = read_text(path, "CSV", "row"), 1
    if declared := re.match(r"sep=(.)\r?\n?", text):
        text, delimiter, first = text[declared.end() :], declared[1], 2
    rows = []
    number = first
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, cells in enumerate(reader, first):
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append((number, stripped))
    except (csv.Error, TypeError) as error:
        raise Unusable(
            f"{path}: cannot be read as CSV (near row {number}: {one_line(error)}); check the file."
        ) from error
    return rows, delimiter


def _check_header(path: Path, number: int, header: list[str], delimiter: str) -> None:
    if header[0].startswith("#"):
        raise Unusable(
            f"{path}, row {number}: begins with '#' where the header is expected; remove the "
            "comment lines."
        )
    if len(header) == 1:
        for character, name in _SEPARATORS.items():
            if character in header[0] and character != delimiter:
                raise Unusable(
                    f"{path}: its cells are separated by {name}, not by '{delimiter}'; save it "
                    "with commas (metrics, compare and overlap take --delimiter)."
                )
    for name in header:
        if name and header.count(name) > 1:
            raise Unusable(f"{path}: column '{shown(name)}' stands twice; remove one of the two.")
