"""Figures of the page on external testing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from covidcxr.cohorts.samples import OWN
from covidcxr.core.studies import LABELS
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import ExternalTest

_LOOKS = (
    (common.BLUE, "o"), (common.RUST, "D"), ("#8a6d00", "s"), ("#6a4c93", "^"), (common.GREY, "v"),
)  # fmt: skip
"""Colour and mark of the internal images and of each external cohort."""

_NEAREST, _TICKS = 1e-4, (0.001, 0.1, 0.5, 0.9, 0.999)
_CURVES: dict[str, tuple[str, str]] = dict(
    zip(LABELS, (("-", "sensitivity"), ("--", "1 − specificity")), strict=True)
)
"""Line and name of the share of each class that is called positive."""


def areas(scores: pd.DataFrame, confidence: float, width: float = common.WIDTH) -> Picture | Html:
    """Draw the AUROC of every model on every cohort, with intervals.

    Parameters
    ----------
    scores
        As `covidcxr.validity.external.summary` returns it; overlapping images are left out.
    confidence
        Coverage of its intervals.
    width
        Of the figure, in inches.
    """
    rows = scores[(scores["score"] == "auroc") & scores["kept"].astype(bool)]
    if rows.empty:
        return common.note("No model was tested on images from elsewhere.")
    models, cohorts = list(rows["model"].unique()), list(rows["cohort"].unique())
    figure, axis = plt.subplots(figsize=(width, 1.5 + 0.62 * len(models)))
    step = 0.7 / len(cohorts)
    handles, lines = [], []
    for number, cohort in enumerate(cohorts):
        color, mark = _LOOKS[number % len(_LOOKS)]
        of = rows[rows["cohort"] == cohort].set_index("model").reindex(models)
        places = len(models) - 1 - np.arange(len(models)) + 0.35 - step * (number + 0.5)
        axis.hlines(places, of["low"], of["high"], color=color, lw=2.5)
        axis.plot(of["value"], places, marker=mark, color=color, ms=6.5, ls="")
        name = cohort_title(cohort)
        handles.append(Line2D([], [], color=color, marker=mark, label=name))
        values = (f"{m} {number_text(of.loc[m, 'value'])}" for m in models)
        lines.append(f"{name}: {', '.join(values)}")
    axis.axvline(0.5, color=common.INK, lw=1, ls=":")
    handles.append(Line2D([], [], color=common.INK, lw=1, ls=":", label="no skill"))
    least = min(0.4, float(rows[["value", "low"]].min().min(skipna=True)) - 0.04)
    axis.set(xlabel=f"AUROC, {confidence:.0%} interval", xlim=(max(least, -0.01), 1.01))
    axis.set(ylim=(-0.6, len(models) - 0.4))
    axis.set_yticks(range(len(models)), models[::-1])
    axis.grid(axis="y", visible=False)
    columns = 4 if width >= common.WIDTH else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return Picture(figure, f"AUROC of each model by cohort, with intervals. {'; '.join(lines)}.")


def called(test: ExternalTest, threshold: float) -> Picture:
    """Draw the share of each class that is called positive over the threshold, by cohort.

    A line stands at a threshold, another at that which is chosen on internal images.
    """
    chosen = external.threshold_of(test.internal)
    panels = panel_predictions(test)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(common.WIDTH, 3.9), sharey=True, squeeze=False
    )
    lines = []
    for axis, (name, p) in zip(axes.flat, panels.items(), strict=True):
        for label, inside in zip(LABELS, (p.positive, ~p.positive), strict=True):
            score = np.sort(p.score[inside].clip(_NEAREST, 1 - _NEAREST))
            if len(score):
                _draw_share(axis, score, label)
                first, second = ((score >= t).mean() for t in (threshold, chosen))
                lines.append(
                    f"{name}, {label}: {first:.2f} at {threshold:g} and "
                    f"{second:.2f} at {chosen:.2g}"
                )
        axis.axvline(threshold, color=common.INK, lw=1, ls=":")
        axis.axvline(np.clip(chosen, _NEAREST, 1 - _NEAREST), color=common.GREY, lw=1.5, ls="-.")
        axis.set_xscale("logit")
        axis.set(title=name, xlabel="threshold", ylim=(-0.02, 1.02))
        axis.set_xlim(_NEAREST, 1 - _NEAREST)
        axis.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("share of the class\ncalled COVID19")
    handles = [
        Line2D([], [], color=common.COLORS[label], ls=line, label=f"{label}: {name}")
        for label, (line, name) in _CURVES.items()
    ]
    handles.append(Line2D([], [], color=common.INK, lw=1, ls=":", label="threshold of the study"))
    handles.append(Line2D([], [], color=common.GREY, ls="-.", label="threshold chosen at home"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(test.name)
    return Picture(
        figure,
        f"{test.name}: share of each class called COVID19 over the threshold, a panel a cohort. "
        f"{'; '.join(lines)}.",
    )


def panel_predictions(test: ExternalTest) -> dict[str, Predictions]:
    """Predictions of a model by a panel's title, without empty cohorts."""
    return {
        f"{cohort_title(cohort)} (n = {len(p):,})": p
        for cohort, p in test.cohorts.items()
        if len(p)
    }


def cohort_title(cohort: str) -> str:
    """Name of a cohort that was tested on."""
    return f"{cohort}, internal" if cohort == OWN else cohort


def number_text(value: object) -> str:
    """Write a number with three digits, or a dash."""
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.3f}" if np.isfinite(number) else "–"


def _draw_share(axis: Axes, score: np.ndarray, label: str) -> None:
    """Draw the share of sorted scores at or above a threshold."""
    # From a threshold just below a score on, it is called.
    at = np.concatenate([[_NEAREST], score, [1 - _NEAREST]])
    share = np.concatenate([[1], 1 - np.arange(len(score)) / len(score), [0]])
    color, line = common.COLORS[label], _CURVES[label][0]
    axis.step(at, share, where="pre", color=color, ls=line, lw=2)
