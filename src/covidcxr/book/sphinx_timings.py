"""A Sphinx extension: the directive ``timings``, how long each notebook took and on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("timings", Timings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Timings(SphinxDirective):
    """Table of the seconds that this book's notebooks took."""

    def run(self) -> list[nodes.Node]:
        """Return the table; nothing where no page says how long it took."""
        pages = self.env.app.covidcxr["pages"]  # type: ignore[attr-defined]
        timed = rows(pages)
        if not timed:
            return []
        group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in range(3)), cols=3)
        group += nodes.thead("", _row(("notebook", "page", "seconds")))
        group += nodes.tbody("", *map(_row, timed))
        title = nodes.title(text=caption(pages))
        return [nodes.table("", title, group, classes=["timings"])]


def rows(pages: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Notebook, page and seconds, the longest first."""
    timed = [
        (page["template"], name.rpartition("/")[2], page["seconds"])
        for name, page in pages.items()
        if "seconds" in page
    ]
    return sorted(timed, key=lambda row: (-row[2], row[1]))


def caption(pages: Mapping[str, Any]) -> str:
    """On which machines the notebooks ran, and how long in all."""
    machines = sorted(
        {
            f"{m['processor']}, {m['cores']} cores, {m['memory_bytes'] / 2**30:.0f} GiB"
            for page in pages.values()
            if (m := page.get("machine"))
        }
    )
    total = sum(seconds for *_, seconds in rows(pages))
    return (
        f"Seconds for which each notebook ran when this book was made, {total:,.0f} in all, "
        f"on {'; '.join(machines)}. What was on record was not trained again."
    )


def _row(cells: Iterable[object]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=str(c))) for c in cells))
