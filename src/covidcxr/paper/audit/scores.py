"""Every score that a 2x2 matrix gives, with its interval, and what else the matrix says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from covidcxr.paper.audit.printed import Printed
from covidcxr.scores import metrics
from covidcxr.scores.mcnemar import exact_p

COUNTERPARTS = {
    "sensitivity": "ppv", "ppv": "sensitivity", "specificity": "npv", "npv": "specificity",
    "false_negative_rate": "false_discovery_rate", "false_discovery_rate": "false_negative_rate",
    "false_positive_rate": "false_omission_rate", "false_omission_rate": "false_positive_rate",
    "f1": "f1", "accuracy": "accuracy", "error_rate": "error_rate", "jaccard": "jaccard",
}  # fmt: skip
"""What a score becomes when rows and columns change places."""

_SEARCHED = 300_000
"""Matrices of a test set up to which all are tried."""


def compute(cells: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute every score but the AUROC, which a matrix only bounds.

    ``cells``, tp, fn, fp, tn, have shape (..., 4), and each score (...); NaN where it is undefined.
    """
    known = metrics.score(cells)
    tp, fn, fp, tn = np.moveaxis(np.asarray(cells, dtype=float), -1, 0)
    positives, negatives = tp + fn, fp + tn
    n = positives + negatives
    sensitivity, specificity = known["sensitivity"], known["specificity"]
    with np.errstate(divide="ignore", invalid="ignore"):
        f1_negative = 2 * tn / (2 * tn + fp + fn)
        return known | {
            "f1_negative": f1_negative,
            "jaccard": tp / (tp + fn + fp),
            "weighted_f1": (positives * known["f1"] + negatives * f1_negative) / n,
            "macro_ppv": (known["ppv"] + known["npv"]) / 2,
            "weighted_ppv": (positives * known["ppv"] + negatives * known["npv"]) / n,
            "micro_average": known["accuracy"],
            "weighted_specificity": (positives * specificity + negatives * sensitivity) / n,
            "error_rate": 1 - known["accuracy"],
            "false_negative_rate": 1 - sensitivity,
            "false_positive_rate": 1 - specificity,
            "false_discovery_rate": 1 - known["ppv"],
            "false_omission_rate": 1 - known["npv"],
            "prevalence": positives / n,
            "youden": sensitivity + specificity - 1,
            "g_mean": np.sqrt(sensitivity * specificity),
            "lr_positive": _finite(sensitivity / (1 - specificity)),
            "lr_negative": _finite((1 - sensitivity) / specificity),
            "odds_ratio": _finite(tp * tn / (fp * fn)),
        }


def intervals(cells: ArrayLike, resamples: int = 10_000) -> dict[str, dict[str, object]]:
    """Return intervals of 95% for the proportions and the usual composite scores.

    Proportions have Wilson's and Clopper and Pearson's intervals; F1, balanced accuracy and MCC
    the percentile bootstrap of images (Efron, Ann Stat 7:1-26, 1979) with a fixed seed, drawn as
    multinomial counts of the four cells.
    """
    # With it comes statsmodels, which takes longer to import than an audit without intervals.
    from covidcxr.scores.proportions import clopper_pearson, wilson

    counts = dict(zip(metrics.CELLS, (int(c) for c in np.asarray(cells)), strict=True))
    limits: dict[str, dict[str, object]] = {}
    for name, (above, below) in metrics.PROPORTIONS.items():
        k, n = (sum(counts[c] for c in part.split("+")) for part in (above, below))
        if n:
            limits[name] = {
                "successes": k,
                "n": n,
                "wilson": list(wilson(k, n)),
                "clopper_pearson": list(clopper_pearson(k, n)),
            }
    total = sum(counts.values())
    rng = np.random.default_rng(0)
    drawn = metrics.score(
        rng.multinomial(total, np.array(list(counts.values())) / total, resamples)
    )
    for name in ("f1", "balanced_accuracy", "mcc"):
        usable = drawn[name][np.isfinite(drawn[name])]
        # A bootstrap that only ever draws one value knows no uncertainty.
        if len(usable) and np.ptp(usable) > 0:
            low, high = np.percentile(usable, [2.5, 97.5])
            limits[name] = {"n": total, "bootstrap": [float(low), float(high)]}
    return limits


def neighbours(score: str, printed: Printed, positives: int, negatives: int) -> list[float]:
    """Return the attainable values next below and above a printed one, of those that exist."""
    known = denominators(score, [(positives, negatives)])
    if known == [0] or score == "auroc":
        return []
    if len(known) == 1:
        nearest = round(printed.value * known[0])
        values = np.arange(max(0, nearest - 1), min(known[0], nearest + 1) + 1) / known[0]
    elif (positives + 1) * (negatives + 1) > _SEARCHED:
        return []
    else:
        values = _every_matrix(positives, negatives)[score]
        values = values[np.isfinite(values)]
    below, above = values[values < printed.value], values[values > printed.value]
    return [float(end(side)) for side, end in ((below, np.max), (above, np.min)) if len(side)]


@lru_cache(maxsize=4)
def _every_matrix(positives: int, negatives: int) -> dict[str, NDArray[np.float64]]:
    """Return the scores of every matrix of a test set."""
    tp, tn = (grid.ravel() for grid in np.indices((positives + 1, negatives + 1)))
    return compute(np.stack([tp, positives - tp, negatives - tn, tn], axis=1))


def denominators(score: str, parts: Sequence[tuple[int, int]]) -> list[int]:
    """Return what a score, or an average over test sets, divides by; [] where sizes do not say."""
    positive, negative = ([part[i] for part in parts] for i in (0, 1))
    return {
        "accuracy": [sum(part) for part in parts],
        "error_rate": [sum(part) for part in parts],
        "sensitivity": positive,
        "false_negative_rate": positive,
        "specificity": negative,
        "false_positive_rate": negative,
        "balanced_accuracy": positive + negative,
    }.get(score, [])


def area(sensitivity: float, specificity: float) -> dict[str, float]:
    """Bound the area under any ROC curve through one operating point.

    ``low`` is of the lowest monotone curve, a staircase; ``low_concave`` of the lowest concave one,
    two straight lines, which is the balanced accuracy; ``high`` of the highest monotone curve.
    """
    return {
        "low": sensitivity * specificity,
        "low_concave": (sensitivity + specificity) / 2,
        "high": 1 - (1 - sensitivity) * (1 - specificity),
    }


def baseline(cells: Sequence[int]) -> dict[str, Any]:
    """Compare a model with the answer that is the majority class every time.

    ``binomial_p`` is one-sided and takes the ``accuracy`` of the constant answer as known;
    ``paired`` is McNemar's exact test on the same images, whose discordant counts, ``better`` and
    ``worse``, the matrix gives exactly.
    """
    tp, fn, fp, tn = (int(c) for c in cells)
    positive, negative = tp + fn, fp + tn
    negatives_lead = negative >= positive
    accuracy = max(positive, negative) / (positive + negative)
    better, worse = (tp, fp) if negatives_lead else (tn, fn)
    right, wrong = tp + tn, fn + fp
    return {
        "class": "negative" if negatives_lead else "positive",
        "accuracy": accuracy,
        "binomial_p": float(special.betainc(right, wrong + 1, accuracy)) if right else 1.0,
        "paired": {"better": better, "worse": worse, "p": float(exact_p(better, worse))},
    }


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
