"""All scores of a model with intervals: closed forms where there are any, else the bootstrap.

Proportions have Wilson's interval, the AUROC DeLong's; all else is resampled. Where images of
one group (a patient) are not independent, Wilson's interval uses the effective sample size, and
whole groups are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bca, bootstrap, metrics
from covidcxr.scores.intervals import Interval, Protocol, area, undefined
from covidcxr.scores.predictions import IMAGE, Predictions
from covidcxr.scores.proportions import clopper_pearson, effective_sample_size, wilson

_COMBINED = "Wilson limits of sensitivity and specificity"


def evaluate(p: Predictions, protocol: Protocol | None = None) -> dict[str, Interval]:
    """All of `metrics.SCORES` and `metrics.PROBABILITY_SCORES` of a model, with intervals."""
    protocol = protocol or Protocol()
    called = p.called(protocol.threshold)
    drawn = bootstrap.units(p.positive, called[None], p.clusters, stratified=protocol.stratified)
    proportions = _proportions(p, called, protocol.confidence)
    scores = _threshold_scores(drawn, proportions, p.unit, protocol)
    return _with_reasons(scores | _probability_scores(p, protocol), drawn.observed[0])


def closed_form(
    p: Predictions, threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Interval]:
    """Proportions, balanced accuracy and AUROC of a model, whose intervals need no bootstrap.

    Intervals are those of `evaluate`, without its checks by another method.
    """
    called = p.called(threshold)
    cells = metrics.cells(p.positive, called)
    scores = _proportions(p, called, confidence)
    value = float(metrics.score(cells)["balanced_accuracy"])
    scores["balanced_accuracy"] = _balanced_accuracy(value, len(p), scores)
    return _with_reasons(scores | {"auroc": area(p, confidence)}, cells)


def of_matrix(cells: ArrayLike, protocol: Protocol | None = None) -> dict[str, Interval]:
    """All of `metrics.SCORES` of a matrix (tp, fn, fp, tn) of single images, with intervals."""
    protocol = protocol or Protocol()
    counts = np.asarray(cells, dtype=np.int64)
    strata = np.array([1, 1, 2, 2]) if protocol.stratified else np.zeros(4, np.int64)
    drawn = bootstrap.Units(np.eye(4, dtype=np.int64), counts, strata, np.arange(4)[None])
    by_name = dict(zip(metrics.CELLS, counts.tolist(), strict=True))
    proportions = {}
    for name, parts in metrics.PROPORTIONS.items():
        k, n = (sum(by_name[cell] for cell in part.split("+")) for part in parts)
        proportions[name] = _proportion(k, n, n, 1.0, IMAGE, protocol.confidence)
    return _with_reasons(_threshold_scores(drawn, proportions, IMAGE, protocol), counts)


# --- proportions


def _proportions(
    p: Predictions, called: NDArray[np.bool_], confidence: float
) -> dict[str, Interval]:
    """Proportions of images with Wilson limits by the effective sample size."""
    right, proportions = called == p.positive, {}
    for name, inside in metrics.denominators(p.positive, called).items():
        k, total = int(right[inside].sum()), int(inside.sum())
        n, effect = effective_sample_size(right[inside], p.group[inside], confidence)
        # What is lost to few groups counts as well.
        effect = total / n if n else effect
        proportions[name] = _proportion(k, total, n, effect, p.unit, confidence)
    return proportions


def _proportion(
    k: int, n: int, effective: float, effect: float, unit: str, confidence: float
) -> Interval:
    share = k / n if n else np.nan
    low, high = wilson(share * effective, effective, confidence) if n else (np.nan, np.nan)
    return Interval(
        value=share,
        low=low,
        high=high,
        method="Wilson" if effect == 1 else f"Wilson, design effect {effect:.2f}",
        unit=unit,
        n=n,
        clopper_pearson=clopper_pearson(share * effective, effective, confidence) if n else None,
    )


def _balanced_accuracy(value: float, n: int, proportions: Mapping[str, Interval]) -> Interval:
    """Combine the limits of sensitivity and specificity, whose mean the balanced accuracy is.

    Resamples near 1 often miss no image and then have no width. Zou and Donner, Stat Med
    27:1693-1702 (2008).
    """
    one, other = proportions["sensitivity"], proportions["specificity"]
    low = value - np.hypot(one.value - one.low, other.value - other.low) / 2
    high = value + np.hypot(one.high - one.value, other.high - other.value) / 2
    return Interval(value, float(low), float(high), _COMBINED, one.unit, n)


def _with_reasons(scores: Mapping[str, Interval], cells: NDArray[np.int64]) -> dict[str, Interval]:
    """Give each undefined score the reason."""
    return {
        name: one
        if np.isfinite(one.value)
        else undefined(one.unit, one.n, metrics.undefined(name, cells))
        for name, one in scores.items()
    }


# --- resampled scores


def _threshold_scores(
    drawn: bootstrap.Units, proportions: dict[str, Interval], unit: str, protocol: Protocol
) -> dict[str, Interval]:
    """Add the scores that are no proportions, from resampled matrices."""
    cells = drawn.observed[0]
    values, n = metrics.score(cells), int(cells.sum())
    rng, _ = bootstrap.streams(protocol.seed)
    resampled = metrics.score(bootstrap.matrices(drawn, protocol.resamples, rng)[:, 0])
    accelerations = np.full(len(metrics.COMPOSITES), np.nan)
    if protocol.kind == "bca":
        accelerations = bca.acceleration_of_counts(
            drawn,
            lambda m: np.stack([metrics.score(m[..., 0, :])[s] for s in metrics.COMPOSITES], -1),
        )
    scores = dict(proportions)
    for name, acceleration in zip(metrics.COMPOSITES, accelerations.tolist(), strict=True):
        value = float(values[name])
        if name == "balanced_accuracy":
            scores[name] = _balanced_accuracy(value, n, proportions)
            continue
        one = _resampled(value, resampled[name], acceleration, unit, n, protocol)
        if np.isfinite(value) and one.resamples is None:
            one = _from_proportions(name, one, cells, proportions)
        scores[name] = one
    return scores


def _resampled(
    value: float,
    drawn: NDArray[np.float64],
    acceleration: float,
    unit: str,
    n: int,
    protocol: Protocol,
    kind: Literal["percentile", "bca", "basic"] | None = None,
) -> Interval:
    """Interval of resampled values, or the reason why they give none."""
    usable = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(usable):
        return undefined(unit, n, None, value)
    if np.ptp(usable) <= bootstrap.EQUAL:
        reason = "every resample gives the same value, which is no knowledge of its uncertainty"
        return undefined(unit, n, reason, value)
    kind = kind or protocol.kind
    low, high, used = bca.resampled_limits(value, usable, acceleration, kind, protocol.confidence)
    remarks = []
    if used != kind:
        remarks.append(
            "BCa is undefined: all resamples on one side, or too few units"
            if kind == "bca"
            else "nearly every resample is calibrated worse"
        )
    if lost := len(drawn) - len(usable):
        remarks.append(f"{lost:,} of {len(drawn):,} resamples have no value and are left out")
    strata = ", stratified by class" if protocol.stratified else ""
    method = f"bootstrap, {used.replace('bca', 'BCa')}{strata}"
    return Interval(
        value, low, high, method, unit, n, protocol.resamples, protocol.seed,
        reason="; ".join(remarks) or None,
    )  # fmt: skip


def _from_proportions(
    name: str, score: Interval, cells: NDArray[np.int64], proportions: Mapping[str, Interval]
) -> Interval:
    """Take the limits of sensitivity and specificity where resampling has none to offer."""
    positives, negatives = cells[:2].sum(), cells[2:].sum()
    ends = []
    for end in ("low", "high"):
        hit, clear = (getattr(proportions[s], end) for s in ("sensitivity", "specificity"))
        matrix = [positives * hit, positives * (1 - hit), negatives * (1 - clear)]
        ends.append(float(metrics.score([*matrix, negatives * clear])[name]))
    if not np.isfinite(ends).all():
        return score
    low, high = ends
    return replace(score, low=low, high=high, method=_COMBINED)


def _probability_scores(p: Predictions, protocol: Protocol) -> dict[str, Interval]:
    """Resample all of `metrics.PROBABILITY_SCORES`; the AUROC has DeLong's interval."""
    functions = {name: getattr(metrics, name) for name in metrics.PROBABILITY_SCORES}
    _, rng = bootstrap.streams(protocol.seed)
    pieces = [
        {name: function(p.positive, p.score, w) for name, function in functions.items()}
        for w in bootstrap.weights(
            p.positive, p.clusters, protocol.resamples, rng, stratified=protocol.stratified
        )
    ]
    accelerations = dict.fromkeys(functions, np.nan)
    if protocol.kind == "bca":
        accelerations = bca.acceleration_of_weights(
            functions, p.positive, p.score, p.clusters, stratified=protocol.stratified
        )
    scores = {
        name: _resampled(
            float(function(p.positive, p.score)),
            np.concatenate([piece[name] for piece in pieces]),
            accelerations[name],
            p.unit,
            len(p),
            protocol,
            # Resampling raises a calibration error, so that its percentiles lie too high.
            kind="basic" if name == "ece" else None,
        )
        for name, function in functions.items()
    }
    check, auroc = scores["auroc"], area(p, protocol.confidence)
    if np.isfinite(check.low):
        auroc = replace(auroc, bootstrap=(check.low, check.high))
    return scores | {"auroc": auroc}
