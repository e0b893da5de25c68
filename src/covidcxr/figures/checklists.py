"""The checklists as a reader gets them: tables whose every pointer shows where it leads."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

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
    """Show a checklist as a table of plain markup; `searchable` adds search and filters.

    Parameters
    ----------
    name
        Which checklist.
    root
        The project's folder, in which its evidence is followed.

    Raises
    ------
    Problem
        For evidence that leads nowhere.
    """
    crossed = name == "REFORMS"
    columns = (*_COLUMNS, *(("CLAIM",) if crossed else ()))
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(_row(name, item, root, crossed) for item in checklists.content(name))
    caption = f"The {len(checklists.IDS[name])} items of {name}, in our own words."
    return Html(
        f'<div class="table-wrap ledger-wrap" tabindex="0">'
        f'<table id="{_table(name)}" class="ledger checklist"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def searchable() -> Html:
    """Add search, and filters by status, to the tables of both checklists."""
    return ledger.searchable({_table(name): _STATUSES for name in checklists.NAMES})


def counts() -> Html:
    """Show how many items have which status."""
    table = pd.concat({name: checklists.counts(name) for name in checklists.NAMES})
    table = table.rename_axis(["checklist", "of"]).reset_index()
    return common.table(table, "Items by status. These are counts, and no score.")


def _table(name: Name) -> str:
    # The name alone is the id of the section above.
    return f"items-of-{name.lower()}"


def _row(name: Name, item: Item, root: Path, crossed: bool) -> str:
    led = "; ".join(_link(checklists.follow(p, root)) for p in item.study.evidence)
    test = f'<span class="evidence">test <code>{_e(item.check)}</code></span>' if item.check else ""
    places = f'<span class="evidence">{_e(", ".join(item.paper.at))}</span>'
    cells = [
        f'{_e(item.requirement)} <code class="claim-id">{name} {_e(item.id)}</code>',
        _pill(item.paper.status),
        f"{_e(item.paper.evidence)} {places if item.paper.at else ''}",
        _pill(item.study.status),
        f'{_e(item.note or "")} <span class="evidence">{led}</span>{test}',
    ]
    if crossed:
        cells.append(", ".join(f'<a href="#claim-{_e(i)}">{_e(i)}</a>' for i in item.claim))
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr id="{name.lower()}-{_e(item.id)}">{inner}</tr>'


def _link(found: Evidence) -> str:
    if found.page is None:
        value = f" = {_e(found.value)}" if found.value is not None else ""
        return f"<code>{_e(found.pointer)}</code>{value}"
    page, _, anchor = found.page.partition("#")
    # This page lies among the computed ones, in run/.
    target = page.removeprefix("run/") if page.startswith("run/") else f"../{page}"
    href = f"{target}.html" + (f"#{anchor}" if anchor else "")
    return f'<a class="pointer" href="{_e(href)}">{_e(found.pointer)}</a>'


def _pill(status: str) -> str:
    return f'<span class="verdict {_CLASSES[status]}">{_e(status.replace("_", " "))}</span>'


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)
