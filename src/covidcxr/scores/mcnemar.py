"""Exact p of McNemar's test, apart from `comparison`, so that an audit need not load that."""

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
