"""Whether a score is the probability that it claims to be.

A calibrated model's images of score 0.3 are positive in 3 of 10 cases. A high AUROC says
nothing of it: any increasing function of the score has the same AUROC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from covidcxr.scores import metrics, proportions
from covidcxr.scores.intervals import Interval, Protocol
from covidcxr.scores.predictions import IMAGE, Predictions

BINS = 10
"""Of about equally many images."""

SIMULATIONS = 2_000
"""Draws of a calibrated model's truth."""

_NAN = float("nan")
_SMALLEST = np.finfo(np.float64).eps
"""As in the log loss: the logit of 0 or 1 is infinite."""


@dataclass(frozen=True)
class Expected:
    """A calibration error, and what chance alone would make of it.

    Attributes
    ----------
    value
        Of the model.
    expected, low, high
        Mean and limits over draws of the truth from the scores themselves.
    as_large
        The share of draws whose error is at least the model's.
    bins, resamples, seed
        How it was made.
    """

    value: float
    expected: float
    low: float
    high: float
    as_large: float
    bins: int
    resamples: int
    seed: int


@dataclass(frozen=True)
class Decomposition:
    """The Brier score in parts.

    Attributes
    ----------
    brier
        The mean squared distance of score and truth.
    reliability
        Of the bins' mean scores from their shares of positives: 0 is best.
    resolution
        Of the bins' shares from the prevalence: the more, the better.
    uncertainty
        The variance of the truth, which no model changes.
    within
        What scores that differ within a bin add: the Brier score less reliability less
        uncertainty plus resolution.
    bins
        How many there are.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    bins: int


def reliability(p: Predictions, bins: int = BINS, confidence: float = 0.95) -> pd.DataFrame:
    """Set the mean score of similar images beside their share of positives.

    Parameters
    ----------
    p
        Predictions of n images.
    bins
        How many, of about equally many images. Equal scores are never parted, so that
        there may be fewer.
    confidence
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        A row a bin: ``bin``, ``least`` and ``most`` (score), ``n``, ``units``,
        ``positives``, ``score`` (mean), ``share`` of positives, and Wilson's ``low`` and
        ``high`` with the images that the groups leave in effect. Empty without images.
    """
    place = _bins(p.score, bins)
    rows: list[dict[str, Any]] = []
    for one in np.unique(place):
        inside = place == one
        truth, group = p.positive[inside], p.group[inside]
        _, low, high = proportions.grouped_wilson(truth, group, confidence)
        rows.append(
            {
                "bin": len(rows) + 1,
                "least": p.score[inside].min(),
                "most": p.score[inside].max(),
                "n": int(inside.sum()),
                "units": len(np.unique(group)),
                "positives": int(truth.sum()),
                "score": p.score[inside].mean(),
                "share": truth.mean(),
                "low": low,
                "high": high,
            }
        )
    columns = ["bin", "least", "most", "n", "units", "positives", "score", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def expected_error(
    p: Predictions, resamples: int = SIMULATIONS, seed: int = 0, confidence: float = 0.95
) -> Expected:
    """Return the calibration error beside that of a calibrated model with these scores.

    The error is `metrics.ece`, with `metrics.BINS` bins of equal width. It sums absolute
    distances, so that chance can only raise it: a calibrated model's is above 0, the
    more so the fewer the images.

    Parameters
    ----------
    p
        Predictions of n images.
    resamples
        How many truths are drawn, each image's positive with the probability that is its
        score. Images of a group share one random number, as those of one patient tend to
        share one truth.
    seed
        Decides the draw.
    confidence
        Of the limits.

    Returns
    -------
    Expected
        NaN without images.
    """
    made = (metrics.BINS, resamples, seed)
    if not len(p):
        return Expected(_NAN, _NAN, _NAN, _NAN, _NAN, *made)
    rng = np.random.default_rng(seed)
    value = float(metrics.ece(p.positive, p.score))
    drawn = np.array(
        [
            metrics.ece(rng.random(p.units)[p.group] < p.score, p.score)
            for _ in range(resamples)
        ]
    )  # fmt: skip
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    # Equal sums in another order differ in their last digit.
    as_large = float(np.mean(drawn >= value - 1e-12))
    return Expected(value, float(drawn.mean()), float(low), float(high), as_large, *made)


def slope_intercept(p: Predictions, confidence: float = 0.95) -> dict[str, Interval]:
    """Return the calibration slope and the calibration in the large.

    Logistic regression of the truth on the logit of the score. A slope below 1 says that
    scores are too extreme, above 1 that they are too moderate. The intercept is that of a
    slope fixed at 1: below 0, scores are too high on the whole, above 0 too low.

    Parameters
    ----------
    p
        Predictions of n images. Scores of 0 and 1 are moved inwards by the smallest
        relative distance of two numbers, as for the log loss.
    confidence
        Coverage.

    Returns
    -------
    dict
        ``slope`` and ``intercept``, with Wald intervals; where images are grouped, with
        the covariance that clusters leave and Student's t for their number. NaN with a
        reason where a class is missing, where all scores are equal, or where a score
        separates the classes, so that the likelihood has no maximum.

    References
    ----------
    Cox, Biometrika 45:562-565 (1958); Van Calster et al., BMC Med 17:230 (2019).
    """
    kept = np.clip(p.score, _SMALLEST, 1 - _SMALLEST)
    logit = np.log(kept) - np.log1p(-kept)
    constant = np.ones((len(p), 1))
    moved = int(np.sum(kept != p.score))
    remark = (
        f"{moved:,} of {len(p):,} scores are 0 or 1 to the last digit and were moved"
        if moved
        else None
    )
    missing = _missing(p)
    return {
        "slope": _fitted(
            p, np.column_stack([constant, logit]), np.zeros(len(p)), confidence,
            missing or _inseparable(p), remark,
        ),
        "intercept": _fitted(p, constant, logit, confidence, missing, remark),
    }  # fmt: skip


def brier_decomposition(p: Predictions, bins: int = BINS) -> Decomposition:
    """Divide the Brier score into reliability, resolution and uncertainty.

    Parameters
    ----------
    p
        Predictions of n images.
    bins
        As for `reliability`: of about equally many images.

    Returns
    -------
    Decomposition
        NaN without images.

    References
    ----------
    Murphy, J Appl Meteorol 12:595-600 (1973).
    """
    table = reliability(p, bins)
    if not len(p):
        return Decomposition(_NAN, _NAN, _NAN, _NAN, _NAN, 0)
    weight = table["n"].to_numpy() / len(p)
    share, score = table["share"].to_numpy(), table["score"].to_numpy()
    rely = float(np.sum(weight * (score - share) ** 2))
    resolve = float(np.sum(weight * (share - p.prevalence) ** 2))
    uncertain = p.prevalence * (1 - p.prevalence)
    brier = float(metrics.brier(p.positive, p.score))
    return Decomposition(
        brier, rely, resolve, uncertain, brier - (rely - resolve + uncertain), len(table)
    )


def summary(
    tested: Mapping[str, Predictions], protocol: Protocol | None = None, bins: int = BINS
) -> pd.DataFrame:
    """Write out the calibration of several models.

    Parameters
    ----------
    tested
        By name.
    protocol
        Coverage and seed.
    bins
        Of the Brier score's parts.

    Returns
    -------
    pandas.DataFrame
        A row a model, indexed by ``model``: text.
    """
    protocol = protocol or Protocol()
    rows = []
    for name, p in tested.items():
        line = slope_intercept(p, protocol.confidence)
        error = expected_error(p, seed=protocol.seed, confidence=protocol.confidence)
        parts = brier_decomposition(p, bins)
        rows.append(
            {
                "model": name,
                "slope (ideal 1)": told(line["slope"]),
                "intercept (ideal 0)": told(line["intercept"]),
                "calibration error": f"{error.value:.3f}",
                "if calibrated": f"{error.expected:.3f} ({error.low:.3f} to {error.high:.3f})",
                "Brier score": f"{parts.brier:.3f}",
                "reliability": f"{parts.reliability:.3f}",
                "resolution": f"{parts.resolution:.3f}",
                "uncertainty": f"{parts.uncertainty:.3f}",
                "within bins": f"{parts.within:+.3f}",
            }
        )
    return pd.DataFrame(rows).set_index("model")


def told(found: Interval, digits: int = 2) -> str:
    """Write a value with its limits, or why there is none."""
    if not np.isfinite(found.value):
        return f"none: {found.reason}"
    if not np.isfinite(found.low):
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def verdict(slope: Interval) -> str:
    """Say in words what a calibration slope means, as the end of "its scores ..."."""
    if not np.isfinite(slope.value):
        return f"have no calibration slope ({slope.reason})"
    where = f"calibration slope {told(slope)}"
    if not np.isfinite(slope.low):
        return f"cannot be judged ({where})"
    if slope.high < 1:
        return f"are more extreme than they may be ({where})"
    if slope.low > 1:
        return f"are more moderate than they need be ({where})"
    return f"are not shown to be too extreme or too moderate ({where})"


def _bins(score: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Put scores in bins of about equally many, equal scores together; shape (n,)."""
    if not len(score):
        return np.empty(0, dtype=np.int64)
    edges = np.unique(np.quantile(score, np.arange(1, bins) / bins, method="inverted_cdf"))
    return np.searchsorted(edges, score, side="left").astype(np.int64)


