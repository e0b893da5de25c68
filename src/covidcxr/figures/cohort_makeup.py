"""Figure of a cohort by source, view and age, as the record of its composition counts them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from covidcxr.core.records import Record
from covidcxr.figures.common import COLORS, GREY, INK, PALE, YELLOW, Picture

SOURCES = {
    "cohen": "Cohen",
    "fig1": "Figure 1 set",
    "actmed": "Actualmed",
    "kermany": "Kermany: one children's hospital",
}
"""Names of the sources of the paper's inferred images."""

CHILDREN = (1, 5)
"""Ages of the normal images' collection (Kermany et al., Cell 172:1122-1131, 2018), in years."""

_SHADES = ("#4d7c6f", "#8e6c8a", YELLOW, GREY, PALE)
_LABELS = {"COVID19": "COVID-19", "NORMAL": "normal"}


def makeup(record: Record) -> Picture:
    """Draw each class by source and by view as bars, and the known ages as a histogram."""
    counts, measures = record.table("categories"), record.table("measures")
    figure, axes = plt.subplots(3, 1, figsize=(6, 5.2), gridspec_kw={"height_ratios": (1, 1, 1.6)})
    words = []
    for axis, variable in zip(axes, ("source", "view"), strict=False):
        words.append(_bars(axis, counts[counts["variable"] == variable], variable))
    ages = measures[(measures["variable"] == "age") & (measures["label"] == "COVID19")]
    axis = axes[2]
    edges = np.append(ages["low"], ages["high"].iloc[-1:])
    axis.stairs(ages["n"], edges, fill=True, color=COLORS["COVID19"])
    axis.axvspan(*CHILDREN, color=COLORS["NORMAL"])
    top = float(ages["n"].max())
    for x, text, label in (
        (CHILDREN[1] + 1, "normal:\n1 to 5 years", "NORMAL"),
        (27, f"COVID-19:\n{ages['n'].sum()} known ages", "COVID19"),
    ):
        axis.text(x, top * 0.78, text, color=COLORS[label], fontsize=9)
    axis.set(xlim=(0, edges[-1] + 1), xlabel="age in years", ylabel="images", title="by age")
    return Picture(
        figure,
        f"The cohort. {' '.join(words)} COVID-19 patients of known age are {edges[0]:.0f} to "
        f"{edges[-1]:.0f} years old; the collection of the normal images is of children of "
        f"{CHILDREN[0]} to {CHILDREN[1]} years.",
    )


def _bars(axis: Axes, rows: pd.DataFrame, variable: str) -> str:
    """Draw a bar a class, cut by value; return what it shows in words."""
    rows = rows.assign(value=rows["value"].map(lambda v: "AP" if v.startswith("AP") else v))
    counted = rows.pivot_table("n", "label", "value", aggfunc="sum", fill_value=0)
    counted = counted[counted.sum().sort_values(ascending=False).index]
    words = []
    for y, label in enumerate(("NORMAL", "COVID19")):
        left, total, narrow = 0.0, counted.loc[label].sum(), []
        for color, (value, n) in zip(_SHADES * 9, counted.loc[label].items(), strict=False):
            share = n / total
            name = SOURCES.get(str(value), str(value))
            if share > 0:
                axis.barh(y, share, left=left, color=color, height=0.7)
                words.append(f"{_LABELS[label]}: {name} {share:.0%}")
            if share > 0.12:
                dark = color not in (YELLOW, PALE)
                text = f"{name}, {share:.0%}" if share > 0.2 else name
                axis.text(
                    left + share / 2, y, text, ha="center", va="center", fontsize=9,
                    color="white" if dark else "black",
                )  # fmt: skip
            elif share > 0:
                narrow.append(name)
            left += share
        listed = f"at the right: {', '.join(narrow)}" if narrow else ""
        axis.text(1, y + 0.37, listed, ha="right", va="bottom", fontsize=8, color=INK)
    axis.set_yticks((0, 1), [_LABELS["NORMAL"], _LABELS["COVID19"]], color=INK)
    axis.set(xlim=(0, 1), ylim=(-0.45, 1.7), xticks=(), title=f"by {variable}")
    axis.grid(visible=False)
    return f"By {variable}: {'; '.join(words)}."
