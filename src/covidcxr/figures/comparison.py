"""Figures, tables and glued values of comparisons of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from covidcxr.core import edition
from covidcxr.core.words import p_value
from covidcxr.figures import charts
from covidcxr.figures.common import BLUE, RUST, Html, Picture, note, with_limits
from covidcxr.scores.intervals import Interval
from covidcxr.scores.mcnemar import LEVEL
from covidcxr.scores.metrics import word

Pairs = Sequence[Mapping[str, Any]]
"""As `covidcxr.scores.comparison.pairs` returns them."""

_ENDS = ["value", "low", "high"]


def differences(pairs: Pairs, margin: float) -> Picture | Html:
    """Draw the differences of each pair in points, with intervals and the equivalence margin."""
    if not pairs:
        return note("There is no pair of networks.")
    drawn = {}
    for pair in pairs:
        rows = pd.DataFrame(pair["differences"]).T[_ENDS].astype(float)
        rows = rows.loc[["accuracy", "sensitivity", "specificity", "auroc"]].rename(index=word)
        title = f"{pair['first']}\nless {pair['second']}"
        drawn[title] = {"difference and its interval": 100 * rows}
    figure, axes = charts.forest(drawn, sharex=True)
    charts.zero_line(axes)
    for axis in axes:
        text = f"within {100 * margin:g} points: equivalent"
        axis.axvspan(-100 * margin, 100 * margin, color="#e9ecef", zorder=0, label=text)
        axis.set(xlabel="points")
    charts.legend(figure)
    alt = "; ".join(f"accuracy of {_name(pair)} {_points(pair)}" for pair in pairs)
    return Picture(figure, f"Differences between the networks in points: {alt}.")


def beside(models: Mapping[str, Mapping[str, Interval]], trivial: Sequence[str]) -> Picture:
    """Draw scores of networks beside those of trivial models, a panel a score."""
    drawn = {}
    for score in ("accuracy", "balanced_accuracy", "auroc"):
        rows = pd.DataFrame.from_dict({n: vars(one[score]) for n, one in models.items()}, "index")
        is_trivial = rows.index.isin(trivial)
        drawn[word(score)] = {"network": rows[~is_trivial], "trivial model": rows[is_trivial]}
    figure, axes = charts.forest(drawn, ((RUST, "D"), (BLUE, "o")))
    for axis in axes:
        axis.set_xlim(right=1.01)
        axis.locator_params(axis="x", nbins=5)
    charts.legend(figure)
    alt = "; ".join(f"{name} {one['accuracy'].value:.3f}" for name, one in models.items())
    return Picture(figure, f"Scores of networks and trivial models. accuracy: {alt}.")


def values(
    pairs: Pairs, scores: Mapping[str, Mapping[str, Interval]], trivial: Sequence[str], few: str
) -> dict[str, Any]:
    """Values that the page glues, from its pairs and all models' scores."""
    strongest = max(trivial, key=lambda name: scores[name]["auroc"].value)
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
    }


def accuracy_table(pairs: Pairs, errors: Mapping[str, float]) -> pd.DataFrame:
    """Table of pairs: errors, the difference in accuracy in points, McNemar's p and the verdict.

    ``errors`` is each model's share of wrong answers.
    """
    rows = []
    for pair in pairs:
        test = pair["mcnemar"]
        row = {
            "pair": _name(pair),
            "errors": " : ".join(f"{errors[pair[one]]:.1%}" for one in ("first", "second")),
            "right alone": f"{test['b']} : {test['c']}",
            "points": _points(pair),
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
        images, share = (pair["smallest"][key] for key in ("images", "share"))
        rows.append(
            {
                "pair": _name(pair),
                "images that one gets right": pair["mcnemar"]["b"] + pair["mcnemar"]["c"],
                "smallest significant difference": "none" if images is None else f"{images} images",
                "points": "–" if images is None else f"{100 * share:.1f}",
            }
        )
    return pd.DataFrame(rows)


def auroc_table(pairs: Pairs) -> pd.DataFrame:
    """Table of pairs: the difference in AUROC and DeLong's p."""
    rows = []
    for pair in pairs:
        row = dict.fromkeys(["AUROC, difference", "interval", "p", "Holm"], "–")
        if test := pair["delong"]:
            row["AUROC, difference"] = f"{test['difference']:+.4f}"
            if test.get("p") is not None:
                row["interval"] = f"{test['low']:+.4f} to {test['high']:+.4f}"
                row["p"] = p_value(test["p"])
            if "p_holm" in test:
                row["Holm"] = p_value(test["p_holm"])
        rows.append({"pair": _name(pair)} | row)
    return pd.DataFrame(rows)


def _name(pair: Mapping[str, Any]) -> str:
    """Name of a pair: the first model less the second."""
    return f"{pair['first']} less {pair['second']}"


def _points(pair: Mapping[str, Any]) -> str:
    """Difference in accuracy, which has a value wherever there is an image."""
    value, low, high = (pair["differences"]["accuracy"][end] for end in _ENDS)
    return with_limits(value, low, high, spec="+.1f", scale=100)
