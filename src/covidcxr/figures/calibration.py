"""Figures, tables and glued values of the page on calibration and use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core import edition
from covidcxr.core.studies import Study
from covidcxr.figures import charts
from covidcxr.figures.common import BLUE, COLORS, GREY, INK, RUST, Picture, intervals, with_limits
from covidcxr.scores import (
    calibration,
    metrics,
    net_benefit,
    proportions,
)
from covidcxr.scores.intervals import Interval, Protocol
from covidcxr.scores.net_benefit import PEOPLE
from covidcxr.scores.predictions import Predictions

_LINES = ((BLUE, "-"), (RUST, "--"), (INK, "-."), ("#8a6d00", ":"), ("#6a4c93", "-"))
"""Colour and line of the first, second, ... model; distinct without colour, too."""

_CLOSE = 0.97
"""From this AUROC on the corner of precision and recall is all there is to see."""


def discrimination(home: Mapping[str, Predictions], away: Mapping[str, Predictions]) -> Picture:
    """Draw ROC curves of several models at home and elsewhere, and precision-recall at home.

    Where all models are nearly perfect at home, the second panel shows its corner.
    """
    figure, ((roc, pr),) = charts.panels(1, 2, 4.9)
    alt, close = [], True
    for (color, _), (name, p) in zip(_LINES * 9, home.items(), strict=False):
        area, precision = (float(f(p.positive, p.score)) for f in (metrics.auroc, metrics.auprc))
        close &= area > _CLOSE
        alt.append(f"{name} at home: AUROC {area:.3f}, average precision {precision:.3f}")
        curve = charts.roc(roc, p, color=color, label=alt[-1])
        # Of one sensitivity the highest threshold counts.
        steps = curve[curve["tp"].diff() > 0]
        recall = np.concatenate([[0], steps["sensitivity"]])
        ppv = np.concatenate([steps["ppv"].iloc[:1], steps["ppv"]])
        pr.step(recall, ppv, color=color, where="pre")
        if name in away:
            area = float(metrics.auroc(away[name].positive, away[name].score))
            alt.append(f"{name} elsewhere: AUROC {area:.3f}")
            charts.roc(roc, away[name], color=color, ls="--", label=alt[-1])
    roc.plot([0, 1], [0, 1], color=INK, lw=1, ls=":", label="no skill")
    prevalence = next(iter(home.values())).prevalence
    pr.axhline(prevalence, color=INK, lw=1, ls=":")
    least = _CLOSE - 0.27 if close else -0.02
    roc.set(xlabel="1 − specificity", title="ROC")
    pr.set(xlabel="sensitivity (recall)", ylabel="PPV (precision)", title="Precision and recall")
    pr.set(xlim=(least, 1.01), ylim=(least, 1.01))
    charts.legend(figure, 1)
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
    figure, axes = charts.panels(
        len(cohorts), len(columns), 0.8 + 1.9 * len(cohorts), sharex=True, sharey=True
    )
    alt = []
    for row, (cohort, models) in zip(axes, cohorts.items(), strict=True):
        for axis, name in zip(row, columns, strict=True):
            if name not in models:
                axis.set_axis_off()
                continue
            p = models[name]
            charts.score_histogram(
                axis, p, stat="probability", common_norm=False, element="step", fill=False
            )
            charts.zero_line([axis], threshold, ls=":")
            called = [float(np.mean(p.called(threshold)[i])) for i in (p.positive, ~p.positive)]
            alt.append(
                f"{name}, {cohort}: at or above the threshold {called[0]:.0%} of COVID19 and "
                f"{called[1]:.0%} of NORMAL"
            )
        row[0].set_ylabel(f"{cohort}\nshare of the class", fontsize=9)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name)
    charts.legend(figure, 2, "upper right", charts.squares(COLORS))
    return Picture(figure, f"Histograms of scores by class and cohort. {'; '.join(alt)}.")


def reliability(tested: Mapping[str, Predictions], tables: Mapping[str, pd.DataFrame]) -> Picture:
    """Draw shares of positives over mean scores, with the scores' histogram, a panel a model.

    ``tables`` are those of `covidcxr.scores.calibration.reliability`.
    """
    figure, axes = charts.panels(
        2, len(tested), 5.2, sharex=True, sharey="row", height_ratios=[2.6, 1]
    )
    alt = []
    for (above, below), (name, p) in zip(axes.T, tested.items(), strict=True):
        rows = tables[name]
        above.plot([0, 1], [0, 1], color=INK, lw=1, ls=":", label="calibrated")
        limits = np.abs(rows[["low", "high"]].to_numpy().T - rows["share"].to_numpy())
        above.errorbar(
            rows["score"], rows["share"], yerr=limits, fmt="o", color=INK, ms=5, elinewidth=2,
            ecolor=(INK, 0.5), label="bin, interval",
        )  # fmt: skip
        above.set(title=name, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        charts.score_histogram(below, p, multiple="stack", alpha=1, lw=0)
        missed = int(((rows["low"] > rows["score"]) | (rows["high"] < rows["score"])).sum())
        alt.append(f"{name}: {len(rows)} bins, {missed} with the diagonal outside their interval")
    axes[0, 0].set_ylabel("share of positives")
    axes[1, 0].set_ylabel("images")
    lines = axes[0, 0].get_legend_handles_labels()[0]
    charts.legend(figure, 4, handles=[*lines, *charts.squares(COLORS)])
    return Picture(
        figure,
        "Share of positive images over the mean score of bins, with intervals, above histograms "
        f"of the scores by class. {'; '.join(alt)}.",
    )


def predictive_values(curves: Mapping[str, pd.DataFrame], tested_at: float) -> Picture:
    """Draw PPV over the prevalence with bands, a panel a model; a line at ``tested_at``.

    ``curves`` are those of `covidcxr.scores.predictive_values.at_prevalence` on a fine grid.
    """
    figure, axes = charts.panels(1, len(curves), 3.7, sharey=True)
    alt = []
    for axis, (name, rows) in zip(axes.flat, curves.items(), strict=True):
        at = rows["prevalence"]
        axis.plot(at, rows["ppv"], color=BLUE, label="PPV")
        limits = rows["ppv_low"], rows["ppv_high"]
        axis.fill_between(at, *limits, color=BLUE, alpha=0.2, lw=0, label="interval")
        axis.plot(at, at, color=INK, lw=1, ls=":", label="no skill")
        axis.axvline(tested_at, color=GREY, lw=1.5, ls="--", label="the test part")
        axis.set(title=name, xlabel="prevalence", xscale="log", xlim=(at.min(), at.max()))
        axis.set_ylim(-0.02, 1.02)
        charts.percent_ticks(axis, [0.01, 0.05, 0.2])
        ends = rows.iloc[[0, -1]][["ppv", "prevalence"]].to_numpy(float)
        texts = ("undefined" if np.isnan(v) else f"{v:.2f} at {share:.1%}" for v, share in ends)
        alt.append(f"{name}: {' and '.join(texts)}")
    axes[0, 0].set_ylabel("PPV: share of those called\nwho have the disease")
    charts.legend(figure, 4)
    return Picture(
        figure, f"PPV over the prevalence, on a logarithmic axis, with bands. {'; '.join(alt)}."
    )


def decision_curves(panels: Mapping[str, Mapping[str, pd.DataFrame]]) -> Picture:
    """Draw net benefit over the threshold probability, a panel a setting, a line a model.

    Curves are those of `covidcxr.scores.net_benefit.decision_curve`. An axis is spaced as its
    thresholds are, evenly or by a constant factor.
    """
    figure, axes = charts.panels(1, len(panels), 4.1)
    alt = []
    for axis, (title, models) in zip(axes.flat, panels.items(), strict=True):
        for (color, line), (name, rows) in zip(_LINES * 9, models.items(), strict=False):
            benefit = PEOPLE * rows["model"]
            axis.plot(rows["threshold"], benefit, color=color, ls=line, label=name)
        rows = next(iter(models.values()))
        at, middle = rows["threshold"], len(rows) // 2
        axis.plot(at, PEOPLE * rows["all"], color=GREY, lw=1.2, label="treat all")
        axis.axhline(0, color=INK, lw=1.2, ls=":", label="treat none")
        factors = at.to_numpy()[1:] / np.maximum(at.to_numpy()[:-1], 1e-12)
        by_factor = bool(np.isclose(factors[0], factors[-1]))
        axis.set_xscale("log" if by_factor else "linear")
        charts.percent_ticks(axis, [0.001, 0.01, 0.1] if by_factor else [0, 0.25, 0.5, 0.75, 1])
        most = PEOPLE * float(rows["prevalence"].iloc[0])
        # Far below 0 nothing is useful, and showing it would flatten the rest.
        axis.set(ylim=(-0.35 * most, 1.08 * most), xlim=(at.min(), at.max()))
        axis.set_title(title, fontsize=10.5)
        axis.set_xlabel("threshold probability")
        each = (f"{name} {PEOPLE * r['model'].iloc[middle]:.1f}" for name, r in models.items())
        alt.append(
            f"{title.replace(chr(10), ' ')}, at a threshold of {at.iloc[middle]:.1%}: "
            f"{', '.join(each)}, treating all {PEOPLE * rows['all'].iloc[middle]:.1f}"
        )
    axes[0, 0].set_ylabel(f"net benefit, true positives\nper {PEOPLE:,} people")
    charts.legend(figure, 5)
    return Picture(
        figure,
        f"Net benefit per {PEOPLE:,} people over the threshold probability, beside "
        f"treating all and none. {'; '.join(alt)}.",
    )


def study_values(study: Study, name: str, p: Predictions, protocol: Protocol) -> dict[str, Any]:
    """Values that the page glues: test images, protocol, and the slope of the model shown."""
    slope = calibration.slope_intercept(p, protocol.confidence)["slope"]
    values = {
        "n": len(p),
        "positives": int(p.positive.sum()),
        "units": p.units,
        "prevalence": p.prevalence,
        "confidence": 100 * protocol.confidence,
        "resamples": protocol.resamples,
        "seed": protocol.seed,
        "name": name,
        "weights": "random" if study.weights == "none" else "pretrained",
        "people": PEOPLE,
        "slope": coefficient_text(slope),
    }
    return {f"calibration_{key}": value for key, value in values.items()}


def use_values(
    home: pd.DataFrame, elsewhere: pd.DataFrame, panels: list[pd.DataFrame], few: str
) -> dict[str, Any]:
    """Values that the page glues: one model's calls among people, its PPV and its net benefit.

    ``home`` and ``elsewhere`` are of `covidcxr.scores.predictive_values.at_prevalence`, at
    the test part's prevalence and at others; ``panels`` are decision curves: as tested, and at a
    screening's prevalence with the scores as they are and moved. With ``few`` images headline
    and net benefit are withheld.
    """
    screening = people(elsewhere).iloc[0].to_dict()
    values = {
        "called": screening["called"],
        "missed": screening["missed"],
        "ppv": screening["PPV"],
    }
    for place, curve in zip(("here", "there", "moved"), panels, strict=True):
        values[f"useful_{place}"] = useful_text(curve)
    if few:
        values = dict.fromkeys(values, edition.WITHHELD)
    values |= {
        "sick": screening["with COVID-19"],
        "ppv_here": ppv_text(home.iloc[0].to_dict()),
        "ppv_there": ppv_text(elsewhere.iloc[0].to_dict()),
    }
    return {f"calibration_{key}": value for key, value in values.items()}


def calibration_table(models: Mapping[str, Predictions], protocol: Protocol) -> pd.DataFrame:
    """Table of models: calibration slope, intercept and error, and the error if calibrated."""
    rows = {}
    for name, p in models.items():
        line = calibration.slope_intercept(p, protocol.confidence)
        error = calibration.expected_error(p, seed=protocol.seed, confidence=protocol.confidence)
        rows[name] = {
            "slope (ideal 1)": coefficient_text(line["slope"]),
            "verdict": calibration.verdict(line["slope"]),
            "intercept (ideal 0)": coefficient_text(line["intercept"]),
            "calibration error": f"{error.value:.3f}",
            "if calibrated": with_limits(error.expected, error.low, error.high),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def brier_table(models: Mapping[str, Predictions]) -> pd.DataFrame:
    """Table of models: their Brier score in parts."""
    rows = {}
    for name, p in models.items():
        parts = calibration.brier_decomposition(p)
        rows[name] = {
            "Brier score": f"{parts.brier:.3f}",
            "reliability": f"{parts.reliability:.3f}",
            "resolution": f"{parts.resolution:.3f}",
            "uncertainty": f"{parts.uncertainty:.3f}",
            "within bins": f"{parts.within:+.3f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def prevalence_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Table of `covidcxr.scores.predictive_values.at_prevalence` as text."""
    shown = pd.DataFrame({"prevalence": rows["prevalence"]})
    for name in ("ppv", "npv"):
        shown[metrics.word(name)] = intervals(rows, [name, f"{name}_low", f"{name}_high"])
        shown[f"{metrics.word(name)} limits"] = rows[f"{name}_method"]
    return shown.assign(remark=rows["reason"]) if rows["reason"].any() else shown


