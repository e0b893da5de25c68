"""Calibration slope and intercept: logistic regression of the truth on the logit of the score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from covidcxr.scores.intervals import Interval, undefined
from covidcxr.scores.metrics import SMALLEST
from covidcxr.scores.predictions import IMAGE, Predictions


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
