"""What each threshold and each prevalence would make of a network's scores.

Between two neighbouring scores no threshold changes anything, so that a count for each
distinct score answers for all thresholds. The explorer's page carries these counts; its script
looks them up and applies Wilson's formula and Bayes' theorem, as `at` does here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from covidcxr.scores import curves, metrics, proportions
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.utility import Share

SHARES = ("sensitivity", "specificity", "accuracy")
"""What has an interval; the other two depend on a prevalence that is only supposed."""

PREDICTIVE = ("ppv", "npv")

LEAST, MOST = 0.001, 0.999
"""Prevalences to choose between."""

THRESHOLDS = tuple(tenth / 10 for tenth in range(1, 10))
"""Where the table that stands in for the explorer reads it."""

UNDEFINED = "undefined"
"""What stands for a share of nothing."""

_NAN = float("nan")


class Reading(NamedTuple):
    """What the explorer shows.

    Attributes
    ----------
    cells
        tp, fn, fp, tn.
    shares
        By name `SHARES`, with Wilson's limits.
    observed
        By name `PREDICTIVE`, in the test part.
    carried
        The same at the chosen prevalence.
    """

    cells: tuple[int, ...]
    shares: dict[str, Share]
    observed: dict[str, float]
    carried: dict[str, float]


def curve(p: Predictions, confidence: float = 0.95) -> pd.DataFrame:
    """Count the cells at each distinct score.

    Parameters
    ----------
    p
        Predictions of n images with k distinct scores.
    confidence
        Of the intervals that the effective numbers of images are for.

    Returns
    -------
    pandas.DataFrame
        Rows of rising ``threshold``: the k scores, and infinity, at which nothing is called.
        A row holds for thresholds above the row before, up to its own: ``tp``, ``fn``,
        ``fp``, ``tn``, and of each of `SHARES` ``_worth``, how many independent images it
        rests on (`proportions.effective_sample_size`).
    """
    rising = curves.points(p)[::-1].reset_index(drop=True)
    tp, fp = (rising[name].astype(np.int64) for name in ("tp", "fp"))
    positives = int(p.positive.sum())
    worth = [_worth(p, threshold, confidence) for threshold in rising["threshold"]]
    return pd.DataFrame(
        {
            "threshold": rising["threshold"],
            "tp": tp,
            "fn": positives - tp,
            "fp": fp,
            "tn": len(p) - positives - fp,
            **{f"{name}_worth": [row[name] for row in worth] for name in SHARES},
        }
    )


def at(
    counts: pd.DataFrame, threshold: float, prevalence: float, confidence: float = 0.95
) -> Reading:
    """Read the counts at a threshold, and carry them over to a prevalence.

    Parameters
    ----------
    counts
        As `curve` returns them.
    threshold
        A score at or above it is called positive.
    prevalence
        Where the network would be used, above 0 and below 1. At that of the test part PPV
        and NPV are the observed ones.
    confidence
        Of the intervals.

    Returns
    -------
    Reading
        NaN where there is nothing to count.
    """
    row = counts.iloc[int(np.searchsorted(counts["threshold"], threshold, side="left"))]
    cells = tuple(int(row[name]) for name in metrics.CELLS)
    found = {name: float(value) for name, value in metrics.score(cells).items()}
    shares = {name: _share(found[name], float(row[f"{name}_worth"]), confidence) for name in SHARES}
    [carried] = metrics.predictive_values(found["sensitivity"], found["specificity"], [prevalence])
    return Reading(
        cells,
        shares,
        {name: found[name] for name in PREDICTIVE},
        {name: carried[name] for name in PREDICTIVE},
    )


def texts(reading: Reading) -> dict[str, str]:
    """Write out what the explorer shows, by the name of its place on the page.

    Parameters
    ----------
    reading
        As `at` returns it.
    """
    return {
        **{name: str(n) for name, n in zip(metrics.CELLS, reading.cells, strict=True)},
        **{name: told(share.value) for name, share in reading.shares.items()},
        **{
            f"{name}-interval": "–"
            if np.isnan(share.low)
            else f"{told(share.low)} to {told(share.high)}"
            for name, share in reading.shares.items()
        },
        **{name: told(value) for name, value in reading.carried.items()},
        **{f"{name}-observed": told(value) for name, value in reading.observed.items()},
    }


def told(value: float) -> str:
    """Write a share, or that it is undefined."""
    return UNDEFINED if np.isnan(value) else f"{value:.3f}"


def fallback(
    counts: pd.DataFrame,
    thresholds: Sequence[float] = THRESHOLDS,
    prevalence: float = 0.5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Write the same values at a few thresholds, for whoever has no script.

    Parameters
    ----------
    counts
        As `curve` returns them.
    thresholds, prevalence, confidence
        As for `at`.

    Returns
    -------
    pandas.DataFrame
        A row a threshold, of text.
    """
    rows = []
    for threshold in thresholds:
        shown = texts(at(counts, threshold, prevalence, confidence))
        row = {
            "threshold": f"{threshold:g}",
            # On a narrow page the four stay on one line.
            ", ".join(metrics.CELLS): ",\N{NO-BREAK SPACE}".join(
                shown[name] for name in metrics.CELLS
            ),
            **{name: f"{shown[name]} ({shown[f'{name}-interval']})" for name in SHARES},
            **{metrics.word(name): shown[name] for name in PREDICTIVE},
        }
        rows.append({name: text.removesuffix(" (–)") for name, text in row.items()})
    return pd.DataFrame(rows)


