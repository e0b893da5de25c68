"""Pictures of runs that repeat one procedure."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from covidcxr.core.studies import TITLES
from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.networks import baselines
from covidcxr.scores.variance import COMPONENTS, Decomposition

_GREY, _BLUE, _RUST, _INK = common.PARTS["train"], "#2a6f97", "#c1440e", "#343a40"
_MARKERS = "osD^vP*X<>"
_CHOICES = {
    "test": ("best on the test part", _RUST, "^"),
    "validation": ("best on the validation part", _BLUE, "s"),
    "last": ("last epoch", _INK, "o"),
}
"""How the epoch to report is chosen: words, colour, marker."""


def title(model: str) -> str:
    """Return the name of a network or of a trivial model."""
    known: dict[str, str] = {str(name): text for name, text in TITLES.items()}
    return (known | baselines.TITLES).get(model, model)


def by_split(runs: pd.DataFrame, expected: Mapping[str, pd.DataFrame]) -> Picture:
    """Draw every run's accuracy by draw of the split, and each procedure's mean.

    Parameters
    ----------
    runs
        As `covidcxr.scores.variance.runs` returns them, of all procedures.
    expected
        By procedure to be named in full, the first in the left panel, as
        `covidcxr.scores.variance.expected` returns it.
    """
    first = next(iter(expected))
    several = len(expected) > 1
    draws = _naturally(runs["draw"])
    figure, axes = plt.subplots(
        1, 1 + several, figsize=(common.WIDTH, 1.5 + 0.42 * max(len(draws), len(expected))),
        squeeze=False,
    )  # fmt: skip
    mean = expected[first].loc["draws of the split"]
    axis = axes[0, 0]
    axis.axvspan(100 * mean["low"], 100 * mean["high"], color="#e9ecef", zorder=0)
    axis.axvline(100 * mean["value"], color=_INK, lw=1)
    seeds = _seeds(runs[runs["model"] == first])
    for place, draw in enumerate(reversed(draws)):
        rows = runs[(runs["model"] == first) & (runs["draw"] == draw)]
        for name, value in zip(rows["seed"], rows["accuracy"], strict=True):
            marker, color = _look(seeds, name)
            # Seeds stand apart, so that equals do not hide one another.
            away = 0 if pd.isna(name) else 0.12 * (len(seeds) - 1 - 2 * seeds.index(int(name)))
            axis.plot(
                100 * value,
                place + away / max(1, len(seeds) - 1),
                marker=marker,
                color=color,
                ls="",
                ms=8,
                alpha=0.9,
            )
    axis.set_yticks(range(len(draws)), list(reversed(draws)))
    axis.set(xlabel="accuracy on the test part, %", ylabel="draw of the split", title=title(first))
    axis.set_ylim(-0.6, len(draws) - 0.4)
    axis.grid(axis="y", visible=False)
    if several:
        _procedures(axes[0, 1], runs, expected)
    handles: list[Line2D | Patch] = [
        Line2D(
            [], [], color=_look(seeds, s)[1], marker=_look(seeds, s)[0], ls="", label=f"seed {s}"
        )
        for s in seeds
    ]
    handles.append(Line2D([], [], color=_INK, lw=1, label="mean"))
    handles.append(Patch(color="#e9ecef", label="its interval"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False
    )
    told = "; ".join(
        f"{title(name)} {_percent(rows.T['draws of the split'])}" for name, rows in expected.items()
    )
    return Picture(
        figure,
        f"Accuracy of every run of {title(first)} by draw of the split, a point a seed, from "
        f"{_extremes(runs[runs['model'] == first]['accuracy'])}. Means over draws of the split "
        f"with intervals: {told}.",
    )


def components(taken: Mapping[str, Decomposition]) -> Picture:
    """Draw the components of the variance as standard deviations, a panel a procedure.

    Parameters
    ----------
    taken
        By procedure, as `covidcxr.scores.variance.decompose` returns it.
    """
    figure, axes = plt.subplots(
        1, len(taken), figsize=(common.WIDTH, 3.3), sharey=True, sharex=True, squeeze=False
    )
    names = [*COMPONENTS, "a run"]
    colors = dict(zip(names, (_RUST, _BLUE, _GREY, _INK), strict=True))
    told = []
    for axis, (model, found) in zip(axes.flat, taken.items(), strict=True):
        for place, name in enumerate(reversed(names)):
            row = found.table.loc[name]
            axis.barh(place, row["points"], height=0.55, color=colors[name], alpha=0.35)
            axis.hlines(place, row["low"], row["high"], color=colors[name], lw=2.5)
            axis.plot(row["points"], place, marker="D", color=colors[name], ms=7)
            share = f"{row['share']:.0%} of the variance" if name in COMPONENTS else ""
            axis.annotate(
                share, (row["points"], place), xytext=(9, 6), textcoords="offset points", fontsize=9
            )
        shown = [*(f"{name}:\n{what}" for name, what in COMPONENTS.items()), "a run:\nall of them"]
        axis.set_yticks(range(len(names)), list(reversed(shown)))
        axis.set(xlabel="standard deviation of the accuracy, points", title=title(model))
        axis.set_xlim(left=0)
        axis.set_ylim(-0.5, len(names) - 0.3)
        axis.grid(axis="y", visible=False)
        told.append(
            f"{title(model)}, "
            + ", ".join(
                f"{name} {found.table.loc[name, 'points']:.2f} "
                f"({found.table.loc[name, 'low']:.2f} to {found.table.loc[name, 'high']:.2f})"
                for name in names
            )
        )
    return Picture(
        figure,
        "Standard deviation of a run's accuracy in points by component, with intervals; "
        f"percentages are shares of the variance. {'; '.join(told)}.",
    )


def epochs(histories: pd.DataFrame, selected: pd.DataFrame, columns: int = 5) -> Picture:
    """Draw each run's test accuracy by epoch and mark the epochs one could report.

    Parameters
    ----------
    histories, selected
        As `covidcxr.scores.variance.histories` and `selection` return them, of one model.
    columns
        Panels in a row; a panel is a draw of the split, a line a seed.
    """
    draws = _naturally(selected["draw"])
    wide = min(columns, len(draws))
    lines = -(-len(draws) // wide)
    figure, axes = plt.subplots(
        lines, wide, figsize=(common.WIDTH, 1.1 + 2.1 * lines), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    tested = histories[histories["part"] == "test"]
    with_validation = selected["by_validation"].notna().all()
    for axis in axes.flat[len(draws) :]:
        axis.set_axis_off()
    for axis, draw in zip(axes.flat, draws, strict=False):
        for style, (_, run) in zip(
            ("-", "--", ":", "-.") * len(selected),
            selected[selected["draw"] == draw].sort_values("seed").iterrows(),
            strict=False,
        ):
            rows = tested[(tested["draw"] == draw) & (tested["seed"] == run["seed"])]
            axis.plot(rows["epoch"], 100 * rows["accuracy"], color=_GREY, ls=style, lw=1.4)
            # From large to small, so that all are seen where one epoch is chosen thrice.
            _mark(axis, run["test_epoch"], run["by_test"], "test", 11)
            if with_validation:
                _mark(axis, run["validation_epoch"], run["by_validation"], "validation", 7)
            _mark(axis, run["epochs"], run["last"], "last", 4)
        axis.set_title(draw, fontsize=10)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("accuracy on the test part, %", fontsize=10)
    handles = [
        Line2D([], [], color=color, marker=marker, ls="", label=text)
        for key, (text, color, marker) in _CHOICES.items()
        if key != "validation" or with_validation
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    told = f"best on the test part {100 * selected['by_test'].mean():.1f}%"
    if with_validation:
        told += f", best on the validation part {100 * selected['by_validation'].mean():.1f}%"
    return Picture(
        figure,
        f"Test accuracy of {len(selected)} runs by epoch, a panel a draw of the split and a line a "
        f"seed, with three epochs marked. On average: {told}, last epoch "
        f"{100 * selected['last'].mean():.1f}%.",
    )


def maximum(
    curves: Mapping[float, Mapping[float, NDArray[np.float64]]], words: Mapping[float, str], n: int
) -> Picture:
    """Draw the expected best test accuracy of equally good epochs by their number.

    Parameters
    ----------
    curves
        By true accuracy and by correlation, as
        `covidcxr.scores.variance.expected_maximum` returns it.
    words
        What each true accuracy is.
    n
        Test images.
    """
    figure, axes = plt.subplots(1, len(curves), figsize=(common.WIDTH, 3.2), squeeze=False)
    told = []
    for axis, (p, by_correlation) in zip(axes.flat, curves.items(), strict=True):
        axis.axhline(100 * p, color=_INK, lw=1, ls=":")
        for (correlation, curve), color, style in zip(
            by_correlation.items(), (_RUST, _BLUE, _GREY), ("-", "--", "-."), strict=False
        ):
            places = np.arange(1, len(curve) + 1)
            axis.plot(places, 100 * curve, color=color, ls=style, label=f"{correlation:g}")
            axis.plot(places[-1], 100 * curve[-1], color=color, marker="o", ms=5)
            told.append(f"{100 * p:.1f}% and correlation {correlation:g}: {100 * curve[-1]:.1f}%")
        axis.set(
            title=f"{words[p]}, {n} images:\n{100 * p:.1f}% at every epoch",
            xlabel="epochs to choose from",
            ylabel="expected best accuracy, %",
        )
        axis.title.set_fontsize(10)
        axis.set_xlim(left=0)
    axes[0, -1].legend(
        title="correlation of epochs", loc=(0.5, 0.12), frameon=False, fontsize=9, title_fontsize=9
    )
    return Picture(
        figure,
        "Expected best test accuracy by number of equally good epochs. With all of them, at a true "
        f"accuracy of {'; '.join(told)}.",
    )


def _procedures(axis: Axes, runs: pd.DataFrame, expected: Mapping[str, pd.DataFrame]) -> None:
    rng = np.random.default_rng(0)
    for place, (model, rows) in zip(
        range(len(expected) - 1, -1, -1), expected.items(), strict=True
    ):
        color = _RUST if model in TITLES else _BLUE
        values = 100 * runs.loc[runs["model"] == model, "accuracy"].to_numpy()
        away = place + rng.uniform(-0.16, 0.16, len(values))
        axis.plot(values, away, marker=".", color=_GREY, ls="", alpha=0.5)
        mean = rows.loc["draws of the split"]
        axis.hlines(place, 100 * mean["low"], 100 * mean["high"], color=color, lw=2.5)
        axis.plot(100 * mean["value"], place, marker="D", color=color, ms=7)
    axis.set_yticks(range(len(expected)), [title(m) for m in reversed(list(expected))])
    axis.set(xlabel="accuracy on the test part, %", title="beside other procedures")
    axis.set_ylim(-0.6, len(expected) - 0.4)
    axis.grid(axis="y", visible=False)


def _mark(axis: Axes, epoch: float, value: float, choice: str, size: float) -> None:
    _, color, marker = _CHOICES[choice]
    axis.plot(epoch, 100 * value, color=color, marker=marker, ms=size, ls="", mec="white", mew=0.6)


def _seeds(runs: pd.DataFrame) -> list[int]:
    return sorted({int(seed) for seed in runs["seed"].dropna()})


def _look(seeds: list[int], seed: float) -> tuple[str, str]:
    colors = (_RUST, _BLUE, "#6a4c93", "#2b9348", _GREY)
    place = seeds.index(int(seed)) if pd.notna(seed) else 0
    return _MARKERS[place % len(_MARKERS)], colors[place % len(colors)]


def _naturally(names: pd.Series) -> list[str]:
    """Sort names so that random-10 follows random-9."""
    return sorted({str(name) for name in names}, key=lambda name: (len(name), name))


def _percent(row: pd.Series) -> str:
    return f"{100 * row['value']:.1f}% ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def _extremes(values: pd.Series) -> str:
    return f"{100 * values.min():.1f} to {100 * values.max():.1f}%"
