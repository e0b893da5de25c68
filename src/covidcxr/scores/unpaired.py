"""Unpaired comparison of two models, or of one model on two test sets, that share no image.

A difference is the first one's score less the second's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from covidcxr.core.errors import Unusable
from covidcxr.core.words import plural, shown
from covidcxr.scores import delong, metrics
from covidcxr.scores.comparison import EQUIVALENT, equivalence, equivalence_coverage
from covidcxr.scores.evaluation import closed_form, evaluate
from covidcxr.scores.intervals import Interval, Protocol, area, difference, undefined
from covidcxr.scores.predictions import Predictions

NORMAL = "p is from the normal distribution"


def compare(
    first: Predictions,
    second: Predictions,
    protocol: Protocol | None = None,
    margin: float = 0.05,
    thresholds: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Compare predictions of two independent sets of images.

    Parameters are those of `covidcxr.scores.comparison.compare`.

    Returns
    -------
    dict
        ``design`` (``unpaired``); ``first`` and ``second``, each with ``n``, ``unit``, ``units``
        and ``prevalence``; ``differences`` by score, each an `Interval` as a dict; ``fisher`` by
        score (``p``, or the ``reason`` for none); ``delong`` (``difference``, ``low``, ``high``,
        ``z``, ``p``, ``distribution``); ``equivalence``. What is undefined is None.

    Raises
    ------
    Unusable
        Where an image stands in both.
    """
    protocol = protocol or Protocol()
    _refuse_shared(first, second)
    models = first, second
    levels = thresholds or (protocol.threshold, protocol.threshold)
    one, other = (
        evaluate(p, replace(protocol, threshold=level))
        for p, level in zip(models, levels, strict=True)
    )
    confidence = equivalence_coverage(protocol.confidence)
    narrow = [closed_form(p, level, confidence) for p, level in zip(models, levels, strict=True)]
    samples = ("first", "second")
    return {
        "design": "unpaired",
        **{name: _sample(p) for name, p in zip(samples, models, strict=True)},
        "differences": {name: _difference(one[name], other[name]).as_json() for name in one},
        "fisher": {name: _fisher(name, models, levels) for name in EQUIVALENT},
        "delong": _delong(first, second, protocol.confidence),
        "equivalence": {
            "margin": margin,
            **{
                name: equivalence(_difference(narrow[0][name], narrow[1][name]), margin)
                for name in EQUIVALENT
            },
        },
    }


def _refuse_shared(first: Predictions, second: Predictions) -> None:
    shared = sorted(set(first.image_id) & set(second.image_id))
    if shared:
        more = f" and {plural(len(shared) - 1, 'other')}" if len(shared) > 1 else ""
        raise Unusable(
            f"{second.name}: image '{shown(shared[0], 200)}'{more} of {first.name} "
            "is in it too, and unpaired sets share none; leave --unpaired out to compare the same "
            "images, or name different images differently."
        )


def _sample(p: Predictions) -> dict[str, Any]:
    return {"n": len(p), "unit": p.unit, "units": p.units, "prevalence": p.prevalence}


def _difference(one: Interval, other: Interval) -> Interval:
    """Difference with limits from each one's own, after Zou and Donner (2008)."""
    value, low, high = difference(one, other)
    unit = one.unit if one.unit == other.unit else f"{one.unit}, {other.unit}"
    reasons = [f"{name}: {x.reason}" for name, x in (("A", one), ("B", other)) if x.reason]
    reason = one.reason if one.reason == other.reason else "; ".join(reasons)
    n = one.n + other.n
    if not np.isfinite(low):
        return undefined(unit, n, reason, value)
    wilson = all(x.method.startswith("Wilson") and x.clopper_pearson for x in (one, other))
    method = f"{'Newcombe' if wilson else 'Zou-Donner'}, from each one's limits"
    return Interval(value, low, high, method, unit, n, one.resamples, one.seed, reason=reason)


def _fisher(
    name: str, models: tuple[Predictions, Predictions], levels: tuple[float, float]
) -> Mapping[str, Any]:
    """Fisher's exact test of two proportions (J R Stat Soc 85:87-94, 1922), two-sided."""
    if any(p.clusters is not None for p in models):
        return {"p": None, "reason": "the test takes images of one group for independent"}
    table = []
    for p, level in zip(models, levels, strict=True):
        called = p.called(level)
        right = (called == p.positive)[metrics.denominators(p.positive, called)[name]]
        table.append([int(right.sum()), int((~right).sum())])
    if not np.sum(table, axis=1).all():
        return {"p": None, "reason": "a class is missing"}
    return {"p": float(stats.fisher_exact(table).pvalue)}


def _delong(first: Predictions, second: Predictions, confidence: float) -> dict[str, Any] | None:
    """Test two independent AUROCs by the sum of DeLong's variances; None without two groups."""
    areas, variances = [], []
    for p in (first, second):
        if min(p.units_by_class) < 2:
            return None
        value, variance = delong.covariance(p.positive, p.score[None], p.clusters)
        areas.append(float(value[0]))
        variances.append(float(variance[0, 0]))
    doubts = [
        f"{name}: {why}"
        for name, p in (("A", first), ("B", second))
        if (why := area(p, confidence).reason)
    ]
    test = delong.z_test(areas[0] - areas[1], sum(variances), confidence, doubts)
    return test | {"distribution": NORMAL}
