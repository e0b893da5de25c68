"""Intervals of means, of independent and of grouped values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def clustered_mean(
    values: ArrayLike, group: ArrayLike | None = None, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean with Student limits from the cluster-robust variance.

    ``values`` and their ``group`` have shape (n,); without groups values are independent. Limits
    are NaN with fewer than two groups, all three without values. Liang and Zeger, Biometrika
    73:13-22 (1986).
    """
    known = np.asarray(values, dtype=float)
    if not len(known):
        return np.nan, np.nan, np.nan
    mean = float(known.mean())
    names = np.arange(len(known)) if group is None else np.asarray(group)
    _, number = np.unique(names, return_inverse=True)
    sums = np.bincount(number, known - mean)
    groups = len(sums)
    if groups < 2:
        return mean, np.nan, np.nan
    error = np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(known)
    half = float(stats.t.ppf((1 + confidence) / 2, groups - 1) * error)
    return mean, mean - half, mean + half
