"""Counts and shares of a model at every threshold, and predictive values at any prevalence.

Between two neighbouring scores no threshold changes anything, so that a count for each
distinct score answers for all thresholds. The explorer's page carries these counts; its script
looks them up and applies Wilson's formula and Bayes' theorem, as `at` does here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from covidcxr.scores import curves, metrics, proportions
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.proportions import Share

SHARES = ("sensitivity", "specificity", "accuracy")
"""What has an interval; the other two depend on a prevalence that is only supposed."""

PREDICTIVE = ("ppv", "npv")

LEAST, MOST = 0.001, 0.999
"""Prevalences to choose between."""


class Reading(NamedTuple):
    """Cells (tp, fn, fp, tn), `SHARES`, and `PREDICTIVE` as observed and at a prevalence."""

    cells: tuple[int, ...]
    shares: dict[str, Share]
    observed: dict[str, float]
    carried: dict[str, float]


def curve(p: Predictions, confidence: float = 0.95) -> pd.DataFrame:
    """Confusion matrix at each distinct score, and effective sample sizes of its shares.

    Returns
    -------
    pandas.DataFrame
        Rows of rising ``threshold``: the k scores, and infinity, at which nothing is called.
        A row holds for thresholds above the row before, up to its own: ``tp``, ``fn``,
        ``fp``, ``tn``, and of each of `SHARES` ``_effective_n``
        (`proportions.effective_sample_size`, for intervals of this confidence).
    """
    rising = curves.points(p)[::-1].reset_index(drop=True)
    tp, fp = (rising[name].astype(np.int64) for name in ("tp", "fp"))
    positives = int(p.positive.sum())
    cells = {"tp": tp, "fn": positives - tp, "fp": fp, "tn": len(p) - positives - fp}
    sizes = [_effective(p, threshold, confidence) for threshold in rising["threshold"]]
    return pd.DataFrame({"threshold": rising["threshold"], **cells}).join(pd.DataFrame(sizes))


def at(
    counts: pd.DataFrame, threshold: float, prevalence: float, confidence: float = 0.95
) -> Reading:
    """Read the counts at a threshold, and predictive values at a prevalence above 0 and below 1.

    At the test part's own prevalence PPV and NPV are the observed ones. NaN where there is
    nothing to count. ``counts`` as `curve` returns them.
    """
    row = counts.iloc[int(np.searchsorted(counts["threshold"], threshold, side="left"))]
    cells = tuple(int(row[name]) for name in metrics.CELLS)
    scores = {name: float(value) for name, value in metrics.score(cells).items()}
    [carried] = metrics.predictive_values(
        scores["sensitivity"], scores["specificity"], [prevalence]
    )
    return Reading(
        cells,
        {name: _share(scores[name], row[f"{name}_effective_n"], confidence) for name in SHARES},
        {name: scores[name] for name in PREDICTIVE},
        {name: carried[name] for name in PREDICTIVE},
    )


def prevalence(counts: pd.DataFrame) -> float:
    """Prevalence in the test part, kept within `LEAST` and `MOST`.

    Where a class is missing it lies beyond, and no prevalence has predictive values.
    """
    tp, fn, fp, tn = (int(counts[name].iloc[0]) for name in metrics.CELLS)
    return min(max((tp + fn) / (tp + fn + fp + tn), LEAST), MOST)


def _effective(p: Predictions, threshold: float, confidence: float) -> dict[str, float]:
    called = p.called(threshold)
    right, inside = called == p.positive, metrics.denominators(p.positive, called)
    return {
        f"{name}_effective_n": proportions.effective_sample_size(
            right[inside[name]], p.group[inside[name]], confidence
        )[0]
        for name in SHARES
    }


def _share(value: float, n: float, confidence: float) -> Share:
    if np.isnan(value):
        return Share(np.nan, np.nan, np.nan)
    return Share(value, *proportions.wilson(value * n, n, confidence))
