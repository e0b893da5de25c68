"""Scores with intervals, each of which says how it was made.

Proportions have Wilson's interval, the AUROC DeLong's; all else is resampled. Where
images of one group (a patient) are not independent, Wilson's interval rests on the
number of images that the group structure leaves in effect, and whole groups are drawn.
Where a method has nothing to say, another steps in and the interval says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from covidcxr.scores import bootstrap, delong, metrics
from covidcxr.scores.predictions import IMAGE, Predictions

Kind = Literal["percentile", "bca"]

NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """A score and what is known of it.

    Attributes
    ----------
    value, low, high
        NaN where undefined; ``reason`` then says why.
    method
        How the limits were found.
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
        """Return the fields that say something; NaN becomes null."""
        return {
            key: _plain(value)
            for key, value in asdict(self).items()
            if value is not None or key in ("value", "low", "high")
        }


@dataclass(frozen=True)
class Protocol:
    """How intervals are made.

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


# --- proportions


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a proportion, NaN for n = 0.

    References
    ----------
    Wilson, J Am Stat Assoc 22:209-212 (1927).
    """
    return _proportion(successes, n, confidence, "wilson")


def clopper_pearson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a proportion, NaN for n = 0.

    References
    ----------
    Clopper and Pearson, Biometrika 26:404-413 (1934).
    """
    return _proportion(successes, n, confidence, "beta")


def effective(
    success: NDArray[np.bool_], group: NDArray[np.int64], confidence: float = 0.95
) -> tuple[float, float]:
    """Return how many independent images a proportion of grouped images is worth.

    Parameters
    ----------
    success
        Shape (n,): the images in the denominator.
    group
        Shape (n,): their groups.
    confidence
        Of the interval that this is for: with few groups their spread is badly known,
        which costs images too, by the ratio of the normal and the t quantile.

    Returns
    -------
    tuple
        The effective number of images and the design effect, 1 or more. Few right or few
        wrong images say little of the design effect, so that two groups all right and two
        all wrong are added before it is estimated, as Agresti and Coull add two images of
        each kind to a proportion. Where all images agree each group counts once.

    References
    ----------
    Agresti and Coull, Am Stat 52:119-126 (1998); Korn and Graubard, Survey Methodology
    24:193-201 (1998), for the effective sample size in an interval of a proportion.
    """
    _, code = np.unique(group, return_inverse=True)
    n, number = len(success), int(code.max(initial=-1)) + 1
    if n == number or n == 0:
        return float(n), 1.0
    share = success.mean()
    if share in (0, 1):
        return float(number), n / number
    sizes, hits = np.bincount(code).astype(float), np.bincount(code, weights=success)
    more = np.full(2, n / number)
    effect = design_effect(
        np.concatenate([hits, more, 0 * more]), np.concatenate([sizes, more, more])
    )
    effect = max(1.0, effect)
    tail = (1 + confidence) / 2
    lost = (stats.norm.ppf(tail) / stats.t.ppf(tail, max(1, number - 1))) ** 2
    # A single group is one observation.
    return max(1.0, n / effect * lost) if number > 1 else 1.0, effect


def design_effect(hits: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """Return by how much groups raise the variance of a proportion.

    Parameters
    ----------
    hits, sizes
        Shape (g,): successes in each group, and its images; two groups at least, and
        neither all images nor none are successes.

    References
    ----------
    Rao and Scott, Biometrics 48:577-585 (1992), equation 1.
    """
    groups, n = len(sizes), sizes.sum()
    share = hits.sum() / n
    squares = np.sum((hits - share * sizes) ** 2)
    return float(groups / (groups - 1) * squares / (n * share * (1 - share)))


# --- a model's scores


def evaluate(predictions: Predictions, protocol: Protocol | None = None) -> dict[str, Interval]:
    """Score a model, with intervals.

    Parameters
    ----------
    predictions
        Its predictions.
    protocol
        Threshold, coverage and bootstrap; the default one where left out.

    Returns
    -------
    dict
        By name all of `metrics.SCORES` and `metrics.GRADED`.
    """
    protocol = protocol or Protocol()
    p, called = predictions, predictions.called(protocol.threshold)
    group = p.clusters
    drawn = bootstrap.units(p.positive, called[None], group, stratified=protocol.stratified)
    in_denominator = {
        "accuracy": np.ones(len(p), bool),
        "sensitivity": p.positive,
        "specificity": ~p.positive,
        "ppv": called,
        "npv": ~called,
    }
    right = called == p.positive
    proportions = {
        name: _of_proportion(right[inside], p.group[inside], p.unit, protocol.confidence)
        for name, inside in in_denominator.items()
    }
    resampled = _graded(p, group, protocol)
    check = resampled["auroc"]
    area = _auroc(p, group, protocol)
    if np.isfinite(check.low):
        area = replace(area, bootstrap=(check.low, check.high))
    return _explained(
        {
            **_thresholded(drawn, proportions, p.unit, protocol),
            **resampled,
            "auroc": area,
        },
        drawn.observed[0],
    )


def area(predictions: Predictions, confidence: float = 0.95) -> Interval:
    """Return the AUROC with DeLong's interval, or Newcombe's where that has too little to go by.

    Parameters
    ----------
    predictions
        A model's predictions; images of one group are not taken for independent.
    confidence
        Coverage.
    """
    return _auroc(predictions, predictions.clusters, Protocol(confidence=confidence))


def of_matrix(cells: ArrayLike, protocol: Protocol | None = None) -> dict[str, Interval]:
    """Score a confusion matrix of independent images, with intervals.

    Parameters
    ----------
    cells
        tp, fn, fp, tn.
    protocol
        As for `evaluate`; the threshold plays no part.

    Returns
    -------
    dict
        By name all of `metrics.SCORES`.
    """
    protocol = protocol or Protocol()
    counts = np.asarray(cells, dtype=np.int64)
    drawn = bootstrap.Units(
        np.eye(4, dtype=np.int64),
        counts,
        np.array([1, 1, 2, 2]) if protocol.stratified else np.zeros(4, np.int64),
        np.arange(4)[None],
    )
    known = dict(zip(metrics.CELLS, counts.tolist(), strict=True))
    proportions = {}
    for name, parts in metrics.PROPORTIONS.items():
        k, n = (sum(known[cell] for cell in part.split("+")) for part in parts)
        proportions[name] = _interval_of(k, n, n, 1.0, IMAGE, protocol.confidence)
    return _explained(_thresholded(drawn, proportions, IMAGE, protocol), counts)


def table(found: Mapping[str, Interval]) -> pd.DataFrame:
    """Return intervals as a frame indexed by score, with a column for each field."""
    rows = {name: asdict(interval) for name, interval in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def seeds(seed: int) -> list[np.random.Generator]:
    """Return the streams of a bootstrap: of counts, of weights."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]


