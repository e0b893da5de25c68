"""Scores of a binary classifier, and when they are undefined.

COVID19 is the positive class. A score without a value, because a margin of the
confusion matrix is empty or one class is missing, is NaN, never 0. Every function
takes many samples at once: cells of shape (..., 4), weights of shape (b, n).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.core.errors import Problem

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
"""All functions of a confusion matrix, which depend on a threshold."""

PROBABILITY_SCORES = ("auroc", "auprc", "brier", "log_loss", "ece")
"""Functions of the probabilities themselves, without a threshold."""

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

SMALLEST = np.finfo(np.float64).eps
"""By which scores of 0 and 1 are moved inwards: their logit, or their log loss, is infinite."""


def summary(
    positive: ArrayLike,
    scores: ArrayLike,
    threshold: float = 0.5,
    undefined: float | None = np.nan,
) -> dict[str, Any]:
    """Confusion matrix (`CELLS`), `SCORES` and AUROC of one set of images, without intervals.

    Parameters
    ----------
    positive
        Shape (n,): by the reference standard the image is of the positive class.
    scores
        Shape (n,): the probability of that.
    threshold
        A score at or above it is called positive.
    undefined
        Stands for a score without a value: NaN, or None for JSON.

    Raises
    ------
    Problem
        Where a score is not a number.
    """
    truth, probability = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=float)
    if np.isnan(probability).any():
        raise Problem(
            f"{int(np.isnan(probability).sum())} of {len(probability)} scores are not numbers; "
            "lower learning_rate or check the images."
        )
    counts = cells(truth, probability >= threshold)
    values = score(counts) | {"auroc": auroc(truth, probability)}
    return dict(zip(CELLS, counts.tolist(), strict=True)) | {
        name: float(value) if np.isfinite(value) else undefined for name, value in values.items()
    }


def word(name: str) -> str:
    """Name of a score in prose."""
    if name not in WORDS and name.startswith("macro_"):
        return f"macro {word(name.removeprefix('macro_'))}"
    return WORDS.get(name, name)


def cells(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Confusion matrix (tp, fn, fp, tn) of n images by reference standard and decision."""
    pairs = (positive & called, positive & ~called, ~positive & called, ~positive & ~called)
    return np.array([np.sum(pair) for pair in pairs])


