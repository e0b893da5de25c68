"""Tables and values of the page on shortcuts, from the records of the probes and the controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from covidcxr.cohorts.samples import TIERS
from covidcxr.core.records import Record
from covidcxr.figures import common
from covidcxr.networks import simple_models
from covidcxr.validity import controls, external, shortcuts
from covidcxr.validity.controls import DISEASE
from covidcxr.validity.shortcuts.probes import BLIND, PROBES, UNSEEN

MARGIN = 0.02
"""AUROC: tiers nearer to each other than this say the same."""

NARROWEST = PROBES["border"].variants[-1]
"""The frame that shows least of the picture."""

_MODELS = {"logistic": "logistic (interval)", "boosting": "boosting", "neighbours": "kNN"}


def usable(areas: pd.DataFrame, passed: set[str]) -> pd.DataFrame:
    """Select the rows of probes that passed their control on synthetic images."""
    return areas[areas["probe"].isin({*passed, "nothing"})].reset_index(drop=True)


def logistic(areas: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of logistic regression on probes of all images."""
    rows = areas[(areas["model"] == "logistic") & (areas["tier"] == "all")]
    return rows[rows["probe"] != "nothing"].reset_index(drop=True)


def probe_name(probe: str, variant: str) -> str:
    """Name a probe and its variant for a reader."""
    unit = {"thumbnail": " px", "border": " hidden"}.get(probe, "")
    # Records write shares with a space, pages do not.
    return f"{PROBES[probe].title}, {variant.replace(' %', '%')}{unit}"