# --- how each kind is made


def _proportion(successes: float, n: float, confidence: float, method: str) -> tuple[float, float]:
    if n == 0:
        return NAN, NAN
    low, high = proportion_confint(successes, n, 1 - confidence, method=method)
    # No success leaves no doubt about the lower limit, but rounding errors do.
    return float(low) if successes else 0.0, float(high) if successes < n else 1.0


def _of_proportion(
    right: NDArray[np.bool_], group: NDArray[np.int64], unit: str, confidence: float
) -> Interval:
    n, effect = effective(right, group, confidence)
    # What is lost to few groups counts as well.
    effect = len(right) / n if n else effect
    return _interval_of(int(right.sum()), len(right), n, effect, unit, confidence)


def _interval_of(
    k: int, n: int, worth: float, effect: float, unit: str, confidence: float
) -> Interval:
    share = k / n if n else NAN
    low, high = wilson(share * worth, worth, confidence) if n else (NAN, NAN)
    return Interval(
        value=share,
        low=low,
        high=high,
        method="Wilson" if effect == 1 else f"Wilson, design effect {effect:.2f}",
        unit=unit,
        n=n,
        clopper_pearson=clopper_pearson(share * worth, worth, confidence) if n else None,
    )


def _thresholded(
    drawn: bootstrap.Units, proportions: dict[str, Interval], unit: str, protocol: Protocol
) -> dict[str, Interval]:
    """Add the scores that are no proportions, from resampled matrices."""
    cells = drawn.observed[0]
    values = metrics.score(cells)
    resampled = metrics.score(
        bootstrap.matrices(drawn, protocol.resamples, seeds(protocol.seed)[0])[:, 0]
    )
    speed = dict.fromkeys(metrics.COMPOSITES, NAN)
    if protocol.kind == "bca":
        left = bootstrap.acceleration(
            drawn,
            lambda m: np.stack([metrics.score(m[..., 0, :])[s] for s in metrics.COMPOSITES], -1),
        )
        speed = dict(zip(metrics.COMPOSITES, left.tolist(), strict=True))
    found = dict(proportions)
    found["balanced_accuracy"] = _balanced(float(values["balanced_accuracy"]), cells, proportions)
    for name in metrics.COMPOSITES:
        if name in found:
            continue
        made = _resampled(
            float(values[name]), resampled[name], speed[name], unit, int(cells.sum()), protocol
        )
        if np.isfinite(made.value) and made.resamples is None:
            made = _from_proportions(name, made, cells, proportions)
        found[name] = made
    return found


