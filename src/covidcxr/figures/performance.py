"""Figure, table and glued values of the page on speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt

from covidcxr.core import benchmarks
from covidcxr.core.benchmarks import BENCHMARKS, Result
from covidcxr.core.studies import TITLES
from covidcxr.figures.common import BLUE, WIDTH, Html, Picture, table

__all__ = ["BENCHMARKS", "speedups", "updates", "values"]

_PATHS = {
    "counts": "bootstrap of ten scores",
    "weights": "bootstrap of the AUROC",
    "hash_faster": "search for near copies",
    "projected": "three networks on frozen features,\nthe paper's size (projected)",
    "faster": "three networks on frozen features,\nsmall images",
    "rendered": "synthetic radiographs in batches",
}
"""The fast paths, by the ratio that says what each saves."""


def values(results: Mapping[str, Result]) -> dict[str, Any]:
    """Ratios, sizes and circumstances of the benchmarks, by glue key."""
    frozen, costs = results["frozen"], benchmarks.updates(results["updates"])
    at_paper = costs[(costs["size"] == 256) & (costs["precision"] == "mixed_bfloat16")]
    days = sorted(result["created"][:10] for result in results.values())
    machines = {
        (one["hardware"]["processor"], one["hardware"]["cores"]) for one in results.values()
    }
    glued = {
        **benchmarks.frozen(frozen),
        **benchmarks.bootstrap(results["bootstrap"]),
        **benchmarks.duplicates(results["duplicates"]),
        **benchmarks.phantom(results["phantom"]),
        "images": frozen["images"],
        "size": frozen["size"],
        "epochs": frozen["epochs"],
        "seeds": frozen["seeds"],
        "paper_size": frozen["paper"]["size"],
        "paper_images": frozen["paper"]["train"] + frozen["paper"]["test"],
        "hours": at_paper["hours"].sum(),
        "gpu": benchmarks.GPU,
        "gpu_seconds": at_paper["gpu_seconds"].sum(),
        "first_day": days[0],
        "last_day": days[-1],
        "machines": "; ".join(f"{name}, {cores} cores" for name, cores in sorted(machines)),
    }
    return {f"performance_{name}": value for name, value in glued.items()}


def speedups(glued: Mapping[str, Any]) -> Picture:
    """Bars of how many times as fast each fast path is, from `values`."""
    ratios = {name: glued[f"performance_{key}"] for key, name in _PATHS.items()}
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    bars = axis.barh(list(ratios), list(ratios.values()), color=BLUE, height=0.6)
    labels = [f"{n:,.0f}" if n >= 100 else f"{n:.1f}" for n in ratios.values()]
    axis.bar_label(bars, labels, padding=4)
    axis.set(xscale="log", xlabel="times as fast as what one would write otherwise")
    axis.set_xlim(1, 4 * max(ratios.values()))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    descriptions = "; ".join(f"{name}: {ratio:,.1f}" for name, ratio in ratios.items())
    return Picture(figure, f"Times as fast. {descriptions}.".replace("\n", " "))


def updates(result: Result) -> Html:
    """Tabulate what an update of each network costs."""
    costs = benchmarks.updates(result)
    costs = costs.assign(model=costs["model"].map(TITLES), share=100 * costs["share"])
    titles = {
        "model": "Network",
        "size": "Pixels",
        "precision": "Precision",
        "seconds": "Seconds an update",
        "share": "Share of the attainable, %",
        "hours": "Hours for the paper's epochs",
        "gpu_seconds": "At least, on a GPU, seconds",
    }
    digits = {"seconds": "{:.2f}", "share": "{:.0f}", "hours": "{:.1f}", "gpu_seconds": "{:.1f}"}
    caption = (
        f"Median of {result['timed']} updates on noise, batches of {result['rows'][0]['batch']}; "
        f"{result['hardware']['cores']} cores, no GPU; the last two columns are computed."
    )
    formats = {titles[name]: pattern for name, pattern in digits.items()}
    return table(costs.rename(columns=titles), caption, formats)
