"""Markup of the explorer: controls and tables for its script to fill, and plots of each network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import escape
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from covidcxr.figures.common import Html
from covidcxr.figures.explorer_tables import share_text
from covidcxr.scores import metrics, threshold_table

WIDTH, HEIGHT = 300, 170
"""Of a plot's field, in its own units."""

DRAWN = ("sensitivity", "specificity")

_CELLS = {"tp": "right", "fn": "wrong", "fp": "wrong", "tn": "right"}


def panel(
    tested: Mapping[str, pd.DataFrame],
    threshold: float = 0.5,
    confidence: float = 0.95,
    chosen: str = "",
) -> Html:
    """Explorer of counts (`covidcxr.scores.threshold_table.curve`) by network and images.

    It begins with the one ``chosen``, or with the last.

    Without its script (``book/_static/explorer.js``) a reader sees the plots and is led to
    the table below; with it, one plot at a time, the controls and what they choose.
    """
    plots = "\n".join(plot(name, counts, threshold) for name, counts in tested.items())
    data = as_json(payload(tested, threshold, confidence))
    return Html(
        f"""<div class="explorer">
<noscript><p class="remark">Moving the threshold takes JavaScript. Without it, the table below
has the same values at a few thresholds.</p></noscript>
{_controls(list(tested), chosen or list(tested)[-1])}
<div class="explorer-views">
<div data-script hidden>{_matrix()}{_shares(confidence)}{_predictive()}</div>
<div class="explorer-plots">{plots}</div>
</div>
<p data-script hidden><output aria-live="polite"></output></p>
<script type="application/json">{data}</script>
</div>"""
    )


def plot(name: str, counts: pd.DataFrame, threshold: float) -> str:
    """Sensitivity and specificity over the threshold, with a marker at one, as SVG."""
    values = metrics.score(counts[list(metrics.CELLS)].to_numpy())
    here = threshold_table.at(counts, threshold, 0.5).shares
    alt = f"{name} by threshold. At {threshold:g}: " + ", ".join(
        f"{share} {share_text(here[share].value)}" for share in DRAWN
    )
    there = [share for share in DRAWN if not np.isnan(values[share]).any()]
    at = counts["threshold"].to_numpy()
    lines = "".join(_line(share, _steps(at, values[share])) for share in there)
    # The field's own coordinates are per cent, so that the script need not know its size.
    dots = "".join(
        f'<circle class="{share}" cx="{100 * threshold:g}%" cy="{100 * (1 - here[share].value):g}%"'
        ' r="4.5"/>'
        for share in there
    )
    return f"""<figure><figcaption>{escape(name)}</figcaption>
<svg viewBox="0 0 352 236" role="img" aria-label="{escape(alt)}.">
{_legend(there)}{_axes()}
<svg x="36" y="26" width="{WIDTH}" height="{HEIGHT}" overflow="visible">{lines}
<line class="marker" x1="{100 * threshold:g}%" x2="{100 * threshold:g}%" y1="0" y2="100%"
 stroke="currentColor"/>{dots}</svg>
</svg></figure>"""


def payload(
    tested: Mapping[str, pd.DataFrame], threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Any]:
    """Content for the script: ``threshold``, where it begins, normal quantile ``z``, ``networks``.

    Of each network its ``name``, ``positives``, ``negatives``, the test part's ``prevalence``,
    the k distinct ``scores``, and of each of k + 1 rows of counts ``tp``, ``fp`` and ``worth``,
    effective sample sizes by name.
    """
    return {
        "threshold": threshold,
        "z": float(stats.norm.ppf((1 + confidence) / 2)),
        "networks": [_network(name, counts) for name, counts in tested.items()],
    }


def as_json(content: Mapping[str, Any]) -> str:
    """JSON that may stand in a page's ``script`` element, which ``</script>`` would end."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _network(name: str, counts: pd.DataFrame) -> dict[str, Any]:
    first = counts.iloc[0]
    return {
        "name": name,
        "positives": int(first["tp"] + first["fn"]),
        "negatives": int(first["fp"] + first["tn"]),
        "prevalence": threshold_table.prevalence(counts),
        "scores": counts["threshold"].iloc[:-1].tolist(),
        "tp": counts["tp"].tolist(),
        "fp": counts["fp"].tolist(),
        "worth": {
            share: counts[f"{share}_effective_n"].tolist() for share in threshold_table.SHARES
        },
    }


# --- pieces


def _controls(names: list[str], chosen: str) -> str:
    options = "".join(
        f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>" for name in names
    )
    low, high = logit([threshold_table.LEAST, threshold_table.MOST])
    ends = f"{100 * threshold_table.LEAST:g} to {100 * threshold_table.MOST:g}"
    share = f'min="{100 * threshold_table.LEAST:g}" max="{100 * threshold_table.MOST:g}" step="0.1"'
    # Browsers keep what was chosen before a page is loaded again, unless asked not to.
    kept = 'autocomplete="off"'
    return f"""<fieldset data-script hidden><legend>Network, threshold, prevalence</legend>
