"""Tables and values of the page on comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from covidcxr.core import edition
from covidcxr.core.words import p_value
from covidcxr.figures.common import with_limits
from covidcxr.scores.intervals import Interval
from covidcxr.scores.mcnemar import LEVEL

Pairs = Sequence[Mapping[str, Any]]
"""As `covidcxr.scores.comparison.pairs` returns them."""

ENDS = ("value", "low", "high")


def values(
    pairs: Pairs, scores: Mapping[str, Mapping[str, Interval]], trivial: Sequence[str], few: str
) -> dict[str, Any]:
    """Values that the page glues, from its pairs and all models' scores."""
    strongest = max(trivial, key=lambda name: scores[name]["auroc"].value)
    networks = [name for name in scores if name not in trivial]
    best = max(networks, key=lambda name: scores[name]["accuracy"].value)
    different = sum(pair["mcnemar"]["p_holm"] < LEVEL for pair in pairs)
    accuracy = scores[strongest]["accuracy"]
    return {
        "comparison_pairs": len(pairs),
        "comparison_different": edition.WITHHELD if few else str(different),
        "comparison_level": LEVEL,
        "comparison_strongest": strongest,
        "comparison_strongest_auroc": scores[strongest]["auroc"].value,
        "comparison_strongest_accuracy": accuracy.value,
        "comparison_strongest_low": accuracy.low,
        "comparison_strongest_high": accuracy.high,
        "comparison_best": best,
        "comparison_best_accuracy": scores[best]["accuracy"].value,
    }


def accuracy_table(pairs: Pairs, errors: Mapping[str, float]) -> pd.DataFrame:
    """Table of pairs: errors, the difference in accuracy in points, McNemar's p and the verdict.

    ``errors`` is each model's share of wrong answers.
    """
    rows = []
    for pair in pairs:
        test = pair["mcnemar"]
        row = {
            "pair": pair_name(pair),
            "errors": " : ".join(f"{errors[pair[one]]:.1%}" for one in ("first", "second")),
            "right alone": f"{test['b']} : {test['c']}",
            "points": points(pair),
            "p": p_value(test["p"]),
        }
        if "p_by_group" in test:
            row["p by group"] = p_value(test["p_by_group"])
        if "p_holm" in test:
            row["Holm"] = p_value(test["p_holm"])
        rows.append(row | {"verdict": verdict(pair)})
    return pd.DataFrame(rows)


def verdict(pair: Mapping[str, Any]) -> str:
    """Verdict on a difference in accuracy with its margin; it never contradicts McNemar's p."""
    test, judged = pair["mcnemar"], pair["equivalence"]
    margin = f"{100 * judged['margin']:g} points"
    significant = test.get("p_holm", test.get("p_by_group", test["p"])) < LEVEL
    match judged["accuracy"]:
        case "equivalent":
            return f"within {margin}, " + ("yet different" if significant else "no difference seen")
        case "different" if significant:
            return f"more than {margin} apart"
        case _:
            return ("different, " if significant else "") + f"undecided at {margin}"


def smallest_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the smallest difference in accuracy that would have been significant."""
    rows = []
    for pair in pairs:
        smallest = pair["smallest"]
        none = smallest["images"] is None
        rows.append(
            {
                "pair": pair_name(pair),
                "images that one gets right": pair["mcnemar"]["b"] + pair["mcnemar"]["c"],
                "smallest significant difference": (
                    "none" if none else f"{smallest['images']} images"
                ),
                "points": "–" if none else f"{100 * smallest['share']:.1f}",
            }
        )
    return pd.DataFrame(rows)


def auroc_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the difference in AUROC and DeLong's p."""
    rows = []
    for pair in pairs:
        test = pair["delong"] or {}
        tested = test.get("p") is not None
        rows.append(
            {
                "pair": pair_name(pair),
                "AUROC, difference": f"{test['difference']:+.4f}" if test else "–",
                "interval": f"{test['low']:+.4f} to {test['high']:+.4f}" if tested else "–",
                "p": p_value(test["p"]) if tested else "–",
                "Holm": p_value(test["p_holm"]) if "p_holm" in test else "–",
            }
        )
    return pd.DataFrame(rows)


def pair_name(pair: Mapping[str, Any]) -> str:
    """Name of a pair: the first model less the second."""
    return f"{pair['first']} less {pair['second']}"


def points(pair: Mapping[str, Any]) -> str:
    """Difference in accuracy, which has a value wherever there is an image."""
    value, low, high = (pair["differences"]["accuracy"][end] for end in ENDS)
    return with_limits(value, low, high, spec="+.1f", scale=100)
