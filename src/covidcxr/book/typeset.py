"""Tables for LaTeX: widths of columns, size of type, and line breaks within words."""

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
    """Longest unbreakable piece and longest cell of each column, in characters."""
    (group,) = table.findall(nodes.tgroup)
    lengths = [(1, 1)] * group["cols"]
    below = [0] * group["cols"]  # rows that a cell above still takes
    for row in table.findall(nodes.row):
        free = (c for c in range(group["cols"]) if not below[c])
        after = [max(0, rows - 1) for rows in below]
        for entry in row:
            columns = list(itertools.islice(free, 1 + entry.get("morecols", 0)))
            text = " ".join(entry.astext().split())
            piece = max(map(len, _BREAKS.split(text)))
            for c in columns:
                after[c] = entry.get("morerows", 0)
                # columns under one cell share what it needs
                shares = (-(-piece // len(columns)), -(-len(text) // len(columns)))
                lengths[c] = (max(lengths[c][0], shares[0]), max(lengths[c][1], shares[1]))
        below = after
    return lengths


def layout(lengths: list[tuple[int, int]], merged: bool = False) -> tuple[str, str]:
    """Size of type and specification of the columns: as wide as they are, or sharing a line.

    ``lengths`` is as `widths` returns it; ``merged``, whether a cell spans several columns or
    rows.
    """
    gaps = 2 * len(lengths)
    least, most = (sum(column) + gaps for column in zip(*lengths, strict=True))
    for size, factor in _SIZES[:2]:
        if most <= LINE * factor:
            if merged:  # whose cells LaTeX can only set in columns of a fixed width
                return size, _specification([whole + 2 for _, whole in lengths], LINE * factor)
            return size, "l" * len(lengths)
    size, factor = next(
        ((size, factor) for size, factor in _SIZES if least <= LINE * factor), _SIZES[-1]
    )
    # What is left goes to long cells, and to the longest not all.
    wanted = [math.sqrt(whole - piece) for piece, whole in lengths]
    spare = max(0.0, LINE * factor - least) / max(1.0, sum(wanted))
    columns = [piece + 2 + spare * more for (piece, _), more in zip(lengths, wanted, strict=True)]
    return size, _specification(columns, sum(columns))


def _specification(columns: list[float], line: float) -> str:
    return "".join(
        rf">{{\raggedright\arraybackslash}}\X{{{round(1000 * width / line)}}}{{1000}}"
        for width in columns
    )


def breakable(code: str) -> str:
    """Let a line end within code: after what joins its words."""
    return re.sub(r"(?<=[\w)])([_(=+.,/-]+)(?=\w)", rf"\1{_BREAK}", code)


def table(table: nodes.table) -> list[nodes.Node]:
    """Table with the size of its type and the widths of its columns for LaTeX."""
    for text in list(table.findall(nodes.Text)):
        words = (breakable(word) if len(word) > _LONG else word for word in text.split(" "))
        text.parent.replace(text, nodes.Text(" ".join(words)))
    merged = any({"morecols", "morerows"} & set(e.attributes) for e in table.findall(nodes.entry))
    size, specification = layout(widths(table), merged)
    if "X" in specification or len(list(table.findall(nodes.row))) > _ROWS:
        table["classes"].append("longtable")
    return [
        nodes.raw("", rf"\begingroup\{size}", format="latex"),
        addnodes.tabular_col_spec(spec=specification),
        table,
        nodes.raw("", r"\endgroup", format="latex"),
    ]
