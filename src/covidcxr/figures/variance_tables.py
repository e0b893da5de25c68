"""Tables and values of the page on the variance between runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES, Study
from covidcxr.figures import common
from covidcxr.figures.common import Html
from covidcxr.networks import baselines
from covidcxr.paper import publication, reproduction
from covidcxr.scores import optimism
from covidcxr.scores.variance import GAMMA, noether
from covidcxr.scores.variance_components import Decomposition

_WEIGHTS = {"none": "random", "imagenet": "those of ImageNet"}


def title(model: str) -> str:
    """Name of a network or of a trivial model."""
    titles = {str(name): text for name, text in TITLES.items()} | baselines.TITLES
    return titles.get(model, model)


def design_values(study: Study, run: Record) -> dict[str, Any]:
    """Values that the page glues: what was run, and how that departs from the paper's protocol."""
    parts = {part: sum(counts.values()) for part, counts in run["images"].items()}
    return {
        "variance_models": ", ".join(title(model) for model in study.models),
        "variance_model": title(study.models[0]),
        "variance_seeds": len(study.seeds),
        "variance_size": study.image_size,
        "variance_epochs": study.epochs,
        "variance_weights": _WEIGHTS.get(study.weights, "from files"),
        "variance_train": parts["train"],
        "variance_n": parts["test"],
        "variance_departures": "; ".join(reproduction.protocol_deviations(run)) or "none",
    }


def result_values(
    runs: pd.DataFrame, expected: pd.DataFrame, components: Decomposition
) -> dict[str, Any]:
    """Values that the page glues: accuracy of the runs of one network and its variance."""
    accuracy, total = runs["accuracy"], components.table.T["a run"].to_dict()
    shares = components.table["share"].to_dict()
    return {
        "variance_runs": components.runs,
        "variance_draws": components.splits,
        "variance_range": 100 * (accuracy.max() - accuracy.min()),
        "variance_df": expected["df"].to_dict()["draws of the split"],
        "variance_mean": 100 * components.mean,
        "variance_sd_plain": 100 * accuracy.std(ddof=1),
        "variance_sd": total["points"],
        "variance_sd_low": total["low"],
        "variance_sd_high": total["high"],
        "variance_split_share": share(shares["split"]),
        "variance_seed_share": share(shares["seed"]),
        "variance_test_share": share(shares["test set"]),
        "variance_zeroed": ", ".join(components.zeroed) or "none",
    }


def choice_values(pairs: pd.DataFrame, gain: pd.DataFrame) -> dict[str, Any]:
    """Values that the page glues: superiority over other procedures, and optimism."""
    points = {
        name: common.with_limits(row["value"], row["low"], row["high"], ".1f")
        for name, row in gain.to_dict("index").items()
    }
    return {
        "variance_gamma": GAMMA,
        "variance_noether": noether(),
        "variance_others": len(pairs),
        "variance_meaningful": int(pairs["meaningful"].sum()) if len(pairs) else 0,
        "variance_over_last": points["last"],
        "variance_over_validation": points.get("validation", "–"),
    }


def maximum_values(correlation: float = 0.9) -> dict[str, float]:
    """Values that the page glues: best of the paper's epochs if none is better than another."""
    cells = publication.tables()["resnet252v2"].cells("true")
    n, printed = int(cells.sum()), float((cells[0] + cells[3]) / cells.sum())
    epochs = int(publication.value("s43-epochs"))

    def best(p: float, correlation: float) -> float:
        return 100 * float(optimism.expected_maximum(p, n, epochs, correlation)[-1])

    return {
        "variance_paper_n": n,
        "variance_paper_epochs": epochs,
        "variance_correlation": correlation,
        "variance_coin": best(0.5, 0.0),
        "variance_coin_correlated": best(0.5, correlation),
        "variance_printed": 100 * printed,
        "variance_best": best(printed, 0.0),
        "variance_best_correlated": best(printed, correlation),
    }


def expected_table(expected: Mapping[str, pd.DataFrame], confidence: float) -> Html:
    """Table of mean accuracies; the first procedure has one row for each unit."""
    shown = pd.concat(expected, names=["procedure"]).reset_index()
    first = next(iter(expected))
    shown = shown[(shown["procedure"] == first) | (shown["unit"] == "draws of the split")]
    shown = shown.assign(procedure=shown["procedure"].map(title))
    return common.table(
        shown.rename(columns={"unit": "taken as independent"}),
        f"Accuracy with {confidence:.0%} intervals, by what is taken as independent; n counts it.",
        dict.fromkeys(["value", "low", "high"], "{:.3f}") | dict.fromkeys(["n", "df"], "{:.0f}"),
    )


def component_table(components: Mapping[str, Decomposition], confidence: float) -> Html:
    """Table of the components of the variance, by procedure; those set to 0 are marked."""
    tables = {
        title(model): one.table.rename(index={name: f"{name} (set to 0)" for name in one.zeroed})
        for model, one in components.items()
    }
    columns = ["procedure", "component", "points", "low", "high", "share"]
    return common.table(
        pd.concat(tables, names=["procedure"]).reset_index()[columns],
        f"Standard deviation of a run's accuracy in points, with {confidence:.0%} limits, and "
        "share of the variance.",
        dict.fromkeys(["points", "low", "high"], "{:.2f}") | {"share": "{:.0%}"},
    )


def superiority_table(pairs: pd.DataFrame, model: str) -> Html:
    """Table of `covidcxr.scores.variance.superiority`, indexed by the other procedure."""
    if pairs.empty:
        return common.note("No other procedure was run on these draws of the split.")
    return common.table(
        pairs.assign(meaningful=pairs["meaningful"].map({True: "yes", False: "no"}))
        .rename(index=title)
        .rename_axis("other procedure"),
        f"Probability that a run of {title(model)} beats a run of another procedure.",
        dict.fromkeys(["value", "low", "high"], "{:.2f}") | {"difference": "{:+.3f}"},
    )


def share(value: float) -> str:
    """Share in per cent, a dash where undefined."""
    return f"{value:.0%}" if np.isfinite(value) else "–"
