"""Figures of the page on comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.figures.comparison_tables import ENDS, Pairs, pair_name, points
from covidcxr.scores.intervals import Interval
from covidcxr.scores.metrics import word

_BLUE, _RUST = common.BLUE, common.RUST


def differences(pairs: Pairs, margin: float) -> Picture | Html:
    """Draw the differences of each pair in points, with intervals and the equivalence margin."""
    scores = ("accuracy", "sensitivity", "specificity", "auroc")
    if not pairs:
        return common.note("There is no pair of networks.")
    figure, axes = plt.subplots(
        1, len(pairs), figsize=(common.WIDTH, 1.3 + 0.42 * len(scores)), sharey=True,
        sharex=True, squeeze=False,
    )  # fmt: skip
    places = np.arange(len(scores))[::-1]
    alt = []
    for axis, pair in zip(axes.flat, pairs, strict=True):
        axis.axvspan(-100 * margin, 100 * margin, color="#e9ecef", zorder=0)
        axis.axvline(0, color="#343a40", lw=1)
        columns = [[pair["differences"][score][end] for score in scores] for end in ENDS]
        value, low, high = 100 * np.array(columns, dtype=float)
        axis.hlines(places, low, high, color=_RUST, lw=2.5)
        axis.plot(value, places, marker="D", color=_RUST, ms=6, ls="")
        axis.set(
            title=f"{pair['first']}\nless {pair['second']}", xlabel="points", yticks=places,
            yticklabels=[word(s) for s in scores], ylim=(-0.6, len(scores) - 0.4),
        )  # fmt: skip
        axis.grid(axis="y", visible=False)
        alt.append(f"accuracy of {pair_name(pair)} {points(pair)}")
    handles = [
        Line2D([], [], color=_RUST, marker="D", label="difference and its interval"),
        Patch(color="#e9ecef", label=f"within {100 * margin:g} points: equivalent"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return Picture(figure, f"Differences between the networks in points: {'; '.join(alt)}.")


def beside(models: Mapping[str, Mapping[str, Interval]], trivial: Sequence[str]) -> Picture:
    """Draw scores of networks beside those of trivial models, a panel a score."""
    scores = ("accuracy", "balanced_accuracy", "auroc")
    names = list(models)
    figure, axes = plt.subplots(
        1, len(scores), figsize=(common.WIDTH, 1.3 + 0.36 * len(names)), sharey=True, squeeze=False
    )
    places = np.arange(len(names))[::-1]
    for axis, score in zip(axes.flat, scores, strict=True):
        for place, name in zip(places, names, strict=True):
            one = models[name][score]
            color, marker = (_BLUE, "o") if name in trivial else (_RUST, "D")
            if np.isfinite(one.low):
                axis.hlines(place, one.low, one.high, color=color, lw=2.5)
            axis.plot(one.value, place, marker=marker, color=color, ms=6, ls="")
        axis.set(
            xlabel=word(score), yticks=places, yticklabels=names, ylim=(-0.6, len(names) - 0.4)
        )
        axis.set_xlim(right=1.01)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=_RUST, marker="D", label="network"),
        Line2D([], [], color=_BLUE, marker="o", label="trivial model"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    alt = "; ".join(f"{name} {models[name][scores[0]].value:.3f}" for name in names)
    return Picture(figure, f"Scores of networks and trivial models. {word(scores[0])}: {alt}.")
