"""Figures and tables of the page on comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from covidcxr.core import edition
from covidcxr.core.words import p_value
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.comparison import LEVEL
from covidcxr.scores.intervals import Interval
from covidcxr.scores.metrics import word

_BLUE, _RUST = "#2a6f97", "#c1440e"
_ENDS = ("value", "low", "high")

Pairs = Sequence[Mapping[str, Any]]
"""As `covidcxr.scores.comparison.pairs` returns them."""


def values(
    pairs: Pairs, scores: Mapping[str, Mapping[str, Interval]], trivial: Sequence[str], few: str
) -> dict[str, Any]:
    """Values that the page glues, from its pairs and all models' scores."""
    strongest = max(trivial, key=lambda name: scores[name]["auroc"].value)
    networks = [name for name in scores if name not in trivial]
    best = max(networks, key=lambda name: scores[name]["accuracy"].value)
    different = sum(pair["mcnemar"]["p_holm"] < LEVEL for pair in pairs)
    accuracy = scores[strongest]["accuracy"]
    return {
        "comparison_pairs": len(pairs),
        "comparison_different": edition.WITHHELD if few else str(different),
        "comparison_level": LEVEL,
        "comparison_strongest": strongest,
        "comparison_strongest_auroc": scores[strongest]["auroc"].value,
        "comparison_strongest_accuracy": accuracy.value,
        "comparison_strongest_low": accuracy.low,
        "comparison_strongest_high": accuracy.high,
        "comparison_best": best,
        "comparison_best_accuracy": scores[best]["accuracy"].value,
    }


def accuracy_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the difference in accuracy in points, McNemar's p and equivalence."""
    rows = []
    for pair in pairs:
        test = pair["mcnemar"]
        row = {
            "pair": _name(pair),
            "right alone": f"{test['b']} : {test['c']}",
            "points": _points(pair),
            "p": p_value(test["p"]),
            "mid-p": p_value(test["mid_p"]),
        }
        if "p_by_group" in test:
            row["p by group"] = p_value(test["p_by_group"])
        if "p_holm" in test:
            row["Holm"] = p_value(test["p_holm"])
        rows.append(row | {"verdict": pair["equivalence"]["accuracy"]})
    return pd.DataFrame(rows)


def smallest_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the smallest difference in accuracy that would have been significant."""
    rows = []
    for pair in pairs:
        smallest = pair["smallest"]
        none = smallest["images"] is None
        rows.append(
            {
                "pair": _name(pair),
                "images that one gets right": pair["mcnemar"]["b"] + pair["mcnemar"]["c"],
                "smallest significant difference": (
                    "none" if none else f"{smallest['images']} images"
                ),
                "points": "–" if none else f"{100 * smallest['share']:.1f}",
            }
        )
    return pd.DataFrame(rows)


def auroc_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the difference in AUROC and DeLong's p."""
    rows = []
    for pair in pairs:
        test = pair["delong"] or {}
        tested = test.get("p") is not None
        rows.append(
            {
                "pair": _name(pair),
                "AUROC, difference": f"{test['difference']:+.4f}" if test else "–",
                "interval": f"{test['low']:+.4f} to {test['high']:+.4f}" if tested else "–",
                "p": p_value(test["p"]) if tested else "–",
                "Holm": p_value(test["p_holm"]) if "p_holm" in test else "–",
            }
        )
    return pd.DataFrame(rows)


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
        columns = [[pair["differences"][score][end] for score in scores] for end in _ENDS]
        value, low, high = 100 * np.array(columns, dtype=float)
        axis.hlines(places, low, high, color=_RUST, lw=2.5)
        axis.plot(value, places, marker="D", color=_RUST, ms=6, ls="")
        axis.set(
            title=f"{pair['first']}\nless {pair['second']}", xlabel="points", yticks=places,
            yticklabels=[word(s) for s in scores], ylim=(-0.6, len(scores) - 0.4),
        )  # fmt: skip
        axis.grid(axis="y", visible=False)
        alt.append(f"accuracy of {_name(pair)} {_points(pair)}")
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


def _name(pair: Mapping[str, Any]) -> str:
    return f"{pair['first']} less {pair['second']}"


def _points(pair: Mapping[str, Any]) -> str:
    """Difference in accuracy, which has a value wherever there is an image."""
    value, low, high = (pair["differences"]["accuracy"][end] for end in _ENDS)
    return common.with_limits(value, low, high, spec="+.1f", scale=100)
