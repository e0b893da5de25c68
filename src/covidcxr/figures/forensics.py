"""Figure and glued values of the page that infers the paper's images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.paper import class_sizes, split_functions
from covidcxr.paper.class_sizes import Counts, Fit, Pair


def values(
    counts: Counts,
    pairs: dict[str, list[Pair]],
    fits: Sequence[Fit],
    tools: pd.DataFrame,
    record: Record,
) -> dict[str, Any]:
    """Return what the page glues of counts, class sizes, data sets, tools and the record."""
    covid, normal = pairs["down"][0]
    chance = split_functions.chance(covid, normal, counts.covid_test, counts.normal_test)
    return {
        **_counts(counts, pairs),
        **_sets(fits, pairs),
        "forensics_chance": chance,
        **_tools(tools, counts.test),
        **_patients(record),
    }


def _counts(counts: Counts, pairs: dict[str, list[Pair]]) -> dict[str, Any]:
    covid, normal = pairs["down"][0]
    more = [pair for pair in pairs["nearest"] if pair not in pairs["down"]]
    return {
        "forensics_train": counts.train,
        "forensics_test": counts.test,
        "forensics_all": counts.train + counts.test,
        "forensics_covid_test": counts.covid_test,
        "forensics_normal_test": counts.normal_test,
        "forensics_pairs": _sums(pairs["down"]),
        "forensics_pairs_nearest": _sums(more),
        "forensics_covid": covid,
        "forensics_normal": normal,
        "forensics_prevalence_test": counts.covid_test / counts.test,
        "forensics_prevalence_all": covid / (covid + normal),
    }


def _sets(fits: Sequence[Fit], pairs: dict[str, list[Pair]]) -> dict[str, Any]:
    (fitted,) = (fit for fit in fits if fit.both)
    data = fitted.data
    candidates = sorted({pair for rule in pairs.values() for pair in rule})
    others = [p for p in candidates if p != pairs["down"][0] and class_sizes.fitting([p])]
    unused = [part for part in data.parts if (part,) not in fitted.covid]
    return {
        "forensics_sets": len(fits),
        "forensics_title": ", ".join(one.title for one in class_sizes.fitting(candidates)),
        "forensics_others": len(others),
        "forensics_candidates": len(candidates) - 1,
        "forensics_handle": data.url.split("datasets/")[1],
        "forensics_folder": class_sizes.sums_of_parts(fitted.covid),
        "forensics_covid_fits": sum(bool(fit.covid) for fit in fits),
        "forensics_normal_fits": sum(bool(fit.normal) for fit in fits),
        "forensics_mixtures": len(list(class_sizes.mixtures(fits))),
        "forensics_unused_covid": data.count("COVID19", unused),
        "forensics_unused_normal": data.count("NORMAL", unused),
        "forensics_unused": data.count("COVID19", unused) + data.count("NORMAL", unused),
        "forensics_unused_parts": " and ".join(unused),
    }


def _tools(tools: pd.DataFrame, test: int) -> dict[str, Any]:
    impossible = tools[(tools["chance"] == 0) & (tools["held_out"] != test)]
    sizes = sorted(set(impossible["held_out"].dropna()))
    return {
        "forensics_wrong": "; ".join(impossible.index),
        "forensics_wrong_size": " or ".join(f"{n:,}" for n in sizes),
        "forensics_certain": "; ".join(tools.index[tools["chance"] == 1]),
        "forensics_folds": tools.loc["scikit-learn StratifiedKFold, one fold", "chance"],
    }


def _patients(record: Record) -> dict[str, Any]:
    shared, held_out = record["shared"]["keras"], record["held_out"]
    random, other = record["shared"]["random"], record["elsewhere"]
    sources = record.table("sources")
    tested = sources[sources["held_out"] > 0]
    return {
        "forensics_recorded": f"{record.created:%Y-%m-%d}",
        "forensics_commit": (record["commit"]["id"] or "none")[:8],
        "forensics_held_out": held_out,
        "forensics_listed": record["images"]["COVID19"],
        "forensics_resamples": record["resamples"],
        "forensics_shared": shared,
        "forensics_shared_rate": shared / held_out,
        "forensics_shared_random_median": random["median"],
        "forensics_shared_random_rate": random["median"] / held_out,
        "forensics_shared_low": random["low"],
        "forensics_shared_high": random["high"],
        "forensics_as_few": random["as_few"] * record["resamples"],
        "forensics_sources": len(sources),
        "forensics_sources_tested": len(tested),
        "forensics_sources_files": tested["images"].sum(),
        "forensics_elsewhere_images": other["images"],
        "forensics_elsewhere_known": other["images"] - other["unknown"],
        "forensics_elsewhere_shared": other["shared"],
        **{f"forensics_{key}": count for key, count in record["patients"].items()},
        **{f"forensics_ages_{key}": age for key, age in record["ages"].items()},
    }


def random_splits(record: Record) -> Picture:
    """Draw how many images share a patient in random splits, and in the split by name."""
    shared, random, held_out = (
        record["shared"]["keras"],
        record["shared"]["random"],
        record["held_out"],
    )
    histogram = record.table("draws")
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.6))
    axis.bar(histogram["shared"], histogram["n"], width=0.85, color=common.COLORS["NORMAL"])
    axis.axvspan(random["low"] - 0.5, random["high"] + 0.5, color=common.PARTS["train"], alpha=0.15)
    axis.grid(visible=False)
    axis.axvline(shared, color=common.COLORS["COVID19"], lw=3)
    top = histogram["n"].max()
    axis.text(shared - 0.4, top, "first fifth\nby name", va="top", ha="right")
    axis.text(random["high"] + 0.9, top, "shaded: 95% of\nrandom splits", va="top")
    axis.set(
        xlabel=f"held-out COVID-19 images, of {held_out}, whose patient is also trained on",
        ylabel=f"random splits, of {record['resamples']:,}",
        xlim=(0, histogram["shared"].max() + 8),
    )
    return Picture(
        figure,
        f"Histogram of {record['resamples']:,} random splits by the number of held-out COVID-19 "
        f"images, of {held_out}, that share a patient with training: from {random['smallest']} to "
        f"{random['largest']}, median {random['median']:.0f}, 95% between {random['low']:.0f} and "
        f"{random['high']:.0f}. A line marks the split by name at {shared}.",
    )


def _sums(pairs: Sequence[Pair]) -> str:
    return " or ".join(f"{covid:,} + {normal:,}" for covid, normal in pairs) or "none"