def people(rows: pd.DataFrame) -> pd.DataFrame:
    """Table of what a model's calls mean for `PEOPLE` screened people, by prevalence.

    ``rows`` as for `prevalence_rows`. Counts are rounded so that those of one row add up.
    """
    table = []
    for row in rows.to_dict("records"):
        sick = round(row["prevalence"] * PEOPLE)
        counts = {"with COVID-19": f"{sick:,}"}
        if np.isnan(row["sensitivity"]) or np.isnan(row["specificity"]):
            unknown = ("called", "of these with COVID-19", "missed", "PPV")
            table.append(counts | dict.fromkeys(unknown, "–"))
            continue
        right = round(row["sensitivity"] * sick)
        called = right + round((1 - row["specificity"]) * (PEOPLE - sick))
        missed = f"{sick - right:,}"
        if sick == right and row["sensitivity"] < 1:
            missed = "fewer than 1"
        counts |= {"called": f"{called:,}", "of these with COVID-19": f"{right:,}"}
        table.append(counts | {"missed": missed, "PPV": ppv_text(row)})
    return pd.DataFrame(table)


def alarms_text(p: Predictions | None, protocol: Protocol) -> str:
    """Share of normal images that a model calls COVID-19, with limits, or that none was tested."""
    if p is None or p.positive.all():
        return "not tested"
    called = p.called(protocol.threshold)[~p.positive]
    share = proportions.grouped_wilson(called, p.group[~p.positive], protocol.confidence)
    value, low, high = (f"{100 * end:.0f}" for end in share)
    return f"{value}% ({low} to {high}%) of {len(called):,}"


def ppv_text(row: Mapping[Any, Any]) -> str:
    """PPV with its limits in per cent, with a decimal where all three are small."""
    spec = ".0f" if row["ppv_high"] >= 0.1 else ".1f"
    value, low, high = (f"{100 * row[f'ppv{end}']:{spec}}" for end in ("", "_low", "_high"))
    return "–" if np.isnan(row["ppv"]) else f"{value}% ({low} to {high}%)"


def useful_text(curve: pd.DataFrame) -> str:
    """Widest range of thresholds at which a model's net benefit surely exceeds all and none."""
    ends = net_benefit.useful(curve)
    return "none" if ends is None else f"{100 * ends[0]:.2g}% to {100 * ends[1]:.2g}%"


def coefficient_text(one: Interval) -> str:
    """Coefficient with its limits, or why there is none."""
    return with_limits(one.value, one.low, one.high, ".2f", none=f"none: {one.reason}")
