"""DeLong's variance of the area under the ROC curve, also for clusters of images.

References
----------
DeLong, DeLong and Clarke-Pearson, Biometrics 44:837-845 (1988); Sun and Xu, IEEE
Signal Process Lett 21:1389-1393 (2014), for midranks; Obuchowski, Biometrics
53:567-578 (1997), for clusters; Newcombe, Stat Med 25:559-573 (2006), method 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats


def placements(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute DeLong's placement values of m models: for each image, a share of the other class.

    For ``scores`` of shape (m, n) and p positive and q negative images, the shapes are
    (m, p) and (m, q). A value is the share of the other class on the right side of the
    image; ties count half, and the mean of either table is the AUROC.
    """
    hits, alarms = scores[:, positive], scores[:, ~positive]
    p, q = hits.shape[1], alarms.shape[1]
    together = stats.rankdata(np.concatenate([hits, alarms], axis=1), axis=1)
    of_hits = (together[:, :p] - stats.rankdata(hits, axis=1)) / q
    of_alarms = 1 - (together[:, p:] - stats.rankdata(alarms, axis=1)) / p
    return of_hits, of_alarms


def covariance(
    positive: NDArray[np.bool_],
    scores: NDArray[np.float64],
    group: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute AUROCs of m models on the same images, shape (m,), and their covariance (m, m).

    ``scores`` have the shape (m, n). Both classes have two images at least. Images of one
    ``group``, shape (n,), are not independent; without groups all are.
    """
    of_hits, of_alarms = placements(positive, scores)
    area = of_hits.mean(axis=1)
    p, q = of_hits.shape[1], of_alarms.shape[1]
    if group is None:
        return area, np.atleast_2d(np.cov(of_hits)) / p + np.atleast_2d(np.cov(of_alarms)) / q
    number = int(group.max()) + 1
    sums = []
    for placement, inside in ((of_hits, positive), (of_alarms, ~positive)):
        total = np.zeros((len(area), number))
        np.add.at(total.T, group[inside], (placement - area[:, None]).T)
        sums.append((total, np.unique(group[inside]).size))
    (hits, with_hits), (alarms, with_alarms) = sums

    def spread(one: NDArray[np.float64], other: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        return one @ other.T * (n / (n - 1))

    mixed = spread(hits, alarms, number) / (p * q)
    return area, (
        spread(hits, hits, with_hits) / p**2
        + spread(alarms, alarms, with_alarms) / q**2
        + mixed
        + mixed.T
    )


def interval(area: float, variance: float, confidence: float) -> tuple[float, float]:
    """Compute the logit interval of one AUROC; NaN where it is 0 or 1 or the variance 0."""
    if not 0 < area < 1 or not variance > 0:
        return float("nan"), float("nan")
    away = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance) / (area * (1 - area))
    centre = np.log(area / (1 - area))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-away, away]))))
    return float(low), float(high)


def z_test(
    difference: float, variance: float, confidence: float, doubts: Sequence[str] = ()
) -> dict[str, Any]:
    """Test a difference of AUROCs by the normal distribution, with its limits.

    Returns ``difference``, ``low``, ``high``, ``z``, ``p``, None where the variance is 0, and
    ``reason`` for that or for ``doubts``.
    """
    test: dict[str, Any] = {"difference": difference, "low": None, "high": None}
    if variance <= 1e-15:
        return test | {"z": None, "p": None, "reason": "the variance of the difference is 0"}
    error = np.sqrt(variance)
    reach = stats.norm.ppf((1 + confidence) / 2) * error
    z = float(difference / error)
    test |= {"low": difference - reach, "high": difference + reach}
    if doubts:
        test["reason"] = "; ".join(doubts)
    return test | {"z": z, "p": float(2 * stats.norm.sf(abs(z)))}


def newcombe(area: float, p: int, q: int, confidence: float) -> tuple[float, float]:
    """Compute Newcombe's interval (method 5) of an AUROC, which is valid at 0 and 1.

    It holds all true areas that lie no farther from the observed one than the normal
    quantile times their own standard error, by Hanley and McNeil's formula with half
    of p + q in place of both class sizes. ``p`` and ``q`` are the independent positives
    and negatives, or groups of them.
    """
    z, half = stats.norm.ppf((1 + confidence) / 2), (p + q) / 2 - 1

    def away(theta: float) -> float:
        spread = theta * (1 - theta) / (p * q)
        spread *= 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float((area - theta) ** 2 - z**2 * spread)

    # 0 and 1 are roots of their own where the area is 0 or 1; the other root is meant.
    edge = 1e-9
    low = 0.0 if area <= 0 else optimize.brentq(away, 0, min(area, 1 - edge))
    high = 1.0 if area >= 1 else optimize.brentq(away, max(area, edge), 1)
    return float(low), float(high)