def _balanced(
    value: float, cells: NDArray[np.int64], proportions: Mapping[str, Interval]
) -> Interval:
    """Combine the limits of sensitivity and specificity, whose mean the balanced accuracy is.

    Near 1 resamples often miss no image at all and take a proportion for certain; Wilson's
    limits do not. For the combination see Zou and Donner, Stat Med 27:1693-1702 (2008).
    """
    found, spared = proportions["sensitivity"], proportions["specificity"]
    low = value - np.hypot(found.value - found.low, spared.value - spared.low) / 2
    high = value + np.hypot(found.high - found.value, spared.high - spared.value) / 2
    method = "Wilson limits of sensitivity and specificity"
    return Interval(value, float(low), float(high), method, found.unit, int(cells.sum()))


def _resampled(
    value: float,
    drawn: NDArray[np.float64],
    speed: float,
    unit: str,
    n: int,
    protocol: Protocol,
    kind: str | None = None,
) -> Interval:
    """Make an interval of resampled values, or say why they give none."""
    usable = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(usable):
        return Interval(value, NAN, NAN, "none", unit, n)
    if np.ptp(usable) <= bootstrap.EQUAL:
        same = "every resample gives the same value, which is no knowledge of its uncertainty"
        return Interval(value, NAN, NAN, "none", unit, n, reason=same)
    kind = kind or protocol.kind
    remarks: list[str] = []
    if kind == "bca":
        low, high = bootstrap.bca(value, usable, speed, protocol.confidence)
        if not np.isfinite(low):
            kind = "percentile"
            remarks.append("BCa is undefined: all resamples on one side, or too few units")
    if kind == "percentile":
        low, high = bootstrap.percentile(usable, protocol.confidence)
    elif kind == "basic":
        low, high = bootstrap.basic(value, usable, protocol.confidence)
        low, high = max(0.0, low), min(1.0, high)
        if high <= value:
            kind = "percentile"
            remarks.append("nearly every resample is calibrated worse")
            low, high = bootstrap.percentile(usable, protocol.confidence)
            low = min(low, value)
    lost = len(drawn) - len(usable)
    if lost:
        remarks.append(f"{lost:,} of {len(drawn):,} resamples have no value and are left out")
    name = {"bca": "BCa", "percentile": "percentile", "basic": "basic"}[kind]
    strata = ", stratified by class" if protocol.stratified else ""
    return Interval(
        value,
        low,
        high,
        f"bootstrap, {name}{strata}",
        unit,
        n,
        resamples=protocol.resamples,
        seed=protocol.seed,
        reason="; ".join(remarks) or None,
    )


def _from_proportions(
    name: str, made: Interval, cells: NDArray[np.int64], proportions: Mapping[str, Interval]
) -> Interval:
    """Take the limits of sensitivity and specificity where resampling has none to offer."""
    positives, negatives = cells[:2].sum(), cells[2:].sum()
    ends = []
    for end in ("low", "high"):
        found, spared = (getattr(proportions[s], end) for s in ("sensitivity", "specificity"))
        table = [positives * found, positives * (1 - found)]
        table += [negatives * (1 - spared), negatives * spared]
        ends.append(float(metrics.score(table)[name]))
    low, high = ends
    if not np.isfinite(ends).all():
        return made
    return Interval(
        made.value, low, high, "Wilson limits of sensitivity and specificity", made.unit, made.n,
        reason=made.reason,
    )  # fmt: skip


