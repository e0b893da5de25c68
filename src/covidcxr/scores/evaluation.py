"""All scores of a model, each with an interval that holds its level, or the reason for none.

Proportions have Wilson's interval and the AUROC DeLong's. Composites are resampled; average
precision, Brier score and log loss have a jackknife standard error; these limits are symmetric
on a scale without ends, with Student's t. Where images of one group (a patient) are not
independent, Wilson's interval uses the effective sample size, and whole groups are drawn or left
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bca, bootstrap, jackknife, metrics
from covidcxr.scores.intervals import Interval, Protocol, area, undefined
from covidcxr.scores.predictions import IMAGE, Predictions
from covidcxr.scores.proportions import clopper_pearson, effective_sample_size, wilson

_COMBINED = "Wilson limits of sensitivity and specificity"
_SCALES: dict[str, jackknife.Scale] = {
    **dict.fromkeys(("f1", "macro_f1", "auprc", "brier"), "logit"),
    **dict.fromkeys(("mcc", "kappa"), "Fisher z"),
    "log_loss": "log",
}
"""Scales on which the distribution of a score is nearly normal."""

FEWEST_MISSES = 0.25
"""Positive images, by the average precision's distance from 1, below which the jackknife falls
short of its level in simulations."""

MIN_UNITS = 30
"""Independent units of each class below which a mean of losses is too skewed for an interval."""


def evaluate(
    p: Predictions, protocol: Protocol | None = None, called: NDArray[np.bool_] | None = None
) -> dict[str, Interval]:
    """All of `metrics.SCORES` and `metrics.PROBABILITY_SCORES` of a model, with intervals.

    ``called``, shape (n,): decisions that do not come from the protocol's threshold.
    """
    protocol = protocol or Protocol()
    called = p.called(protocol.threshold) if called is None else called
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
    drawn_scores = metrics.score(bootstrap.matrices(drawn, protocol.resamples, rng)[:, 0])
    accelerations = np.full(len(metrics.COMPOSITES), np.nan)
    if protocol.bca:
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
        df = degrees_of_freedom(*_units_by_class(drawn))
        one = resampled(
            _SCALES[name], value, drawn_scores[name], acceleration, df, unit, n, protocol
        )
        if np.isfinite(value) and one.resamples is None and protocol.resamples:
            one = _from_proportions(name, one, cells, proportions)
        scores[name] = one
    return scores


def _units_by_class(drawn: bootstrap.Units) -> tuple[int, int]:
    """Count the units that hold a positive image, and those that hold a negative one."""
    positive = drawn.cells[0] <= 1
    holds = (drawn.patterns[:, positive].any(axis=1), drawn.patterns[:, ~positive].any(axis=1))
    return int(drawn.number[holds[0]].sum()), int(drawn.number[holds[1]].sum())


def degrees_of_freedom(*units: int) -> int:
    """Degrees of freedom of a standard error that the smaller class decides."""
    return max(1, 2 * min(units) - 2)


def resampled(
    scale: jackknife.Scale,
    value: float,
    drawn: NDArray[np.float64],
    acceleration: float,
    df: int,
    unit: str,
    n: int,
    protocol: Protocol,
) -> Interval:
    """Interval of resampled values, or the reason why they give none."""
    usable = drawn[np.isfinite(drawn)]
    if np.isfinite(value) and not len(drawn):
        return undefined(unit, n, bootstrap.SWITCHED_OFF, value)
    if not np.isfinite(value) or not len(usable):
        return undefined(unit, n, None, value)
    if np.ptp(usable) <= bootstrap.EQUAL:
        reason = "every resample gives the same value, which is no knowledge of its uncertainty"
        return undefined(unit, n, reason, value)
    remarks = []
    low, high, used = np.nan, np.nan, "BCa"
    if protocol.bca:
        low, high = bca.interval(value, usable, acceleration, protocol.confidence)
        if not np.isfinite(low):
            remarks.append("BCa is undefined: all resamples on one side, or too few units")
    if not np.isfinite(low):
        error, used = float(usable.std(ddof=1)), f"{scale} scale"
        low, high = jackknife.limits(value, error, scale, df, protocol.confidence)
    if not np.isfinite(low):
        return undefined(unit, n, f"the value is at an end of the {scale} scale", value)
    if lost := len(drawn) - len(usable):
        remarks.append(f"{lost:,} of {len(drawn):,} resamples have no value and are left out")
    strata = ", stratified by class" if protocol.stratified else ""
    method = f"bootstrap, {used}{strata}"
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


def resample_probability_scores(
    models: Sequence[Predictions], protocol: Protocol
) -> dict[str, NDArray[np.float64]]:
    """Resampled `metrics.PROBABILITY_SCORES` of m models on the same images, each (b, m)."""
    first = models[0]
    _, rng = bootstrap.streams(protocol.seed)
    pieces = [
        [metrics.probability_scores(p.positive, p.score, weights) for p in models]
        for weights in bootstrap.weights(
            first.positive, first.clusters, protocol.resamples, rng, stratified=protocol.stratified
        )
    ]
    return {
        name: np.concatenate(
            [np.empty((0, len(models)))]
            + [np.stack([one[name] for one in piece], -1) for piece in pieces]
        )
        for name in metrics.PROBABILITY_SCORES
    }


def _probability_scores(p: Predictions, protocol: Protocol) -> dict[str, Interval]:
    """All of `metrics.PROBABILITY_SCORES` with intervals."""
    values = {
        name: float(value)
        for name, value in metrics.probability_scores(p.positive, p.score).items()
    }
    units = [len(np.unique(p.group[inside])) for inside in (p.positive, ~p.positive)]
    scores = {"auroc": area(p, protocol.confidence)}
    drawn, accelerations = {}, dict.fromkeys(values, np.nan)
    if protocol.bca:
        drawn = resample_probability_scores([p], protocol)
        accelerations = bca.acceleration_of_weights(
            p.positive, p.score, p.clusters, stratified=protocol.stratified
        )
    for name in ("auprc", "brier", "log_loss"):
        value = values[name]
        if name != "auprc" and min(units) < MIN_UNITS:
            reason = (
                f"with fewer than {MIN_UNITS} independent images of a class a mean of losses is "
                "too skewed for an interval"
            )
            scores[name] = undefined(p.unit, len(p), reason, value)
        elif protocol.bca:
            df = degrees_of_freedom(*units)
            scores[name] = resampled(
                _SCALES[name],
                value,
                drawn[name][:, 0],
                accelerations[name],
                df,
                p.unit,
                len(p),
                protocol,
            )
        else:
            scores[name] = _left_out(name, value, p, units, protocol)
    reason = "a calibration error is biased upwards, and no interval of it holds its level"
    return scores | {"ece": undefined(p.unit, len(p), reason, values["ece"])}


def _left_out(
    name: str, value: float, p: Predictions, units: Sequence[int], protocol: Protocol
) -> Interval:
    """Interval by the jackknife; nearer to 1 than one image, the binomial one of Boyd et al.

    Boyd, Eng and Page, ECML PKDD 451-466 (2013), eq. 5, for the average precision.
    """
    if not np.isfinite(value) or min(units) < 2:
        return undefined(p.unit, len(p), "too few independent images of a class", value)
    method = f"jackknife, {_SCALES[name]} scale"
    reason = None
    if name == "auprc" and 0 < (1 - value) * units[0] < FEWEST_MISSES:
        error = float(np.sqrt(value * (1 - value) / units[0]))
        method, reason = "binomial, logit scale", "the jackknife rests on too few images here"
    else:
        influence = (
            jackknife.auprc_influence(p.positive, p.score)
            if name == "auprc"
            else metrics.losses(name, p.positive, p.score) / len(p)
        )
        error = jackknife.standard_error(
            influence, p.positive, p.clusters, stratified=protocol.stratified
        )
    df = degrees_of_freedom(*units)
    low, high = jackknife.limits(value, error, _SCALES[name], df, protocol.confidence)
    if not np.isfinite(low):
        reason = "the value is as good as it can be, or leaving an image out changes nothing"
        return undefined(p.unit, len(p), reason, value)
    return Interval(value, low, high, method, p.unit, len(p), reason=reason)
