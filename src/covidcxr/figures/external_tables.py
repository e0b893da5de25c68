"""Tables and values of the page on external testing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS
from covidcxr.figures import common
from covidcxr.figures.common import Html, with_limits
from covidcxr.figures.external import cohort_title
from covidcxr.scores import intervals
from covidcxr.scores.metrics import auroc, word
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import ExternalTest

VERDICTS = {
    "lower": "lower there",
    "higher": "higher there",
    "undecided": "no difference shown",
    "unknown": "unknown",
}
"""What a gap means for the AUROC elsewhere."""

PUBLISHED = {
    "Zech et al., pneumonia": (0.931, 0.815),
    "Ben Ahmed et al., COVID-19, worst": (1.00, 0.38),
}
"""Published AUROCs, internal and external (zech2018variable, benahmed2021discovery)."""

TABIK = {"severe": 0.9772, "mild": 0.618}
"""Accuracy by severity where one hospital gave both classes (Tabik et al., IEEE J Biomed
Health Inform 24:3595-3605, 2020)."""

REVIEWED = 62
"""Studies whose risk of bias Roberts et al., Nat Mach Intell 3:199-217 (2021), judged."""


def removed_table(record: Record) -> pd.DataFrame:
    """Count the external images by class: those that leave the test and why, those that stay."""
    keys = ["cohort", "label"]
    removed = record.table("removed").query("trained_on == @OWN").groupby([*keys, "reason"])["n"]
    n, by_reason = record.table("images").groupby(keys).size(), removed.sum()
    rows = []
    for cohort in external.cohorts(record):
        for label in LABELS:
            images = int(n.get((cohort, label), 0))
            near, patient = (int(by_reason[cohort, label, r]) for r in external.REASONS)
            rows.append(
                {"tested on": cohort, "class": label, "images": images,
                 "copies of trained ones": near, "others of trained groups": patient,
                 "left": images - near - patient}
            )  # fmt: skip
    return pd.DataFrame(rows)


def overlap_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Set the AUROC with all external images beside that without overlapping ones."""
    rows = scores[(scores["score"] == "auroc") & (scores["cohort"] != OWN)]
    return pd.DataFrame(
        [
            {
                "model": model,
                "tested on": cohort,
                "removed": int(of["n"].max() - of["n"].min()),
                "all images": _interval(of[~of["kept"]].iloc[0]),
                "overlap removed": _interval(of[of["kept"]].iloc[0]),
            }
            for (model, cohort), of in rows.groupby(["model", "cohort"], sort=False)
        ]
    )


