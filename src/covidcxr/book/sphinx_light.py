"""A Sphinx extension: what the theme sends twice is sent once.

The theme brings its icons as a font with a style sheet and, for icons that no page of ours has,
once more as a script of 1.5 MB that every page waits for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SCRIPTS = "_static/vendor/fontawesome"
_TAG = re.compile(rf'\s*<script src="[^"]*{_SCRIPTS}/[^"]*\.js[^"]*"></script>')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", _lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def without_icon_scripts(page: str) -> str:
    """Return a page of HTML without the scripts that draw icons."""
    return _TAG.sub("", page)


def _lighten(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for file in folder.rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        if (light := without_icon_scripts(page)) != page:
            file.write_text(light, encoding="utf-8")
    for script in (folder / _SCRIPTS).rglob("*.js"):
        script.unlink()
