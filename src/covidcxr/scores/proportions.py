"""Intervals of proportions, of independent and of grouped images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint


class Share(NamedTuple):
    """A proportion with its limits; NaN where there is nothing to count."""

    value: float
    low: float
    high: float


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson interval of a proportion (J Am Stat Assoc 22:209-212, 1927), NaN for n = 0."""
    return _limits(successes, n, confidence, "wilson")


def clopper_pearson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a proportion (Biometrika 26:404-413, 1934), NaN for n = 0."""
    return _limits(successes, n, confidence, "beta")


def grouped_wilson(
    success: NDArray[np.bool_], group: NDArray[np.int64], confidence: float = 0.95
) -> Share:
    """Proportion of grouped images, with Wilson limits by the effective sample size.

    NaN without images; parameters as for `effective_sample_size`.
    """
    if not len(success):
        return Share(np.nan, np.nan, np.nan)
    share = float(success.mean())
    n, _ = effective_sample_size(success, group, confidence)
    return Share(share, *wilson(share * n, n, confidence))


def effective_sample_size(
    success: NDArray[np.bool_], group: NDArray[np.int64], confidence: float = 0.95
) -> tuple[float, float]:
    """Effective sample size of a proportion of grouped images, and its design effect, 1 or more.

    ``success`` and ``group`` have shape (n,). Where all images agree each group counts once.

    Notes
    -----
    Few groups estimate their spread badly, which costs images too: by the squared ratio of the
    normal and the t quantile at this confidence (Korn and Graubard, Survey Methodology
    24:193-201, 1998). Few right or few wrong images say little of the design effect, so two
    groups all right and two all wrong are added before it is estimated, as Agresti and Coull,
    Am Stat 52:119-126 (1998), add two images of each kind to a proportion.
    """
    _, code = np.unique(group, return_inverse=True)
    n, number = len(success), int(code.max(initial=-1)) + 1
    if n == number or n == 0:
        return float(n), 1.0
    share = success.mean()
    if share in (0, 1):
        return float(number), n / number
    sizes, hits = np.bincount(code).astype(float), np.bincount(code, weights=success)
    added = np.full(2, n / number)
    effect = design_effect(
        np.concatenate([hits, added, 0 * added]), np.concatenate([sizes, added, added])
    )
    effect = max(1.0, effect)
    tail = (1 + confidence) / 2
    lost = (stats.norm.ppf(tail) / stats.t.ppf(tail, max(1, number - 1))) ** 2
    # A single group is one observation.
    return max(1.0, n / effect * lost) if number > 1 else 1.0, effect


def design_effect(hits: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """Design effect of a proportion (Rao and Scott, Biometrics 48:577-585, 1992, equation 1).

    ``hits`` and ``sizes``, shape (g,): successes in each of two groups or more, and its images;
    neither all images nor none are successes.
    """
    groups, n = len(sizes), sizes.sum()
    share = hits.sum() / n
    squares = np.sum((hits - share * sizes) ** 2)
    return float(groups / (groups - 1) * squares / (n * share * (1 - share)))


def _limits(successes: float, n: float, confidence: float, method: str) -> tuple[float, float]:
    if n == 0:
        return np.nan, np.nan
    low, high = proportion_confint(successes, n, 1 - confidence, method=method)
    # Rounding errors must not move a limit that is 0 or 1.
    return float(low) if successes else 0.0, float(high) if successes < n else 1.0