def _auroc(p: Predictions, group: NDArray[np.int64] | None, protocol: Protocol) -> Interval:
    value = float(metrics.auroc(p.positive, p.score))
    if not np.isfinite(value):
        return Interval(value, NAN, NAN, "none", p.unit, len(p))
    counts = [len(np.unique(p.group[inside])) for inside in (p.positive, ~p.positive)]
    low = high = NAN
    # So near to 1 its variance rests on an image or none.
    few = min(value, 1 - value) * min(counts) < 1
    if min(counts) > 1 and not few:
        _, variance = delong.covariance(p.positive, p.score[None], group)
        low, high = delong.interval(value, float(variance[0, 0]), protocol.confidence)
    if np.isfinite(low):
        method = "DeLong, logit" if group is None else "DeLong for clusters, logit"
        return Interval(value, low, high, method, p.unit, len(p))
    low, high = delong.newcombe(value, counts[0], counts[1], protocol.confidence)
    return Interval(
        value, low, high, "Newcombe's method 5", p.unit, len(p),
        reason="DeLong's variance rests on too few images here",
    )  # fmt: skip


def _graded(
    p: Predictions, group: NDArray[np.int64] | None, protocol: Protocol
) -> dict[str, Interval]:
    """Resample what needs every score: all of `metrics.GRADED`."""
    functions = {name: getattr(metrics, name) for name in metrics.GRADED}
    pieces = [
        {name: function(p.positive, p.score, w) for name, function in functions.items()}
        for w in bootstrap.weights(
            p.positive, group, protocol.resamples, seeds(protocol.seed)[1],
            stratified=protocol.stratified,
        )
    ]  # fmt: skip
    speed = dict.fromkeys(functions, NAN)
    if protocol.kind == "bca":
        speed = _speed(p, group, protocol)
    return {
        name: _resampled(
            float(function(p.positive, p.score)),
            np.concatenate([piece[name] for piece in pieces]),
            speed[name],
            p.unit,
            len(p),
            protocol,
            # Resampling raises a calibration error, so that its percentiles lie too high.
            kind="basic" if name == "ece" else None,
        )
        for name, function in functions.items()
    }


def _speed(p: Predictions, group: NDArray[np.int64] | None, protocol: Protocol) -> dict[str, float]:
    """Return the accelerations of the graded scores, from leaving out one unit at a time."""
    names = metrics.GRADED
    unit = np.arange(len(p)) if group is None else group
    number = int(unit.max()) + 1
    left = {name: [] for name in names}  # type: dict[str, list[NDArray[np.float64]]]
    rows = max(1, bootstrap.CHUNK // len(p))
    for start in range(0, number, rows):
        weights = unit[None] != np.arange(start, min(start + rows, number))[:, None]
        for name in names:
            left[name].append(getattr(metrics, name)(p.positive, p.score, weights))
    values = np.stack([np.concatenate(left[name]) for name in names], axis=-1)
    classes = np.zeros((number, 2), dtype=bool)
    if protocol.stratified:
        classes[unit[p.positive], 0] = True
        classes[unit[~p.positive], 1] = True
    stratum = classes @ [1, 2]
    found = bootstrap.accelerate(values, np.ones(number, dtype=np.int64), stratum)
    return dict(zip(names, found.tolist(), strict=True))


def _explained(found: dict[str, Interval], cells: NDArray[np.int64]) -> dict[str, Interval]:
    """Say of each undefined score why it is."""
    order = (*metrics.SCORES, *metrics.GRADED)
    explained = {}
    for name in (name for name in order if name in found):
        made = found[name]
        if not np.isfinite(made.value):
            reason = metrics.undefined(name, cells)
            made = Interval(made.value, NAN, NAN, "none", made.unit, made.n, reason=reason)
        explained[name] = made
    return explained


def _plain(value: Any) -> Any:
    """Return JSON's form of a value."""
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def difference(first: Interval, second: Interval) -> tuple[float, float, float]:
    """Return the difference of two scores of independent samples, with its interval.

    Parameters
    ----------
    first, second
        The scores with their own intervals, of one coverage.

    Returns
    -------
    tuple
        First less second, lower limit, upper limit; NaN where either has no limits.

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
