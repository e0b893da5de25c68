"""Figures, tables and values of the page on the variance between runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES, Study
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.networks import baselines
from covidcxr.paper import publication, reproduction
from covidcxr.scores import optimism
from covidcxr.scores.variance import GAMMA, noether
from covidcxr.scores.variance_components import COMPONENTS, Decomposition

_GREY, _BLUE, _RUST, _INK = common.GREY, common.BLUE, common.RUST, common.INK
_COLORS, _MARKERS = (_RUST, _BLUE, "#6a4c93", "#2b9348", _GREY), "osD^vP*X<>"
_CHOICES = {
    "by_test": ("best on the test part", "test_epoch", _RUST, "^", 11),
    "by_validation": ("best on the validation part", "validation_epoch", _BLUE, "s", 7),
    "last": ("last epoch", "epochs", _INK, "o", 4),
}
"""How the epoch to report is chosen, by column of its accuracy: words, column of the epoch,
colour, marker and size, from large to small so that all are seen on one epoch."""
_WEIGHTS = {"none": "random", "imagenet": "those of ImageNet"}


def by_split(runs: pd.DataFrame, expected: pd.DataFrame) -> Picture:
    """Draw the accuracy of every run of one network by draw of the split, and their mean."""
    draws = _naturally(runs["draw"])[::-1]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 1.5 + 0.42 * len(draws)))
    mean = (100 * expected).T["draws of the split"].to_dict()
    axis.axvspan(mean["low"], mean["high"], color="#e9ecef", zorder=0, label="interval of the mean")
    axis.axvline(mean["value"], color=_INK, lw=1, label="mean")
    seeds = sorted(runs["seed"].unique())
    for place, (seed, rows) in enumerate(runs.groupby("seed")):
        # Seeds are drawn apart, so that equal runs do not hide one another.
        apart = 0.12 * (len(seeds) - 1 - 2 * place) / max(1, len(seeds) - 1)
        at = [draws.index(name) + apart for name in rows["draw"]]
        color, marker = _COLORS[place % len(_COLORS)], _MARKERS[place % len(_MARKERS)]
        axis.plot(
            100 * rows["accuracy"], at, marker, color=color, ms=8, alpha=0.9, label=f"seed {seed}"
        )
    axis.set_yticks(range(len(draws)), draws)
    axis.set(xlabel="accuracy on the test part, %", ylabel="draw of the split")
    axis.set_ylim(-0.6, len(draws) - 0.4)
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    accuracy = 100 * runs["accuracy"]
    return Picture(
        figure,
        f"Accuracy of every run by draw of the split, a point a seed, from {accuracy.min():.1f} to "
        f"{accuracy.max():.1f}%. Mean over draws of the split {mean['value']:.1f}% "
        f"({mean['low']:.1f} to {mean['high']:.1f}).",
    )


def components(decompositions: Mapping[str, Decomposition]) -> Picture:
    """Draw the components of the variance as standard deviations, a panel a procedure."""
    figure, axes = plt.subplots(
        1, len(decompositions), figsize=(common.WIDTH, 3.3), sharey=True, sharex=True, squeeze=False
    )
    names = [*COMPONENTS, "a run"]
    colors = dict(zip(names, (_RUST, _BLUE, _GREY, _INK), strict=True))
    alt = []
    for axis, (model, decomposition) in zip(axes.flat, decompositions.items(), strict=True):
        for place, name in enumerate(reversed(names)):
            row = decomposition.table.T[name].to_dict()
            axis.barh(place, row["points"], height=0.55, color=colors[name], alpha=0.35)
            axis.hlines(place, row["low"], row["high"], color=colors[name], lw=2.5)
            axis.plot(row["points"], place, marker="D", color=colors[name], ms=7)
            text = f"{share(row['share'])} of the variance" if name in COMPONENTS else ""
            axis.annotate(
                text, (row["points"], place), xytext=(9, 6), textcoords="offset points", fontsize=9
            )
        shown = [*(f"{name}:\n{what}" for name, what in COMPONENTS.items()), "a run:\nall of them"]
        axis.set_yticks(range(len(names)), list(reversed(shown)))
        axis.set(xlabel="standard deviation of the accuracy, points", title=title(model))
        axis.set_xlim(left=0)
        axis.set_ylim(-0.5, len(names) - 0.3)
        axis.grid(axis="y", visible=False)
        points = ", ".join(
            f"{name} {row['points']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            for name, row in decomposition.table.iterrows()
        )
        alt.append(f"{title(model)}, {points}")
    return Picture(
        figure,
        "Standard deviation of a run's accuracy in points by component, with intervals; "
        f"percentages are shares of the variance. {'; '.join(alt)}.",
    )


def epochs(histories: pd.DataFrame, chosen: pd.DataFrame) -> Picture:
    """Draw each run's test accuracy by epoch and mark the epochs one could report.

    ``chosen`` is as `covidcxr.scores.optimism.choices` returns it; a panel is a draw of the
    split, a line a seed.
    """
    draws = _naturally(chosen["draw"])
    wide = min(5, len(draws))
    lines = -(-len(draws) // wide)
    figure, axes = plt.subplots(
        lines, wide, figsize=(common.WIDTH, 1.1 + 2.1 * lines), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    choices = {name: look for name, look in _CHOICES.items() if chosen[name].notna().all()}
    test = histories[histories["part"] == "test"]
    for axis in axes.flat[len(draws) :]:
        axis.set_axis_off()
    for axis, draw in zip(axes.flat, draws, strict=False):
        for place, (_, rows) in enumerate(test[test["draw"] == draw].groupby("seed")):
            style = ("-", "--", ":", "-.")[place % 4]
            axis.plot(rows["epoch"], 100 * rows["accuracy"], color=_GREY, ls=style, lw=1.4)
        runs = chosen[chosen["draw"] == draw]
        for name, (_, epoch, color, marker, size) in choices.items():
            axis.plot(
                runs[epoch], 100 * runs[name], marker, color=color, ms=size, mec="white", mew=0.6
            )
        axis.set_title(draw, fontsize=10)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("accuracy on the test part, %", fontsize=10)
    handles = [
        Line2D([], [], color=color, marker=marker, ls="", label=words)
        for words, _, color, marker, _ in choices.values()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    means = ", ".join(
        f"{words} {100 * chosen[name].mean():.1f}%" for name, (words, *_) in choices.items()
    )
    return Picture(
        figure,
        f"Test accuracy of {len(chosen)} runs by epoch, a panel a draw of the split and a line a "
        f"seed, with the epochs marked that one could report. On average: {means}.",
    )


def _naturally(names: pd.Series) -> list[str]:
    """Sort names so that random-10 follows random-9."""
    return sorted({str(name) for name in names}, key=lambda name: (len(name), name))


def title(model: str) -> str:
    """Name of a network or of a trivial model."""
    titles = {str(name): text for name, text in TITLES.items()} | baselines.TITLES
    return titles.get(model, model)


def design_values(study: Study, run: Record) -> dict[str, Any]:
    """Values that the page glues: what was run, and how that departs from the paper's protocol."""
    parts = {part: sum(counts.values()) for part, counts in run["images"].items()}
    return {
        "variance_models": ", ".join(title(model) for model in study.models),
        "variance_model": title(study.models[0]),
        "variance_seeds": len(study.seeds),
        "variance_size": study.image_size,
        "variance_epochs": study.epochs,
        "variance_weights": _WEIGHTS.get(study.weights, "from files"),
        "variance_train": parts["train"],
        "variance_n": parts["test"],
        "variance_departures": "; ".join(reproduction.protocol_deviations(run)) or "none",
    }


