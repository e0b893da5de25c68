"""Intervals of scores, each of which names its method.

Proportions have Wilson's interval, the AUROC DeLong's; all else is resampled. Where
images of one group (a patient) are not independent, Wilson's interval uses the effective
sample size, and whole groups are drawn. Undefined methods fall back to another; `method`
names the one that was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bca, bootstrap, delong, metrics
from covidcxr.scores.predictions import IMAGE, Predictions
from covidcxr.scores.proportions import clopper_pearson, effective_sample_size, wilson

Kind = Literal["percentile", "bca"]

NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """A score with its limits.

    Attributes
    ----------
    value, low, high
        NaN where undefined; ``reason`` then says why.
    method
        How the limits were computed.
    unit
        What counts as independent: ``image`` or the name of a group.
    n
        Images that the score rests on.
    resamples, seed
        Of a bootstrap.
    clopper_pearson, bootstrap
        As a check, the exact limits of a proportion, and the AUROC's percentiles.
    reason
        Why there is no value, no limits, or another method than usual.
    """

    value: float
    low: float
    high: float
    method: str
    unit: str
    n: int
    resamples: int | None = None
    seed: int | None = None
    clopper_pearson: tuple[float, float] | None = None
    bootstrap: tuple[float, float] | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Fields that are set; NaN becomes null."""
        return {
            key: _plain(value)
            for key, value in asdict(self).items()
            if value is not None or key in ("value", "low", "high")
        }


@dataclass(frozen=True)
class Protocol:
    """Settings of intervals.

    Attributes
    ----------
    threshold
        A score at or above it is called positive.
    confidence
        Coverage.
    resamples, seed
        Of the bootstrap.
    stratified
        Whether the classes keep their sizes, as in a case-control cohort; otherwise the
        prevalence varies as well.
    kind
        Of the bootstrap's interval.
    """

    threshold: float = 0.5
    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0
    stratified: bool = True
    kind: Kind = "percentile"


def difference(first: Interval, second: Interval) -> tuple[float, float, float]:
    """Difference of two scores of independent samples, with its limits.

    NaN limits where either score has none.

    References
    ----------
    Zou and Donner, Stat Med 27:1693-1702 (2008), who recover variances from the limits
    of each score; for two proportions with Wilson's limits it is Newcombe's hybrid
    interval, Stat Med 17:873-890 (1998), method 10.
    """
    value = first.value - second.value
    if not np.isfinite([value, first.low, second.low]).all():
        return value, NAN, NAN
    low = value - np.hypot(first.value - first.low, second.high - second.value)
    high = value + np.hypot(first.high - first.value, second.value - second.low)
    return value, float(low), float(high)


# --- the scores of a model


def evaluate(predictions: Predictions, protocol: Protocol | None = None) -> dict[str, Interval]:
    """All of `metrics.SCORES` and `metrics.PROBABILITY_SCORES` of a model, with intervals."""
    protocol = protocol or Protocol()
    p, called = predictions, predictions.called(protocol.threshold)
    drawn = bootstrap.units(p.positive, called[None], p.clusters, stratified=protocol.stratified)
    right = called == p.positive
    proportions = {
        name: _grouped_proportion(right[inside], p.group[inside], p.unit, protocol.confidence)
        for name, inside in metrics.denominators(p.positive, called).items()
    }
    scores = _threshold_scores(drawn, proportions, p.unit, protocol)
    return _with_reasons(scores | _probability_scores(p, protocol), drawn.observed[0])


def area(predictions: Predictions, confidence: float = 0.95) -> Interval:
    """AUROC with DeLong's interval for clusters, or Newcombe's where that is undefined."""
    p = predictions
    value = float(metrics.auroc(p.positive, p.score))
    if not np.isfinite(value):
        return Interval(value, NAN, NAN, "none", p.unit, len(p))
    groups = [len(np.unique(p.group[inside])) for inside in (p.positive, ~p.positive)]
    # Nearer to 1 than this, the variance rests on one image or none.
    if min(groups) > 1 and min(value, 1 - value) * min(groups) >= 1:
        _, variance = delong.covariance(p.positive, p.score[None], p.clusters)
        low, high = delong.interval(value, float(variance[0, 0]), confidence)
        if np.isfinite(low):
            method = "DeLong, logit" if p.clusters is None else "DeLong for clusters, logit"
            return Interval(value, low, high, method, p.unit, len(p))
    low, high = delong.newcombe(value, groups[0], groups[1], confidence)
    reason = "DeLong's variance rests on too few images here"
    return Interval(value, low, high, "Newcombe's method 5", p.unit, len(p), reason=reason)


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


