"""Calibration by bins of scores: reliability table, calibration error, Brier score in parts.

A calibrated model's images of score 0.3 are positive in 3 of 10 cases. A high AUROC says
nothing of it: any increasing function of the score has the same AUROC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.scores import metrics, proportions
from covidcxr.scores.predictions import Predictions

BINS = 10
"""Of about equally many images."""

SIMULATIONS = 2_000
"""Draws of a calibrated model's truth."""


class CalibrationError(NamedTuple):
    """Calibration error of a model, and mean and limits of that of a calibrated model."""

    value: float
    expected: float
    low: float
    high: float


class Decomposition(NamedTuple):
    """Brier score in parts: ``brier = reliability - resolution + uncertainty + within``.

    ``reliability`` is the mean squared distance of the bins' mean scores from their shares of
    positives, ``resolution`` that of these shares from the prevalence, ``uncertainty`` the
    variance of the truth, and ``within`` what scores that differ within a bin add.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def reliability(p: Predictions, bins: int = BINS, confidence: float = 0.95) -> pd.DataFrame:
    """Reliability table: mean score and share of positives of bins of about equally many images.

    Equal scores share a bin, so that there may be fewer than ``bins``.

    Returns
    -------
    pandas.DataFrame
        A row a bin: ``bin``, ``least`` and ``most`` (score), ``n``, ``units`` (groups),
        ``positives``, ``score`` (mean), ``share`` of positives, and ``low`` and ``high``,
        Wilson's limits by the effective sample size. Empty without images.
    """
    place = _bins(p.score, bins)
    rows = []
    for number, one in enumerate(np.unique(place), 1):
        inside = place == one
        truth, group, score = p.positive[inside], p.group[inside], p.score[inside]
        share, low, high = proportions.grouped_wilson(truth, group, confidence)
        row = (score.min(), score.max(), len(truth), len(np.unique(group)), int(truth.sum()))
        rows.append((number, *row, score.mean(), share, low, high))
    columns = ["bin", "least", "most", "n", "units", "positives", "score", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def expected_error(
    p: Predictions, resamples: int = SIMULATIONS, seed: int = 0, confidence: float = 0.95
) -> CalibrationError:
    """Simulate the calibration error (`metrics.ece`) of a calibrated model with the same scores.

    The error sums absolute distances, so that a calibrated model's is above 0, the more so the
    fewer the images. Each of ``resamples`` truths makes an image positive with the probability
    that is its score; images of a group share one random number. NaN without images.
    """
    if not len(p):
        return CalibrationError(*[np.nan] * 4)
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            metrics.ece(rng.random(p.units)[p.group] < p.score, p.score)
            for _ in range(resamples)
        ]
    )  # fmt: skip
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    value = float(metrics.ece(p.positive, p.score))
    return CalibrationError(value, float(drawn.mean()), float(low), float(high))


def brier_decomposition(p: Predictions, bins: int = BINS) -> Decomposition:
    """Decompose the Brier score by the bins of `reliability`; NaN without images.

    Murphy, J Appl Meteorol 12:595-600 (1973).
    """
    table = reliability(p, bins)
    if not len(p):
        return Decomposition(*[np.nan] * 5)
    weight = table["n"].to_numpy() / len(p)
    share, score = table["share"].to_numpy(), table["score"].to_numpy()
    distance = float(np.sum(weight * (score - share) ** 2))
    resolution = float(np.sum(weight * (share - p.prevalence) ** 2))
    uncertainty = p.prevalence * (1 - p.prevalence)
    brier = float(metrics.brier(p.positive, p.score))
    within = brier - (distance - resolution + uncertainty)
    return Decomposition(brier, distance, resolution, uncertainty, within)


def _bins(score: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Bin of each score, about equally many in each, equal scores together: shape (n,)."""
    if not len(score):
        return np.empty(0, dtype=np.int64)
    edges = np.unique(np.quantile(score, np.arange(1, bins) / bins, method="inverted_cdf"))
    return np.searchsorted(edges, score, side="left").astype(np.int64)
