"""Net benefit: decision curves of acting on a model, on everyone, and on no one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bootstrap, curves, predictive_values
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

EVENLY, WIDELY = np.linspace(0, 0.95, 96), np.geomspace(0.001, 0.5, 80)
"""Threshold probabilities to draw a curve over, the latter for a rare disease."""


PEOPLE = 1_000
"""For whom a net benefit is shown."""


def shifted(score: ArrayLike, before: float, after: float) -> NDArray[np.float64]:
    """Probabilities moved from one prevalence to another: the odds change by one factor.

    Elkan, IJCAI (2001), theorem 2.
    """
    values = np.asarray(score, dtype=float)
    factor = after / (1 - after) * (1 - before) / before
    return values * factor / (values * factor + 1 - values)


def decision_curve(
    p: Predictions,
    thresholds: Sequence[float] | NDArray[np.float64],
    prevalence: float | None = None,
    protocol: Protocol | None = None,
    *,
    adjusted: bool = False,
) -> pd.DataFrame:
    """Decision curve: net benefit of acting on a model, on everyone, and on no one.

    Parameters
    ----------
    p
        Predictions of n images.
    thresholds
        Probabilities of disease from which on one would act, each from 0 to below 1.
    prevalence
        Where the model would be used; left out, that of the images.
    protocol
        Coverage and bootstrap.
    adjusted
        Whether the scores are moved to that prevalence first.

    Returns
    -------
    pandas.DataFrame
        A row a threshold: ``threshold``, ``prevalence``, ``model`` with ``low`` and
        ``high``, ``all``, ``none``, ``reason``. Net benefit is in true positives a
        person: false positives count against them by the odds of the threshold. NaN with
        a reason where a class is missing.

    Raises
    ------
    ValueError
        For a threshold or a prevalence out of range.

    Notes
    -----
    The prevalence is taken as known, so that "all" has no interval. Limits of the model
    are the wider of the bootstrap's percentiles and Wilson's of sensitivity and
    specificity, combined (Zou and Donner, Stat Med 27:1693-1702, 2008), since resamples
    alone claim certainty where no image is called wrongly.

    References
    ----------
    Vickers and Elkin, Med Decis Making 26:565-574 (2006).
    """
    protocol = protocol or Protocol()
    at = np.asarray(thresholds, dtype=float)
    if not ((at >= 0) & (at < 1)).all():
        raise ValueError("a threshold must be a probability below 1")
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError("a prevalence must be above 0 and below 1")
    share = prevalence or (p.prevalence if len(p) else np.nan)
    odds = at / (1 - at)
    rows = pd.DataFrame(
        {"threshold": at, "prevalence": share, "model": np.nan, "low": np.nan, "high": np.nan,
         "all": share - (1 - share) * odds, "none": 0.0, "reason": p.missing_class}
    )  # fmt: skip
    if p.missing_class:
        return rows
    score = shifted(p.score, p.prevalence, share) if adjusted else p.score
    called = score[None, :] >= at[:, None]
    gain, cost = share, (1 - share) * odds
    hit, clear = _rates(p.positive, called, np.ones((1, len(p))))
    rows["model"] = (gain * hit - cost * (1 - clear))[0]
    pieces = []
    _, rng = bootstrap.streams(protocol.seed)
    for weights in bootstrap.weights(
        p.positive, p.clusters, protocol.resamples, rng, stratified=True
    ):
        hits, clears = _rates(p.positive, called, weights)
        pieces.append(gain * hits - cost * (1 - clears))
    low, high = curves.limits(np.concatenate(pieces), protocol.confidence)
    shares = [predictive_values.shares(p, one, protocol.confidence) for one in called]
    sens, spec = (
        np.array([one[name] for one in shares]).T for name in ("sensitivity", "specificity")
    )
    less = np.hypot(gain * (sens[0] - sens[1]), cost * (spec[0] - spec[1]))
    more = np.hypot(gain * (sens[2] - sens[0]), cost * (spec[2] - spec[0]))
    # From a probability of 0 on, everyone is called, whatever the data.
    less[at == 0] = more[at == 0] = 0
    rows["low"] = np.fmin(low, rows["model"] - less)
    rows["high"] = np.fmax(high, rows["model"] + more)
    return rows


def useful(curve: pd.DataFrame) -> tuple[float, float] | None:
    """Widest run of thresholds at which the model's lower limit is above all and none.

    Its first and last threshold, None where there is none; ``curve`` as of `decision_curve`.
    """
    better = (curve["low"] > curve["all"].clip(lower=0)).to_numpy()
    at = curve["threshold"].to_numpy()
    ends = np.flatnonzero(np.diff(np.concatenate([[False], better, [False]]).astype(int)))
    runs = [(float(at[a]), float(at[b - 1])) for a, b in ends.reshape(-1, 2)]
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def _rates(
    positive: NDArray[np.bool_], called: NDArray[np.bool_], weights: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sensitivity and specificity of each of b samples at each of m thresholds.

    Shape (b, m) each, for decisions (m, n) and weights (b, n).
    """
    w = weights.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = (
            w[:, rows] @ right[:, rows].T.astype(float) / w[:, rows].sum(axis=1)[:, None]
            for rows, right in ((positive, called), (~positive, ~called))
        )
    return sensitivity, specificity
