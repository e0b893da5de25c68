"""Tables and values of the page on controls, from the record's measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from covidcxr.core.records import Record
from covidcxr.networks import saliency
from covidcxr.validity import controls
from covidcxr.validity.controls import demands, planted
from covidcxr.validity.controls.rows import CONFIDENCE, LEVEL
from covidcxr.validity.shortcuts.probes import PROBES


class _Shown(NamedTuple):
    """Row of the summary: what is planted, how it is measured, and which rows are worst."""

    title: str
    planted: str
    measure: str
    positive: str
    negative: str


_PROBED = f"planted != '{planted.DISEASE}' and measure =="
_POSITIVE, _NEGATIVE = (
    f"{_PROBED} 'power' and strength == 1",
    f"{_PROBED} 'false alarms' and strength == 0",
)
_PLANTED = {"metadata": f"{planted.FILES}, or {planted.MISSING}, by class"}

SUMMARY = {
    "duplicates": _Shown(
        "Search for copies", "copies of six kinds", "pairs called copies",
        "measure == 'recall' and variant == 'all kinds'",
        "measure == 'false alarms' and variant == 'different patients'",
    ),
    "overlap": _Shown(
        "Search for shared patients",
        f"{max(planted.SHARED):.0%} of test patients, or files, trained on", "units named",
        f"measure == 'recall' and strength == {max(planted.SHARED)}", "measure == 'false alarms'",
    ),
    "leakage": _Shown(
        "Random labels on two kinds of split", "three images a patient, not one",
        "gain of an image-level split",
        f"strength == {max(planted.PER_PATIENT)}", f"strength == {min(planted.PER_PATIENT)}",
    ),
    **{
        name: _Shown(
            f"{probe.title} probe", _PLANTED.get(name, f"{planted.SHORTCUT} by class"),
            "cohorts with an alarm", _POSITIVE, _NEGATIVE,
        )
        for name, probe in PROBES.items()
    },
    "saliency": _Shown(
        "Grad-CAM and occlusion", "a mark in a corner, or in a lung",
        "evidence outside the lung region",
        f"measure == 'outside' and planted == '{planted.CORNER}'",
        f"measure == 'outside' and planted == '{planted.LUNG}'",
    ),
}  # fmt: skip
"""By method: the rows of the measures that show its positive and its negative control."""


def summary(measures: pd.DataFrame, passed: set[str]) -> pd.DataFrame:
    """Tabulate positive and negative control of each method, the worst of several rows."""
    lines = []
    for name, shown in SUMMARY.items():
        rows = measures[measures["method"] == name]
        if rows.empty:
            continue
        positive, negative = rows.query(shown.positive), rows.query(shown.negative)
        lines.append(
            {
                "method": shown.title,
                "planted": shown.planted,
                "measure": shown.measure,
                "planted: worst": estimate(positive.loc[positive["value"].idxmin()].to_dict()),
                "not planted: worst": estimate(negative.loc[negative["value"].idxmax()].to_dict()),
                "verdict": "passed" if name in passed else "failed",
            }
        )
    return pd.DataFrame(lines)


def failures(criteria: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the demands that were not met."""
    failed = criteria[~criteria["met"]]
    titles = [SUMMARY[name].title for name in failed["method"]]
    return failed[["demand", "found"]].assign(method=titles)[["method", "demand", "found"]]


def listing(measures: pd.DataFrame, query: str) -> pd.DataFrame:
    """List the measures that a query selects, with their intervals."""
    rows = measures.query(query)
    return rows[["planted", "variant", "measure"]].assign(
        variant=rows["variant"].str.replace("gradcam", saliency.METHODS["gradcam"]),
        n=rows["n"].map("{:,}".format),
        value=[estimate(row) for row in rows.to_dict("records")],
    )


def disease(measures: pd.DataFrame) -> pd.DataFrame:
    """Tabulate which probes find the disease, beside how much of the lungs they show."""
    rows = measures[measures["planted"] == planted.DISEASE]
    index = ["method", "variant"]
    wide = rows.pivot_table(index=index, columns="measure", values="value", sort=False)
    number = int(rows.loc[rows["measure"] == "power", "n"].iloc[0])
    return pd.DataFrame(
        {
            "probe": [PROBES[name].title for name, _ in wide.index],
            "variant": [variant for _, variant in wide.index],
            "lung in sight": wide["lung in sight"].to_numpy(),
            "mean AUROC": wide["auroc"].to_numpy(),
            "disease found": [f"{round(share * number)} of {number}" for share in wide["power"]],
        }
    )


def values(record: Record) -> dict[str, Any]:
    """Values of the page, and of others that say how many methods passed."""
    passed, commit = controls.passed(record), record["commit"]["id"] or "none"
    failed = [shown.title for name, shown in SUMMARY.items() if name not in passed]
    measures = record.table("measures")
    null = measures[(measures["strength"] == 0) & measures["method"].isin(list(PROBES))]
    null = null.assign(hits=(null["value"] * null["n"]).round())
    above, either, n = (
        int(null.loc[null["measure"] == measure, column].sum())
        for measure, column in (("power", "hits"), ("false alarms", "hits"), ("power", "n"))
    )
    return {
        "controls_passed": len(SUMMARY) - len(failed),
        "controls_methods": len(SUMMARY),
        "controls_failed": ", ".join(failed) or "none",
        "controls_created": f"{record.created:%Y-%m-%d}",
        "controls_commit": commit[:8],
        "controls_minutes": record["wall_seconds"] / 60,
        "controls_current": "yes" if controls.is_current(record) else "no",
        "controls_recall": 100 * demands.RECALL,
        "controls_one_in": round(1 / demands.FALSE_ALARMS),
        "controls_level": LEVEL,
        "controls_wide": 100 * (1 - LEVEL),
        "controls_confidence": 100 * CONFIDENCE,
        "controls_power": 100 * demands.POWER,
        "controls_inside": 100 * demands.INSIDE,
        "controls_null_seeds": planted.NULL_SEEDS,
        "controls_seeds": planted.SEEDS,
        "controls_probed": planted.PROBED.covid19 + planted.PROBED.normal,
        "controls_null_above": above,
        "controls_null_below": either - above,
        "controls_null_n": n,
    }


def estimate(row: Mapping[Any, Any]) -> str:
    """Write a value with its limits; with more digits if they are small."""
    digits = 5 if 0 < row["high"] < 0.001 else 3
    value, low, high = (f"{row[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
