"""Figures of scores: the paper beside a study, and the accuracy of every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from covidcxr.core.studies import TITLES, ModelName
from covidcxr.figures.common import WIDTH, Picture
from covidcxr.scores import metrics

READINGS = {
    "printed": ("as the paper labels it", "#adb5bd", "o"),
    "corrected": ("the same matrix, rows as truth", "#6c757d", "s"),
    "ours": ("this study", "#c1440e", "D"),
}


def matrices(columns: Mapping[str, Mapping[ModelName, NDArray[np.int64]]]) -> Picture:
    """Draw confusion matrices (tp, fn, fp, tn) as heat maps: a row a network, a column a reading.

    Shades are shares of the true class; a column without matrices is left out.
    """
    columns = {title: matrix for title, matrix in columns.items() if matrix}
    models = list(next(iter(columns.values())))
    figure, axes = plt.subplots(
        len(models), len(columns), figsize=(WIDTH, 0.7 + 1.75 * len(models)), squeeze=False
    )
    alt = []
    for row, model in zip(axes, models, strict=True):
        for axis, (title, matrix) in zip(row, columns.items(), strict=True):
            if model not in matrix:
                axis.set_axis_off()
                continue
            counts = matrix[model].reshape(2, 2)
            shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axis.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1.25)
            for (truth, called), share in np.ndenumerate(shares):
                axis.text(
                    called + 0.5, truth + 0.5, f"{counts[truth, called]:,}\n{share:.0%}",
                    ha="center", va="center", color="white" if share > 0.6 else "#1b1b1b",
                )  # fmt: skip
            axis.set(xticks=[0.5, 1.5], yticks=[0.5, 1.5], ylim=(2, 0))
            axis.set_title(title if model == models[0] else "", fontsize=10)
            axis.set_xticklabels(["COVID-19", "normal"], fontsize=8)
            axis.set_yticklabels(["COVID-19", "normal"] if axis is row[0] else [], fontsize=8)
            axis.tick_params(length=0)
            axis.grid(visible=False)
            tp, fn, fp, tn = (int(n) for n in matrix[model])
            alt.append(f"{TITLES[model]}, {title}: TP {tp}, FN {fn}, FP {fp}, TN {tn}")
        row[0].set_ylabel(f"{TITLES[model]}\ntrue class", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("called", fontsize=9)
    return Picture(figure, f"Confusion matrices by true class. {'; '.join(alt)}.")


def comparison(judged: Mapping[ModelName, pd.DataFrame], baseline: float, study: str) -> Picture:
    """Draw the scores of all networks beside the paper's, as its Figure 6 does.

    ``baseline`` is the accuracy of calling every image NORMAL.
    """
    figure, axes = plt.subplots(1, len(judged), figsize=(WIDTH, 3.8), sharey=True, squeeze=False)
    for axis, (model, rows) in zip(axes.flat, judged.items(), strict=True):
        places = np.arange(len(rows))[::-1]
        _dots(axis, [float(text) for text in rows["printed"]], places + 0.22, "printed")
        for reading, away in (("corrected", 0.0), ("ours", -0.22)):
            ours = list(rows[reading])
            _dots(axis, [one.value for one in ours], places + away, reading)
            axis.hlines(
                places + away, [one.low for one in ours], [one.high for one in ours],
                color=READINGS[reading][1], lw=2, alpha=0.7,
            )  # fmt: skip
        for place, name in zip(places, rows.index, strict=True):
            if name == "accuracy":
                axis.vlines(baseline, place - 0.45, place + 0.45, color="#343a40", lw=1.5, ls=":")
        axis.set(title=TITLES[model], xlim=(-0.05, 1.05), xlabel="score", yticks=places)
        axis.set_yticklabels([metrics.word(str(name)) for name in rows.index])
        axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=c, marker=m, ls="", label=study if k == "ours" else text)
        for k, (text, c, m) in READINGS.items()
    ]
    handles.append(Line2D([], [], color="#343a40", ls=":", label="accuracy of always NORMAL, ours"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    alt = "; ".join(
        f"{TITLES[m]} {rows['ours'].to_dict()['accuracy'].value:.2f}"
        for m, rows in judged.items()
        if "accuracy" in rows.index
    )
    return Picture(
        figure,
        "Scores of each network: as the paper labels them, as its matrices give them with "
        f"rows as truth, and in {study}, the last two with intervals. Accuracy in {study}: {alt}.",
    )


def accuracies(points: pd.DataFrame, title: str) -> Picture:
    """Draw `covidcxr.paper.runs.points`, accuracies with intervals; a title of the axis."""
    rows = points.sort_values(
        "model", key=lambda m: m.map(list(TITLES.values()).index), kind="stable"
    )
    rows = rows.iloc[::-1].reset_index(drop=True)
    # A gap between networks
    new = (rows["model"] != rows["model"].shift()).to_numpy()
    places = np.arange(len(rows)) + 0.7 * np.cumsum(new)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.6 + 0.5 * len(rows)))
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        _, color, marker = READINGS["corrected" if row["by"] == "paper" else "ours"]
        axis.hlines(place, row["low"], row["high"], color=color, lw=2.5)
        axis.plot(row["value"], place, marker=marker, color=color, ms=8)
        axis.plot(row["baseline"], place, marker="|", color="#343a40", ms=18, ls="")
    axis.set_yticks(places, [f"{r.model}, {r.what}" for r in rows.itertuples()])
    floor = min(0.7, float(rows[["low", "baseline"]].min().min()) - 0.03)
    axis.set(xlabel=title, xlim=(floor, 1.005), ylim=(places[0] - 0.7, places[-1] + 0.7))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=READINGS[k][1], marker=READINGS[k][2], label=label)
        for k, label in (("corrected", "the paper's matrix"), ("ours", "run here on real images"))
    ]
    handles.append(Line2D([], [], color="#343a40", marker="|", ls="", ms=12, label="always normal"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    alt = "; ".join(f"{r.model}, {r.what}: {r.value:.3f}" for r in rows[::-1].itertuples())
    alt = alt.replace("\n", " ")
    return Picture(figure, f"{title}, with 95% Wilson intervals. {alt}.")


def _dots(axis: Axes, values: Any, places: NDArray[Any], reading: str) -> None:
    _, color, marker = READINGS[reading]
    axis.plot(values, places, marker=marker, color=color, ls="", ms=6)