def payload(
    tested: Mapping[str, pd.DataFrame], threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Any]:
    """Gather all that the script needs.

    Parameters
    ----------
    tested
        By the network's name its counts, as `curve` returns them.
    threshold
        Where the explorer begins.
    confidence
        Of the intervals.

    Returns
    -------
    dict
        Plain values for JSON: ``threshold``; ``z``, the normal quantile of Wilson's formula;
        ``networks``, of each its ``name``, ``positives``, ``negatives``, the test part's
        ``prevalence``, the k distinct ``scores``, and of each of k + 1 rows of counts
        ``tp``, ``fp`` and ``worth`` by name.
    """
    return {
        "threshold": threshold,
        "z": float(stats.norm.ppf((1 + confidence) / 2)),
        "networks": [_network(name, counts) for name, counts in tested.items()],
    }


def as_json(content: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a page's ``script`` element, which ``</script>`` would end."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def prevalence(counts: pd.DataFrame) -> float:
    """Return the test part's prevalence, kept within `LEAST` and `MOST`.

    Where a class is missing it lies beyond, and no prevalence has predictive values.
    """
    tp, fn, fp, tn = (int(counts[name].iloc[0]) for name in metrics.CELLS)
    return min(max((tp + fn) / (tp + fn + fp + tn), LEAST), MOST)


def answer(name: str, counts: pd.DataFrame, threshold: float, others: Sequence[float]) -> str:
    """Say what a network does at a threshold, and how far that moves with the threshold.

    Parameters
    ----------
    name
        The network's.
    counts
        As `curve` returns them.
    threshold
        The study's.
    others
        The lowest and the highest of the thresholds to move between.
    """
    tp, fn, fp, tn = at(counts, threshold, 0.5).cells
    low, high = (at(counts, other, 0.5).cells for other in others)
    return (
        f"At a threshold of {threshold:g}, {name} finds {tp:,} of {tp + fn:,} images with COVID-19 "
        f"and calls {fp or 'none'} of {fp + tn:,} normal ones COVID-19. From a threshold of "
        f"{others[0]:g} to one of {others[1]:g} the former goes from {low[0]:,} to {high[0]:,}, "
        f"the latter from {low[2]:,} to {high[2]:,}."
    )


# --- how


def _worth(p: Predictions, threshold: float, confidence: float) -> dict[str, float]:
    called = p.called(threshold)
    right, inside = called == p.positive, metrics.denominators(p.positive, called)
    return {
        name: proportions.effective_sample_size(
            right[inside[name]], p.group[inside[name]], confidence
        )[0]
        for name in ("sensitivity", "specificity", "accuracy")
    }


def _share(value: float, worth: float, confidence: float) -> Share:
    if np.isnan(value):
        return Share(_NAN, _NAN, _NAN)
    return Share(value, *proportions.wilson(value * worth, worth, confidence))


def _network(name: str, counts: pd.DataFrame) -> dict[str, Any]:
    first = counts.iloc[0]
    return {
        "name": name,
        "positives": int(first["tp"] + first["fn"]),
        "negatives": int(first["fp"] + first["tn"]),
        "prevalence": prevalence(counts),
        "scores": counts["threshold"].iloc[:-1].tolist(),
        "tp": counts["tp"].tolist(),
        "fp": counts["fp"].tolist(),
        "worth": {share: counts[f"{share}_worth"].tolist() for share in SHARES},
    }
