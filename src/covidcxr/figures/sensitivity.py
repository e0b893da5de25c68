"""The figure and the table of the page on sensitivity."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from covidcxr.figures.common import WIDTH, Html, Picture, note, table
from covidcxr.networks.sensitivity import CHANCE, by_chance

_INK, _BLUE, _RUST, _GREY = "#343a40", "#2a6f97", "#c1440e", "#6c757d"


def forest(found: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw by how many points of accuracy each arm differs from the one that it changes.

    Parameters
    ----------
    found
        As `covidcxr.networks.sensitivity.table` returns it.
    confidence
        Coverage of its intervals.
    """
    rows = found[found["difference"].notna()]
    if rows.empty:
        return note("No two arms that could be compared have been run.")
    places = np.arange(len(rows))[::-1]
    figure, axis = plt.subplots(figsize=(WIDTH, 1.3 + 0.34 * len(rows)))
    axis.axvline(0, color=_INK, lw=1)
    chance = 100 * by_chance(found)
    if np.isfinite(chance):
        axis.axvspan(-chance, chance, color=_GREY, alpha=0.15, lw=0)
    shown = rows.to_dict("records")
    for place, row in zip(places, shown, strict=True):
        color = _GREY if row["about"] == CHANCE else _RUST
        low, value, high = (100 * row[f"difference{end}"] for end in ("_low", "", "_high"))
        axis.hlines(place, low, high, color=color, lw=2.5)
        axis.plot(value, place, marker="D", color=color, ms=6)
    axis.set_yticks(places, [f"{row['about']}: {row['label']}" for row in shown])
    axis.set(xlabel=f"difference in accuracy, points, with {confidence:.0%} interval")
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.grid(axis="y", visible=False)
    told = "; ".join(
        f"{row['about']}, {row['label']}: {100 * row['difference']:+.1f}" for row in shown
    )
    return Picture(
        figure,
        f"Difference in accuracy of each arm to the one that it changes, in points. {told}.",
    )


def listing(found: pd.DataFrame, compared_with: str, confidence: float) -> Html:
    """Tabulate the arms that are compared with one, and that one first.

    Parameters
    ----------
    found
        As `covidcxr.networks.sensitivity.table` returns it.
    compared_with
        The key of that one.
    confidence
        Coverage of the intervals.
    """
    rows = found[(found.index == compared_with) | (found["against"] == compared_with)]
    n = rows["n"].dropna()
    images = f"{n.iloc[0]:.0f} test images" if len(n) else "none run yet"
    each = rows.to_dict("records")
    shown = pd.DataFrame(
        {
            "Changed": [f"{row['about']}: {row['label']}" for row in each],
            "Accuracy": [_of(row, "accuracy", interval=True) for row in each],
            "Sensitivity": [_of(row, "sensitivity") for row in each],
            "Specificity": [_of(row, "specificity") for row in each],
            "Difference, points": [_difference(row) for row in each],
            "Holm": [_p(row["holm"]) for row in each],
            "Verdict": ["" if pd.isna(row["verdict"]) else row["verdict"] for row in each],
            "Widest": ["" if pd.isna(row["widest"]) else f"{row['widest']:z.2f}" for row in each],
        }
    )
    caption = (
        f"{found.loc[compared_with, 'about']} as stated, and with one thing changed: {images}, "
        f"{confidence:.0%} intervals."
    )
    return table(shown, caption)


def _of(row: Mapping[Hashable, Any], score: str, interval: bool = False) -> str:
    if pd.isna(row[score]):
        return "not run"
    limits = f" ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})" if interval else ""
    return f"{row[score]:.3f}{limits}"


def _difference(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["difference"]):
        return ""
    ends = f"{100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f}"
    return f"{100 * row['difference']:+.1f} ({ends})"


def _p(value: float) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
