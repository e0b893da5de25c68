"""Figures of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

from covidcxr.figures import common
from covidcxr.figures.audit_tables import Report
from covidcxr.figures.common import Picture
from covidcxr.paper.audit.names import word
from covidcxr.paper.audit.text import p_range
from covidcxr.scores import mcnemar

_SWAPPED = ("sensitivity", "specificity", "ppv", "npv")
_PRINTED, _CORRECTED = "#8d99a6", common.RUST
_PAIRS = (common.RUST, common.BLUE, common.GREY)
_MARKERS = ("D", "o", "s")


def readings(report: Report) -> Picture:
    """Draw what each score is as labelled and as corrected, a panel a network."""
    tables = report["tables"]
    figure, axes = plt.subplots(1, len(tables), figsize=(common.WIDTH, 3.5), sharey=True)
    places = np.arange(len(_SWAPPED))[::-1]
    descriptions = []
    for axis, table in zip(np.atleast_1d(axes), tables, strict=True):
        labelled, corrected = table["scores"]["as_printed"], table["scores"]["transposed"]
        for place, score in zip(places, _SWAPPED, strict=True):
            low, high = table["intervals"]["transposed"][score]["wilson"]
            axis.hlines(place, low, high, color=_CORRECTED, lw=7, alpha=0.25)
            axis.annotate(
                "",
                (corrected[score], place),
                (labelled[score], place),
                arrowprops={"arrowstyle": "->", "color": common.INK, "lw": 1.2, "shrinkB": 4},
            )
        axis.plot([labelled[s] for s in _SWAPPED], places, "o", color=_PRINTED, ms=8)
        axis.plot([corrected[s] for s in _SWAPPED], places, "D", color=_CORRECTED, ms=7)
        axis.set(title=table["name"], xlim=(0.4, 1.02), ylim=(-0.5, 3.5), xlabel="score")
        axis.set_yticks(places, [word(s) for s in _SWAPPED])
        axis.set_xticks([0.4, 0.6, 0.8, 1.0])
        axis.grid(axis="y", visible=False)
        moves = (f"{word(s)} {labelled[s]:.2f} to {corrected[s]:.2f}" for s in _SWAPPED)
        descriptions.append(f"{table['name']}: {', '.join(moves)}")
    handles = [
        Line2D([], [], color=_PRINTED, marker="o", ls="", ms=8, label="rows as labelled"),
        Line2D([], [], color=_CORRECTED, marker="D", ls="", ms=7, label="rows as the truth"),
        Line2D([], [], color=_CORRECTED, lw=7, alpha=0.25, label="its 95% Wilson interval"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        figure, f"Scores as labelled and with rows as the truth. {'; '.join(descriptions)}."
    )


def against_baseline(report: Report) -> Picture:
    """Draw each network's accuracy with its interval beside that of the majority class."""
    tables = report["tables"]
    baseline = tables[0]["baseline"]["accuracy"]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 2.6))
    descriptions = []
    for place, table in enumerate(reversed(tables)):
        interval = table["intervals"][table["reading"]]["accuracy"]
        value = table["scores"][table["reading"]]["accuracy"]
        axis.hlines(place, *interval["clopper_pearson"], color=_CORRECTED, lw=2)
        axis.hlines(place, *interval["wilson"], color=_CORRECTED, lw=7, alpha=0.3)
        axis.plot(value, place, "D", color=_CORRECTED, ms=8)
        low, high = interval["wilson"]
        descriptions.append(f"{table['name']} {value:.3f} ({low:.3f} to {high:.3f})")
    axis.axvline(baseline, color=common.INK, ls="--", lw=1.2)
    axis.set_yticks(range(len(tables)), [t["name"] for t in reversed(tables)])
    axis.set(xlabel="accuracy", xlim=(0.68, 1.005), ylim=(-0.6, len(tables) - 0.4))
    axis.set_xticks(np.arange(0.7, 1.01, 0.05))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=common.INK, ls="--", label="always normal"),
        Line2D([], [], color=_CORRECTED, lw=7, alpha=0.3, label="95% Wilson"),
        Line2D([], [], color=_CORRECTED, lw=2, label="95% Clopper-Pearson"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        figure,
        f"Accuracy of each network beside {baseline:.3f}, that of always answering normal. "
        f"{'; '.join(reversed(descriptions))}.",
    )


def discordance(report: Report) -> Picture:
    """Draw the exact McNemar p of each pair over all feasible counts of discordant images."""
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.9))
    right = {table["name"]: _correct(table) for table in report["tables"]}
    descriptions, floor = [], 1.0
    for pair, color, marker in zip(report["pairs"], _PAIRS, _MARKERS, strict=False):
        bounds = pair["all"]
        few, many = bounds["discordant"]
        counts = np.arange(few, many + 1, 2)
        gap = abs(right[pair["a"]] - right[pair["b"]])
        p = mcnemar.exact_p((counts - gap) // 2, (counts + gap) // 2)
        name = f"{pair['a']} and {pair['b']}"
        axis.plot(counts, p, color=color, lw=2.5, label=name)
        likely = bounds["independent"]
        axis.plot(likely["discordant"], likely["p"], marker, color=color, ms=9)
        descriptions.append(f"{name}: p {p_range(p.min(), p.max())} for {few} to {many}")
        floor = min(floor, float(p.min()))
    axis.axhline(mcnemar.LEVEL, color=common.INK, ls="--", lw=1.2, label=f"p = {mcnemar.LEVEL}")
    axis.plot([], [], "o", color=common.INK, label="if errors were independent")
    axis.set(yscale="log", ylim=(floor / 10, 3), ylabel="exact McNemar p")
    axis.set_xlabel("images on which exactly one of the two is right")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        figure,
        "Exact McNemar p of each pair of networks over every number of discordant images that "
        f"their tables allow. {'; '.join(descriptions)} images.",
    )


def _correct(table: Mapping[str, Any]) -> int:
    """Count the images on which a network is right."""
    cells = table["cells"][table["reading"]]
    return int(cells["tp"] + cells["tn"])