def probes(areas: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Tabulate each probe's AUROC by model, on all images, and the result of its control."""
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")]
    lines = []
    for key, of in rows.groupby(["probe", "variant"], sort=False):
        probe, variant = map(str, key)
        by = {row["model"]: row for row in of.to_dict("records")}
        first, (seen, hits) = of.iloc[0], of_control(measures, probe, variant)
        lines.append(
            {
                "probe": probe_name(probe, variant),
                "n": f"{first['n_positive']:,} + {first['n'] - first['n_positive']:,}",
                _MODELS["logistic"]: _estimate(by["logistic"]),
                **{
                    title: f"{by[model]['auroc']:.3f}" if model in by else "–"
                    for model, title in list(_MODELS.items())[1:]
                },
                "lung in sight": seen,
                "disease found": hits,
            }
        )
    return pd.DataFrame(lines).replace("nan", "–")


def of_control(measures: pd.DataFrame, probe: str, variant: str) -> tuple[str, str]:
    """Share of synthetic lungs that a probe shows, and cohorts in which it finds a disease."""
    rows = measures[(measures["method"] == probe) & (measures["variant"] == variant)]
    by = rows[rows["planted"] == DISEASE].set_index("measure")[["value", "n"]].T.to_dict()
    seen, power = by.get("lung in sight"), by.get("power")
    return (
        f"{100 * seen['value']:.1f}%" if seen else "–",
        f"{power['value'] * power['n']:.0f} of {power['n']:.0f}" if power else "–",
    )


def tiers(areas: pd.DataFrame) -> pd.DataFrame:
    """Tabulate logistic regression's AUROC on each tier."""
    rows = areas[(areas["model"] == "logistic") & (areas["probe"] != "nothing")]
    lines: dict[str, dict[str, str]] = {}
    for row in rows.to_dict("records"):
        name = probe_name(row["probe"], row["variant"])
        lines.setdefault(name, {})[TIERS[row["tier"]]] = _estimate(row)
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("probe").fillna("–")


def sources(pairs: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the pairs of sources, those of one source's folders last."""
    rows = pairs.assign(same=same_source(pairs)).sort_values("same", kind="stable")
    return pd.DataFrame(
        {
            "class": rows["label"],
            "one side": rows["first"],
            "other side": rows["second"],
            "same source": rows["same"].map({True: "yes", False: "no"}),
            "n": [f"{a:,} + {b:,}" for a, b in zip(rows["n_first"], rows["n_second"], strict=True)],
            "AUROC": [_estimate(row) for row in rows.to_dict("records")],
        }
    )


def same_source(pairs: pd.DataFrame) -> pd.Series:
    """Tell which pairs are two cohorts' folders of one source, by names ``cohort: source``."""
    first, second = (pairs[side].str.split(": ", n=1).str[-1] for side in ("first", "second"))
    return first == second


def headline(areas: pd.DataFrame, prefix: str) -> dict[str, Any]:
    """Values of the probes that hardly show the lungs, for this page and the discussion."""
    rows = logistic(areas).dropna(subset=["auroc"])
    keys = zip(rows["probe"], rows["variant"], strict=True)
    rows = rows[[key in BLIND for key in keys]]
    return {
        f"{prefix}_blind": len(rows),
        f"{prefix}_blind_above": int((rows["low"] > 0.5).sum()),
        f"{prefix}_blind_least": common.decimal(rows["auroc"].min()),
        f"{prefix}_blind_most": common.decimal(rows["auroc"].max()),
        f"{prefix}_unseen": 100 * UNSEEN,
    }


def values(record: Record, tried: Record) -> dict[str, Any]:
    """Values of the page, from the record of the probes and that of the controls."""
    passed, measures = controls.passed(tried), tried.table("measures")
    areas = usable(record.table("areas"), passed)
    failed = [probe.title.lower() for name, probe in PROBES.items() if name not in passed]
    return {
        "shortcuts_kinds": len(PROBES),
        "shortcuts_failed": ", ".join(failed) or "none",
        "shortcuts_boosting": shortcuts.MOST_FOR_BOOSTING,
        "shortcuts_neighbours": simple_models.NEIGHBOURS,
        "shortcuts_folds": simple_models.FOLDS,
        "shortcuts_seed": shortcuts.SEED,
        "shortcuts_side": int(shortcuts.AFTER["thumbnail"]),
        "shortcuts_side_external": external.SIDES["logistic"],
        **headline(areas, "shortcuts"),
        **_of_border(areas),
        **_of_random_labels(areas),
        **_of_lungs(areas, measures),
        **_of_sources(record.table("sources")),
        **_of_tiers(areas),
    }


def _of_random_labels(areas: pd.DataFrame) -> dict[str, Any]:
    rows = areas[areas["probe"] == "nothing"].dropna(subset=["auroc"])
    return {
        "shortcuts_random": len(rows),
        "shortcuts_random_mean": common.decimal(rows["auroc"].mean()),
        "shortcuts_random_least": common.decimal(rows["auroc"].min()),
        "shortcuts_random_most": common.decimal(rows["auroc"].max()),
        "shortcuts_random_off": int(((rows["low"] > 0.5) | (rows["high"] < 0.5)).sum()),
    }


def _of_border(areas: pd.DataFrame) -> dict[str, Any]:
    rows = logistic(areas)
    rows = rows[(rows["probe"] == "border") & (rows["variant"] == NARROWEST)]
    return {
        "shortcuts_border": _estimate(rows.to_dict("records")[0]) if len(rows) else "–",
        "shortcuts_border_hidden": float(NARROWEST.rstrip(" %")),
    }


def _of_lungs(areas: pd.DataFrame, measures: pd.DataFrame) -> dict[str, Any]:
    rows = logistic(areas)
    by = {row["variant"]: row for row in rows[rows["probe"] == "lungs"].to_dict("records")}
    seen, hits = of_control(measures, "lungs", "hidden")
    covered = measures[(measures["measure"] == "covered") & (measures["variant"] == "adult")]
    return {
        "shortcuts_lungs_hidden": _estimate(by["hidden"]) if by else "–",
        "shortcuts_lungs_only": _estimate(by["only"]) if by else "–",
        "shortcuts_lungs_covered": 100 * float(covered["value"].iloc[0]),
        "shortcuts_lungs_seen": seen,
        "shortcuts_lungs_disease": hits,
    }


def _of_sources(pairs: pd.DataFrame) -> dict[str, Any]:
    known = pairs.dropna(subset=["auroc"])
    same, apart = same_source(known), known["low"] > 0.5
    return {
        "shortcuts_sources": int((~same).sum()),
        "shortcuts_sources_apart": int((apart & ~same).sum()),
        "shortcuts_folders": int(same.sum()),
        "shortcuts_folders_apart": int((apart & same).sum()),
    }


def _of_tiers(areas: pd.DataFrame) -> dict[str, Any]:
    rows = areas[(areas["model"] == "logistic") & (areas["probe"] != "nothing")]
    wide = rows.pivot_table(index=["probe", "variant"], columns="tier", values="auroc")
    change = wide.sub(wide["all"], axis=0).drop(columns="all")
    return {
        "shortcuts_tiers": change.shape[1],
        "shortcuts_tiers_probes": len(wide),
        "shortcuts_tiers_moved": int((change.abs().max(axis=1) > MARGIN).sum()),
        "shortcuts_tiers_margin": MARGIN,
        "shortcuts_tiers_change": common.decimal(change.abs().max().max()),
    }


def _estimate(row: Mapping[Any, Any]) -> str:
    return common.with_limits(row["auroc"], row["low"], row["high"])
