"""Texts and values of the explorer, and the table that stands in for it without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.figures.common import with_limits
from covidcxr.scores import metrics, threshold_table
from covidcxr.scores.threshold_table import PREDICTIVE, SHARES, Reading

THRESHOLDS = tuple(tenth / 10 for tenth in range(1, 10))
"""Where the table reads it."""

UNDEFINED = "undefined"
"""Text of a share of nothing."""


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
