"""Scores of a binary classifier and their uncertainty.

Everything here is a function of the four cells of a confusion matrix. COVID19
is positive, always. A score whose denominator is zero is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.proportion import proportion_confint

from covidcxr.config import POSITIVE
from covidcxr.problems import Problem

SCORES = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "mcc")

PROPORTIONS: dict[str, tuple[str, str]] = {
    "accuracy": ("tp+tn", "tp+fn+fp+tn"),
    "sensitivity": ("tp", "tp+fn"),
    "specificity": ("tn", "fp+tn"),
    "ppv": ("tp", "tp+fp"),
    "npv": ("tn", "fn+tn"),
}
"""The scores that are proportions of images: numerator and denominator, by cell."""

CELLS = ("tp", "fn", "fp", "tn")


def confusion(
    labels: Sequence[str] | pd.Series, scores: ArrayLike, threshold: float = 0.5
) -> NDArray[np.int64]:
    """Count the four cells.

    Parameters
    ----------
    labels
        The reference standard, ``COVID19`` or ``NORMAL``, length n.
    scores
        The index test's probability of COVID19, length n.
    threshold
        A score at or above it reads as COVID19.

    Returns
    -------
    numpy.ndarray
        True positives, false negatives, false positives, true negatives.

    Raises
    ------
    Problem
        Where a score is not a number, which no threshold could place.
    """
    truth = np.asarray(labels) == POSITIVE
    values = np.asarray(scores, dtype=float)
    if np.isnan(values).any():
        raise Problem(
            f"{int(np.isnan(values).sum())} of {len(values)} scores are not numbers; "
            "lower learning_rate or check the images."
        )
    called = values >= threshold
    return np.array(
        [
            np.sum(truth & called),
            np.sum(truth & ~called),
            np.sum(~truth & called),
            np.sum(~truth & ~called),
        ]
    )


def score(cells: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute every score of `SCORES`.

    Parameters
    ----------
    cells
        Shape (..., 4): tp, fn, fp, tn.

    Returns
    -------
    dict
        Each score with shape (...), NaN where it is undefined.
    """
    tp, fn, fp, tn = np.moveaxis(np.asarray(cells, dtype=float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity = tp / (tp + fn)
        specificity = tn / (tn + fp)
        margins = (tp + fn) * (fp + tn) * (tp + fp) * (fn + tn)
        return {
            "accuracy": (tp + tn) / (tp + fn + fp + tn),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "mcc": (tp * tn - fp * fn) / np.sqrt(margins),
        }


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a proportion, NaN for n = 0.

    References
    ----------
    Wilson, J Am Stat Assoc 22:209-212 (1927).
    """
    if n == 0:
        return float("nan"), float("nan")
    low, high = proportion_confint(successes, n, 1 - confidence, method="wilson")
    return float(low), float(high)


def resample(cells: ArrayLike, resamples: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw bootstrap confusion matrices, stratified by the reference standard.

    Drawing n images with replacement and counting them is a multinomial draw on
    the cells; with the number of images of each class held fixed, which is what
    a case-control cohort fixes, it is one binomial draw a class.

    Parameters
    ----------
    cells
        tp, fn, fp, tn.
    resamples
        How many matrices, B.
    seed
        Decides the draw.

    Returns
    -------
    numpy.ndarray
        Shape (B, 4).
    """
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    rng = np.random.default_rng(seed)
    positives, negatives = tp + fn, fp + tn
    hits = rng.binomial(positives, tp / positives if positives else 0.0, resamples)
    alarms = rng.binomial(negatives, fp / negatives if negatives else 0.0, resamples)
    return np.stack([hits, positives - hits, alarms, negatives - alarms], axis=1)


def summarise(
    cells: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Score a confusion matrix with intervals.

    Proportions get Wilson's interval; the other scores the percentile bootstrap,
    stratified by the reference standard. Where every resample gives the same score,
    as for a perfect classifier, the bootstrap knows no uncertainty; the interval is
    then the score at the Wilson limits of sensitivity and specificity. All take the
    images for independent.

    Parameters
    ----------
    cells
        tp, fn, fp, tn.
    confidence
        Coverage of the intervals.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Indexed by score: ``value``, ``low``, ``high``, ``method``, ``n`` (images
        in the denominator).
    """
    counts = dict(zip(CELLS, (int(cell) for cell in np.asarray(cells)), strict=True))
    values = score(cells)
    drawn = score(resample(cells, resamples, seed))
    rows: dict[str, dict[str, Any]] = {}
    for name in SCORES:
        n = sum(counts.values())
        if name in PROPORTIONS:
            successes, n = (_sum(counts, cells) for cells in PROPORTIONS[name])
            low, high = wilson(successes, n, confidence)
            method = "Wilson"
        else:
            low, high, method = _beyond_proportions(name, counts, drawn[name], confidence)
        rows[name] = {
            "value": float(values[name]),
            "low": low,
            "high": high,
            "method": method,
            "n": n,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def _beyond_proportions(
    name: str, counts: dict[str, int], drawn: NDArray[np.float64], confidence: float
) -> tuple[float, float, str]:
    """Return the interval of a score that is no proportion, and how it came about."""
    usable = drawn[np.isfinite(drawn)]
    if not np.isfinite(score(list(counts.values()))[name]) or not len(usable):
        return float("nan"), float("nan"), "undefined"
    if np.ptp(usable) == 0:
        positives, negatives = counts["tp"] + counts["fn"], counts["fp"] + counts["tn"]
        sensitivity = wilson(counts["tp"], positives, confidence)
        specificity = wilson(counts["tn"], negatives, confidence)
        low, high = (
            score([positives * s, positives * (1 - s), negatives * (1 - t), negatives * t])[name]
            for s, t in zip(sensitivity, specificity, strict=True)
        )
        return float(low), float(high), "Wilson limits of sensitivity and specificity"
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(usable, [tail, 100 - tail])
    undefined = len(drawn) - len(usable)
    remark = f", {undefined:,} undefined" if undefined else ""
    return float(low), float(high), f"bootstrap, percentile, B = {len(drawn):,}{remark}"


def _sum(counts: dict[str, int], cells: str) -> int:
    return sum(counts[cell] for cell in cells.split("+"))