def result_values(
    runs: pd.DataFrame, expected: pd.DataFrame, components: Decomposition
) -> dict[str, Any]:
    """Values that the page glues: accuracy of the runs of one network and its variance."""
    accuracy, total = runs["accuracy"], components.table.T["a run"].to_dict()
    shares = components.table["share"].to_dict()
    return {
        "variance_runs": components.runs,
        "variance_draws": components.splits,
        "variance_range": 100 * (accuracy.max() - accuracy.min()),
        "variance_df": expected["df"].to_dict()["draws of the split"],
        "variance_mean": 100 * components.mean,
        "variance_sd_plain": 100 * accuracy.std(ddof=1),
        "variance_sd": total["points"],
        "variance_sd_low": total["low"],
        "variance_sd_high": total["high"],
        "variance_split_share": share(shares["split"]),
        "variance_seed_share": share(shares["seed"]),
        "variance_test_share": share(shares["test set"]),
        "variance_zeroed": ", ".join(components.zeroed) or "none",
    }


def choice_values(pairs: pd.DataFrame, gain: pd.DataFrame) -> dict[str, Any]:
    """Values that the page glues: superiority over other procedures, and optimism."""
    points = {
        name: common.with_limits(row["value"], row["low"], row["high"], ".1f")
        for name, row in gain.to_dict("index").items()
    }
    return {
        "variance_gamma": GAMMA,
        "variance_noether": noether(),
        "variance_others": len(pairs),
        "variance_meaningful": int(pairs["meaningful"].sum()) if len(pairs) else 0,
        "variance_over_last": points["last"],
        "variance_over_validation": points.get("validation", "–"),
    }