def seeds(seed: int) -> list[np.random.Generator]:
    """Random streams of a bootstrap: of counts, of weights."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]


def resampled_limits(
    value: float,
    drawn: NDArray[np.float64],
    acceleration: float,
    kind: Literal["percentile", "bca", "basic"],
    confidence: float,
) -> tuple[float, float, str]:
    """Bootstrap limits of finite resampled values, and their kind: percentile if undefined.

    Basic limits are of a score from 0 to 1 that resampling raises.
    """
    if kind == "bca":
        low, high = bca.interval(value, drawn, acceleration, confidence)
        if np.isfinite(low):
            return low, high, kind
    low, high = bootstrap.percentile(drawn, confidence)
    if kind == "basic":
        reflected, end = bootstrap.basic(value, drawn, confidence)
        if end > value:
            return max(0.0, reflected), min(1.0, end), kind
        low = min(low, value)
    return low, high, "percentile"


# --- how each kind is computed


def _grouped_proportion(
    right: NDArray[np.bool_], group: NDArray[np.int64], unit: str, confidence: float
) -> Interval:
    n, effect = effective_sample_size(right, group, confidence)
    # What is lost to few groups counts as well.
    effect = len(right) / n if n else effect
    return _proportion(int(right.sum()), len(right), n, effect, unit, confidence)


def _proportion(
    k: int, n: int, effective: float, effect: float, unit: str, confidence: float
) -> Interval:
    share = k / n if n else NAN
    low, high = wilson(share * effective, effective, confidence) if n else (NAN, NAN)
    return Interval(
        value=share,
        low=low,
        high=high,
        method="Wilson" if effect == 1 else f"Wilson, design effect {effect:.2f}",
        unit=unit,
        n=n,
        clopper_pearson=clopper_pearson(share * effective, effective, confidence) if n else None,
    )


def _threshold_scores(
    drawn: bootstrap.Units, proportions: dict[str, Interval], unit: str, protocol: Protocol
) -> dict[str, Interval]:
    """Add the scores that are no proportions, from resampled matrices."""
    cells = drawn.observed[0]
    values, n = metrics.score(cells), int(cells.sum())
    rng, _ = seeds(protocol.seed)
    resampled = metrics.score(bootstrap.matrices(drawn, protocol.resamples, rng)[:, 0])
    accelerations = np.full(len(metrics.COMPOSITES), NAN)
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


def _balanced_accuracy(value: float, n: int, proportions: Mapping[str, Interval]) -> Interval:
    """Combine the limits of sensitivity and specificity, whose mean the balanced accuracy is.

    Near 1 resamples often miss no image at all and take a proportion for certain; Wilson's
    limits do not. For the combination see Zou and Donner, Stat Med 27:1693-1702 (2008).
    """
    one, other = proportions["sensitivity"], proportions["specificity"]
    low = value - np.hypot(one.value - one.low, other.value - other.low) / 2
    high = value + np.hypot(one.high - one.value, other.high - other.value) / 2
    method = "Wilson limits of sensitivity and specificity"
    return Interval(value, float(low), float(high), method, one.unit, n)


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
        return Interval(value, NAN, NAN, "none", unit, n)
    if np.ptp(usable) <= bootstrap.EQUAL:
        reason = "every resample gives the same value, which is no knowledge of its uncertainty"
        return Interval(value, NAN, NAN, "none", unit, n, reason=reason)
    kind = kind or protocol.kind
    low, high, used = resampled_limits(value, usable, acceleration, kind, protocol.confidence)
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
    return replace(score, low=low, high=high, method="Wilson limits of sensitivity and specificity")


def _probability_scores(p: Predictions, protocol: Protocol) -> dict[str, Interval]:
    """Resample all of `metrics.PROBABILITY_SCORES`; the AUROC has DeLong's interval."""
    functions = {name: getattr(metrics, name) for name in metrics.PROBABILITY_SCORES}
    _, rng = seeds(protocol.seed)
    pieces = [
        {name: function(p.positive, p.score, w) for name, function in functions.items()}
        for w in bootstrap.weights(
            p.positive, p.clusters, protocol.resamples, rng, stratified=protocol.stratified
        )
    ]
    accelerations = dict.fromkeys(functions, NAN)
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


def _with_reasons(scores: Mapping[str, Interval], cells: NDArray[np.int64]) -> dict[str, Interval]:
    """Give each undefined score the reason."""
    return {
        name: one
        if np.isfinite(one.value)
        else Interval(
            one.value, NAN, NAN, "none", one.unit, one.n, reason=metrics.undefined(name, cells)
        )
        for name, one in scores.items()
    }


def _plain(value: Any) -> Any:
    """JSON's form of a value."""
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
