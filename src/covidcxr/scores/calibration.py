"""Calibration: reliability table, calibration error, Brier score in parts, slope and intercept.

A calibrated model's images of score 0.3 are positive in 3 of 10 cases. A high AUROC says
nothing of it: any increasing function of the score has the same AUROC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from covidcxr.scores import metrics, proportions
from covidcxr.scores.intervals import Interval, undefined
from covidcxr.scores.metrics import SMALLEST
from covidcxr.scores.predictions import IMAGE, Predictions

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


# --- slope and intercept: regression of the truth on the logit of the score


def slope_intercept(p: Predictions, confidence: float = 0.95) -> dict[str, Interval]:
    """Calibration slope and calibration in the large, with Wald intervals.

    Scores are too extreme where the slope is below 1, too moderate where it is above 1. The
    intercept is that of a slope fixed at 1: scores are too high on the whole where it is below
    0. Scores of 0 and 1 are moved inwards, as for the log loss.

    Returns
    -------
    dict
        ``slope`` and ``intercept``; where images are grouped, with the covariance that clusters
        leave and Student's t for their number. NaN with a reason where a class is missing, all
        scores are equal, or a score separates the classes, so that the likelihood has no
        maximum.

    References
    ----------
    Cox, Biometrika 45:562-565 (1958); Van Calster et al., BMC Med 17:230 (2019).
    """
    kept = np.clip(p.score, SMALLEST, 1 - SMALLEST)
    logit = np.log(kept) - np.log1p(-kept)
    constant = np.ones((len(p), 1))
    moved = int(np.sum(kept != p.score))
    remark = (
        f"{moved:,} of {len(p):,} scores are 0 or 1 to the last digit and were moved"
        if moved
        else None
    )
    missing = p.missing_class
    return {
        "slope": _last_coefficient(
            p, np.column_stack([constant, logit]), np.zeros(len(p)), confidence,
            missing or _inseparable(p), remark,
        ),
        "intercept": _last_coefficient(p, constant, logit, confidence, missing, remark),
    }  # fmt: skip


def verdict(slope: Interval) -> str:
    """Verdict word on scores by the interval of their calibration slope."""
    if not np.isfinite(slope.low):
        return "undecided"
    if slope.high < 1:
        return "too extreme"
    return "too moderate" if slope.low > 1 else "neither shown"


def _inseparable(p: Predictions) -> str:
    """Reason why a slope has no finite estimate: it has one just where the classes overlap."""
    if np.ptp(p.score) == 0:
        return "all scores are equal"
    on, off = p.score[p.positive], p.score[~p.positive]
    separated = on.min() >= off.max() or off.min() >= on.max()
    return "a score separates the classes" if separated else ""


def _last_coefficient(
    p: Predictions,
    design: NDArray[np.float64],
    offset: NDArray[np.float64],
    confidence: float,
    missing: str,
    remark: str | None,
) -> Interval:
    """Last coefficient of a logistic regression, or the reason why it has none."""
    if missing:
        return undefined(p.unit, len(p), missing)
    beta = _maximum(p.positive, design, offset)
    if beta is None:
        return undefined(p.unit, len(p), "the regression does not converge")
    grouped = p.unit != IMAGE
    error = _error(p, design, expit(design @ beta + offset), grouped)
    value = float(beta[-1])
    if not np.isfinite(error):
        return undefined(p.unit, len(p), "too few groups for an interval", value)
    tail = (1 + confidence) / 2
    away = error * (stats.t.ppf(tail, p.units - 1) if grouped else stats.norm.ppf(tail))
    method = "Wald, robust to clusters" if grouped else "Wald"
    return Interval(
        value, float(value - away), float(value + away), method, p.unit, len(p), reason=remark
    )


def _maximum(
    positive: NDArray[np.bool_], design: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Coefficients (k,) that maximise a logistic likelihood, by Newton's method with halved steps.

    None where it does not converge. Not statsmodels' GLM: with logits of 36 on the wrong side
    its reweighted least squares end elsewhere, or at NaN, and report convergence.
    """

    def loss(beta: NDArray[np.float64]) -> float:
        line = design @ beta + offset
        return float(np.sum(np.logaddexp(0, np.where(positive, -line, line))))

    beta = np.zeros(design.shape[1])
    for _ in range(500):
        share = expit(design @ beta + offset)
        gradient = design.T @ (positive - share)
        hessian = design.T @ (design * (share * (1 - share))[:, None])
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            step = gradient
        gain = float(gradient @ step)
        if gain < 1e-12:
            return beta if np.isfinite(beta).all() else None
        before, size = loss(beta), 1.0
        while size > 1e-12 and not loss(beta + size * step) <= before - 1e-4 * size * gain:
            size /= 2
        if size <= 1e-12:
            # No gain that floating point can resolve: this is the maximum.
            return beta if gain < 1e-6 else None
        beta = beta + size * step
    return None


def _error(
    p: Predictions, design: NDArray[np.float64], share: NDArray[np.float64], grouped: bool
) -> float:
    """Compute the standard error of the last coefficient; NaN for a single group.

    With groups, the sandwich of Liang and Zeger, Biometrika 73:13-22 (1986), and the
    usual factor for few clusters.
    """
    n, k = design.shape
    hessian = design.T @ (design * (share * (1 - share))[:, None])
    try:
        bread = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return np.nan
    if not grouped:
        return float(np.sqrt(bread[-1, -1]))
    groups = p.units
    if groups < 2 or n <= k:
        return np.nan
    summed = np.zeros((groups, k))
    np.add.at(summed, p.group, design * (p.positive - share)[:, None])
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    return float(np.sqrt(factor * (bread @ summed.T @ summed @ bread)[-1, -1]))