def maximum_values(correlation: float = 0.9) -> dict[str, float]:
    """Values that the page glues: best of the paper's epochs if none is better than another."""
    cells = publication.tables()["resnet252v2"].cells("true")
    n, printed = int(cells.sum()), float((cells[0] + cells[3]) / cells.sum())
    epochs = int(publication.value("s43-epochs"))

    def best(p: float, correlation: float) -> float:
        return 100 * float(optimism.expected_maximum(p, n, epochs, correlation)[-1])

    return {
        "variance_paper_n": n,
        "variance_paper_epochs": epochs,
        "variance_correlation": correlation,
        "variance_coin": best(0.5, 0.0),
        "variance_coin_correlated": best(0.5, correlation),
        "variance_printed": 100 * printed,
        "variance_best": best(printed, 0.0),
        "variance_best_correlated": best(printed, correlation),
    }


def expected_table(expected: Mapping[str, pd.DataFrame], confidence: float) -> Html:
    """Table of mean accuracies; the first procedure has one row for each unit."""
    shown = pd.concat(expected, names=["procedure"]).reset_index()
    first = next(iter(expected))
    shown = shown[(shown["procedure"] == first) | (shown["unit"] == "draws of the split")]
    shown = shown.assign(procedure=shown["procedure"].map(title))
    return common.table(
        shown.rename(columns={"unit": "taken as independent"}),
        f"Accuracy with {confidence:.0%} intervals, by what is taken as independent; n counts it.",
        dict.fromkeys(["value", "low", "high"], "{:.3f}") | dict.fromkeys(["n", "df"], "{:.0f}"),
    )


def component_table(components: Mapping[str, Decomposition], confidence: float) -> Html:
    """Table of the components of the variance, by procedure; those set to 0 are marked."""
    tables = {
        title(model): one.table.rename(index={name: f"{name} (set to 0)" for name in one.zeroed})
        for model, one in components.items()
    }
    columns = ["procedure", "component", "points", "low", "high", "share"]
    return common.table(
        pd.concat(tables, names=["procedure"]).reset_index()[columns],
        f"Standard deviation of a run's accuracy in points, with {confidence:.0%} limits, and "
        "share of the variance.",
        dict.fromkeys(["points", "low", "high"], "{:.2f}") | {"share": "{:.0%}"},
    )


def superiority_table(pairs: pd.DataFrame, model: str) -> Html:
    """Table of `covidcxr.scores.variance.superiority`, indexed by the other procedure."""
    if pairs.empty:
        return common.note("No other procedure was run on these draws of the split.")
    return common.table(
        pairs.assign(meaningful=pairs["meaningful"].map({True: "yes", False: "no"}))
        .rename(index=title)
        .rename_axis("other procedure"),
        f"Probability that a run of {title(model)} beats a run of another procedure.",
        dict.fromkeys(["value", "low", "high"], "{:.2f}") | {"difference": "{:+.3f}"},
    )


def share(value: float) -> str:
    """Share in per cent, a dash where undefined."""
    return f"{value:.0%}" if np.isfinite(value) else "–"
