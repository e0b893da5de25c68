"""Figures of the page on external testing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.cohorts.samples import OWN
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.predictions import Predictions
from covidcxr.validity.external import ExternalTest

_INK, _GREY = common.INK, common.GREY
_LOOKS = (
    (common.BLUE, "o"), (common.RUST, "D"), ("#8a6d00", "s"), ("#6a4c93", "^"), (common.GREY, "v"),
)  # fmt: skip
"""Colour and mark of the internal images and of each external cohort."""


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
        values = (f"{m} {common.decimal(of.loc[m, 'value'])}" for m in models)
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
