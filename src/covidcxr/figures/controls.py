"""Figure of the page on controls."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import PercentFormatter

from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.validity.controls import DISEASE
from covidcxr.validity.shortcuts.probes import PROBES

_LINES = ((common.RUST, "D"), (common.BLUE, "o"), (common.GREY, "s"), ("#7b2cbf", "^"))


def power(measures: pd.DataFrame) -> Picture:
    """Draw how often each probe finds a shortcut of growing strength, a panel a probe."""
    figure, axes = plt.subplots(2, 3, figsize=(common.WIDTH, 5.2), sharey=True, sharex=True)
    rows = measures[(measures["measure"] == "power") & (measures["planted"] != DISEASE)]
    for axis, (name, probe) in zip(axes.flat, PROBES.items(), strict=True):
        for (color, marker), variant in zip(_LINES, probe.variants, strict=False):
            line = rows[(rows["method"] == name) & (rows["variant"] == variant)]
            line = line.sort_values("strength")
            axis.plot(
                line["strength"], line["value"], color=color, marker=marker, ms=5, label=variant
            )
        axis.set(title=probe.title, ylim=(-0.03, 1.05))
        axis.legend(fontsize=8, loc="lower right")
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[:, 0]:
        axis.set_ylabel("cohorts in which found")
    for axis in axes[-1]:
        axis.set_xlabel("strength of the shortcut")
    means = rows.groupby("strength")["value"].mean()
    text = ", ".join(f"{mean:.0%} at {strength:g}" for strength, mean in means.items())
    return Picture(
        figure,
        "Share of cohorts in which a shortcut is found, by its strength. Mean of all probes and "
        f"variants: {text}.",
    )
