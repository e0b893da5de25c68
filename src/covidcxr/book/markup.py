"""What notebooks put out as HTML, as nodes of docutils, which any writer of Sphinx can set.

Understands the markup of the project's own tables, figures, badges and remarks; what takes a
hand or a script to use is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, PageElement, Tag
from docutils import nodes

_BLOCKS = {
    *(
        "aside",
        "blockquote",
        "details",
        "div",
        "dl",
        "figure",
        "figcaption",
        "h1",
        "h2",
        "h3",
        "h4",
    ),
    *("img", "ol", "p", "pre", "section", "summary", "table", "ul"),
}
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
    """Return markup as nodes, in its order.

    Parameters
    ----------
    html
        Of one output.

    Returns
    -------
    list
        Paragraphs, tables, images, lists; empty where nothing can be read.
    """
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.select(_LEFT_OUT):
        tag.decompose()
    return list(_blocks(soup))


def _blocks(parent: Tag) -> Iterator[nodes.Node]:
    """Yield what a tag holds, runs of words as paragraphs."""
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
            yield image(str(tag["src"]), str(tag.get("alt", "")))
        case "h1" | "h2" | "h3" | "h4":
            yield nodes.rubric("", "", *_inside(tag))
        case "ul" | "ol":
            made = nodes.bullet_list() if tag.name == "ul" else nodes.enumerated_list()
            made += [nodes.list_item("", *_blocks(item)) for item in tag.find_all("li")]
            yield made
        case "dl":
            yield _facts(tag)
        case "pre":
            yield nodes.literal_block(text=tag.get_text())
        case "aside":
            yield nodes.block_quote("", *_blocks(tag))
        case _:
            yield from _blocks(tag)


def _facts(tag: Tag) -> nodes.paragraph:
    """Run the terms of a list and what they mean into one paragraph."""
    made = nodes.paragraph()
    for term, told in zip(tag.find_all("dt"), tag.find_all("dd"), strict=True):
        made += [
            *([nodes.Text(" · ")] if len(made) else []),
            nodes.strong(text=term.get_text()),
            nodes.Text(" "),
            *_inside(told),
        ]
    return made


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
    """Join lines: where markup is broken means nothing."""
    core = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{core}{' ' * (text[-1:].isspace() and bool(core))}"


def image(address: str, alt: str) -> nodes.image:
    """Return an image that Sphinx has yet to fetch and to turn into what its writer can set."""
    return nodes.image(uri=address, alt=alt, candidates={"?": ""})


# --- tables


def cells(table: Tag) -> tuple[Grid, int, int]:
    """Lay the cells of a table out.

    Returns
    -------
    tuple
        The cells by where they begin, and how many rows and columns there are.
    """
    grid: Grid = {}
    taken: set[tuple[int, int]] = set()
    rows = table.find_all("tr")
    for r, row in enumerate(rows):
        c = 0
        for cell in row.find_all(["td", "th"], recursive=False):
            while (r, c) in taken:
                c += 1
            grid[r, c] = cell
            taken |= set(
                product(range(r, r + _span(cell, "row")), range(c, c + _span(cell, "col")))
            )
    return grid, len(rows), 1 + max((c for _, c in taken), default=-1)


def _table(tag: Tag) -> Iterator[nodes.Node]:
    grid, rows, count = cells(tag)
    if not count:
        return
    headed = len(tag.thead.find_all("tr")) if tag.thead else 0
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in range(count)), cols=count)
    head, body = nodes.thead(), nodes.tbody()
    for r in range(rows):
        row = nodes.row()
        for c in range(count):
            if (r, c) in grid:
                row += _entry(grid[r, c])
        (head if r < headed else body).append(row)
    group += [head, body] if headed else [body]
    table = nodes.table("", group)
    if tag.caption:
        table.insert(0, nodes.title("", "", *_inside(tag.caption)))
    yield table


def _entry(cell: Tag) -> nodes.entry:
    if cell.name == "th" and cell.find_parent("thead") is None:
        entry = nodes.entry("", nodes.paragraph("", "", nodes.strong("", "", *_inside(cell))))
    else:
        entry = nodes.entry("", *(list(_blocks(cell)) or [nodes.paragraph()]))
    if (more := _span(cell, "row") - 1) > 0:
        entry["morerows"] = more
    if (more := _span(cell, "col") - 1) > 0:
        entry["morecols"] = more
    return entry


def _span(cell: Tag, way: str) -> int:
    return int(str(cell.get(f"{way}span", "1")))
