"""A Sphinx extension: the provenance of each page at its foot, linked from what it shows.

It also writes the same for machines beside the rendered pages: ``provenance.json`` and an RO-Crate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covidcxr.book import crate, provenance
from covidcxr.core import studies

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

FILE = "provenance.json"
ANCHOR = "how-this-page-was-made"

DEMONSTRATION = (
    '<span class="mark">DEMO</span> This is the demonstration: what it finds in synthetic images '
    "is no finding. Pages on the paper itself, and those marked REAL IMAGES, are as in any book."
)
"""What stands above every page of a book on synthetic images."""

_SHORT = 10
"""Digits of a hash that a page shows."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", _gather)
    app.connect("html-page-context", _extend)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def foot(page: Mapping[str, Any], built: Mapping[str, Any], up: str) -> str:
    """Foot of a page as HTML.

    ``page`` is as `covidcxr.book.provenance.of_book` describes it; ``built`` holds ``study``,
    ``day`` and ``at`` (the commit) of the build; ``up`` leads to the book's folder.
    """
    rows: list[tuple[str, str]] = []
    if "template" in page:
        parameters = ", ".join(f"{k}={v}" for k, v in page["parameters"].items()) or "none"
        rows += [
            ("Notebook", f"<code>{escape(page['template'])}</code>"),
            ("Parameters", f"<code>{escape(parameters)}</code>"),
            ("Run at", _commit(page["commit"])),
            ("Package", _hash(page["code"])),
            ("Environment", f"{provenance.ENVIRONMENT} {_hash(page['environment'])}"),
            ("Records", _records(page["records"]) or "none"),
        ]
    if page.get("shows"):
        links = ", ".join(
            f'<a href="{up}{escape(source)}.html#{ANCHOR}">{escape(source)}</a> ({len(keys)})'
            for source, keys in page["shows"].items()
        )
        rows.append(("Values of other pages", links))
    study = escape(built["study"])
    rows.append(("Book", f"study {study}, built {built['day']}, {built['at']}"))
    rows.append(("For machines", f'<a href="{up}{FILE}">{FILE}</a>'))
    items = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in rows)
    return (
        '<details class="provenance"><summary>How this page was made: '
        f"study {study}, {built['day']}</summary>"
        f'<dl id="{ANCHOR}">{items}</dl></details>'
    )


def linked(body: str) -> str:
    """Link each figure, table and glued value of a page to its foot."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(body, "html.parser")
    for shown in soup.select("img.figure, div.table-wrap, div.explorer"):
        link = soup.new_tag("a", href=f"#{ANCHOR}", attrs={"class": "source"})
        link.string = "source"
        shown.insert_after(link)
    for value in soup.select("span.pasted-text, span.pasted-inline"):
        if not value.find_parent("a") and not value.find("a"):
            value.wrap(soup.new_tag("a", href=f"#{ANCHOR}", attrs={"class": "glued"}))
    return str(soup)


def _gather(app: Sphinx, configured: Config) -> None:
    root = Path(app.srcdir)
    pages = provenance.of_book(root / "book" / "run", root / "book")
    # The study is named by the folder of its resolved file; some pages show another one.
    parameters = pages.get("book/run/metrics", {}).get("parameters", {})
    study = parameters.get("study", "none/none")
    name = Path(study).parent.name
    app.covidcxr = {  # type: ignore[attr-defined]
        "build": {
            "study": name,
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
            **provenance.state(root),
        },
        "pages": pages,
    }
    if not (root / study).is_file():
        return
    synthetic = studies.load(root / study).cohort.source == "phantom"
    configured.html_context["study"] = {"name": name, "synthetic": synthetic}
    if synthetic:
        configured.html_theme_options["announcement"] = DEMONSTRATION
        configured.html_title = f"{configured.html_title} (demonstration)"


def _extend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], _: Any) -> None:
    book = app.covidcxr  # type: ignore[attr-defined]
    if "body" not in context or pagename not in book["pages"]:
        return
    built = book["build"] | {"at": _commit(book["build"]["commit"])}
    up = "../" * pagename.count("/")
    context["body"] = linked(context["body"]) + foot(book["pages"][pagename], built, up)


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        text = json.dumps(app.covidcxr, indent=1, sort_keys=True)  # type: ignore[attr-defined]
        (Path(app.outdir) / FILE).write_text(text + "\n", encoding="utf-8")
        crate.write(Path(app.outdir), app.covidcxr)  # type: ignore[attr-defined]


def _records(records: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<li><code>{escape(record['path'])}</code>, {escape(record['created'][:10])}, "
        f"{_commit(record['commit'])}, data {_hash(record['fingerprints'].get('data', ''))}</li>"
        for record in records
    )
    return f"<ul>{rows}</ul>" if rows else ""


def _commit(commit: Mapping[str, Any]) -> str:
    if not commit.get("id"):
        return "no commit"
    return f"commit {_hash(commit['id'])}" + (" and changes" if commit["changed"] else "")


def _hash(digest: str) -> str:
    if not digest:
        return "none"
    return f'<code title="{escape(digest)}">{escape(digest[:_SHORT])}</code>'
