"""All scores of a model, each with an interval that holds its level, or the reason for none.

Proportions have Wilson's interval and the AUROC DeLong's. Composites are resampled; average
precision, Brier score and log loss have a jackknife standard error; these limits are symmetric
on a scale without ends, with Student's t. Where images of one group (a patient) are not
independent, Wilson's interval uses the effective sample size, and whole groups are drawn or left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bootstrap, jackknife, metrics
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
    df = degrees_of_freedom(*_units_by_class(drawn))
    scores = dict(proportions)
    for name in metrics.COMPOSITES:
        value = float(values[name])
        if name == "balanced_accuracy":
            scores[name] = _balanced_accuracy(value, n, proportions)
            continue
        one = resampled(_SCALES[name], value, drawn_scores[name], df, unit, n, protocol)
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
    error = float(usable.std(ddof=1))
    low, high = jackknife.limits(value, error, scale, df, protocol.confidence)
    if not np.isfinite(low):
        return undefined(unit, n, f"the value is at an end of the {scale} scale", value)
    lost = len(drawn) - len(usable)
    reason = f"{lost:,} of {len(drawn):,} resamples have no value and are left out"
    strata = ", stratified by class" if protocol.stratified else ""
    return Interval(
        value, low, high, f"bootstrap, {scale} scale{strata}", unit, n, protocol.resamples,
        protocol.seed, reason=reason if lost else None,
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
    """All of `metrics.PROBABILITY_SCORES` with intervals."""
    values = metrics.probability_scores(p.positive, p.score)
    reason = "a calibration error is biased upwards, and no interval of it holds its level"
    return {
        "auroc": area(p, protocol.confidence),
        "auprc": _left_out("auprc", float(values["auprc"]), p, protocol),
        "brier": _mean_loss("brier", float(values["brier"]), p, protocol),
        "log_loss": _mean_loss("log_loss", float(values["log_loss"]), p, protocol),
        "ece": undefined(p.unit, len(p), reason, float(values["ece"])),
    }


def _mean_loss(name: str, value: float, p: Predictions, protocol: Protocol) -> Interval:
    if min(p.units_by_class) >= MIN_UNITS:
        return _left_out(name, value, p, protocol)
    reason = (
        f"with fewer than {MIN_UNITS} independent images of a class a mean of losses is too "
        "skewed for an interval"
    )
    return undefined(p.unit, len(p), reason, value)


def _left_out(name: str, value: float, p: Predictions, protocol: Protocol) -> Interval:
    """Interval by the jackknife; nearer to 1 than one image, the binomial one of Boyd et al.

    Boyd, Eng and Page, ECML PKDD 451-466 (2013), eq. 5, for the average precision.
    """
    units = p.units_by_class
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
