"""A Sphinx extension: addresses of pages that moved lead to where their content is now."""

from __future__ import annotations

import json
import os
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from covidcxr.core.errors import Problem

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # by old page, the new one: both as `book/run/metrics`, the new one perhaps with an anchor
    app.add_config_value("redirects", {}, "html")
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def page(old: str, new: str) -> str:
    """HTML that leads a browser on: to the same anchor where the address names one."""
    name, _, anchor = new.partition("#")
    address = os.path.relpath(f"{name}.html", PurePosixPath(old).parent)
    whole = address + (f"#{anchor}" if anchor else "")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Moved</title>'
        f"<script>location.replace({json.dumps(address)} + (location.hash || "
        f"{json.dumps(f'#{anchor}' if anchor else '')}))</script>"
        f'<meta http-equiv="refresh" content="1; url={escape(whole)}"></head>'
        f'<body><p>This page is now <a href="{escape(whole)}">here</a>.</p></body></html>\n'
    )


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    for old, new in app.config.redirects.items():
        # A study without some network lacks its page.
        if old in app.env.found_docs:
            raise Problem(f"_config.yml: {old} is a page of the book; do not redirect it.")
        if new.partition("#")[0] in app.env.found_docs:
            target = Path(app.outdir) / f"{old}.html"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(page(old, new), encoding="utf-8")