<div><label for="explorer-network">Network</label>
<select id="explorer-network" {kept}>{options}</select></div>
<div><label for="explorer-threshold">Threshold</label>
<input id="explorer-threshold" type="range" min="0" max="1" step="0.005" {kept}>
<input id="explorer-threshold-field" type="number" min="0" max="1" step="0.01" {kept}
 aria-label="Threshold, 0 to 1" title="0 to 1"></div>
<div><label for="explorer-prevalence">Prevalence,&nbsp;%</label>
<input id="explorer-prevalence" type="range" min="{low:.2f}" max="{high:.2f}" step="0.05" {kept}>
<input id="explorer-prevalence-field" type="number" {share} {kept}
 aria-label="Prevalence in per cent, {ends}" title="{ends}">
<button type="button">as in these images</button></div>
</fieldset>"""


def _matrix() -> str:
    cells = {name: f'<td class="{kind}">{_place(name)}</td>' for name, kind in _CELLS.items()}
    return f"""<table><caption>Images</caption>
<thead><tr><td></td>
<th scope="col">called COVID&#8209;19</th><th scope="col">called normal</th></tr></thead>
<tbody><tr><th scope="row">COVID-19</th>{cells["tp"]}{cells["fn"]}</tr>
<tr><th scope="row">normal</th>{cells["fp"]}{cells["tn"]}</tr></tbody></table>"""


def _shares(confidence: float) -> str:
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{_place(name)}</td>'
        f"<td>{_place(f'{name}-interval')}</td></tr>"
        for name in threshold_table.SHARES
    )
    return f"""<table><caption>At this threshold</caption>
<thead><tr><td></td>
<th scope="col">value</th><th scope="col">{confidence:.0%} interval</th></tr></thead>
<tbody>{rows}</tbody></table>"""


def _predictive() -> str:
    rows = "".join(
        f'<tr><th scope="row">{metrics.word(name)}</th><td>{_place(name)}</td>'
        f"<td>{_place(f'{name}-observed')}</td></tr>"
        for name in threshold_table.PREDICTIVE
    )
    return f"""<table><caption>Predictive values</caption>
<thead><tr><td></td><th scope="col">at a prevalence of <span data-prevalence></span></th>
<th scope="col">observed in these images</th></tr></thead>
<tbody>{rows}</tbody></table>"""


def _place(name: str) -> str:
    return f'<span data-shown="{name}"></span>'


def _steps(thresholds: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """Path of a share over rising thresholds: each value holds up to its threshold."""
    changes = np.flatnonzero(np.diff(values))
    path = f"M0 {HEIGHT * (1 - values[0]):.1f}"
    for place in changes:
        path += f"H{WIDTH * thresholds[place]:.1f}V{HEIGHT * (1 - values[place + 1]):.1f}"
    return f"{path}H{WIDTH}"


def _line(kind: str, path: str) -> str:
    """Line that is one even where the book's style is missing."""
    return f'<path class="{kind}" d="{path}" fill="none" stroke="currentColor"/>'


def _legend(there: list[str]) -> str:
    words = {share: share if share in there else f"{share} undefined" for share in DRAWN}
    return "".join(
        f'{_line(share, f"M{x} 10h24")}<text x="{x + 30}" y="14">{words[share]}</text>'
        for share, x in zip(DRAWN, (36, 196), strict=True)
    )


def _axes() -> str:
    ticks = (0, 0.25, 0.5, 0.75, 1)
    across = "".join(
        f"{_line('grid', f'M36 {26 + HEIGHT * (1 - tick):g}h{WIDTH}')}"
        f'<text class="up" x="30" y="{30 + HEIGHT * (1 - tick):g}">{tick:g}</text>'
        for tick in ticks
    )
    along = "".join(
        f'<text class="on" x="{36 + WIDTH * tick:g}" y="{42 + HEIGHT}">{tick:g}</text>'
        for tick in ticks
    )
    name = f'<text class="on" x="{36 + WIDTH / 2:g}" y="{62 + HEIGHT}">threshold</text>'
    return across + along + name
