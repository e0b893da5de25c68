"""Tables and values of the page on calibration and use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core import edition
from covidcxr.core.studies import Study
from covidcxr.figures.common import with_limits
from covidcxr.scores import calibration, metrics, net_benefit, proportions
from covidcxr.scores.intervals import Interval, Protocol
from covidcxr.scores.net_benefit import PEOPLE
from covidcxr.scores.predictions import Predictions


def study_values(study: Study, name: str, p: Predictions, protocol: Protocol) -> dict[str, Any]:
    """Values that the page glues: test images, protocol, and the slope of the model shown."""
    slope = calibration.slope_intercept(p, protocol.confidence)["slope"]
    values = {
        "n": len(p),
        "positives": int(p.positive.sum()),
        "units": p.units,
        "prevalence": p.prevalence,
        "threshold": protocol.threshold,
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
        "right": screening["of these with COVID-19"],
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
        shown[metrics.word(name)] = _limits_column(rows, name, ".3f")
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


def _limits_column(rows: pd.DataFrame, name: str, spec: str) -> list[str]:
    columns = rows[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    return [with_limits(value, low, high, spec) for value, low, high in columns]
