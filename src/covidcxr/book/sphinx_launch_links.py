"""A Sphinx extension: pages that a notebook made link to where it can be run.

Only in a book that knows its public repository, from `covidcxr.book.launch_links.VARIABLE`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from covidcxr.book import launch_links

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # after the theme has made its buttons
    app.connect("html-page-context", _add, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], _: Any) -> None:
    name = os.environ.get(launch_links.VARIABLE, "")
    if not name or "header_buttons" not in context:
        return
    book = app.covidcxr  # type: ignore[attr-defined]
    buttons = launch_links.buttons(
        launch_links.repository(name),
        book["pages"].get(pagename, {}),
        book["build"]["commit"].get("id", ""),
    )
    if buttons:
        menu = {"type": "group", "tooltip": "Run it elsewhere", "icon": "fas fa-rocket"}
        context["header_buttons"].append(menu | {"buttons": buttons, "label": "launch-buttons"})
