"""A Sphinx extension: the foot of each page says how it was made, and everything links to it.

Besides, it writes the same for machines beside the rendered pages: ``provenance.json``, and
the build as a research object.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from datetime import UTC, datetime
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


def foot(name: str, page: Mapping[str, Any], built: Mapping[str, Any], up: str) -> str:
    """Return the foot of a page as HTML.

    Parameters
    ----------
    name
        The page's.
    page
        What `covidcxr.book.provenance.of_book` says of it.
    built
        What it says of the build: ``study``, ``commit``, ``day``, ``environment``.
    up
        The way from the page to the folder of the book.
    """
    rows: list[tuple[str, str]] = []
    if "template" in page:
        given = ", ".join(f"{k}={v}" for k, v in page["parameters"].items()) or "none"
        rows += [
            ("Notebook", f"<code>{_e(page['template'])}</code>"),
            ("Parameters", f"<code>{_e(given)}</code>"),
            ("Run at", _commit(page["commit"])),
            ("Package", _hash(page["code"])),
            ("Environment", f"{provenance.ENVIRONMENT} {_hash(page['environment'])}"),
            ("Records", _records(page["records"]) or "none"),
        ]
    if page.get("shows"):
        links = ", ".join(
            f'<a href="{up}{_e(source)}.html#{ANCHOR}">{_e(source)}</a> ({len(keys)})'
            for source, keys in page["shows"].items()
        )
        rows.append(("Values of other pages", links))
    rows.append(("Book", f"study {_e(built['study'])}, built {_e(built['day'])}, {built['at']}"))
    rows.append(("For machines", f'<a href="{up}{FILE}">{FILE}</a>'))
    items = "".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in rows)
    summary = f"How this page was made: study {_e(built['study'])}, {_e(built['day'])}"
    return (
        f'<details class="provenance"><summary>{summary}</summary>'
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
    found = provenance.of_book(root / "book" / "run", root / "book")
    # The study is named by the folder of its resolved file; some pages show another one.
    scored = found["pages"].get("book/run/metrics", {}).get("parameters", {})
    study = scored.get("study", "none/none")
    name = Path(study).parent.name
    app.covidcxr = {  # type: ignore[attr-defined]
        "build": {"study": name, "day": _today(), **provenance.state(root)},
        **found,
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
    context["body"] = linked(context["body"]) + foot(pagename, book["pages"][pagename], built, up)


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        text = json.dumps(app.covidcxr, indent=1, sort_keys=True)  # type: ignore[attr-defined]
        (Path(app.outdir) / FILE).write_text(text + "\n", encoding="utf-8")
        crate.write(Path(app.outdir), app.covidcxr)  # type: ignore[attr-defined]


def _records(found: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<li><code>{_e(one['path'])}</code>, {_e(one['created'][:10])}, "
        f"{_commit(one['commit'])}, data {_hash(one['fingerprints'].get('data', ''))}</li>"
        for one in found
    )
    return f"<ul>{rows}</ul>" if rows else ""


def _commit(commit: Mapping[str, Any]) -> str:
    if not commit.get("id"):
        return "no commit"
    return f"commit {_hash(commit['id'])}" + (" and changes" if commit["changed"] else "")


def _hash(digest: str) -> str:
    return f'<code title="{_e(digest)}">{_e(digest[:_SHORT])}</code>' if digest else "none"


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _e(text: object) -> str:
    return html.escape(str(text))
