"""Every score that a 2x2 matrix gives."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.paper.audit.printed import Printed
from covidcxr.scores import metrics

COUNTERPARTS = {"sensitivity": "ppv", "ppv": "sensitivity", "specificity": "npv",
                "npv": "specificity"}  # fmt: skip
"""What a score becomes when rows and columns change places."""

_SEARCHED = 300_000
"""Matrices of a test set up to which all are tried."""


def compute(cells: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute every score but the AUROC, which a matrix only bounds.

    Parameters
    ----------
    cells
        Shape (..., 4): tp, fn, fp, tn.

    Returns
    -------
    dict
        Each score with shape (...), NaN where it is undefined.
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

    Proportions have Wilson's and Clopper and Pearson's intervals, the latter from the
    beta distribution; F1, balanced accuracy and MCC the percentile bootstrap of images,
    drawn as multinomial counts of the four cells.

    Parameters
    ----------
    cells
        tp, fn, fp, tn.
    resamples
        Of the bootstrap, with a fixed seed.

    Returns
    -------
    dict
        By score: ``successes``, ``n``, ``wilson``, ``clopper_pearson`` or ``bootstrap``.

    References
    ----------
    Wilson, J Am Stat Assoc 22:209-212 (1927); Clopper and Pearson, Biometrika
    26:404-413 (1934); Efron, Ann Stat 7:1-26 (1979).
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
    n = _denominator(score, positives, negatives)
    if n:
        nearest = round(printed.value * n)
        values = np.arange(max(0, nearest - 1), min(n, nearest + 1) + 1) / n
    elif n == 0 or score == "auroc" or (positives + 1) * (negatives + 1) > _SEARCHED:
        return []
    else:
        values = _every_matrix(positives, negatives)[score]
        values = values[np.isfinite(values)]
    below, above = values[values < printed.value], values[values > printed.value]
    return [float(v) for v in ([below.max()] if len(below) else [])] + [
        float(v) for v in ([above.min()] if len(above) else [])
    ]


@lru_cache(maxsize=4)
def _every_matrix(positives: int, negatives: int) -> dict[str, NDArray[np.float64]]:
    """Return the scores of every matrix of a test set."""
    tp, tn = (grid.ravel() for grid in np.indices((positives + 1, negatives + 1)))
    return compute(np.stack([tp, positives - tp, negatives - tn, tn], axis=1))


def _denominator(score: str, positives: int, negatives: int) -> int | None:
    """Return what a score divides by, where the test set alone fixes it."""
    return {
        "accuracy": positives + negatives,
        "error_rate": positives + negatives,
        "sensitivity": positives,
        "false_negative_rate": positives,
        "specificity": negatives,
        "false_positive_rate": negatives,
    }.get(score)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
