"""Figures of the same networks on two cohorts: ROC curves on one axis, histograms of scores."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np

from covidcxr.figures import charts
from covidcxr.figures.common import BLUE, COLORS, GREY, INK, RUST, Picture
from covidcxr.scores import intervals
from covidcxr.scores.predictions import Predictions
from covidcxr.validity.external import ExternalTest

_LABELS = {True: ("COVID19", "COVID-19"), False: ("NORMAL", "normal")}


def roc(tests: Mapping[str, ExternalTest], home: str, away: str) -> Picture:
    """Draw the ROC curves of networks on two cohorts; the last network bold, with its AUROC."""
    figure, axis = plt.subplots(figsize=(4.6, 4.4))
    last = list(tests)[-1]
    words = []
    for cohort, color, name, at in (
        (home, BLUE, "at home", (0.06, 0.9)),
        (away, RUST, "adults from elsewhere", (0.45, 0.3)),
    ):
        for network, test in tests.items():
            p = test.cohorts[cohort]
            area = intervals.area(p).value
            bold = network == last
            look = {"lw": 2.6, "alpha": 1} if bold else {"lw": 1.0, "alpha": 0.6}
            charts.roc(axis, p, color=color, **look)
            words.append(f"{network} {name} {area:.3f}")
            if bold:
                text = f"{name}\nAUROC {area:.2f}"
                axis.text(*at, text, color=color, weight="bold", va="top")
    axis.plot([0, 1], [0, 1], color=GREY, ls=":", lw=1)
    axis.set(xlabel="share of normal images called COVID-19")
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return Picture(figure, f"ROC curves. AUROC: {'; '.join(words)}.")


def histograms(cohorts: Mapping[str, Predictions], threshold: float) -> Picture:
    """Draw the distribution of a network's scores in each cohort, by class, a panel a cohort."""
    figure, axes = plt.subplots(
        1, len(cohorts), figsize=(3.2 * len(cohorts), 2.9), sharey=True, squeeze=False
    )
    words = []
    for axis, (title, p) in zip(axes.flat, cohorts.items(), strict=True):
        for positive, (key, label) in _LABELS.items():
            scores = p.score[p.positive == positive]
            share = np.histogram(scores, charts.EDGES)[0] / len(scores)
            axis.stairs(share, charts.EDGES, color=COLORS[key], lw=2, label=label)
            called = float((scores >= threshold).mean())
            words.append(f"{title}: {called:.0%} of the {label} images are called COVID-19")
        axis.axvline(threshold, color=INK, lw=1, ls=":")
        axis.set(xlabel="score", title=title, xlim=(0, 1), ylim=(0, 1))
    axes[0, 0].set_ylabel("share of the class")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return Picture(figure, f"Histograms of scores. {'; '.join(words)}.")
