"""Figures of the page on shortcuts, from the record of the probes."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from covidcxr.figures.common import BLUE, GREY, RUST, WIDTH, Html, Picture, lightbox, note
from covidcxr.figures.shortcuts_tables import logistic, probe_name
from covidcxr.networks.simple_models import MODELS
from covidcxr.validity import shortcuts
from covidcxr.validity.shortcuts.normalisation import NORMALISATIONS
from covidcxr.validity.shortcuts.probes import PROBES

TICKS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999)
"""AUROCs that a logit axis names; beyond `NEAREST` to 0 or 1 it ends."""

NEAREST = 0.0004

COLORS = {"logistic": RUST, "boosting": BLUE, "neighbours": GREY}


def overall(areas: pd.DataFrame) -> Picture:
    """Draw every probe's AUROC on all images."""
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")].dropna(subset=["auroc"])
    rows = rows.assign(
        name=[probe_name(*key) for key in zip(rows["probe"], rows["variant"], strict=True)]
    )
    names = list(rows["name"].unique())
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.33 * len(names)))
    for shift, model in zip((-0.22, 0, 0.22), MODELS, strict=True):
        of = rows[rows["model"] == model]
        places = np.array([names.index(name) for name in of["name"]]) + shift
        axis.errorbar(
            _shown(of["auroc"]), places, xerr=_limits(of), fmt="o", markersize=4,
            color=COLORS[model], label=MODELS[model],
        )  # fmt: skip
    axis.axvline(0.5, color="black", linestyle=":")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("AUROC under grouped cross-validation, logit axis")
    _stretch(axis, "x", rows)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return Picture(
        figure, f"AUROC with intervals of {len(names)} probes by model; the table has the values."
    )


def border(areas: pd.DataFrame) -> Picture | Html:
    """Draw what is left as more of the picture's centre is blacked out."""
    rows = logistic(areas)
    rows = rows[rows["probe"] == "border"].dropna(subset=["auroc"])
    if rows.empty:
        return note("The border probe is not shown: it failed its control, or has no number.")
    share = rows["variant"].str.rstrip(" %").astype(float)
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    axis.errorbar(
        share, _shown(rows["auroc"]), yerr=_limits(rows), fmt="o-", color=COLORS["logistic"]
    )
    axis.axhline(0.5, color="black", linestyle=":")
    axis.set(xlabel="centre blacked out, % of the area", ylabel="AUROC, logit axis", xlim=(20, 100))
    _stretch(axis, "y", rows)
    points = zip(share, rows["auroc"], strict=True)
    text = ", ".join(f"{s:.0f}% hidden, AUROC {v:.3f}" for s, v in points)
    return Picture(figure, f"Logistic regression on what is left: {text}.")


@lightbox()
def after_normalisation(remains: pd.DataFrame) -> Picture:
    """Draw what probes reach after each normalisation."""
    wide = remains.pivot_table(index="normalisation", columns="probe", values="auroc", sort=False)
    names = {p: f"{PROBES[p].title}, {v}" for p, v in shortcuts.AFTER.items() if p in wide}
    wide = wide.loc[[n for n in NORMALISATIONS if n in wide.index], list(names)]
    wide = wide.rename(columns=names)
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    sns.heatmap(
        wide, annot=True, fmt=".2f", vmin=0.5, vmax=1, cmap="rocket_r", ax=axis,
        cbar_kws={"label": "AUROC"},
    )  # fmt: skip
    axis.set(xlabel="", ylabel="normalisation")
    axis.tick_params(axis="y", rotation=0)
    lowest = float(wide.min().min())
    return Picture(
        figure,
        f"Heat map of AUROC by normalisation and probe; the lowest of {wide.size} is {lowest:.2f}.",
    )


def _stretch(axes: Axes, name: Literal["x", "y"], rows: pd.DataFrame) -> None:
    """Give an axis of AUROCs a logit scale, so that those near 1 can be told apart."""
    least = _shown(rows[["auroc", "low"]]).min().min()
    axes.set(**{f"{name}scale": "logit"})
    axes.set(**{f"{name}lim": (min(0.45, 0.9 * least), 1 - 0.7 * NEAREST)})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(TICKS))
    axis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in TICKS]))
    axis.set_minor_locator(NullLocator())


def _shown(values: Any) -> Any:
    """Values within the ends of a logit axis, which has no place for 0 and 1."""
    return np.clip(values, NEAREST, 1 - NEAREST)


def _limits(rows: pd.DataFrame) -> np.ndarray:
    """Distances of the limits from the AUROC, shape (2, n); 0 if there are none."""
    away = _shown(rows[["low", "high"]].to_numpy(float).T) - _shown(rows["auroc"].to_numpy(float))
    return np.nan_to_num(np.abs(away))
