"""Figures of the page on leakage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from covidcxr.core.studies import TITLES
from covidcxr.figures import common
from covidcxr.figures.common import BLUE, GREY, INK, RUST, Html, Picture
from covidcxr.scores.metrics import word
from covidcxr.validity.leakage import experiments, summaries
from covidcxr.validity.leakage.experiments import MODELS, PROBES
from covidcxr.validity.leakage.networks import WITHIN

SHOWN = ("accuracy", "sensitivity", "auroc")
"""Scores whose inflation is drawn."""

LABELS = {"truth": "reference standard", "coin": "random for each group"}
"""Labels of the contamination experiment."""

YAGIS = {"random": 0.96, "grouped": 0.50}
"""Accuracy with random labels of brain scans, split by slices and by subjects
(Yagis et al., Sci Rep 11:22544, 2021, abstract)."""

_SPLITS = {
    "random": ("image-level split", RUST, "D"),
    "grouped": ("grouped split", BLUE, "o"),
}
_MODELS = dict(zip(PROBES, ((RUST, "D"), (BLUE, "o"), (GREY, "s")), strict=True))


def inflation(tables: Mapping[str, pd.DataFrame], confidence: float) -> Picture:
    """Draw by score the inflation of each model, with both intervals."""
    models = [MODELS[str(model)] for model in next(iter(tables.values())).index]
    figure = _differences(tables, models)
    handles = [
        Line2D([], [], color=RUST, marker="D", lw=3, label=f"{confidence:.0%} over draws"),
        Line2D([], [], color=RUST, lw=1, label="corrected for images that draws share"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    values = "; ".join(
        f"{word(score)}: "
        + ", ".join(f"{m} {100 * v:+.1f}" for m, v in zip(models, rows["value"], strict=True))
        for score, rows in tables.items()
    )
    return Picture(figure, f"Image-level less grouped split, in points. {values}.")


def contamination(runs: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw accuracy over the share of tested groups that were trained on, by kind of label."""
    if runs.empty:
        return common.note("A class has no two groups of several images, which this needs.")
    figure, axes = plt.subplots(1, len(LABELS), figsize=(common.WIDTH, 3.6))
    for axis, (labels, title) in zip(axes, LABELS.items(), strict=True):
        for number, model in enumerate(_MODELS):
            rows = runs[(runs["labels"] == labels) & (runs["model"] == model)]
            if len(rows):
                _draw_shares(axis, rows, model, 1.5 * (number - 1), confidence)
        axis.set(title=f"labels: {title}", xlabel="tested groups that were trained on, %")
        axis.set_xticks([100 * share for share in experiments.SHARES])
    axes[0].set_ylabel("accuracy, %")
    axes[1].axhline(50, color=INK, lw=1, ls=":")
    handles = [
        Line2D([], [], color=color, marker=marker, label=MODELS[model])
        for model, (color, marker) in _MODELS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return Picture(
        figure,
        "Accuracy by the share of tested groups that were trained on, with reference and with "
        "random labels. The table has the values at both ends.",
    )


def random_labels(results: pd.DataFrame, confidence: float) -> Picture:
    """Draw accuracy with random labels by experiment, beside the published one."""
    keys = list(dict.fromkeys(zip(results["where"], results["model"], strict=True)))
    names = [f"{where}\n{MODELS[model]}" for where, model in keys]
    names.append("Yagis et al. 2021: brain scans,\nby slice and by subject")
    places = np.arange(len(names))[::-1]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 1.3 + 0.5 * len(names)))
    axis.axvline(50, color=INK, lw=1, ls=":")
    for split, (_, color, marker) in _SPLITS.items():
        rows = 100 * results[results["split"] == split][["value", "low", "high"]]
        heights = places[:-1] + (0.14 if split == "random" else -0.14)
        axis.hlines(heights, rows["low"], rows["high"], color=color, lw=2.5)
        axis.plot(rows["value"], heights, marker=marker, color=color, ms=7, ls="")
        axis.plot(100 * YAGIS[split], 0, marker=marker, color=color, mfc="white", ms=7)
    axis.set_yticks(places, names)
    axis.set(xlabel="accuracy, %", xlim=(30, 101), ylim=(-0.7, len(names) - 0.3))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=color, marker=marker, label=f"{text}, {confidence:.0%} interval")
        for text, color, marker in _SPLITS.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return Picture(
        figure,
        "Accuracy with a random label for each group, by kind of split. The table has the values.",
    )


def seen_vs_unseen(differences: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw by score the differences between images of seen groups and others, a row a run."""
    if differences.empty:
        return common.note("No recorded training has tested images of both kinds.")
    tables = {score: differences[differences["score"] == score] for score in WITHIN}
    names = run_names(tables[WITHIN[0]])
    means = [f"{word(s)} {100 * rows['value'].mean():+.1f}" for s, rows in tables.items()]
    return Picture(
        _differences(tables, names),
        f"Images whose group was trained on less the others, {confidence:.0%} intervals, by run. "
        f"Means of the runs: {', '.join(means)} points.",
    )


def run_names(rows: pd.DataFrame) -> list[str]:
    """Network, split and seed of each row."""
    return [
        f"{TITLES[row['model']]}, {row['split']}, seed {row['seed']}"
        for row in rows.to_dict("records")
    ]


def _differences(tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> Figure:
    """Draw differences in points with intervals, a panel a score and a row a name."""
    size = (common.WIDTH, 1.5 + 0.36 * len(names))
    figure, axes = plt.subplots(1, len(tables), figsize=size, sharey=True, squeeze=False)
    places = np.arange(len(names))[::-1]
    for axis, (score, rows) in zip(axes.flat, tables.items(), strict=True):
        axis.axvline(0, color=INK, lw=1)
        if "wide_low" in rows:
            axis.hlines(places, 100 * rows["wide_low"], 100 * rows["wide_high"], color=RUST, lw=1)
        axis.hlines(places, 100 * rows["low"], 100 * rows["high"], color=RUST, lw=3)
        axis.plot(100 * rows["value"], places, marker="D", color=RUST, ms=6, ls="")
        axis.set(xlabel=f"{word(score)}, points", ylim=(-0.6, len(names) - 0.4))
        axis.set_yticks(places, names)
        axis.grid(axis="y", visible=False)
    return figure


def _draw_shares(
    axis: Axes, rows: pd.DataFrame, model: str, offset: float, confidence: float
) -> None:
    """Draw a model's mean accuracy with Student's interval, by share."""
    means = pd.DataFrame.from_dict(
        {
            share: summaries.corrected_resampled_t(100 * own["accuracy"], 0.0, confidence)
            for share, own in rows.groupby("dose")
        },
        orient="index",
    )
    color, marker = _MODELS[model]
    x = 100 * means.index.to_numpy(dtype=float) + offset
    axis.plot(x, means["value"], color=color, marker=marker, ms=6)
    axis.vlines(x, means["low"], means["high"], color=color, lw=1.5)
