"""Intervals of means, of independent and of grouped values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

NAN = float("nan")


def clustered_mean(
    values: ArrayLike, group: ArrayLike | None = None, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean with Student limits from the cluster-robust variance.

    Parameters
    ----------
    values
        Shape (n,).
    group
        Shape (n,): the group of each value; without it, values are independent.
    confidence
        Coverage.

    Returns
    -------
    tuple
        Mean and limits; limits are NaN with fewer than two groups, all three without values.

    References
    ----------
    Liang and Zeger, Biometrika 73:13-22 (1986).
    """
    known = np.asarray(values, dtype=float)
    if not len(known):
        return NAN, NAN, NAN
    mean = float(known.mean())
    names = np.arange(len(known)) if group is None else np.asarray(group)
    _, number = np.unique(names, return_inverse=True)
    sums = np.bincount(number, known - mean)
    groups = len(sums)
    if groups < 2:
        return mean, NAN, NAN
    error = np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(known)
    half = float(stats.t.ppf((1 + confidence) / 2, groups - 1) * error)
    return mean, mean - half, mean + half
