"""The leakage sheet and the judgement of the paper as tables of a page."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from covidcxr.figures import common
from covidcxr.figures.common import Html
from covidcxr.paper.risk_of_bias import ASPECTS, FOUND, NOT_FOUND, UNTESTED, Finding, Row


def as_html(found: Sequence[Row]) -> Html:
    """Show the leakage sheet as a table whose evidence wraps."""
    body = []
    for row in found:
        leak = row.leak
        body.append(
            f'<tr id="leak-{_e(leak.id)}"><td rowspan="2" style="{_CELL}"><b>{_e(leak.id)}</b><br>'
            f'{_e(leak.type)}</td><td colspan="3" style="{_CELL}"><i>{_e(leak.question)}</i> '
            f"{_links([leak.page, *leak.see])}</td></tr>"
            f'<tr><td colspan="3" style="{_CELL}">'
            f"{_told('Paper', row.paper)}{_told('This study', row.study)}</td></tr>"
        )
    caption = (
        "Types of leakage by Kapoor and Narayanan. The status says whether such leakage is found, "
        "not what the question is answered with. 'judged': no record decides; all other statuses "
        "are computed from records and settings when this page is made."
    )
    return _table(caption, "".join(body))


def summary(found: Sequence[Row]) -> Html:
    """Show the statuses alone, as a narrow table."""
    table = [
        {
            "type": f"{row.leak.id} {row.leak.type}",
            "paper": _marked(row.paper),
            "this study": _marked(row.study),
        }
        for row in found
    ]
    caption = (
        "Statuses; * judged, not computed. Those of the paper that are computed hold if its images "
        "are the set that its counts point to."
    )
    return common.table(pd.DataFrame(table), caption)


def domains_html(table: pd.DataFrame) -> Html:
    """Show the judgement of the paper as a table whose reasons wrap."""
    body = []
    for domain, of in table.groupby("domain", sort=False):
        for place, row in enumerate(of.to_dict("records")):
            first = f'<th scope="rowgroup" rowspan="{len(of)}" style="{_CELL}">{_e(domain)}</th>'
            aspect, concern = _e(ASPECTS[row["aspect"]]), _verdict(row["concern"])
            reason = f"{_e(row['because'])} {_links(row['pages'].split())}"
            body.append(
                f'<tr>{"" if place else first}<td style="{_CELL}">{aspect}<br>{concern}</td>'
                f'<td style="{_CELL}">{reason}</td></tr>'
            )
    caption = "The paper, judged by the authors of this edition in the style of PROBAST+AI."
    return _table(caption, "".join(body))


_CELL = "white-space: normal; vertical-align: top; text-align: left; font-size: 0.85rem;"

_CLASSES = {
    FOUND: "contradicted", NOT_FOUND: "holds", UNTESTED: "unknown",
    "high": "contradicted", "low": "holds", "unclear": "unknown",
}  # fmt: skip


def _table(caption: str, body: str) -> Html:
    return Html(
        f'<div class="table-wrap" tabindex="0"><table class="numbers" style="width: 100%">'
        f"<caption>{_e(caption)}</caption><tbody>{body}</tbody></table></div>"
    )


def _told(who: str, found: Finding) -> str:
    judged = " <small>judged</small>" if found.basis == "judged" else ""
    return f"<p><b>{who}:</b> {_verdict(found.status)}{judged} {_e(found.because)}</p>"


def _marked(found: Finding) -> str:
    return found.status + (" *" if found.basis == "judged" else "")


def _verdict(word: str) -> str:
    return f'<span class="verdict {_CLASSES[word]}">{_e(word)}</span>'


def _links(pages: Sequence[str]) -> str:
    # All of them lie beside this page, in run/.
    linked = ", ".join(f'<a href="{_e(page)}.html">{_e(page)}</a>' for page in pages)
    return f'<span class="evidence">see {linked}</span>'


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)
