"""Ledgers: tables of marked-up cells with search and filters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup, escape

from covidcxr.figures.common import Html

_SCRIPT = """<script type="module">
const start = async () => {
  const { ITable } = await window.%(global)s;
  for (const [id, options] of Object.entries(%(tables)s)) {
    new ITable(document.getElementById(id), options);
  }
  // DataTables gives its panes a title alone, which not every screen reader speaks.
  for (const field of document.querySelectorAll("input.dtsp-search")) {
    field.setAttribute("aria-label", field.title);
  }
};
if (window.%(global)s) { start(); }
else { window.addEventListener("%(event)s", start); }
</script>"""


def table(cells: pd.DataFrame, id: str, caption: str, classes: str = "ledger") -> Html:
    """Show a frame whose text is escaped unless it is `Markup`; `searchable` adds search."""
    body = (
        cells.map(escape)
        .rename(columns=escape)
        .to_html(index=False, border=0, escape=False, table_id=id, justify="inherit")
    )
    body = body.replace('class="dataframe"', f'class="{classes}"', 1)
    body = body.replace("<th>", '<th scope="col">')
    body = body.replace("<thead>", f"<caption>{escape(caption)}</caption><thead>", 1)
    return Html(f'<div class="table-wrap ledger-wrap" tabindex="0">{body}</div>')


def searchable(tables: Mapping[str, Sequence[int]]) -> Html:
    """Add search and filters to tables, which read without scripts, too.

    Parameters
    ----------
    tables
        By the id of a table, the columns to filter by, from 0.
    """
    import itables
    from itables import options as defaults
    from itables.javascript import generate_init_offline_itables_html

    # What follows the scripts is a note for notebooks whose scripts were taken out.
    bundle = generate_init_offline_itables_html(defaults.dt_bundle).partition("<div")[0]
    layout = {"top1": "searchPanes", "topStart": "info", "topEnd": "search",
              "bottomStart": None, "bottomEnd": None}  # fmt: skip
    options = {"paging": False, "autoWidth": False, "order": [], "layout": layout}
    panes = {"initCollapsed": True, "threshold": 1, "viewTotal": True}
    each = {
        id: options | {"searchPanes": panes | {"columns": list(columns)}}
        for id, columns in tables.items()
    }
    script = _SCRIPT % {
        "global": f"_itables_{itables.__version__.replace('.', '_')}",
        "event": f"itables-{itables.__version__}-ready",
        "tables": json.dumps(each),
    }
    return Html(f"{bundle}\n{script}")


def name(text: str, label: str, id: str) -> Markup:
    """Show what a row is about, and its label as an anchor."""
    return Markup('{} <code class="claim-id" id="{}">{}</code>').format(text, id, label)


def pill(text: str, kind: str) -> Markup:
    """Show a verdict or status in a colour of the style sheet."""
    return Markup('<span class="verdict {}">{}</span>').format(kind.replace(" ", "-"), text)


def small(text: str) -> Markup:
    """Show evidence in small print."""
    return Markup('<span class="evidence">{}</span>').format(text) if text else Markup("")


def page_link(pointer: str, text: str) -> Markup:
    """Link from a computed page, which lies in run/, to a page: ``run/leakage#networks``."""
    page, _, anchor = pointer.partition("#")
    target = page.removeprefix("run/") if page.startswith("run/") else f"../{page}"
    href = f"{target}.html" + (f"#{anchor}" if anchor else "")
    return Markup('<a class="pointer" href="{}">{}</a>').format(href, text)