def _missing(p: Predictions) -> str | None:
    """Say which class is missing."""
    if not len(p):
        return "no image"
    lacking = {"no positive image": p.positive.any(), "no negative image": (~p.positive).any()}
    return next((reason for reason, there in lacking.items() if not there), None)


def _inseparable(p: Predictions) -> str | None:
    """Say why a slope has no finite estimate, if it has none.

    Of one variable the likelihood has a maximum just where the classes overlap.
    """
    if np.ptp(p.score) == 0:
        return "all scores are equal"
    on, off = p.score[p.positive], p.score[~p.positive]
    if on.min() >= off.max() or off.min() >= on.max():
        return "a score separates the classes"
    return None


def _fitted(
    p: Predictions,
    design: NDArray[np.float64],
    offset: NDArray[np.float64],
    confidence: float,
    missing: str | None,
    remark: str | None,
) -> Interval:
    """Fit a logistic regression and return its last coefficient."""
    if missing:
        return Interval(_NAN, _NAN, _NAN, "none", p.unit, len(p), reason=missing)
    beta = _maximum(p.positive, design, offset)
    if beta is None:
        reason = "the regression does not converge"
        return Interval(_NAN, _NAN, _NAN, "none", p.unit, len(p), reason=reason)
    grouped = p.unit != IMAGE
    error = _error(p, design, expit(design @ beta + offset), grouped)
    value = float(beta[-1])
    if not np.isfinite(error):
        reason = "too few groups for an interval"
        return Interval(value, _NAN, _NAN, "none", p.unit, len(p), reason=reason)
    tail = (1 + confidence) / 2
    away = error * (stats.t.ppf(tail, p.units - 1) if grouped else stats.norm.ppf(tail))
    method = "Wald, robust to clusters" if grouped else "Wald"
    return Interval(
        value, float(value - away), float(value + away), method, p.unit, len(p), reason=remark
    )


