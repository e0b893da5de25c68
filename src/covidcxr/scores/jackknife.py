"""Standard errors from images left out one at a time, and limits on a scale without ends."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from covidcxr.scores import bootstrap

Scale = Literal["logit", "Fisher z", "log"]


def auprc_influence(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what each image adds to the average precision, shape (n,), by leaving it out.

    (m - 1) / m times the average precision of all images less that without the image, of whose
    class there are m; NaN where a class has one image.
    """
    order = np.argsort(-scores, kind="stable")
    hit = positive[order].astype(float)
    # Images of one score are called together: each counts all down to the last of them.
    _, first = np.unique(-scores[order], return_index=True)
    size = np.diff(np.append(first, len(order)))
    last = np.repeat(first + size - 1, size)
    above, called = np.cumsum(hit)[last], last + 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = hit * above / called
        # Where one image is called alone, none but itself can be left out.
        without_negative = np.where(called > 1, hit * above / (called - 1), 0.0)
        without_positive = np.where(called > 1, hit * (above - 1) / (called - 1), 0.0)
        # An image left out changes the precision at its own score and below.
        better = np.repeat(np.append(0.0, np.cumsum(whole))[first], size)
        worse = [
            np.repeat(np.append(np.cumsum(part[::-1])[::-1], 0.0)[first], size)
            for part in (without_negative, without_positive)
        ]
        total = hit.sum()
        left = np.where(
            hit > 0,
            (better + worse[1] - without_positive) / (total - 1),
            (better + worse[0]) / total,
        )
        m = np.where(hit > 0, total, len(hit) - total)
        added = np.where(m > 1, (m - 1) / m * (whole.sum() / total - left), np.nan)
    influence = np.empty(len(order))
    influence[order] = added
    return influence


def standard_error(
    influence: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.int64] | None,
    *,
    stratified: bool = True,
) -> float:
    """Compute the standard error of a score from what each image adds to it.

    Arguments have shape (n,). Images of one ``group`` are not independent; without groups all
    are. Stratified classes keep their sizes. Efron and Stein, Ann Stat 9:586-596 (1981), for
    images. Of groups, the influences are added up, as in the variance of Obuchowski, Biometrics
    53:567-578 (1997), for the AUROC.
    """
    centred = influence.astype(float)
    for inside in (positive, ~positive) if stratified else (np.ones(len(positive), bool),):
        if inside.any():
            centred[inside] -= centred[inside].mean()
    unit, stratum = bootstrap.strata(positive, group, stratified=stratified)
    added = np.bincount(unit, centred)
    variance = 0.0
    for kind in np.unique(stratum):
        values = added[stratum == kind]
        m = len(values)
        variance += m / (m - 1) * ((values - values.mean()) ** 2).sum() if m > 1 else values[0] ** 2
    return float(np.sqrt(variance))


def limits(
    value: float, error: float, scale: Scale, df: float, confidence: float
) -> tuple[float, float]:
    """Limits that are symmetric on a scale without ends; NaN where the score is at an end.

    ``df`` are the degrees of freedom of the standard error ``error``, for Student's t.
    """
    to, back, slope = {
        "logit": (logit, expit, value * (1 - value)),
        "Fisher z": (np.arctanh, np.tanh, 1 - value**2),
        "log": (np.log, np.exp, value),
    }[scale]
    if not slope > 0 or not error > 0:
        return float("nan"), float("nan")
    reach = stats.t.ppf((1 + confidence) / 2, df) * error / slope
    return float(back(to(value) - reach)), float(back(to(value) + reach))