def denominators(
    positive: NDArray[np.bool_], called: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Images in the denominator of each score of `PROPORTIONS`, shape (n,)."""
    return {
        "accuracy": np.ones(len(positive), dtype=bool),
        "sensitivity": positive,
        "specificity": ~positive,
        "ppv": called,
        "npv": ~called,
    }


def score(cells: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Every score of `SCORES` from confusion matrices (tp, fn, fp, tn) of shape (..., 4).

    Each has shape (...) and is NaN where it is undefined. Macro F1 is the mean of the two
    classes' F1. Kappa is Cohen's (Educ Psychol Meas 20:37-46, 1960); MCC is of Matthews
    (Biochim Biophys Acta 405:442-451, 1975).
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
    """Area under the ROC curve: probability that a positive image scores higher; ties count half.

    ``weights``, shape (b, n), count each image in each of b samples; left out, each stands once.
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
    """Average precision, the area under the precision-recall curve as a step.

    Shapes as for `auroc`; NaN where no image is positive. On why the curve is not joined by
    straight lines: Davis and Goadrich, ICML (2006).
    """
    hits, alarms = (part[:, ::-1] for part in _by_score(positive, scores, weights))
    above, called = np.cumsum(hits, axis=-1), np.cumsum(hits + alarms, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(called > 0, above / called, 0.0)
        area = (hits * precision).sum(axis=-1) / above[:, -1]
    return area if weights is not None else area[0]


def probability_scores(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> dict[str, NDArray[np.float64]]:
    """All of `PROBABILITY_SCORES`; shapes as for `auroc`."""
    functions = (auroc, auprc, brier, log_loss, ece)
    values = (function(positive, scores, weights) for function in functions)
    return dict(zip(PROBABILITY_SCORES, values, strict=True))


def brier(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Mean squared distance of score and truth (Brier, Mon Weather Rev 78:1, 1950)."""
    return _mean(losses("brier", positive, np.asarray(scores, dtype=float)), weights)


def log_loss(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Mean negative natural logarithm of the probability of the true class.

    A score of exactly 0 or 1 is moved by the smallest step of a float64.
    """
    return _mean(losses("log_loss", positive, np.asarray(scores, dtype=float)), weights)


def losses(
    name: str, positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Loss of each image, shape (n,), of which ``brier`` or ``log_loss`` is the mean."""
    if name == "brier":
        return (scores - positive) ** 2
    kept = np.clip(scores, SMALLEST, 1 - SMALLEST)
    return -np.log(np.where(positive, kept, 1 - kept))


def ece(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Compute the expected calibration error (Naeini et al., AAAI, 2015), shapes as for `auroc`.

    The mean over images of the distance, within the image's bin, of mean score and
    share of positives. There are `BINS` bins; the upper edge belongs to a bin, and 0 to
    the first. With few images the error is too high even for a calibrated model.
    """
    values = np.asarray(scores, dtype=float)
    place = np.clip(np.ceil(values * BINS).astype(int) - 1, 0, BINS - 1)
    inside = np.zeros((len(values), BINS))
    inside[np.arange(len(values)), place] = values - positive
    counts = _weights(weights, len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.abs(counts @ inside).sum(axis=-1) / counts.sum(axis=-1)
    return error if weights is not None else error[0]


def undefined(name: str, cells: ArrayLike) -> str:
    """Reason why a score of a confusion matrix (tp, fn, fp, tn) has no value."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    missing = {
        "no image": tp + fn + fp + tn,
        "no positive image": tp + fn,
        "no negative image": fp + tn,
        "no image called positive": tp + fp,
        "no image called negative": fn + tn,
    }
    _, *margins = missing
    needed: Sequence[str] = {
        "sensitivity": ["no positive image"],
        "specificity": ["no negative image"],
        "ppv": ["no image called positive"],
        "npv": ["no image called negative"],
        "f1": ["no positive image", "no image called positive"],
        "macro_f1": margins,
        "balanced_accuracy": ["no positive image", "no negative image"],
        "mcc": margins,
        "kappa": margins,
        "auroc": ["no positive image", "no negative image"],
        "auprc": ["no positive image"],
    }.get(name, ["no image"])
    return " and ".join(reason for reason in needed if not missing[reason]) or "division by zero"


def _by_score(
    positive: NDArray[np.bool_], scores: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of positive and of negative images at each distinct score, ascending: (b, k)."""
    _, place = np.unique(np.asarray(scores, dtype=float), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    counts = _weights(weights, len(place))[:, order]
    truth = positive[order]
    if not len(place):
        empty = np.zeros((len(counts), 1))
        return empty, empty
    return (
        np.add.reduceat(counts * truth, starts, axis=1),
        np.add.reduceat(counts * ~truth, starts, axis=1),
    )


def _weights(weights: ArrayLike | None, n: int) -> NDArray[np.float64]:
    return np.ones((1, n)) if weights is None else np.asarray(weights, dtype=float)


def _mean(values: NDArray[np.float64], weights: ArrayLike | None) -> NDArray[np.float64]:
    counts = _weights(weights, len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = counts @ values / counts.sum(axis=-1)
    return mean if weights is not None else mean[0]


def predictive_values(
    sensitivity: float, specificity: float, prevalences: Sequence[float]
) -> list[dict[str, float]]:
    """PPV and NPV at other prevalences, by Bayes' theorem."""
    rows = []
    for share in prevalences:
        hit, alarm = sensitivity * share, (1 - specificity) * (1 - share)
        miss, clear = (1 - sensitivity) * share, specificity * (1 - share)
        rows.append(
            {
                "prevalence": share,
                "ppv": hit / (hit + alarm) if hit + alarm else np.nan,
                "npv": clear / (miss + clear) if miss + clear else np.nan,
            }
        )
    return rows
