"""Pictures of comparisons: differences of pairs, and models beside trivial ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.intervals import Interval
from covidcxr.scores.metrics import word

_GREY, _BLUE, _RUST = "#6c757d", "#2a6f97", "#c1440e"


def differences(
    pairs: Sequence[Mapping[str, Any]],
    margin: float,
    scores: Sequence[str] = ("accuracy", "sensitivity", "specificity", "auroc"),
) -> Picture | Html:
    """Draw the differences of each pair in points, with intervals and the margin.

    Parameters
    ----------
    pairs
        As `covidcxr.scores.comparison.pairs` returns them.
    margin
        Within which scores are equivalent: a band.
    scores
        Which, from above to below.
    """
    if not pairs:
        return common.note("There is no pair of networks.")
    figure, axes = plt.subplots(
        1, len(pairs), figsize=(common.WIDTH, 1.3 + 0.42 * len(scores)), sharey=True,
        sharex=True, squeeze=False,
    )  # fmt: skip
    places = np.arange(len(scores))[::-1]
    told = []
    for axis, pair in zip(axes.flat, pairs, strict=True):
        axis.axvspan(-100 * margin, 100 * margin, color="#e9ecef", zorder=0)
        axis.axvline(0, color="#343a40", lw=1)
        for place, score in zip(places, scores, strict=True):
            found = pair["differences"][score]
            if found["value"] is None:
                continue
            if found["low"] is not None:
                axis.hlines(place, 100 * found["low"], 100 * found["high"], color=_RUST, lw=2.5)
            axis.plot(100 * found["value"], place, marker="D", color=_RUST, ms=6, ls="")
        axis.set(
            title=f"{pair['first']}\nless {pair['second']}", xlabel="points", yticks=places,
            yticklabels=[word(s) for s in scores], ylim=(-0.6, len(scores) - 0.4),
        )  # fmt: skip
        axis.grid(axis="y", visible=False)
        found = pair["differences"]["accuracy"]
        told.append(
            f"accuracy of {pair['first']} less {pair['second']} {100 * found['value']:+.1f}"
            + ("" if found["low"] is None else
               f" ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})")
        )  # fmt: skip
    handles = [
        Line2D([], [], color=_RUST, marker="D", label="difference and its interval"),
        Patch(color="#e9ecef", label=f"within {100 * margin:g} points: as good as each other"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return Picture(figure, f"Differences between the networks in points: {'; '.join(told)}.")


def beside(
    models: Mapping[str, Mapping[str, Interval]],
    trivial: Sequence[str],
    scores: Sequence[str] = ("accuracy", "balanced_accuracy", "auroc"),
) -> Picture:
    """Draw scores of networks beside those of trivial models, a panel a score.

    Parameters
    ----------
    models
        By name, as `covidcxr.scores.intervals.evaluate` returns them; from above to below.
    trivial
        Which of them are trivial.
    scores
        Which.
    """
    names = list(models)
    figure, axes = plt.subplots(
        1, len(scores), figsize=(common.WIDTH, 1.3 + 0.36 * len(names)), sharey=True, squeeze=False
    )
    places = np.arange(len(names))[::-1]
    for axis, score in zip(axes.flat, scores, strict=True):
        for place, name in zip(places, names, strict=True):
            found = models[name][score]
            color, marker = (_BLUE, "o") if name in trivial else (_RUST, "D")
            if np.isfinite(found.low):
                axis.hlines(place, found.low, found.high, color=color, lw=2.5)
            axis.plot(found.value, place, marker=marker, color=color, ms=6, ls="")
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
    told = "; ".join(f"{name} {models[name][scores[0]].value:.3f}" for name in names)
    return Picture(figure, f"Scores of networks and trivial models. {word(scores[0])}: {told}.")
