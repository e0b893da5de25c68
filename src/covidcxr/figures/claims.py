"""The ledger of claims as a table to search, as CSV, JSON and text."""

from __future__ import annotations

import base64
import json
import textwrap
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from covidcxr.figures import ledger
from covidcxr.figures.common import Html, stack
from covidcxr.paper import claims
from covidcxr.paper.checks import Verdict

_PANES = ("Verdict", "Severity", "Place", "Kind", "Basis", "Of")


def as_html(table: pd.DataFrame) -> Html:
    """Show the ledger as a table with search and filters."""
    rows = table.to_dict("records")
    cells = pd.DataFrame(
        {
            "Claim": [ledger.name(row["claim"], row["id"], f"claim-{row['id']}") for row in rows],
            "Verdict": [ledger.pill(verdict, verdict) for verdict in table["verdict"]],
            "Why": [
                Markup("{} {}").format(row["finding"], _evidence(row["evidence"], row["see"]))
                for row in rows
            ],
            **{column.capitalize(): table[column] for column in ("severity", "place", "kind")},
            "Basis": table["basis"],
            "Of": table["of"],
        }
    )
    caption = f"{claims.tally(table)['claims_n']} {_counted(table)}, in the order of the paper."
    panes = [list(cells).index(name) for name in _PANES]
    return stack(ledger.table(cells, "ledger", caption), ledger.searchable({"ledger": panes}))


def _evidence(evidence: str, see: str) -> Markup:
    links = [ledger.page_link(page, f"see {Path(page.partition('#')[0]).name}")
             for page in see.split("; ")]  # fmt: skip
    return ledger.small(Markup(", ").join([Markup("<code>{}</code>").format(evidence), *links]))


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
    counted = table.loc[table["of"] == claims.OWN, "verdict"].value_counts()
    lines += [f"{counted[v]:>4}  {v}" for v in Verdict if v in counted]
    return "\n".join([*lines, f"{counted.sum():>4}  {_counted(table)}"]) + "\n"


def _counted(table: pd.DataFrame) -> str:
    counts = claims.tally(table)
    text = f"claims on the paper's own work, {counts['claims_implied']} of them implied"
    return f"{text}; {counts['claims_other']} more retell other papers"


def _link(name: str, kind: str, content: str) -> str:
    data = base64.b64encode(content.encode()).decode()
    return f'<a download="{name}" href="data:{kind};charset=utf-8;base64,{data}">{name}</a>'
