"""Predictive values of a model at other prevalences of the disease.

Carrying sensitivity and specificity over to another prevalence takes for granted that only the
share of the diseased changes, not what the diseased and the others look like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.scores import bootstrap, curves, metrics, proportions
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.proportions import Share

PREVALENCES = (0.01, 0.05, 0.1, 0.5)
"""From screening to a ward of suspected cases."""

FINE = np.geomspace(0.005, 0.5, 60)
"""Prevalences to draw a curve over."""


def at_prevalence(
    p: Predictions,
    prevalences: Sequence[float] | NDArray[np.float64] = PREVALENCES,
    protocol: Protocol | None = None,
) -> pd.DataFrame:
    """PPV and NPV at other prevalences, with intervals.

    Returns
    -------
    pandas.DataFrame
        A row a prevalence: ``prevalence``, ``sensitivity`` and ``specificity`` (with
        Wilson's ``_low`` and ``_high``), ``ppv`` and ``npv`` (with ``_low``, ``_high``
        and ``_method``), ``reason`` where one of them is undefined.

    Raises
    ------
    ValueError
        For a prevalence of 0 or 1 or beyond.

    Notes
    -----
    Draws of the confusion matrix, within the classes, give draws of sensitivity and
    specificity and so, by Bayes' theorem, of PPV and NPV. With few errors the draws know
    too little: with none, all of them are perfect. Where more draws are perfect than lie
    beyond one limit, Wilson's limits of sensitivity and specificity, combined as a ratio
    (Donner and Zou, Stat Methods Med Res 21:347-359, 2012), stand in, and ``_method`` says so.
    """
    protocol = protocol or Protocol()
    at = np.asarray(prevalences, dtype=float)
    if not ((at > 0) & (at < 1)).all():
        raise ValueError("a prevalence must be above 0 and below 1")
    called = p.called(protocol.threshold)
    cells = metrics.cells(p.positive, called)
    observed = shares(p, called, protocol.confidence)
    sensitivity, specificity = observed["sensitivity"], observed["specificity"]
    values = pd.DataFrame(
        metrics.predictive_values(sensitivity.value, specificity.value, at.tolist()),
        columns=["prevalence", "ppv", "npv"],
    )
    table = values[["prevalence"]].copy()
    for name in ("sensitivity", "specificity"):
        table[[name, f"{name}_low", f"{name}_high"]] = observed[name]
    units = bootstrap.units(p.positive, called[None], p.clusters, stratified=True)
    rng, _ = bootstrap.streams(protocol.seed)
    rates = metrics.score(bootstrap.matrices(units, protocol.resamples, rng)[:, 0])
    hit, clear = rates["sensitivity"], rates["specificity"]
    # Of false to right answers: the larger, the lower the predictive value.
    ratios = {
        "ppv": ((1 - clear, hit), (_complement(specificity), sensitivity), (1 - at) / at),
        "npv": ((1 - hit, clear), (_complement(sensitivity), specificity), at / (1 - at)),
    }
    for name, ((false, right), pair, odds) in ratios.items():
        value = values[name].to_numpy()
        drawn = _predictive(false[:, None], right[:, None], odds)
        # Without a single such error, or right answer, a draw cannot know how rare it is.
        extreme = np.mean((false == 0) | (right == 0)) > (1 - protocol.confidence) / 2
        if extreme:
            small, large = _ratio(*pair)
            low, high = (_predictive(np.array(r), np.array(1.0), odds) for r in (large, small))
        else:
            low, high = curves.limits(drawn, protocol.confidence)
        table[name] = value
        table[f"{name}_low"] = np.where(np.isnan(value), np.nan, low)
        table[f"{name}_high"] = np.where(np.isnan(value), np.nan, high)
        method = "Wilson" if extreme else "bootstrap"
        table[f"{name}_method"] = np.where(np.isnan(value), "none", method)
    lacking = [name for name in ("sensitivity", "specificity") if np.isnan(observed[name].value)]
    lacking = lacking or [name for name in ("ppv", "npv") if values[name].isna().any()]
    reasons = dict.fromkeys(metrics.undefined(name, cells) for name in lacking)
    return table.assign(reason="; ".join(reasons))


def shares(p: Predictions, called: NDArray[np.bool_], confidence: float) -> dict[str, Share]:
    """Sensitivity, specificity, PPV and NPV of decisions, with Wilson limits."""
    inside = metrics.denominators(p.positive, called)
    right = called == p.positive
    return {
        name: proportions.grouped_wilson(right[inside[name]], p.group[inside[name]], confidence)
        for name in ("sensitivity", "specificity", "ppv", "npv")
    }


def _complement(share: Share) -> Share:
    return Share(1 - share.value, 1 - share.high, 1 - share.low)


def _ratio(top: Share, bottom: Share) -> tuple[float, float]:
    """Limits of the ratio of two independent proportions, from limits of each."""
    if np.isnan(top.value + bottom.value):
        return np.nan, np.nan
    product = top.value * bottom.value
    over_low = bottom.high * (2 * bottom.value - bottom.high)
    over_high = bottom.low * (2 * bottom.value - bottom.low)
    # Rounding alone makes these negative.
    root_low = np.sqrt(max(0.0, product**2 - top.low * (2 * top.value - top.low) * over_low))
    root_high = np.sqrt(max(0.0, product**2 - top.high * (2 * top.value - top.high) * over_high))
    low = max(0.0, float(product - root_low) / over_low) if over_low else 0.0
    high = float(product + root_high) / over_high if over_high > 0 else np.inf
    return low, high


def _predictive(
    false: NDArray[np.float64], right: NDArray[np.float64], odds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of right answers among equal answers, from the rates of both.

    ``odds`` are those of the class in which the answer is false; NaN where neither class
    gets the answer.
    """
    with np.errstate(invalid="ignore"):
        # An infinite rate of false answers leaves no right one.
        return np.where(np.isinf(false), 0.0, right / (right + odds * false))
