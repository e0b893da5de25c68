"""Figures of ROC and precision-recall curves, calibration, predictive values and net benefit."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.scores import curves, metrics
from covidcxr.scores.net_benefit import PEOPLE
from covidcxr.scores.predictions import Predictions

_GREY, _BLUE, _RUST, _INK = common.PARTS["train"], "#2a6f97", "#c1440e", "#343a40"
_LOOKS = ((_BLUE, "-"), (_RUST, "--"), (_INK, "-."), ("#8a6d00", ":"), ("#6a4c93", "-"))
"""Colour and line of the first, second, ... model; distinct without colour, too."""

_CLOSE = 0.97
"""From this AUROC on the corner of precision and recall is all there is to see."""


def discrimination(home: Mapping[str, Predictions], away: Mapping[str, Predictions]) -> Picture:
    """Draw ROC curves of several models at home and elsewhere, and precision-recall at home.

    Where all models are nearly perfect at home, the second panel shows its corner.
    """
    figure, (roc, pr) = plt.subplots(1, 2, figsize=(common.WIDTH, 4.9))
    handles, alt, close = [], [], True
    for (color, _), (name, p) in zip(_looks(home), home.items(), strict=True):
        for of, line, place in ((p, "-", "at home"), (away.get(name), "--", "elsewhere")):
            if of is None:
                continue
            curve, area = curves.points(of), float(metrics.auroc(of.positive, of.score))
            roc.plot(curve["false_positive_rate"], curve["sensitivity"], color=color, ls=line)
            text = f"{name} {place}: AUROC {area:.3f}"
            if of is p:
                close &= area > _CLOSE
                text += f", average precision {float(metrics.auprc(p.positive, p.score)):.3f}"
                # Of one sensitivity the highest threshold counts.
                steps = curve[curve["tp"].diff() > 0]
                pr.step(
                    np.concatenate([[0], steps["sensitivity"]]),
                    np.concatenate([steps["ppv"].iloc[:1], steps["ppv"]]),
                    color=color, where="pre",
                )  # fmt: skip
            handles.append(Line2D([], [], color=color, ls=line, label=text))
            alt.append(text)
    roc.plot([0, 1], [0, 1], color=_INK, lw=1, ls=":")
    least = _CLOSE - 0.27 if close else -0.02
    prevalence = next(iter(home.values())).prevalence
    pr.axhline(prevalence, color=_INK, lw=1, ls=":")
    roc.set(xlabel="1 − specificity", ylabel="sensitivity", title="ROC")
    roc.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    pr.set(xlabel="sensitivity (recall)", ylabel="PPV (precision)", title="Precision and recall")
    pr.set(xlim=(least, 1.01), ylim=(least, 1.01))
    handles.append(Line2D([], [], color=_INK, lw=1, ls=":", label="no skill"))
    figure.legend(handles=handles, loc="outside lower center", ncols=1, frameon=False)
    return Picture(
        figure,
        "ROC curves at home and elsewhere, and precision-recall curves at home, with the lines of "
        f"no skill, for precision the prevalence of {prevalence:.3f}. {'; '.join(alt)}.",
    )


def score_histograms(cohorts: Mapping[str, Mapping[str, Predictions]], threshold: float) -> Picture:
    """Draw histograms of scores by class: a row a cohort, a column a model.

    Heights are shares of the class, so that classes of different sizes compare.
    """
    columns = list(next(iter(cohorts.values())))
    figure, axes = plt.subplots(
        len(cohorts), len(columns), figsize=(common.WIDTH, 0.8 + 1.9 * len(cohorts)),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    edges = np.linspace(0, 1, 21)
    alt = []
    for row, (cohort, models) in zip(axes, cohorts.items(), strict=True):
        row[0].set_ylabel(f"{cohort}\nshare of the class", fontsize=9)
        for axis, name in zip(row, columns, strict=True):
            if name not in models:
                axis.set_axis_off()
                continue
            p = models[name]
            for label, inside in (("COVID19", p.positive), ("NORMAL", ~p.positive)):
                weights = np.full(int(inside.sum()), 1 / max(int(inside.sum()), 1))
                axis.hist(
                    p.score[inside], edges, weights=weights, histtype="step", lw=1.8,
                    color=common.COLORS[label],
                )  # fmt: skip
            axis.axvline(threshold, color=_INK, lw=1, ls=":")
            called = [float(np.mean(p.called(threshold)[i])) for i in (p.positive, ~p.positive)]
            alt.append(
                f"{name}, {cohort}: at or above the threshold {called[0]:.0%} of COVID19 and "
                f"{called[1]:.0%} of NORMAL"
            )
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name)
    for axis in axes[-1]:
        axis.set(xlabel="score", xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    common.legend(figure, common.COLORS)
    return Picture(figure, f"Histograms of scores by class and cohort. {'; '.join(alt)}.")


def reliability(tested: Mapping[str, Predictions], tables: Mapping[str, pd.DataFrame]) -> Picture:
    """Draw shares of positives over mean scores, with the scores' histogram, a panel a model.

    ``tables`` are those of `covidcxr.scores.calibration.reliability`.
    """
    figure, axes = plt.subplots(
        2, len(tested), figsize=(common.WIDTH, 5.2), sharex=True, sharey="row", squeeze=False,
        height_ratios=[2.6, 1],
    )  # fmt: skip
    alt = []
    edges = np.linspace(0, 1, 21)
    for column, (name, p) in zip(axes.T, tested.items(), strict=True):
        rows = tables[name]
        column[0].plot([0, 1], [0, 1], color=_INK, lw=1, ls=":")
        column[0].vlines(rows["score"], rows["low"], rows["high"], color=_INK, lw=2, alpha=0.5)
        column[0].plot(rows["score"], rows["share"], "o", color=_INK, ms=5)
        column[0].set(title=name, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        labels = {"COVID19": p.positive, "NORMAL": ~p.positive}
        column[1].hist(
            [p.score[inside] for inside in labels.values()], edges, stacked=True,
            color=[common.COLORS[label] for label in labels], lw=0,
        )  # fmt: skip
        column[1].set(xlabel="score", xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
        missed = int(((rows["low"] > rows["score"]) | (rows["high"] < rows["score"])).sum())
        alt.append(f"{name}: {len(rows)} bins, {missed} with the diagonal outside their interval")
    axes[0, 0].set_ylabel("share of positives")
    axes[1, 0].set_ylabel("images")
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=_INK, marker="o", label="bin, interval"),
        Line2D([], [], color=_INK, lw=1, ls=":", label="calibrated"),
        *(Rectangle((0, 0), 1, 1, color=c, label=label) for label, c in common.COLORS.items()),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return Picture(
        figure,
        "Share of positive images over the mean score of bins, with intervals, above histograms "
        f"of the scores by class. {'; '.join(alt)}.",
    )


def predictive_values(curves: Mapping[str, pd.DataFrame], tested_at: float) -> Picture:
    """Draw PPV over the prevalence with bands, a panel a model; a line at ``tested_at``.

    ``curves`` are those of `covidcxr.scores.predictive_values.at_prevalence` on a fine grid.
    """
    figure, axes = plt.subplots(
        1, len(curves), figsize=(common.WIDTH, 3.7), sharey=True, squeeze=False
    )
    alt = []
    for axis, (name, rows) in zip(axes.flat, curves.items(), strict=True):
        axis.fill_between(
            rows["prevalence"], rows["ppv_low"], rows["ppv_high"], color=_BLUE, alpha=0.2, lw=0
        )
        axis.plot(rows["prevalence"], rows["ppv"], color=_BLUE)
        axis.plot(rows["prevalence"], rows["prevalence"], color=_INK, lw=1, ls=":")
        axis.axvline(tested_at, color=_GREY, lw=1.5, ls="--")
        axis.set_xscale("log")
        axis.set(
            title=name, xlabel="prevalence", ylim=(-0.02, 1.02),
            xlim=(rows["prevalence"].min(), rows["prevalence"].max()),
        )  # fmt: skip
        _percent_ticks(axis, [0.01, 0.05, 0.2])
        ends = rows.iloc[[0, -1]]
        alt.append(
            f"{name}: "
            + " and ".join(
                "undefined" if np.isnan(v) else f"{v:.2f} at {at:.1%}"
                for v, at in zip(ends["ppv"], ends["prevalence"], strict=True)
            )
        )
    axes[0, 0].set_ylabel("PPV: share of those called\nwho have the disease")
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=_BLUE, label="PPV"),
        Patch(color=_BLUE, alpha=0.2, label="interval"),
        Line2D([], [], color=_INK, lw=1, ls=":", label="no skill"),
        Line2D([], [], color=_GREY, lw=1.5, ls="--", label="the test part"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return Picture(
        figure, f"PPV over the prevalence, on a logarithmic axis, with bands. {'; '.join(alt)}."
    )


def decision_curves(panels: Mapping[str, Mapping[str, pd.DataFrame]]) -> Picture:
    """Draw net benefit over the threshold probability, a panel a setting, a line a model.

    Curves are those of `covidcxr.scores.net_benefit.decision_curve`. An axis is spaced as its
    thresholds are, evenly or by a constant factor.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(common.WIDTH, 4.1), squeeze=False)
    alt = []
    first = next(iter(panels.values()))
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=True):
        for (color, line), rows in zip(_looks(models), models.values(), strict=True):
            axis.plot(rows["threshold"], PEOPLE * rows["model"], color=color, ls=line)
        rows = next(iter(models.values()))
        at = rows["threshold"]
        axis.plot(at, PEOPLE * rows["all"], color=_GREY, lw=1.2)
        axis.axhline(0, color=_INK, lw=1.2, ls=":")
        if at.iloc[0] > 0 and np.isclose(at.iloc[1] / at.iloc[0], at.iloc[-1] / at.iloc[-2]):
            axis.set_xscale("log")
            _percent_ticks(axis, [0.001, 0.01, 0.1])
        else:
            _percent_ticks(axis, [0, 0.25, 0.5, 0.75, 1])
        most = PEOPLE * float(rows["prevalence"].iloc[0])
        # Far below 0 nothing is useful, and showing it would flatten the rest.
        axis.set(ylim=(-0.35 * most, 1.08 * most), xlim=(at.min(), at.max()))
        axis.set_title(title, fontsize=10.5)
        axis.set_xlabel("threshold probability")
        middle = len(at) // 2
        alt.append(
            f"{title.replace(chr(10), ' ')}, at a threshold of {at.iloc[middle]:.1%}: "
            + ", ".join(
                f"{name} {PEOPLE * r['model'].iloc[middle]:.1f}" for name, r in models.items()
            )
            + f", treating all {PEOPLE * rows['all'].iloc[middle]:.1f}"
        )
    axes[0, 0].set_ylabel(f"net benefit, true positives\nper {PEOPLE:,} people")
    handles = [
        Line2D([], [], color=color, ls=line, label=name)
        for (color, line), name in zip(_looks(first), first, strict=True)
    ]
    handles.append(Line2D([], [], color=_GREY, lw=1.2, label="treat all"))
    handles.append(Line2D([], [], color=_INK, lw=1.2, ls=":", label="treat none"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return Picture(
        figure,
        f"Net benefit per {PEOPLE:,} people over the threshold probability, beside "
        f"treating all and none. {'; '.join(alt)}.",
    )


def _looks(models: Mapping[str, object]) -> list[tuple[str, str]]:
    return [_LOOKS[place % len(_LOOKS)] for place in range(len(models))]


def _percent_ticks(axis: Axes, places: list[float]) -> None:
    axis.set_xticks(places)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g}%"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
