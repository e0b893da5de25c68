"""Tables for LaTeX: how wide each column is, how small the type, and where a line may end."""

from __future__ import annotations

import itertools
import math
import re

from docutils import nodes
from sphinx import addnodes

LINE = 104
"""Characters of a table's type that stand side by side on a page."""

_SIZES = (("footnotesize", 1.0), ("scriptsize", 1.15), ("tiny", 1.6))
"""Sizes of a table's type, and how much more of the smaller ones goes on a line."""

_ROWS = 12
"""Rows of a table that a page may break."""

_BREAKS = re.compile(r"[\s\u200b–/]|(?<=[a-z])-")
"""Where a line may end."""

_BREAK = "\u200b"
_LONG = 20  # characters of a word that may be broken where it is joined


def widths(table: nodes.table) -> list[tuple[int, int]]:
    """Return the longest piece that no line break divides and the longest cell of each column."""
    (group,) = table.findall(nodes.tgroup)
    found = [(1, 1)] * group["cols"]
    below = [0] * group["cols"]  # rows that a cell above still takes
    for row in table.findall(nodes.row):
        free = (c for c in range(group["cols"]) if not below[c])
        after = [max(0, rows - 1) for rows in below]
        for entry in row:
            taken = list(itertools.islice(free, 1 + entry.get("morecols", 0)))
            text = " ".join(entry.astext().split())
            piece = max(map(len, _BREAKS.split(text)))
            for c in taken:
                after[c] = entry.get("morerows", 0)
                # columns under one cell share what it needs
                shares = (-(-piece // len(taken)), -(-len(text) // len(taken)))
                found[c] = (max(found[c][0], shares[0]), max(found[c][1], shares[1]))
        below = after
    return found


def columns(found: list[tuple[int, int]], merged: bool = False) -> tuple[str, str]:
    """Choose how LaTeX sets columns: as wide as they are, or sharing a line.

    Parameters
    ----------
    found
        The longest piece and the longest cell of each column, in characters.
    merged
        Whether a cell spans several columns or rows.

    Returns
    -------
    tuple
        The size of type, and the specification of the columns.
    """
    gaps = 2 * len(found)
    least, most = (sum(one) + gaps for one in zip(*found, strict=True))
    for size, factor in _SIZES[:2]:
        if most <= LINE * factor:
            if merged:  # whose cells LaTeX can only set in columns of a given width
                return size, _shares([whole + 2 for _, whole in found], LINE * factor)
            return size, "l" * len(found)
    size, factor = next(
        ((size, factor) for size, factor in _SIZES if least <= LINE * factor), _SIZES[-1]
    )
    # What is left goes to long cells, and to the longest not all.
    wanted = [math.sqrt(whole - piece) for piece, whole in found]
    spare = max(0.0, LINE * factor - least) / max(1.0, sum(wanted))
    given = [piece + 2 + spare * more for (piece, _), more in zip(found, wanted, strict=True)]
    return size, _shares(given, sum(given))


def _shares(given: list[float], line: float) -> str:
    return "".join(
        rf">{{\raggedright\arraybackslash}}\X{{{round(1000 * one / line)}}}{{1000}}"
        for one in given
    )


def breakable(code: str) -> str:
    """Let a line end within code: after what joins its words."""
    return re.sub(r"(?<=[\w)])([_(=+.,/-]+)(?=\w)", rf"\1{_BREAK}", code)


def table(table: nodes.table) -> list[nodes.Node]:
    """Return a table with the size of its type and the widths of its columns for LaTeX."""
    for text in list(table.findall(nodes.Text)):
        words = (breakable(word) if len(word) > _LONG else word for word in text.split(" "))
        text.parent.replace(text, nodes.Text(" ".join(words)))
    merged = any({"morecols", "morerows"} & set(e.attributes) for e in table.findall(nodes.entry))
    size, specification = columns(widths(table), merged)
    if "X" in specification or len(list(table.findall(nodes.row))) > _ROWS:
        table["classes"].append("longtable")
    return [
        nodes.raw("", rf"\begingroup\{size}", format="latex"),
        addnodes.tabular_col_spec(spec=specification),
        table,
        nodes.raw("", r"\endgroup", format="latex"),
    ]
