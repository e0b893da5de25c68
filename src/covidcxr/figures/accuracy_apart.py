"""Figure of accuracies that can be compared: in the paper, at home, and elsewhere."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from covidcxr.figures.common import BLUE, GREY, INK, RUST, Picture
from covidcxr.paper.headline import AWAY, HOME, PAPER

_PLACES = {
    PAPER: ("the paper", GREY),
    HOME: ("ours, same kind of images", BLUE),
    AWAY: ("ours, adults from elsewhere", RUST),
}


def places(rows: pd.DataFrame) -> Picture:
    """Draw `covidcxr.paper.headline.accuracies`: a group a place, a line a network."""
    figure, axis = plt.subplots(figsize=(6, 0.75 + 0.36 * len(rows)))
    place, ticks, names, words = 0.0, [], [], []
    for where, (title, color) in _PLACES.items():
        of = rows[rows["where"] == where]
        top = place
        for row in of.to_dict("records"):
            axis.hlines(place, row["low"], row["high"], color=color, lw=3)
            axis.plot(row["value"], place, "o", color=color, ms=7)
            ticks.append(place)
            names.append(f"{row['network']}, {row['size']} px")
            words.append(f"{title}, {row['network']}, {row['size']} px: {row['value']:.1%}")
            place += 1
        base = of["baseline"].to_numpy(float)
        for level in np.unique(base):
            axis.vlines(level, top - 0.45, place - 0.55, color=INK, lw=1.3, ls=":")
        axis.text(0.405, top - 0.5, title, color=color, weight="bold", va="bottom", fontsize=10)
        place += 1.1
    axis.set_yticks(ticks, names)
    axis.set(xlim=(0.4, 1.02), ylim=(place - 1.3, -1.5), xlabel='accuracy; dotted: always "normal"')
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="y", visible=False)
    return Picture(figure, f"Accuracies with 95% intervals. {'; '.join(words)}.")
