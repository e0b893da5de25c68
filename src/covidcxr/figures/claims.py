"""The ledger of claims as a table to search, as CSV, JSON and text."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import escape as _e

from covidcxr.figures.common import Html
from covidcxr.paper import claims
from covidcxr.paper.checks import Verdict

_SHOWN = ("claim", "verdict", "why", "severity", "place", "kind", "basis")
_PANES = ("verdict", "severity", "place", "kind", "basis")

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


def as_html(table: pd.DataFrame) -> Html:
    """Show the ledger as plain markup, to which DataTables adds search and filters."""
    head = "".join(f'<th scope="col">{name.capitalize()}</th>' for name in _SHOWN)
    body = "\n".join(_row(row) for row in table.to_dict("records"))
    caption = f"{len(table)} {_counted(table)}, in the order of the paper."
    return Html(
        f'<div class="table-wrap ledger-wrap" tabindex="0"><table id="ledger" class="ledger">'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
        f"</table></div>\n{searchable({'ledger': [_SHOWN.index(name) for name in _PANES]}).text}"
    )


def searchable(tables: Mapping[str, Sequence[int]]) -> Html:
    """Add search and filters to tables that stand on the page as plain markup.

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


def downloads(table: pd.DataFrame) -> Html:
    """Offer the ledger as files that lie in the page itself."""
    links = (
        _link("claims.csv", "text/csv", as_csv(table)),
        _link("claims.json", "application/json", as_json(table)),
    )
    return Html(f'<p class="downloads">Download: {" · ".join(links)}</p>')


def as_csv(table: pd.DataFrame) -> str:
    """Return the ledger as CSV."""
    return table.to_csv(index=False, lineterminator="\n")


def as_json(table: pd.DataFrame) -> str:
    """Return the ledger as JSON, a list of claims."""
    return json.dumps(table.to_dict("records"), indent=1, ensure_ascii=False) + "\n"


def as_text(table: pd.DataFrame) -> str:
    """Return the ledger for a terminal: claim, verdict and reason."""
    lines = []
    implied = {"stated": "", claims.IMPLIED: f", {claims.IMPLIED}"}
    for row in table.to_dict("records"):
        lines += [
            f"{row['id']} ({row['place']}{implied[row['basis']]}): {row['verdict'].upper()}",
            *textwrap.wrap(row["claim"], 92, initial_indent="  ", subsequent_indent="  "),
            *textwrap.wrap(row["finding"], 92, initial_indent="  > ", subsequent_indent="    "),
            "",
        ]
    counted = table["verdict"].value_counts()
    lines += [f"{counted[v]:>4}  {v}" for v in Verdict if v in counted]
    return "\n".join([*lines, f"{len(table):>4}  {_counted(table)}"]) + "\n"


def _row(row: Mapping[Hashable, str]) -> str:
    mark = row["verdict"].replace(" ", "-")
    cells = (
        f'{_e(row["claim"])} <code class="claim-id">{_e(row["id"])}</code>',
        f'<span class="verdict {mark}">{_e(row["verdict"])}</span>',
        f'{_e(row["finding"])} <span class="evidence">{_evidence(row)}</span>',
        _e(row["severity"]),
        _e(row["place"]),
        _e(row["kind"]),
        _e(row["basis"]),
    )
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr id="claim-{_e(row["id"])}">{inner}</tr>'


def _evidence(row: Mapping[Hashable, str]) -> str:
    links = []
    for see in row["see"].split("; "):
        page, _, label = see.partition("#")
        # The page of the ledger lies among the computed ones, in run/.
        target = page.removeprefix("run/") if page.startswith("run/") else f"../{page}"
        href = f"{target}.html" + (f"#{label}" if label else "")
        links.append(f'<a href="{_e(href)}">see {_e(Path(page).name)}</a>')
    return ", ".join([f"<code>{_e(row['evidence'])}</code>", *links])


def _counted(table: pd.DataFrame) -> str:
    return f"claims, {claims.tally(table)['claims_implied']} of them implied"


def _link(name: str, kind: str, content: str) -> str:
    data = base64.b64encode(content.encode()).decode()
    return f'<a download="{name}" href="data:{kind};charset=utf-8;base64,{data}">{name}</a>'