def _maximum(
    positive: NDArray[np.bool_], design: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Maximise a logistic likelihood by Newton's method with halved steps.

    Logits of -36 and the other class's truth send reweighted least squares, without
    halving, to infinity; the likelihood is concave, so that halving always helps.

    Returns
    -------
    numpy.ndarray or None
        The coefficients, shape (k,); None where they are not found.
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
            # No gain that floating point could tell: this is the top.
            return beta if gain < 1e-6 else None
        beta = beta + size * step
    return None


def _error(
    p: Predictions, design: NDArray[np.float64], share: NDArray[np.float64], grouped: bool
) -> float:
    """Return the standard error of a logistic regression's last coefficient.

    With groups, the sandwich of Liang and Zeger, Biometrika 73:13-22 (1986), and the
    usual factor for few clusters; NaN for a single one.
    """
    n, k = design.shape
    hessian = design.T @ (design * (share * (1 - share))[:, None])
    try:
        bread = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return _NAN
    if not grouped:
        return float(np.sqrt(bread[-1, -1]))
    number = p.units
    if number < 2 or n <= k:
        return _NAN
    summed = np.zeros((number, k))
    np.add.at(summed, p.group, design * (p.positive - share)[:, None])
    factor = number / (number - 1) * (n - 1) / (n - k)
    return float(np.sqrt(factor * (bread @ summed.T @ summed @ bread)[-1, -1]))
