"""Paired comparison of two models on the same images.

A difference is the first model's score less the second's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from covidcxr.scores import bootstrap, delong, metrics
from covidcxr.scores.intervals import Interval, Protocol, area, difference, undefined
from covidcxr.scores.mcnemar import LEVEL, exact_p, mid_p
from covidcxr.scores.predictions import IMAGE, Predictions, align
from covidcxr.scores.proportions import clopper_pearson

EQUIVALENT = ("accuracy", "sensitivity", "specificity")
"""Scores that are judged equivalent or not: both models share their denominators."""


# --- McNemar's test


def mcnemar_by_group(difference: NDArray[np.int64]) -> float:
    """Exact two-sided p of the sign-flip test of groups of images.

    ``difference``, shape (g,): images of a group that only the first model gets right, less
    those that only the second does. Under equality each could have either sign; the distribution
    of their sum over all signs is counted, not drawn. Groups of one image give McNemar's exact p.
    """
    sizes = np.abs(difference[difference != 0])
    chances = np.ones(1)
    for size in sizes:
        # The group adds nothing or twice its size to the lowest possible sum.
        step = np.zeros(2 * size + 1)
        step[[0, -1]] = 0.5
        chances = np.convolve(chances, step)
    sums = np.arange(len(chances)) - sizes.sum()
    return float(min(1.0, chances[np.abs(sums) >= abs(difference.sum())].sum()))


def smallest_difference(discordant: int) -> int | None:
    """Smallest difference in images that is significant, by the number of discordant images.

    None where even all of them on one side would not be.
    """
    fewer = np.arange(discordant // 2 + 1)
    enough = fewer[exact_p(fewer, discordant - fewer) < LEVEL]
    return int(discordant - 2 * enough.max()) if len(enough) else None


# --- two models


def compare(
    first: Predictions,
    second: Predictions,
    protocol: Protocol | None = None,
    margin: float = 0.05,
    thresholds: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Compare two models on the same images.

    Parameters
    ----------
    first, second
        Their predictions, in any order of images.
    protocol
        Threshold, coverage and bootstrap; the default one where left out.
    margin
        Scores nearer than this to each other are equivalent.
    thresholds
        Each model's own, in place of the protocol's.

    Returns
    -------
    dict
        ``n``, ``unit``, ``units``; ``mcnemar`` (``b``, ``c``, ``p``, ``mid_p`` and, for
        groups, ``p_by_group``), the same ``by_class``; ``differences`` by score, each an
        `Interval` as a dict; ``delong`` (``difference``, ``low``, ``high``, ``z``, ``p``);
        ``smallest`` (``images``, ``share``); ``equivalence`` (``margin`` and by score
        ``equivalent``, ``different`` or ``undecided``). What is undefined is None.

    Raises
    ------
    Unusable
        Where the predictions are not of the same images.
    """
    protocol = protocol or Protocol()
    a, b = align(first, second)
    of_a, of_b = thresholds or (protocol.threshold, protocol.threshold)
    called = np.stack([a.called(of_a), b.called(of_b)])
    right = called == a.positive
    test = _mcnemar(right, a, np.ones(len(a), bool))
    smallest = smallest_difference(test["b"] + test["c"])
    samples = _threshold_samples(a, called, protocol)
    differences = _threshold_differences(samples, a, protocol)
    for name, sample in _probability_samples(a, b, protocol).items():
        differences[name] = _difference(sample, a, protocol)
    delong_test = _delong(a, b, protocol.confidence)
    if not protocol.resamples and delong_test and delong_test["low"] is not None:
        value, low, high = (delong_test[key] for key in ("difference", "low", "high"))
        differences["auroc"] = Interval(value, low, high, "paired DeLong", a.unit, len(a))
    elif not np.isfinite(differences["auroc"].low):
        differences["auroc"] = _apart(
            area(a, protocol.confidence),
            area(b, protocol.confidence),
            "every resample gives the same difference"
            if protocol.resamples
            else "DeLong's test is undefined",
        )
    narrow = replace(protocol, confidence=equivalence_coverage(protocol.confidence))
    narrower = _threshold_differences({s: samples[s] for s in EQUIVALENT}, a, narrow)
    return {
        "n": len(a),
        "unit": a.unit,
        "units": a.units,
        "mcnemar": test,
        "by_class": {
            "sensitivity": _mcnemar(right, a, a.positive),
            "specificity": _mcnemar(right, a, ~a.positive),
        },
        "differences": {name: one.as_json() for name, one in differences.items()},
        "delong": delong_test,
        "smallest": {
            "images": smallest,
            "share": None if smallest is None else smallest / len(a),
        },
        "equivalence": {
            "margin": margin,
            **{name: equivalence(one, margin) for name, one in narrower.items()},
        },
    }


