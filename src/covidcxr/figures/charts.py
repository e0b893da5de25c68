"""Kinds of charts that several pages draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from covidcxr.core.studies import LABELS
from covidcxr.figures.common import BLUE, COLORS, GREY, INK, RUST, WIDTH
from covidcxr.scores import curves
from covidcxr.scores.predictions import Predictions

LOOKS = ((RUST, "D"), (BLUE, "o"), (GREY, "s"), ("#8a6d00", "^"), ("#6a4c93", "v"))
"""Colour and mark of the first, second, ... series; distinct without colour, too."""

EDGES = np.linspace(0, 1, 21)
"""Of the bins of scores."""


def panels(
    rows: int = 1, columns: int = 1, height: float = 3.4, width: float = WIDTH, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Figure of a page's width and its axes, shape (rows, columns)."""
    return plt.subplots(rows, columns, figsize=(width, height), squeeze=False, **options)


def legend(
    figure: Figure, columns: int = 3, where: str = "lower center", handles: Iterable[Artist] = ()
) -> None:
    """Put one legend outside the panels: of the handles, or of whatever has a label."""
    named: dict[Any, Artist] = {handle.get_label(): handle for handle in handles}
    if not named:
        for axis in figure.axes:
            own, labels = axis.get_legend_handles_labels()
            named = dict(zip(labels, own, strict=True)) | named
    place: Any = f"outside {where}"
    figure.legend(list(named.values()), list(named), loc=place, ncols=columns, frameon=False)


def squares(colors: Mapping[str, str]) -> list[Patch]:
    """Return handles of a legend: a filled square a label."""
    return [Patch(color=color, label=label) for label, color in colors.items()]


def forest(
    drawn: Mapping[str, Mapping[str, pd.DataFrame]],
    looks: Sequence[tuple[str, str]] = LOOKS,
    apart: float = 0.0,
    width: float = WIDTH,
    sharex: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Draw values with their limits, a panel a title and a look a series.

    Parameters
    ----------
    drawn
        By title and by series' name, a table with the columns ``value``, ``low`` and ``high``.
        Lines are named by its index; the first is on top, at 0, the next at 1.
    looks
        Colour and mark by series.
    apart
        Distance of series on one line.
    width
        Of the figure, in inches.
    sharex
        Whether panels have one scale.
    """
    tables = [rows for series in drawn.values() for rows in series.values()]
    names = list(dict.fromkeys(name for rows in tables for name in rows.index))
    most = max(map(len, drawn.values()))
    height = 1.3 + (0.36 + 0.5 * apart) * len(names)
    figure, axes = panels(1, len(drawn), height, width, sharey=True, sharex=sharex)
    for axis, (title, series) in zip(axes.flat, drawn.items(), strict=True):
        for number, (name, rows) in enumerate(series.items()):
            color, mark = looks[number % len(looks)]
            places = [names.index(line) + apart * (number - (most - 1) / 2) for line in rows.index]
            limits = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["value"].to_numpy(float))
            axis.errorbar(
                rows["value"], places, xerr=limits, fmt=mark, color=color, ms=6.5, elinewidth=2.5,
                label=name,
            )  # fmt: skip
        axis.set(title=title, ylim=(len(names) - 0.4, -0.6))
        axis.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(range(len(names)), names)
    return figure, list(axes.flat)


def roc(axis: Axes, p: Predictions, **line: Any) -> pd.DataFrame:
    """Draw a ROC curve, and return its points."""
    curve = curves.points(p)
    axis.plot(curve["false_positive_rate"], curve["sensitivity"], **line)
    axis.set(ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return curve


def score_histogram(axis: Axes, p: Predictions, **options: Any) -> None:
    """Draw a histogram of scores by class; options are those of `seaborn.histplot`."""
    labels = np.where(p.positive, *LABELS)
    sns.histplot(
        x=p.score, hue=labels, hue_order=LABELS, palette=COLORS, bins=EDGES, legend=False,
        ax=axis, **options,
    )  # fmt: skip
    axis.set(xlabel="score", ylabel="", xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])


def confusion(axis: Axes, counts: NDArray[np.int64]) -> None:
    """Draw a confusion matrix, shape (2, 2), with counts, and shades and shares by row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = [
        [f"{n:,}\n{share:.0%}" for n, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    names = ("COVID-19", "normal")
    sns.heatmap(
        shares, annot=texts, fmt="", cmap="Blues", vmin=0, vmax=1.25, cbar=False, ax=axis,
        xticklabels=names, yticklabels=names,
    )  # fmt: skip
    axis.tick_params(length=0, labelsize=8)


def percent_ticks(axis: Axes, places: Sequence[float]) -> None:
    """Write per cent at some places of the horizontal axis, and nothing between them."""
    axis.set_xticks(places)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g}%"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())


def zero_line(axes: Iterable[Axes], at: float = 0, **options: Any) -> None:
    """Draw a line across panels at a value that means no difference or no skill."""
    for axis in axes:
        axis.axvline(at, **{"color": INK, "lw": 1, **options})
