"""Every score that a 2x2 matrix gives, and how papers call it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.paper.audit.printed import Printed
from covidcxr.scores import metrics
from covidcxr.scores.proportions import clopper_pearson, wilson

READINGS = ("as_printed", "transposed")

NAMES = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "recall": "sensitivity",
    "specificity": "specificity",
    "ppv": "ppv",
    "precision": "ppv",
    "npv": "npv",
    "f1": "f1",
    "f1_negative": "f1_negative",
    "macro_f1": "macro_f1",
    "weighted_f1": "weighted_f1",
    "balanced_accuracy": "balanced_accuracy",
    "mcc": "mcc",
    "kappa": "kappa",
    "error_rate": "error_rate",
    "false_negative_rate": "false_negative_rate",
    "false_positive_rate": "false_positive_rate",
    "lr_positive": "lr_positive",
    "lr_negative": "lr_negative",
    "auroc": "auroc",
}
"""What a paper may call a score, and the name that the auditor gives it."""

WORDS = metrics.WORDS | {
    "f1_negative": "F1 of the negative class",
    "weighted_f1": "weighted F1",
    "lr_positive": "LR+",
    "lr_negative": "LR-",
}
"""Names in prose where they are not the plain words."""

COUNTERPARTS = {"sensitivity": "ppv", "ppv": "sensitivity", "specificity": "npv",
                "npv": "specificity"}  # fmt: skip
"""What a score becomes when rows and columns change places."""

UNBOUNDED = ("lr_positive", "lr_negative")
SIGNED = ("mcc", "kappa")

_SEARCHED = 1_000_000
"""Matrices of a test set up to which all are tried."""


def word(score: str) -> str:
    """Return the name of a score in prose."""
    return WORDS.get(score, score.replace("_", " "))


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
    n = tp + fn + fp + tn
    with np.errstate(divide="ignore", invalid="ignore"):
        f1_negative = 2 * tn / (2 * tn + fp + fn)
        return known | {
            "f1_negative": f1_negative,
            "weighted_f1": ((tp + fn) * known["f1"] + (fp + tn) * f1_negative) / n,
            "error_rate": 1 - known["accuracy"],
            "false_negative_rate": 1 - known["sensitivity"],
            "false_positive_rate": 1 - known["specificity"],
            "lr_positive": _finite(known["sensitivity"] / (1 - known["specificity"])),
            "lr_negative": _finite((1 - known["sensitivity"]) / known["specificity"]),
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
    counts = dict(zip(metrics.CELLS, (int(c) for c in np.asarray(cells)), strict=True))
    found: dict[str, dict[str, object]] = {}
    for name, (above, below) in metrics.PROPORTIONS.items():
        k, n = (sum(counts[c] for c in part.split("+")) for part in (above, below))
        if n:
            found[name] = {
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
            found[name] = {"n": total, "bootstrap": [float(low), float(high)]}
    return found


def attainable(score: str, printed: Printed, positives: int, negatives: int) -> bool | None:
    """Say whether any matrix of a test set prints this value for this score.

    Parameters
    ----------
    score
        The auditor's name of it.
    printed
        The value.
    positives, negatives
        Images of each class in the test set.

    Returns
    -------
    bool or None
        None where there are too many matrices to try them all.
    """
    n = _denominator(score, positives, negatives)
    if n is not None:
        return _quotient(printed, n)
    if score == "auroc":
        # It counts pairs of images, ties by half.
        return _quotient(printed, 2 * positives * negatives)
    if (positives + 1) * (negatives + 1) > _SEARCHED:
        return None
    return _prints(_every_matrix(positives, negatives)[score], printed)


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


def matrices(positives: int, negatives: int) -> NDArray[np.int64] | None:
    """Return every matrix of a test set, shape (m, 4), or None where they are too many."""
    if (positives + 1) * (negatives + 1) > _SEARCHED:
        return None
    tp, tn = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(positives + 1), np.arange(negatives + 1), indexing="ij")
    )
    return np.stack([tp, positives - tp, negatives - tn, tn], axis=1)


@lru_cache(maxsize=4)
def _every_matrix(positives: int, negatives: int) -> dict[str, NDArray[np.float64]]:
    found = matrices(positives, negatives)
    assert found is not None
    return compute(found)


def _prints(values: NDArray[np.float64], printed: Printed) -> bool:
    near = values[np.abs(values - printed.value) <= 1.01 * printed.unit]
    return any(printed.match(float(value)) for value in near)


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


def _quotient(printed: Printed, n: int) -> bool:
    """Say whether some k / n prints so; those next to the value itself are enough."""
    nearest = round(printed.value * n)
    return n > 0 and any(
        printed.match(k / n) for k in range(max(0, nearest - 1), min(n, nearest + 1) + 1)
    )


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
