"""Tables and values of the page on controls, from the record's measures and criteria."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from covidcxr.core.records import Record
from covidcxr.figures import common
from covidcxr.networks import saliency
from covidcxr.validity import controls
from covidcxr.validity.shortcuts.probes import PROBES


class _Control(NamedTuple):
    """Title of a method, what is planted, its measure, and the rows of both controls."""

    title: str
    planted: str
    measure: str
    positive: str
    negative: str


def _of_probe(title: str, planted: str) -> _Control:
    rows = f"planted != '{controls.DISEASE}' and measure =="
    return _Control(
        f"{title} probe", f"{planted} by class", "cohorts with an alarm",
        f"{rows} 'power' and strength == 1", f"{rows} 'false alarms' and strength == 0",
    )  # fmt: skip


METHODS = {
    "duplicates": _Control(
        "Search for copies", "copies of six kinds", "pairs called copies",
        "measure == 'recall' and variant == 'all kinds'",
        "measure == 'false alarms' and variant == 'different patients'",
    ),
    "overlap": _Control(
        "Search for shared patients", "test patients, or files, that are trained on",
        "patients or files named",
        "measure == 'recall' and strength == strength.max()", "measure == 'false alarms'",
    ),
    "leakage": _Control(
        "Random labels on two kinds of split", "several images a patient, not one",
        "accuracy gained by an image-level split",
        "strength == strength.max()", "strength == strength.min()",
    ),
    **{name: _of_probe(probe.title, "acquisition") for name, probe in PROBES.items()},
    "metadata": _of_probe("Metadata", "files, or missing fields,"),
    "saliency": _Control(
        "Grad-CAM and occlusion", "a mark in a corner, not in a lung",
        "evidence outside the lung region",
        "planted == 'mark in a corner'", "planted == 'mark in a lung'",
    ),
}  # fmt: skip
"""By name the methods and the rows of the measures that are their controls."""


def summary(measures: pd.DataFrame, passed: set[str]) -> pd.DataFrame:
    """Tabulate positive and negative control of each method, the worst of several rows."""
    lines = []
    for name, control in METHODS.items():
        rows = measures[measures["method"] == name]
        if rows.empty:
            continue
        positive, negative = rows.query(control.positive), rows.query(control.negative)
        lines.append(
            {
                "method": control.title,
                "planted": control.planted,
                "measure": control.measure,
                "if planted": _estimate(positive.loc[positive["value"].idxmin()].to_dict()),
                "if not": _estimate(negative.loc[negative["value"].idxmax()].to_dict()),
                "verdict": "passed" if name in passed else "failed",
            }
        )
    return pd.DataFrame(lines)


def demands(criteria: pd.DataFrame) -> pd.DataFrame:
    """Tabulate by method how many variants met each demand; all probes together."""
    titles = criteria["method"].map(lambda name: METHODS[name].title)
    rows = pd.DataFrame(
        {
            "method": titles.where(~criteria["method"].isin(list(PROBES)), "Shortcut probes"),
            "demand": criteria["demand"].str.partition(": ")[2].str.replace("0 0.5", "0: 0.5"),
            "met": criteria["met"],
            "failed": titles.where(~criteria["met"], ""),
        }
    )
    lines = []
    for (method, demand), of in rows.groupby(["method", "demand"], sort=False):
        failed = sorted(set(of["failed"]) - {""})
        met = f"{of['met'].sum()} of {len(of)}"
        lines.append((method, demand, met, ", ".join(failed) or "–"))
    return pd.DataFrame(lines, columns=["method", "demand", "met", "failed"])


def listing(measures: pd.DataFrame, query: str) -> pd.DataFrame:
    """List the measures that a query selects, with their intervals."""
    rows = measures.query(query)
    return rows[["planted", "variant", "measure"]].assign(
        variant=rows["variant"].str.replace("gradcam", saliency.METHODS["gradcam"]),
        n=rows["n"].map("{:,}".format),
        value=[_estimate(row) for row in rows.to_dict("records")],
    )


def disease(measures: pd.DataFrame) -> pd.DataFrame:
    """Tabulate which probes find the disease, beside how much of the lungs they show."""
    rows = measures[measures["planted"] == controls.DISEASE]
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
    measures, passed = record.table("measures"), controls.passed(record)
    failed = [control.title for name, control in METHODS.items() if name not in passed]
    null = measures[(measures["strength"] == 0) & measures["method"].isin(list(PROBES))]
    alarms, n = (null["value"] * null["n"]).round().groupby(null["measure"]).sum(), null["n"]
    seeds, probed = record["parameters"]["seeds"], record["parameters"]["cohorts"]["probed"]
    return {
        "controls_passed": len(METHODS) - len(failed),
        "controls_methods": len(METHODS),
        "controls_failed": ", ".join(failed) or "none",
        "controls_created": f"{record.created:%Y-%m-%d}",
        "controls_commit": (record["commit"]["id"] or "none")[:8],
        "controls_minutes": record["wall_seconds"] / 60,
        "controls_current": "no" if record.is_outdated else "yes",
        "controls_null_seeds": seeds["null"],
        "controls_seeds": seeds["planted"],
        "controls_probed": probed["covid19"] + probed["normal"],
        "controls_null_above": int(alarms["power"]),
        "controls_null_below": int(alarms["false alarms"] - alarms["power"]),
        "controls_null_n": int(n[null["measure"] == "power"].sum()),
    }


def _estimate(row: Mapping[Any, Any]) -> str:
    """Write a value with its limits; with more digits if they are small."""
    write = partial(common.decimal, digits=5 if 0 < row["high"] < 0.001 else 3)
    return common.with_limits(row["value"], row["low"], row["high"], write)
