"""Checklists as tables of a page, in which each pointer links to where it leads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from covidcxr.figures import common, ledger
from covidcxr.figures.common import Html
from covidcxr.paper import checklists
from covidcxr.paper.checklists import Item, Name

_STATUSES = (1, 3)
"""Columns to filter by."""

_KINDS = {
    "reported": "holds",
    "partial": "holds after correction",
    "absent": "contradicted",
    "not_applicable": "unknown",
}


def as_html(name: Name, root: Path) -> Html:
    """Show a checklist as a table without scripts; `searchable` adds search and filters."""
    items = checklists.content(name)
    cells = pd.DataFrame([_cells(name, item, root) for item in items])
    if any(item.claim for item in items):
        link = Markup('<a href="#claim-{0}">{0}</a>')
        cells["CLAIM"] = [Markup(", ").join(map(link.format, item.claim)) for item in items]
    caption = f"The {len(items)} items of {name}, in our own words."
    return ledger.table(cells, _table_id(name), caption, "ledger checklist")


def searchable() -> Html:
    """Add search, and filters by status, to the tables of both checklists."""
    return ledger.searchable({_table_id(name): _STATUSES for name in checklists.FILES})


def counts() -> Html:
    """Show how many items have which status."""
    table = pd.concat({name: checklists.counts(name) for name in checklists.FILES})
    table = table.rename_axis(["checklist", "of"]).reset_index()
    return common.table(table, "Items by status. These are counts, and no score.")


def _table_id(name: Name) -> str:
    # The name alone is the id of the section above.
    return f"items-of-{name.lower()}"


def _cells(name: Name, item: Item, root: Path) -> dict[str, Markup]:
    links = Markup("; ").join(_link(pointer, root) for pointer in item.study.evidence)
    test = Markup("test <code>{}</code>").format(item.check) if item.check else ""
    own = Markup("{} {}{}")
    return {
        "Item": ledger.name(item.requirement, f"{name} {item.id}", f"{name.lower()}-{item.id}"),
        "Paper": _pill(item.paper.status),
        "In the paper": own.format(item.paper.evidence, ledger.small(", ".join(item.paper.at)), ""),
        "This edition": _pill(item.study.status),
        "In this edition": own.format(item.note or "", ledger.small(links), ledger.small(test)),
    }


def _link(pointer: str, root: Path) -> Markup:
    if checklists.is_page(pointer, root):
        return ledger.page_link(pointer, pointer)
    value = checklists.value(pointer, root)
    return Markup("<code>{}</code>{}").format(pointer, "" if value is None else f" = {value}")


def _pill(status: str) -> Markup:
    return ledger.pill(status.replace("_", " "), _KINDS[status])
