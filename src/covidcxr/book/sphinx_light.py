"""A Sphinx extension that mends the theme: its icons' scripts, and the titles that it prints.

The theme brings its icons as a font with a style sheet and, for icons that no page of ours has,
once more as a script of 1.5 MB that every page waits for. On paper it heads a page with its title,
which it writes into the page as HTML.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SCRIPTS = "_static/vendor/fontawesome"
_TAG = re.compile(rf'\s*<script src="[^"]*{_SCRIPTS}/[^"]*\.js[^"]*"></script>')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # after the theme has put the title there
    app.connect("html-page-context", _escape_title, priority=900)
    app.connect("build-finished", _remove_icon_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _escape_title(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], _: Any
) -> None:
    if "pagetitle" in context:
        context["pagetitle"] = escape(context["pagetitle"])


def _remove_icon_scripts(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for page in folder.rglob("*.html"):
        text, count = _TAG.subn("", page.read_text(encoding="utf-8"))
        if count:
            page.write_text(text, encoding="utf-8")
    for script in (folder / _SCRIPTS).rglob("*.js"):
        script.unlink()
