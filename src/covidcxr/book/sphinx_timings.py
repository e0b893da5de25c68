"""A Sphinx extension: the directive ``timings``, how long each notebook took and on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HEAD = ("notebook", "page", "seconds")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("timings", Timings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Timings(SphinxDirective):
    """Lists what this book's pages say of their own making."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        pages = self.env.app.covidcxr["pages"]  # type: ignore[attr-defined]
        told = rows(pages)
        return [table(told, caption(pages, told))] if told else []


def rows(pages: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Return the notebook, the page and the seconds that it took, the longest first.

    Parameters
    ----------
    pages
        What `covidcxr.book.provenance.of_book` says of each.
    """
    found = [
        (page["template"], name.rpartition("/")[2], page["seconds"])
        for name, page in pages.items()
        if "seconds" in page
    ]
    return sorted(found, key=lambda row: (-row[2], row[1]))


def caption(pages: Mapping[str, Any], told: Iterable[tuple[str, str, float]]) -> str:
    """Return on which machines the notebooks ran, and how long in all."""
    machines = sorted(
        {
            f"{m['processor']}, {m['cores']} cores, {m['memory_bytes'] / 2**30:.0f} GiB"
            for page in pages.values()
            if (m := page.get("machine"))
        }
    )
    total = sum(seconds for *_, seconds in told)
    return (
        f"Seconds for which each notebook ran when this book was made, {total:,.0f} in all, "
        f"on {'; '.join(machines)}. What was on record was not trained again."
    )


def table(told: Iterable[tuple[object, ...]], title: str) -> nodes.table:
    """Return rows as a table with a caption."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in HEAD), cols=len(HEAD))
    group += nodes.thead("", _row(HEAD))
    group += nodes.tbody("", *(_row(row) for row in told))
    return nodes.table("", nodes.title(text=title), group, classes=["timings"])


def _row(cells: Iterable[object]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=str(c))) for c in cells))
