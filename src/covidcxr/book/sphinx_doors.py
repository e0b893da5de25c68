"""A Sphinx extension: pages that a notebook made link to where it can be run.

Only in a book that knows its public repository, from `covidcxr.book.doors.VARIABLE`; a button that
leads nowhere is worse than none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from covidcxr.book import doors

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # after the theme has made its buttons
    app.connect("html-page-context", _add, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def buttons(repository: str, page: Mapping[str, Any], commit: str) -> list[dict[str, str]]:
    """Return what the theme shows as a menu: the places at which a page's notebook can be run.

    Parameters
    ----------
    repository
        The public one: owner/name.
    page
        What `covidcxr.book.provenance.of_book` says of the page.
    commit
        Of the book; empty where it was built of no commit.
    """
    if not repository or not commit or "template" not in page:
        return []
    places = {
        "Binder": doors.binder(repository, commit, page["template"]),
        "Colab": doors.colab(repository, page["template"]),
    }
    return [
        {"type": "link", "text": name, "tooltip": f"Run this page's notebook on {name}", "url": url}
        for name, url in places.items()
    ]


def _add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], _: Any) -> None:
    name = os.environ.get(doors.VARIABLE, "")
    book = app.covidcxr  # type: ignore[attr-defined]
    if not name or "header_buttons" not in context:
        return
    made = buttons(
        doors.repository(name),
        book["pages"].get(pagename, {}),
        book["build"]["commit"].get("id", ""),
    )
    if made:
        menu = {"type": "group", "tooltip": "Run it elsewhere", "icon": "fas fa-rocket"}
        context["header_buttons"].append(menu | {"buttons": made, "label": "launch-buttons"})