def scores_table(scores: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Write out some scores of every model and cohort, overlapping images removed."""
    rows = []
    for (model, cohort), of in scores[scores["kept"]].groupby(["model", "cohort"], sort=False):
        row = {"model": model, "tested on": cohort_title(str(cohort))}
        for name in names:
            title = "mean score less share" if name == "excess" else word(name)
            write = common.decimal if name in ("auroc", "brier") else _short
            row[title] = _interval(of[of["score"] == name].iloc[0], write)
        rows.append(row)
    return pd.DataFrame(rows)


def gaps_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.gaps` returns."""
    return pd.DataFrame(
        {
            "model": gaps["model"],
            "tested on": gaps["cohort"],
            "internal": gaps["internal"].map(common.decimal),
            "external": gaps["external"].map(common.decimal),
            "gap": [_interval(row, _signed) for row in gaps.to_dict("records")],
            "AUROC": gaps["verdict"].map(VERDICTS),
        }
    )


def reverse_table(reverse: Mapping[str, ExternalTest], confidence: float) -> pd.DataFrame:
    """Set the AUROC of what was trained elsewhere, there and on the own cohort, side by side."""
    columns = ["trained on", "there, cross-validated", "on this cohort"]
    rows = [
        (name, *(_area(p, confidence) for p in (test.internal, test.external[OWN])))
        for name, test in reverse.items()
    ]
    return pd.DataFrame(rows, columns=columns)


def transfer_table(transfer: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.transfer_threshold` returns."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "threshold": f"{of['threshold'].iloc[0]:.3g}",
                "tested on": cohort_title(str(cohort)),
                **{str(row["score"]): _interval(row, _short) for row in of.to_dict("records")},
            }
            for (model, cohort), of in transfer.groupby(["model", "cohort"], sort=False)
        ]
    )


def published_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """Set published gaps above those of the study."""
    columns = ["internal", "external"]
    here = "here: " + gaps["model"] + ", " + gaps["cohort"]
    published = pd.DataFrame.from_dict(PUBLISHED, orient="index", columns=columns)
    rows = pd.concat([published, gaps.set_index(here)[columns].astype(float)])
    gap = (rows["internal"] - rows["external"]).map(_signed)
    return rows.map(common.decimal).assign(gap=gap).rename_axis("result").reset_index()


def networks_tables(
    networks: Mapping[str, ExternalTest], threshold: float, confidence: float
) -> Html:
    """Write out gaps, scores and calibration of networks."""
    scores = external.summary(networks, threshold, confidence)
    gaps = external.gaps(networks, confidence)
    transfer = external.transfer_threshold(networks, confidence)
    tables = {
        "AUROC with and without overlap": overlap_table(scores),
        "AUROC and gap": gaps_table(gaps),
        f"scores at a threshold of {threshold:g}": scores_table(
            scores, ("sensitivity", "specificity")
        ),
        "the threshold chosen on the test part, elsewhere": transfer_table(transfer),
        "calibration": scores_table(scores, ("slope", "brier", "excess")),
    }
    about = f"with {confidence:.0%} intervals by group."
    return common.fold(
        "Networks in numbers",
        *(common.table(table, f"Networks: {title}, {about}") for title, table in tables.items()),
    )


def best(tests: Mapping[str, ExternalTest]) -> str:
    """Name of the model with the highest internal AUROC."""
    inside = {name: auroc(t.internal.positive, t.internal.score) for name, t in tests.items()}
    return max(inside, key=lambda name: np.nan_to_num(inside[name]))


def values(
    record: Record,
    simple: Mapping[str, ExternalTest],
    networks: Mapping[str, ExternalTest],
    confidence: float,
) -> dict[str, Any]:
    """Glued values of the page, from the record of external testing and the tests by name."""
    tests = {**simple, **networks}
    name = best(tests)
    scores = external.summary({name: tests[name]}, confidence=confidence)
    at_home, *elsewhere = scores[(scores["score"] == "auroc") & scores["kept"]].to_dict("records")
    verdicts = external.gaps(simple, confidence)["verdict"]
    internal = next(iter(simple.values())).internal
    return {
        "external_models": len(tests),
        "external_best": name,
        "external_home": f"{_interval(at_home)} (n = {at_home['n']:,})",
        "external_elsewhere": "; ".join(
            f"{row['cohort']} {_interval(row)} (n = {row['n']:,})" for row in elsewhere
        )
        or "no external cohort",
        "external_images": len(internal),
        "external_groups": internal.units,
        "external_positives": int(internal.positive.sum()),
        "external_gaps": int((verdicts != "unknown").sum()),
        "external_lower": int((verdicts == "lower").sum()),
        "external_higher": int((verdicts == "higher").sum()),
        "external_networks": len(networks),
        **_reverse(record, confidence),
        **_overlap(record),
    }


def _reverse(record: Record, confidence: float) -> dict[str, Any]:
    """AUROC on the own cohort of what was trained on each external one; how many are below 0.5."""
    areas = {
        name: intervals.area(test.external[OWN], confidence)
        for name, test in external.reverse_tests(record).items()
    }
    written = [f"{name} {with_limits(a.value, a.low, a.high)}" for name, a in areas.items()]
    return {
        "external_reverse": "; ".join(written) or "not tried",
        "external_inverted": sum(a.high < 0.5 for a in areas.values()),
        "external_reversed": len(areas),
    }


def _area(p: Predictions, confidence: float) -> str:
    area = intervals.area(p, confidence)
    return f"{with_limits(area.value, area.low, area.high)}, n = {len(p):,}"


def _overlap(record: Record) -> dict[str, int]:
    """Count external images, those that left the test, and those of a source of training."""
    images = record.table("images").astype({"source": "string"}).fillna({"source": "unknown"})
    inside = images["cohort"] == OWN
    removed = record.table("removed").query("trained_on == @OWN")
    return {
        "external_tested": int((~inside).sum()),
        "external_removed": int(removed["n"].sum()),
        "external_copies": int(removed.loc[removed["reason"] == "near", "n"].sum()),
        "external_shared": int(
            images.loc[~inside, "source"].isin(images.loc[inside, "source"]).sum()
        ),
    }


def _signed(value: float) -> str:
    return f"{round(float(value), 3) + 0.0:+.3f}" if np.isfinite(value) else "–"


def _short(value: float) -> str:
    return common.decimal(value, 2)


def _interval(row: Any, write: Callable[[float], str] = common.decimal) -> str:
    """Write a value with its limits, or the reason why there is none."""
    if not np.isfinite(row["value"]) and isinstance(row.get("reason"), str):
        return f"none: {row['reason']}"
    return common.with_limits(row["value"], row["low"], row["high"], write)
