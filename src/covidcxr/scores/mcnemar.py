"""McNemar's test, apart from `comparison`, so that an audit need not load that."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

LEVEL = 0.05
"""Significance level of tests of two models."""


def exact_p(b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Exact two-sided p of McNemar's test (Psychometrika 12:153-157, 1947).

    ``b`` and ``c``, of any shape: images that only the first, only the second model gets right.
    """
    fewer, more = np.minimum(b, c), np.maximum(b, c)
    # Twice the binomial probability of so few of b + c, as an incomplete beta function.
    return np.minimum(1.0, 2 * special.betaincc(fewer + 1, more, 0.5))


def mid_p(b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """McNemar's mid-p: the exact p less the probability of the observed counts.

    Fagerland, Lydersen and Laake, BMC Med Res Methodol 13:91 (2013).
    """
    fewer, n = np.minimum(b, c), np.add(b, c)
    ways = special.gammaln(n + 1) - special.gammaln(fewer + 1) - special.gammaln(n - fewer + 1)
    observed = np.exp(ways - n * np.log(2))
    p = np.where(np.equal(b, c), 1 - observed / 2, exact_p(b, c) - observed)
    # Without a discordant image nothing was tested.
    return np.where(n == 0, 1.0, p)
