"""Whether a difference between two models on the same images is a difference.

Everything is paired: what counts is the images on which just one of the two is right.
A difference is the first model's score less the second's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from covidcxr.scores import bootstrap, delong, metrics
from covidcxr.scores.intervals import NAN, Interval, Protocol, clopper_pearson, seeds
from covidcxr.scores.predictions import IMAGE, Predictions, align

LEVEL = 0.05
"""The level at which two models count as told apart."""


# --- McNemar's test


def mcnemar(b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Return the exact two-sided p of McNemar's test.

    Parameters
    ----------
    b, c
        Images that only the first, and only the second, model gets right; any shape.

    References
    ----------
    McNemar, Psychometrika 12:153-157 (1947), with the binomial distribution.
    """
    fewer, n = np.minimum(b, c), np.add(b, c)
    return np.minimum(1.0, 2 * stats.binom.cdf(fewer, n, 0.5))


def mid_p(b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Return McNemar's mid-p: the exact p less the probability of what was seen.

    References
    ----------
    Fagerland, Lydersen and Laake, BMC Med Res Methodol 13:91 (2013).
    """
    fewer, n = np.minimum(b, c), np.add(b, c)
    seen = stats.binom.pmf(fewer, n, 0.5)
    p = np.where(np.equal(b, c), 1 - seen / 2, 2 * stats.binom.cdf(fewer, n, 0.5) - seen)
    # Without a discordant image nothing was tested.
    return np.where(n == 0, 1.0, p)


def mcnemar_by_group(difference: NDArray[np.int64]) -> float:
    """Return the exact two-sided p where images come in groups that answer together.

    Were the models equal, each group's difference could as well have the other sign;
    the distribution of their sum over all signs is counted, not drawn. Groups of one
    image give McNemar's exact p.

    Parameters
    ----------
    difference
        Shape (g,): in each group the images that only the first model gets right, less
        those that only the second does.
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


def smallest_difference(discordant: int, level: float = LEVEL) -> int | None:
    """Return the fewest images by which two models must differ to be told apart.

    Parameters
    ----------
    discordant
        Images on which just one of them is right.
    level
        Of the exact test.

    Returns
    -------
    int or None
        None where even all of them on one side would not do.
    """
    fewer = np.arange(discordant // 2 + 1)
    enough = fewer[mcnemar(fewer, discordant - fewer) < level]
    return int(discordant - 2 * enough.max()) if len(enough) else None


# --- two models


def compare(
    first: Predictions,
    second: Predictions,
    protocol: Protocol | None = None,
    margin: float = 0.05,
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
    called = np.stack([a.called(protocol.threshold), b.called(protocol.threshold)])
    right = called == a.positive
    group = a.clusters
    test = _mcnemar(right, a, np.ones(len(a), bool))
    differences = _differences(a, b, called, group, protocol)
    fewest = smallest_difference(test["b"] + test["c"])
    # Equivalence at level (1 - confidence) asks two one-sided tests: a narrower interval.
    inner = Protocol(**{**vars(protocol), "confidence": 2 * protocol.confidence - 1})
    narrow = (
        _differences(a, b, called, group, inner, graded=False)
        if inner.confidence > 0
        else differences
    )
    return {
        "n": len(a),
        "unit": a.unit,
        "units": a.units,
        "mcnemar": test,
        "by_class": {
            "sensitivity": _mcnemar(right, a, a.positive),
            "specificity": _mcnemar(right, a, ~a.positive),
        },
        "differences": {name: found.as_json() for name, found in differences.items()},
        "delong": _delong(a, b, group, protocol.confidence),
        "smallest": {
            "images": fewest,
            "share": None if fewest is None else fewest / len(a),
        },
        "equivalence": {
            "margin": margin,
            **{
                name: _equivalence(narrow[name], margin)
                for name in ("accuracy", "sensitivity", "specificity")
            },
        },
    }


def pairs(
    models: Sequence[Predictions], protocol: Protocol | None = None, margin: float = 0.05
) -> list[dict[str, Any]]:
    """Compare all pairs of models, with Holm's correction over the pairs.

    Returns
    -------
    list of dict
        As `compare` returns them, with ``first``, ``second``, and ``p_holm`` beside
        each p of ``mcnemar`` (of ``p_by_group`` where there is one) and ``delong``.

    References
    ----------
    Holm, Scand J Stat 6:65-70 (1979).
    """
    found = [
        {"first": a.name, "second": b.name} | compare(a, b, protocol, margin)
        for a, b in combinations(models, 2)
    ]
    for test in ("mcnemar", "delong"):
        known = [pair[test] for pair in found if pair[test] and pair[test]["p"] is not None]
        if known:
            # Where images come in groups their own p counts.
            p = [one.get("p_by_group", one["p"]) for one in known]
            for one, corrected in zip(known, holm(p), strict=True):
                one["p_holm"] = corrected
    return found


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for being several, by Holm's step-down method."""
    return [float(value) for value in multipletests(p, method="holm")[1]]


def as_table(found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Write out a row a pair: the difference in accuracy in points, and McNemar's p.

    Parameters
    ----------
    found
        As `pairs` returns them; Holm's p and the p by group stand where they are known.
    """
    rows = []
    for pair in found:
        test, away = pair["mcnemar"], pair["differences"]["accuracy"]
        row = {
            "pair": f"{pair['first']} less {pair['second']}",
            "right alone": f"{test['b']} : {test['c']}",
            "points": _points(away["value"], away["low"], away["high"]),
            "p": _p(test["p"]),
            "mid-p": _p(test["mid_p"]),
        }
        if "p_by_group" in test:
            row["p by group"] = _p(test["p_by_group"])
        if "p_holm" in test:
            row["Holm"] = _p(test["p_holm"])
        rows.append(row | {"verdict": pair["equivalence"]["accuracy"]})
    return pd.DataFrame(rows)


def areas(found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Write out a row a pair: the difference in AUROC and DeLong's p."""
    rows = []
    for pair in found:
        test = pair["delong"] or {}
        known = test.get("p") is not None
        rows.append(
            {
                "pair": f"{pair['first']} less {pair['second']}",
                "AUROC, difference": f"{test['difference']:+.4f}" if test else "–",
                "interval": f"{test['low']:+.4f} to {test['high']:+.4f}" if known else "–",
                "p": _p(test["p"]) if known else "–",
                "Holm": _p(test["p_holm"]) if "p_holm" in test else "–",
            }
        )
    return pd.DataFrame(rows)


def answer(found: Sequence[dict[str, Any]]) -> str:
    """Say in a sentence which pairs McNemar's test tells apart after Holm's correction."""
    if not found:
        return "This study has one network, so that there is no pair to compare."
    apart = [pair for pair in found if pair["mcnemar"]["p_holm"] < LEVEL]
    if not apart:
        return "By accuracy no two of them can be told apart."
    said = []
    for pair in apart:
        test = pair["mcnemar"]
        names = (pair["first"], pair["second"])
        better, worse = names if test["b"] > test["c"] else names[::-1]
        said.append(
            f"{better} is right on {max(test['b'], test['c'])} images on which {worse} is wrong, "
            f"and wrong on {min(test['b'], test['c'])} on which that is right"
        )
    rest = len(found) - len(apart)
    left = f" The other {rest} cannot be told apart." if rest > 1 else ""
    left = " The other pair cannot be told apart." if rest == 1 else left
    return f"By accuracy {len(apart)} of {len(found)} pairs differ: {'; '.join(said)}.{left}"


def smallest_told(found: Sequence[dict[str, Any]]) -> str:
    """Say in sentences which difference in accuracy each pair would have needed."""
    said = [] if found else ["There is no pair of networks."]
    for pair in found:
        names = f"{pair['first']} and {pair['second']}"
        needed = pair["smallest"]
        discordant = pair["mcnemar"]["b"] + pair["mcnemar"]["c"]
        if needed["images"] is None:
            said.append(
                f"On {discordant} images just one of {names} is right: too few for any difference "
                f"to be told at {LEVEL:g}."
            )
        else:
            said.append(
                f"On {discordant} images just one of {names} is right, so that they would have to "
                f"differ by {needed['images']} images, {100 * needed['share']:.1f} points."
            )
    return " ".join(said)


# --- how each part is made


def _mcnemar(
    right: NDArray[np.bool_], images: Predictions, inside: NDArray[np.bool_]
) -> dict[str, Any]:
    """Test whether two models are right equally often on some of the images."""
    only = (right[0] & ~right[1] & inside, right[1] & ~right[0] & inside)
    b, c = (int(which.sum()) for which in only)
    found: dict[str, Any] = {
        "b": b,
        "c": c,
        "n": int(inside.sum()),
        "p": float(mcnemar(b, c)),
        "mid_p": float(mid_p(b, c)),
    }
    if images.unit != IMAGE:
        by_group = np.bincount(images.group, only[0].astype(int) - only[1].astype(int))
        found["p_by_group"] = mcnemar_by_group(by_group.astype(np.int64))
    return found


def _differences(
    a: Predictions,
    b: Predictions,
    called: NDArray[np.bool_],
    group: NDArray[np.int64] | None,
    protocol: Protocol,
    graded: bool = True,
) -> dict[str, Interval]:
    """Resample images, or groups, and both models' scores on them together."""
    drawn = bootstrap.units(a.positive, called, group, stratified=protocol.stratified)
    of_counts, of_weights = seeds(protocol.seed)
    observed = metrics.score(drawn.observed)
    resampled = metrics.score(bootstrap.matrices(drawn, protocol.resamples, of_counts))
    speed = dict.fromkeys(metrics.SCORES, NAN)
    if protocol.kind == "bca":
        left = bootstrap.acceleration(
            drawn,
            lambda m: np.stack([s[..., 0] - s[..., 1] for s in metrics.score(m).values()], axis=-1),
        )
        speed = dict(zip(metrics.SCORES, left.tolist(), strict=True))
    found = {
        name: _difference(
            name,
            observed[name],
            resampled[name],
            speed[name],
            a,
            protocol,
            apart=_discordant(called, a, name),
        )
        for name in metrics.SCORES
    }
    if not graded:
        return found
    functions = {name: getattr(metrics, name) for name in metrics.GRADED}
    both = {
        name: np.array([f(p.positive, p.score) for p in (a, b)]) for name, f in functions.items()
    }
    pieces: dict[str, list[NDArray[np.float64]]] = {name: [] for name in functions}
    for w in bootstrap.weights(
        a.positive, group, protocol.resamples, of_weights, stratified=protocol.stratified
    ):
        for name, f in functions.items():
            pieces[name].append(np.stack([f(p.positive, p.score, w) for p in (a, b)], axis=-1))
    # The scores themselves are resampled by percentiles alone.
    plain = Protocol(**{**vars(protocol), "kind": "percentile"})
    return found | {
        name: _difference(name, both[name], np.concatenate(pieces[name]), NAN, a, plain)
        for name in functions
    }


def _difference(
    name: str,
    values: NDArray[np.float64],
    drawn: NDArray[np.float64],
    speed: float,
    images: Predictions,
    protocol: Protocol,
    apart: tuple[int, int] | None = None,
) -> Interval:
    """Make the interval of one score's difference from resamples of both models' scores."""
    value, unit, n = float(values[0] - values[1]), images.unit, len(images)
    away = drawn[:, 0] - drawn[:, 1]
    usable = away[np.isfinite(away)]
    if not np.isfinite(value) or not len(usable):
        reason = "undefined for one of the models"
        return Interval(value, NAN, NAN, "none", unit, n, reason=reason)
    if np.ptp(usable) <= bootstrap.EQUAL:
        if apart and abs(value) == 1:
            limit, _ = clopper_pearson(apart[1], apart[1], protocol.confidence)
            # At least this share answers for the one, and at most the rest for the other.
            limit = 2 * limit - 1
            ends = (limit, 1.0) if value > 0 else (-1.0, -limit)
            method = "Clopper-Pearson limit of the share of images on which they differ"
            reason = "one model is right on every image and the other on none"
            return Interval(value, *ends, method, unit, n, reason=reason)
        if apart is None or apart[0]:
            reason = "every resample gives the same difference, which says nothing of its limits"
            return Interval(value, NAN, NAN, "none", unit, n, reason=reason)
        _, limit = clopper_pearson(0, apart[1], protocol.confidence)
        reason = "the models agree on every image"
        method = "Clopper-Pearson limit of the share of images on which they differ"
        return Interval(value, -limit, limit, method, unit, n, reason=reason)
    low, high = NAN, NAN
    label, remarks = "percentile", []
    if protocol.kind == "bca":
        low, high = bootstrap.bca(value, usable, speed, protocol.confidence)
        label = "BCa"
    if not np.isfinite(low):
        remarks = ["BCa is undefined here"] if label == "BCa" else []
        label = "percentile"
        low, high = bootstrap.percentile(usable, protocol.confidence)
    if len(usable) < len(away):
        remarks.append(f"{len(away) - len(usable):,} of {len(away):,} resamples have no value")
    strata = ", stratified by class" if protocol.stratified else ""
    return Interval(
        value,
        low,
        high,
        f"paired bootstrap, {label}{strata}",
        unit,
        n,
        resamples=protocol.resamples,
        seed=protocol.seed,
        reason="; ".join(remarks) or None,
    )


def _discordant(
    called: NDArray[np.bool_], images: Predictions, name: str
) -> tuple[int, int] | None:
    """Count the images on which the models differ, and the groups of all, for a proportion."""
    inside = {
        "accuracy": np.ones(len(images), bool),
        "sensitivity": images.positive,
        "specificity": ~images.positive,
    }.get(name)
    if inside is None:
        return None
    differ = int(np.sum((called[0] != called[1]) & inside))
    return differ, len(np.unique(images.group[inside]))


def _delong(
    a: Predictions, b: Predictions, group: NDArray[np.int64] | None, confidence: float
) -> dict[str, Any] | None:
    """Test whether two AUROCs are equal; None where a class has fewer than two groups."""
    if min(len(np.unique(a.group[inside])) for inside in (a.positive, ~a.positive)) < 2:
        return None
    areas, covariance = delong.covariance(a.positive, np.stack([a.score, b.score]), group)
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found: dict[str, Any] = {"difference": difference, "low": None, "high": None}
    if variance <= 1e-15:
        reason = "the variance of the difference is 0"
        return found | {"z": None, "p": None, "reason": reason}
    error = np.sqrt(variance)
    away = stats.norm.ppf((1 + confidence) / 2) * error
    z = difference / error
    return {
        "difference": difference,
        "low": difference - away,
        "high": difference + away,
        "z": float(z),
        "p": float(2 * stats.norm.sf(abs(z))),
    }


def _equivalence(found: Interval, margin: float) -> str:
    """Judge by an interval of coverage 1 - 2 alpha, as two one-sided tests at alpha do."""
    if not np.isfinite(found.low):
        return "undecided"
    if -margin < found.low and found.high < margin:
        return "equivalent"
    return "different" if found.low > margin or found.high < -margin else "undecided"


def _points(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    limits = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{100 * value:+.1f}{limits}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