def pairs(
    models: Sequence[Predictions], protocol: Protocol | None = None, margin: float = 0.05
) -> list[dict[str, Any]]:
    """Compare all pairs of models, with Holm's correction over the pairs.

    As `compare` returns them, with ``first``, ``second``, and ``p_holm`` beside each p of
    ``mcnemar`` (of ``p_by_group`` where there is one) and ``delong``.
    """
    compared = [
        {"first": a.name, "second": b.name} | compare(a, b, protocol, margin)
        for a, b in combinations(models, 2)
    ]
    for test in ("mcnemar", "delong"):
        defined = [pair[test] for pair in compared if pair[test] and pair[test]["p"] is not None]
        if defined:
            p = [one.get("p_by_group", one["p"]) for one in defined]
            for one, corrected in zip(defined, holm(p), strict=True):
                one["p_holm"] = corrected
    return compared


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p values (Scand J Stat 6:65-70, 1979)."""
    return [float(value) for value in multipletests(p, method="holm")[1]]


# --- how each part is computed


def _mcnemar(
    right: NDArray[np.bool_], images: Predictions, inside: NDArray[np.bool_]
) -> dict[str, Any]:
    """McNemar's test on some of the images."""
    only = (right[0] & ~right[1] & inside, right[1] & ~right[0] & inside)
    b, c = (int(which.sum()) for which in only)
    test: dict[str, Any] = {
        "b": b,
        "c": c,
        "n": int(inside.sum()),
        "p": float(exact_p(b, c)),
        "mid_p": float(mid_p(b, c)),
    }
    if images.unit != IMAGE:
        by_group = np.bincount(images.group, only[0].astype(int) - only[1].astype(int))
        test["p_by_group"] = mcnemar_by_group(by_group.astype(np.int64))
    return test


class _Sample(NamedTuple):
    """Two models' values of one score, shape (2,), and on each resample, shape (b, 2).

    ``discordant``, of a proportion: images that the models call differently, and groups of all.
    """

    values: NDArray[np.float64]
    drawn: NDArray[np.float64]
    discordant: tuple[int, int] | None = None


def _threshold_samples(
    images: Predictions, called: NDArray[np.bool_], protocol: Protocol
) -> dict[str, _Sample]:
    """Resample images, or groups, and both models' decisions on them together."""
    drawn = bootstrap.units(
        images.positive, called, images.clusters, stratified=protocol.stratified
    )
    rng, _ = bootstrap.streams(protocol.seed)
    observed = metrics.score(drawn.observed)
    resampled = metrics.score(bootstrap.matrices(drawn, protocol.resamples, rng))
    differ = called[0] != called[1]
    inside = metrics.denominators(images.positive, called[0])
    discordant = {
        name: (int(np.sum(differ & inside[name])), len(np.unique(images.group[inside[name]])))
        for name in EQUIVALENT
    }
    return {
        name: _Sample(observed[name], resampled[name], discordant.get(name))
        for name in metrics.SCORES
    }


def _probability_samples(a: Predictions, b: Predictions, protocol: Protocol) -> dict[str, _Sample]:
    """Resample images, or groups, and both models' probabilities of them together."""
    _, rng = bootstrap.streams(protocol.seed)
    resampled = [
        [metrics.probability_scores(p.positive, p.score, weights) for p in (a, b)]
        for weights in bootstrap.weights(
            a.positive, a.clusters, protocol.resamples, rng, stratified=protocol.stratified
        )
    ]
    one, other = (metrics.probability_scores(p.positive, p.score) for p in (a, b))
    return {
        name: _Sample(
            np.array([one[name], other[name]]),
            np.concatenate(
                [np.empty((0, 2)), *(np.stack([x[name], y[name]], -1) for x, y in resampled)]
            ),
        )
        for name in metrics.PROBABILITY_SCORES
    }


def _threshold_differences(
    samples: Mapping[str, _Sample], images: Predictions, protocol: Protocol
) -> dict[str, Interval]:
    """Intervals of differences of scores at the threshold, of the accuracy also by its classes."""
    differences = {name: _difference(one, images, protocol) for name, one in samples.items()}
    by_class = [differences["sensitivity"], differences["specificity"]]
    shares = {"accuracy": images.prevalence, "balanced_accuracy": 0.5}
    for name in shares.keys() & differences.keys():
        if not np.isfinite(differences[name].low):
            differences[name] = _together(differences[name], by_class, shares[name])
    return differences


