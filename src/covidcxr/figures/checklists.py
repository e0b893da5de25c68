"""Checklists as tables of a page, in which each pointer links to where it leads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from covidcxr.figures import claims as ledger
from covidcxr.figures import common
from covidcxr.figures.common import Html
from covidcxr.paper import checklists
from covidcxr.paper.checklists import Evidence, Item, Name

_COLUMNS = ("Item", "Paper", "In the paper", "This edition", "In this edition")
_STATUSES = [_COLUMNS.index("Paper"), _COLUMNS.index("This edition")]

_CLASSES = {
    "reported": "holds",
    "partial": "holds-after-correction",
    "absent": "contradicted",
    "not_applicable": "unknown",
}


def as_html(name: Name, root: Path) -> Html:
    """Show a checklist as a table of plain markup; `searchable` adds search and filters."""
    items = checklists.content(name)
    columns = (*_COLUMNS, *(("CLAIM",) if _is_crossed(name) else ()))
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(column) for column in columns)
    table = Markup(
        '<div class="table-wrap ledger-wrap" tabindex="0">'
        '<table id="{}" class="ledger checklist"><caption>The {} items of {}, in our own words.'
        "</caption><thead><tr>{}</tr></thead>\n<tbody>{}</tbody></table></div>"
    )
    rows = Markup("\n").join(_row(name, item, root) for item in items)
    return Html(table.format(_table_id(name), len(items), name, head, rows))


def searchable() -> Html:
    """Add search, and filters by status, to the tables of both checklists."""
    return ledger.searchable({_table_id(name): _STATUSES for name in checklists.FILES})


def counts() -> Html:
    """Show how many items have which status."""
    table = pd.concat({name: checklists.counts(name) for name in checklists.FILES})
    table = table.rename_axis(["checklist", "of"]).reset_index()
    return common.table(table, "Items by status. These are counts, and no score.")


def _is_crossed(name: Name) -> bool:
    """Return whether a list's items name those of the other."""
    return any(item.claim for item in checklists.content(name))


def _table_id(name: Name) -> str:
    # The name alone is the id of the section above.
    return f"items-of-{name.lower()}"


def _row(name: Name, item: Item, root: Path) -> Markup:
    links = Markup("; ").join(_link(checklists.follow(p, root)) for p in item.study.evidence)
    test = Markup("test <code>{}</code>").format(item.check) if item.check else ""
    cells = [
        Markup('{} <code class="claim-id">{} {}</code>').format(item.requirement, name, item.id),
        _pill(item.paper.status),
        Markup("{} {}").format(item.paper.evidence, _small(", ".join(item.paper.at))),
        _pill(item.study.status),
        Markup("{} {}{}").format(item.note or "", _small(links), _small(test)),
    ]
    if _is_crossed(name):
        link = Markup('<a href="#claim-{0}">{0}</a>')
        cells.append(Markup(", ").join(link.format(other) for other in item.claim))
    inner = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
    return Markup('<tr id="{}-{}">{}</tr>').format(name.lower(), item.id, inner)


def _small(text: str) -> Markup:
    return Markup('<span class="evidence">{}</span>').format(text) if text else Markup("")


def _link(evidence: Evidence) -> Markup:
    if evidence.page is None:
        value = f" = {evidence.value}" if evidence.value is not None else ""
        return Markup("<code>{}</code>{}").format(evidence.pointer, value)
    page, _, anchor = evidence.page.partition("#")
    # This page lies among the computed ones, in run/.
    target = page.removeprefix("run/") if page.startswith("run/") else f"../{page}"
    href = f"{target}.html" + (f"#{anchor}" if anchor else "")
    return Markup('<a class="pointer" href="{}">{}</a>').format(href, evidence.pointer)


def _pill(status: str) -> Markup:
    pill = Markup('<span class="verdict {}">{}</span>')
    return pill.format(_CLASSES[status], status.replace("_", " "))
