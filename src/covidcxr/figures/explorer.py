"""The explorer of thresholds: its markup, texts and values, and a table that needs no script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from covidcxr.figures.common import Html, with_limits
from covidcxr.scores import metrics, threshold_table
from covidcxr.scores.threshold_table import LEAST, MOST, PREDICTIVE, SHARES, Reading

WIDTH, HEIGHT = 300, 170
"""Of a plot's field, in its own units."""

DRAWN = ("sensitivity", "specificity")

THRESHOLDS = tuple(tenth / 10 for tenth in range(1, 10))
"""Where the table reads it."""

UNDEFINED = "undefined"
"""Text of a share of nothing."""

TEMPLATE = "data/templates/explorer.html.jinja"


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
    from jinja2 import Environment

    source = files("covidcxr").joinpath(TEMPLATE).read_text("utf-8")
    low, high = logit([LEAST, MOST])
    return Html(
        Environment(autoescape=True, trim_blocks=True)
        .from_string(source)
        .render(
            plots=[_plot(name, counts, threshold) for name, counts in tested.items()],
            data=Markup(as_json(payload(tested, threshold, confidence))),
            chosen=chosen or list(tested)[-1],
            confidence=f"{confidence:.0%}",
            shares=SHARES,
            predictive={name: metrics.word(name) for name in PREDICTIVE},
            at=f"{100 * threshold:g}",
            least=f"{100 * LEAST:g}",
            most=f"{100 * MOST:g}",
            low=low,
            high=high,
            width=WIDTH,
            height=HEIGHT,
        )
    )


def _plot(name: str, counts: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Path of sensitivity and specificity over the threshold, and their values at one."""
    values = metrics.score(counts[list(metrics.CELLS)].to_numpy())
    shares = threshold_table.at(counts, threshold, 0.5).shares
    here = {share: shares[share].value for share in DRAWN}
    texts = ", ".join(f"{share} {share_text(value)}" for share, value in here.items())
    at = counts["threshold"].to_numpy()
    return {
        "name": name,
        "alt": f"{name} by threshold. At {threshold:g}: {texts}",
        "here": here,
        "paths": {
            share: "" if np.isnan(values[share]).any() else _steps(at, values[share])
            for share in DRAWN
        },
    }


def _steps(thresholds: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """Path of a share over rising thresholds: each value holds up to its threshold."""
    path = f"M0 {HEIGHT * (1 - values[0]):.1f}"
    for place in np.flatnonzero(np.diff(values)):
        path += f"H{WIDTH * thresholds[place]:.1f}V{HEIGHT * (1 - values[place + 1]):.1f}"
    return f"{path}H{WIDTH}"


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
        "networks": [
            {
                "name": name,
                "positives": int(counts["tp"].iloc[0] + counts["fn"].iloc[0]),
                "negatives": int(counts["fp"].iloc[0] + counts["tn"].iloc[0]),
                "prevalence": threshold_table.prevalence(counts),
                "scores": counts["threshold"].iloc[:-1].tolist(),
                "tp": counts["tp"].tolist(),
                "fp": counts["fp"].tolist(),
                "worth": {share: counts[f"{share}_effective_n"].tolist() for share in SHARES},
            }
            for name, counts in tested.items()
        ],
    }


def as_json(content: Mapping[str, Any]) -> str:
    """JSON that may stand in a page's ``script`` element, which ``</script>`` would end."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def values(name: str, counts: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Values that the page glues: images called COVID-19 at a threshold and at the outermost."""
    least, most = THRESHOLDS[0], THRESHOLDS[-1]
    (tp, fn, fp, tn), low, high = (
        threshold_table.at(counts, at, 0.5).cells for at in (threshold, least, most)
    )
    return {
        "explorer_name": name,
        "explorer_threshold": threshold,
        "explorer_detected": tp,
        "explorer_positives": tp + fn,
        "explorer_alarms": fp,
        "explorer_negatives": fp + tn,
        "explorer_least": least,
        "explorer_most": most,
        "explorer_detected_least": low[0],
        "explorer_detected_most": high[0],
        "explorer_alarms_least": low[2],
        "explorer_alarms_most": high[2],
    }


def share_text(value: float) -> str:
    """Share with three digits, or that it is undefined."""
    return UNDEFINED if np.isnan(value) else f"{value:.3f}"


def texts(reading: Reading) -> dict[str, str]:
    """Texts that the explorer shows, by the name of their place on the page."""
    cells = zip(metrics.CELLS, reading.cells, strict=True)
    shown = {name: str(count) for name, count in cells}
    for name, share in reading.shares.items():
        low, high = share_text(share.low), share_text(share.high)
        shown[name] = share_text(share.value)
        shown[f"{name}-interval"] = "–" if np.isnan(share.low) else f"{low} to {high}"
    for name in PREDICTIVE:
        shown[name] = share_text(reading.carried[name])
        shown[f"{name}-observed"] = share_text(reading.observed[name])
    return shown


def fallback(
    counts: pd.DataFrame,
    thresholds: Sequence[float] = THRESHOLDS,
    prevalence: float = 0.5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Table of the explorer's values at a few thresholds, as text, a row a threshold."""
    rows = []
    for threshold in thresholds:
        reading = threshold_table.at(counts, threshold, prevalence, confidence)
        row = {
            "threshold": f"{threshold:g}",
            # On a narrow page the four stay on one line.
            ", ".join(metrics.CELLS): ",\N{NO-BREAK SPACE}".join(map(str, reading.cells)),
            **{name: with_limits(*reading.shares[name], none=UNDEFINED) for name in SHARES},
        }
        shown = texts(reading)
        rows.append(row | {metrics.word(name): shown[name] for name in PREDICTIVE})
    return pd.DataFrame(rows)
