"""Scores of a binary classifier, and when they are undefined.

COVID19 is positive, always. A score without a value, because a margin of the
confusion matrix is empty or only one class is there, is NaN, never 0. Every function
takes many samples at once: cells of shape (..., 4), weights of shape (b, n).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from covidcxr.core.errors import Problem
from covidcxr.core.studies import POSITIVE

PROPORTIONS: dict[str, tuple[str, str]] = {
    "accuracy": ("tp+tn", "tp+fn+fp+tn"),
    "sensitivity": ("tp", "tp+fn"),
    "specificity": ("tn", "fp+tn"),
    "ppv": ("tp", "tp+fp"),
    "npv": ("tn", "fn+tn"),
}
"""The scores that are proportions of images: numerator and denominator, by cell."""

COMPOSITES = ("f1", "macro_f1", "balanced_accuracy", "mcc", "kappa")
"""The other functions of a confusion matrix."""

SCORES = (*PROPORTIONS, *COMPOSITES)
"""All that a confusion matrix, and so a threshold, decides."""

GRADED = ("auroc", "auprc", "brier", "log_loss", "ece")
"""What the scores themselves decide, without a threshold."""

CELLS = ("tp", "fn", "fp", "tn")

WORDS = {
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "kappa": "Cohen's kappa",
    "auroc": "AUROC",
    "auprc": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece": "calibration error",
}
"""Names in prose where they are not the plain words."""

BINS = 10
"""Of equal width, for the expected calibration error."""

_SMALLEST = np.finfo(np.float64).eps
"""A probability of 0 or 1 that proves wrong would cost infinitely much."""


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
    values = np.asarray(scores, dtype=float)
    if np.isnan(values).any():
        raise Problem(
            f"{int(np.isnan(values).sum())} of {len(values)} scores are not numbers; "
            "lower learning_rate or check the images."
        )
    return cells(np.asarray(labels) == POSITIVE, values >= threshold)


def word(name: str) -> str:
    """Return the name of a score in prose."""
    return WORDS.get(name, name)


def cells(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count tp, fn, fp, tn of n images by reference standard and decision."""
    return np.array(
        [
            np.sum(positive & called),
            np.sum(positive & ~called),
            np.sum(~positive & called),
            np.sum(~positive & ~called),
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
        Each score with shape (...), NaN where it is undefined. Macro F1 is the mean of
        the two classes' F1. Kappa is Cohen's.

    References
    ----------
    Cohen, Educ Psychol Meas 20:37-46 (1960); Matthews, Biochim Biophys Acta
    405:442-451 (1975).
    """
    tp, fn, fp, tn = np.moveaxis(np.asarray(cells, dtype=float), -1, 0)
    positives, negatives, alarms, clears = tp + fn, fp + tn, tp + fp, fn + tn
    n = positives + negatives
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = tp / positives, tn / negatives
        f1 = 2 * tp / (positives + alarms)
        f1_negative = 2 * tn / (negatives + clears)
        by_chance = positives * alarms + negatives * clears
        return {
            "accuracy": (tp + tn) / n,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": tp / alarms,
            "npv": tn / clears,
            "f1": f1,
            "macro_f1": (f1 + f1_negative) / 2,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "mcc": (tp * tn - fp * fn) / np.sqrt(positives * negatives * alarms * clears),
            # One class in truth and decision leaves nothing to chance: 0 / 0.
            "kappa": (n * (tp + tn) - by_chance) / (n * n - by_chance),
        }


def auroc(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the area under the ROC curve: how often a positive image scores higher.

    Ties count half.

    Parameters
    ----------
    positive
        Shape (n,).
    scores
        Shape (n,).
    weights
        Shape (b, n): how often each image stands in each of b samples; left out, once.

    Returns
    -------
    numpy.ndarray
        Shape (b,), or () without weights; NaN where a class is missing.
    """
    hits, alarms = _by_score(positive, scores, weights)
    below = np.cumsum(alarms, axis=-1) - alarms / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (hits * below).sum(axis=-1) / (hits.sum(axis=-1) * alarms.sum(axis=-1))
    return area if weights is not None else area[0]


def auprc(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the average precision, the area under the precision-recall curve as a step.

    Parameters and returns as for `auroc`; NaN where no image is positive.

    References
    ----------
    Davis and Goadrich, ICML (2006), on why the curve is not joined by straight lines.
    """
    hits, alarms = (part[:, ::-1] for part in _by_score(positive, scores, weights))
    found, called = np.cumsum(hits, axis=-1), np.cumsum(hits + alarms, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(called > 0, found / called, 0.0)
        area = (hits * precision).sum(axis=-1) / found[:, -1]
    return area if weights is not None else area[0]


def brier(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the mean squared distance of score and truth (Brier, Mon Weather Rev 78:1, 1950)."""
    return _mean((np.asarray(scores, dtype=float) - positive) ** 2, weights)


def log_loss(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the mean negative natural logarithm of the truth's probability.

    A score of exactly 0 or 1 is moved by the smallest step of a float64.
    """
    kept = np.clip(np.asarray(scores, dtype=float), _SMALLEST, 1 - _SMALLEST)
    return _mean(-np.log(np.where(positive, kept, 1 - kept)), weights)


def ece(
    positive: NDArray[np.bool_],
    scores: ArrayLike,
    weights: ArrayLike | None = None,
    bins: int = BINS,
) -> NDArray[np.float64]:
    """Return the expected calibration error of the probability of the positive class.

    The mean over images of the distance, within the image's bin, of mean score and
    share of positives. With few images it is too high even for a calibrated model.

    Parameters
    ----------
    positive, scores, weights
        As for `auroc`.
    bins
        How many, of equal width; the upper edge belongs to a bin, and 0 to the first.

    References
    ----------
    Naeini et al., AAAI (2015).
    """
    values = np.asarray(scores, dtype=float)
    place = np.clip(np.ceil(values * bins).astype(int) - 1, 0, bins - 1)
    inside = np.zeros((len(values), bins))
    inside[np.arange(len(values)), place] = values - positive
    given = _weights(weights, len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.abs(given @ inside).sum(axis=-1) / given.sum(axis=-1)
    return found if weights is not None else found[0]


def graded(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> dict[str, NDArray[np.float64]]:
    """Compute every score of `GRADED`; parameters and shapes as for `auroc`."""
    return {
        "auroc": auroc(positive, scores, weights),
        "auprc": auprc(positive, scores, weights),
        "brier": brier(positive, scores, weights),
        "log_loss": log_loss(positive, scores, weights),
        "ece": ece(positive, scores, weights),
    }


def undefined(name: str, cells: ArrayLike) -> str:
    """Say why a score has no value.

    Parameters
    ----------
    name
        One of `SCORES` or `GRADED`.
    cells
        tp, fn, fp, tn, for which it is NaN.
    """
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    missing = {
        "no image": tp + fn + fp + tn,
        "no positive image": tp + fn,
        "no negative image": fp + tn,
        "no image called positive": tp + fp,
        "no image called negative": fn + tn,
    }
    by_score = {
        "accuracy": ("no image",),
        "sensitivity": ("no positive image",),
        "specificity": ("no negative image",),
        "ppv": ("no image called positive",),
        "npv": ("no image called negative",),
        "f1": ("no positive image", "no image called positive"),
        "macro_f1": tuple(missing)[1:],
        "balanced_accuracy": ("no positive image", "no negative image"),
        "mcc": tuple(missing)[1:],
        "kappa": tuple(missing)[1:],
        "auroc": ("no positive image", "no negative image"),
        "auprc": ("no positive image",),
    }.get(name, ("no image",))
    found = [reason for reason in by_score if not missing[reason]]
    return " and ".join(found) or "division by zero"


def _by_score(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum the weights of positive and of negative images at each distinct score, ascending.

    Shapes (b, k).
    """
    _, place = np.unique(np.asarray(scores, dtype=float), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    given = _weights(weights, len(place))[:, order]
    truth = positive[order]
    if not len(place):
        empty = np.zeros((len(given), 1))
        return empty, empty
    return (
        np.add.reduceat(given * truth, starts, axis=1),
        np.add.reduceat(given * ~truth, starts, axis=1),
    )


def _weights(weights: ArrayLike | None, n: int) -> NDArray[np.float64]:
    return np.ones((1, n)) if weights is None else np.asarray(weights, dtype=float)


def _mean(values: NDArray[np.float64], weights: ArrayLike | None) -> NDArray[np.float64]:
    given = _weights(weights, len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = given @ values / given.sum(axis=-1)
    return found if weights is not None else found[0]


def predictive_values(
    sensitivity: float, specificity: float, prevalences: Sequence[float]
) -> list[dict[str, float]]:
    """Carry PPV and NPV over to other prevalences, by Bayes' theorem."""
    rows = []
    for share in prevalences:
        hit, alarm = sensitivity * share, (1 - specificity) * (1 - share)
        miss, clear = (1 - sensitivity) * share, specificity * (1 - share)
        rows.append(
            {
                "prevalence": share,
                "ppv": hit / (hit + alarm) if hit + alarm else float("nan"),
                "npv": clear / (miss + clear) if miss + clear else float("nan"),
            }
        )
    return rows