def _together(whole: Interval, by_class: Sequence[Interval], share: float) -> Interval:
    """Combine the limits of both classes' differences, weighted by ``share`` and the rest.

    Zou and Donner, Stat Med 27:1693-1702 (2008).
    """
    if not np.isfinite([one.low for one in by_class]).all():
        return whole
    weights = (share, 1 - share)
    below, above = (
        np.hypot(*(w * abs(getattr(one, end) - one.value)
                   for w, one in zip(weights, by_class, strict=True)))
        for end in ("low", "high")
    )  # fmt: skip
    return replace(
        whole,
        low=float(whole.value - below),
        high=float(whole.value + above),
        method="Clopper-Pearson limits of both classes' differences",
        reason="every resample gives the same difference; the limits are of both classes",
    )


def _apart(first: Interval, second: Interval, reason: str) -> Interval:
    """Interval of a difference from each model's own, which takes no account of the pairing."""
    value, low, high = difference(first, second)
    if not np.isfinite(low):
        return undefined(first.unit, first.n, "undefined for one of the models", value)
    method = "limits of each model's AUROC, unpaired"
    return Interval(value, low, high, method, first.unit, first.n, reason=reason)


def _difference(sample: _Sample, images: Predictions, protocol: Protocol) -> Interval:
    """Interval of one score's difference from resamples of both models' scores."""
    value, unit, n = float(sample.values[0] - sample.values[1]), images.unit, len(images)
    resampled = sample.drawn[:, 0] - sample.drawn[:, 1]
    usable = resampled[np.isfinite(resampled)]
    if np.isfinite(value) and not len(resampled):
        return undefined(unit, n, bootstrap.SWITCHED_OFF, value)
    if not np.isfinite(value) or not len(usable):
        return undefined(unit, n, "undefined for one of the models", value)
    if np.ptp(usable) <= bootstrap.EQUAL:
        low, high, reason = _constant_limits(value, sample.discordant, protocol.confidence)
        method = "Clopper-Pearson limit of the share of images on which they differ"
        return Interval(
            value, low, high, method if np.isfinite(low) else "none", unit, n, reason=reason
        )
    low, high = bootstrap.percentile(usable, protocol.confidence)
    lost = len(resampled) - len(usable)
    strata = ", stratified by class" if protocol.stratified else ""
    return Interval(
        value, low, high, f"paired bootstrap, percentile{strata}", unit, n, protocol.resamples,
        protocol.seed,
        reason=f"{lost:,} of {len(resampled):,} resamples have no value" if lost else None,
    )  # fmt: skip


def _constant_limits(
    value: float, discordant: tuple[int, int] | None, confidence: float
) -> tuple[float, float, str]:
    """Limits of a proportion's difference that every resample repeats, and the reason."""
    if discordant and abs(value) == 1:
        limit, _ = clopper_pearson(discordant[1], discordant[1], confidence)
        # At least this share is right for the one, and at most the rest for the other.
        limit = 2 * limit - 1
        low, high = (limit, 1.0) if value > 0 else (-1.0, -limit)
        return low, high, "one model is right on every image and the other on none"
    if discordant is None or discordant[0]:
        reason = "every resample gives the same difference, which says nothing of its limits"
        return np.nan, np.nan, reason
    _, limit = clopper_pearson(0, discordant[1], confidence)
    return -limit, limit, "the models agree on every image"


def _delong(a: Predictions, b: Predictions, confidence: float) -> dict[str, Any] | None:
    """DeLong's test of two AUROCs; None where a class has fewer than two groups."""
    if min(a.units_by_class) < 2:
        return None
    areas, covariance = delong.covariance(a.positive, np.stack([a.score, b.score]), a.clusters)
    value = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    doubts = [f"{p.name}: {why}" for p in (a, b) if (why := area(p, confidence).reason)]
    return delong.z_test(value, variance, confidence, doubts)


def equivalence_coverage(confidence: float) -> float:
    """Coverage, 1 - 2 alpha, of the interval that two one-sided tests at alpha ask for."""
    return max(2 * confidence - 1, 0) or confidence


def equivalence(one: Interval, margin: float) -> str:
    """Judge by an interval of `equivalence_coverage`."""
    if not np.isfinite(one.low):
        return "undecided"
    if -margin < one.low and one.high < margin:
        return "equivalent"
    apart = one.low > margin or one.high < -margin
    return "different" if apart else "undecided"
