"""Conversion of notebooks' HTML output to nodes of docutils, which any writer of Sphinx can set.

It knows the markup of the project's own tables, figures, badges and remarks, and leaves out
controls and scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, PageElement, Tag
from docutils import nodes

_BLOCKS = {
    "aside", "blockquote", "details", "div", "dl", "figure", "figcaption", "h1", "h2", "h3", "h4",
    "img", "ol", "p", "pre", "section", "summary", "table", "ul",
}  # fmt: skip
_LEFT_OUT = "script, style, svg, fieldset, button, input, select, template, [hidden], .downloads"
_INLINE = {
    **dict.fromkeys(("b", "strong", "dt", "th"), nodes.strong),
    **dict.fromkeys(("em", "i"), nodes.emphasis),
    "code": nodes.literal,
    "sub": nodes.subscript,
    "sup": nodes.superscript,
}

Grid = dict[tuple[int, int], Tag]
"""The cells of a table by the row and column in which they begin."""


def to_nodes(html: str) -> list[nodes.Node]:
    """Paragraphs, tables, images and lists of one output, in its order."""
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.select(_LEFT_OUT):
        tag.decompose()
    return list(_blocks(soup))


def _blocks(parent: Tag) -> Iterator[nodes.Node]:
    """Content of a tag, runs of words as paragraphs."""
    run: list[PageElement] = []
    for child in [*parent.children, None]:
        if child is None or (isinstance(child, Tag) and child.name in _BLOCKS):
            words = [node for element in run for node in _words(element)]
            if any(node.astext().strip() for node in words):
                yield nodes.paragraph("", "", *words)
            run = []
            if isinstance(child, Tag):
                yield from _block(child)
        else:
            run.append(child)


def _block(tag: Tag) -> Iterator[nodes.Node]:
    match tag.name:
        case "table":
            yield from _table(tag)
        case "img":
            # Sphinx has yet to fetch it and to turn it into what its writer can set.
            yield nodes.image(uri=tag["src"], alt=tag.get("alt", ""), candidates={"?": ""})
        case "h1" | "h2" | "h3" | "h4":
            yield nodes.rubric("", "", *_inside(tag))
        case "ul" | "ol":
            kind = nodes.bullet_list if tag.name == "ul" else nodes.enumerated_list
            yield kind("", *(nodes.list_item("", *_blocks(li)) for li in tag.find_all("li")))
        case "dl":
            yield _facts(tag)
        case "pre":
            yield nodes.literal_block(text=tag.get_text())
        case "aside":
            yield nodes.block_quote("", *_blocks(tag))
        case _:
            yield from _blocks(tag)


def _facts(tag: Tag) -> nodes.paragraph:
    """Terms of a list and what they mean, run into one paragraph."""
    words: list[nodes.Node] = []
    for term, meaning in zip(tag.find_all("dt"), tag.find_all("dd"), strict=True):
        words += [
            *([nodes.Text(" · ")] if words else []),
            nodes.strong(text=term.get_text()),
            nodes.Text(" "),
            *_inside(meaning),
        ]
    return nodes.paragraph("", "", *words)


def _inside(tag: Tag) -> list[nodes.Node]:
    return [node for child in tag.children for node in _words(child)]


def _words(element: PageElement) -> Iterator[nodes.Node]:
    if isinstance(element, Comment):
        return
    if isinstance(element, NavigableString):
        yield nodes.Text(_flat(str(element)))
    elif isinstance(element, Tag):
        address = str(element.get("href", ""))
        if element.name == "br":
            yield nodes.Text(" ")
        elif element.name == "a" and address.startswith("https:"):
            yield nodes.reference("", "", *_inside(element), refuri=address)
        elif element.name == "small":
            yield from (nodes.Text("("), *_inside(element), nodes.Text(")"))
        elif kind := _INLINE.get(
            "strong" if "verdict" in element.get_attribute_list("class") else element.name
        ):
            yield kind("", "", *_inside(element))
        else:
            # Blocks within a line keep their words apart.
            if element.name in _BLOCKS:
                yield nodes.Text(" ")
            yield from _inside(element)


def _flat(text: str) -> str:
    """Join the lines of a text, and keep a blank at either end."""
    core = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{core}{' ' * (text[-1:].isspace() and bool(core))}"


def cells(table: Tag) -> tuple[Grid, int, int]:
    """Cells of a table by where they begin, and its numbers of rows and columns."""
    grid: Grid = {}
    occupied: set[tuple[int, int]] = set()
    rows = table.find_all("tr")
    for r, row in enumerate(rows):
        c = 0
        for cell in row.find_all(["td", "th"], recursive=False):
            while (r, c) in occupied:
                c += 1
            grid[r, c] = cell
            height, width = _span(cell, "row"), _span(cell, "col")
            occupied |= set(product(range(r, r + height), range(c, c + width)))
    return grid, len(rows), 1 + max((c for _, c in occupied), default=-1)


def _table(tag: Tag) -> Iterator[nodes.Node]:
    grid, rows, columns = cells(tag)
    if not columns:
        return
    headed = len(tag.thead.find_all("tr")) if tag.thead else 0
    lines = [
        nodes.row("", *(_entry(grid[r, c]) for c in range(columns) if (r, c) in grid))
        for r in range(rows)
    ]
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in range(columns)), cols=columns)
    if headed:
        group += nodes.thead("", *lines[:headed])
    group += nodes.tbody("", *lines[headed:])
    table = nodes.table("", group)
    if tag.caption:
        table.insert(0, nodes.title("", "", *_inside(tag.caption)))
    yield table


def _entry(cell: Tag) -> nodes.entry:
    if cell.name == "th" and cell.find_parent("thead") is None:
        content = [nodes.paragraph("", "", nodes.strong("", "", *_inside(cell)))]
    else:
        content = list(_blocks(cell)) or [nodes.paragraph()]
    spans = {"morerows": _span(cell, "row") - 1, "morecols": _span(cell, "col") - 1}
    return nodes.entry("", *content, **{name: more for name, more in spans.items() if more > 0})


def _span(cell: Tag, direction: str) -> int:
    return int(str(cell.get(f"{direction}span", "1")))
