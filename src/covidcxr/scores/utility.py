"""What a classifier is worth in use: predictive values, people called, net benefit.

Sensitivity and specificity belong to a threshold. Where disease is rarer than in the test
part, the same two numbers give other predictive values and another net benefit; carrying
them over takes for granted that only the share of the diseased changes, not what the
diseased and the others look like.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bootstrap, curves, intervals, metrics, proportions
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import IMAGE, Predictions

PREVALENCES = (0.01, 0.05, 0.1, 0.5)
"""From screening to a ward of suspected cases."""

FINE = np.geomspace(0.005, 0.5, 60)
"""Prevalences to draw a curve over."""

EVENLY, WIDELY = np.linspace(0, 0.95, 96), np.geomspace(0.001, 0.5, 80)
"""Threshold probabilities to draw a curve over, the latter for a rare disease."""

PEOPLE = 1_000

_NAN = float("nan")


class Share(NamedTuple):
    """A proportion with Wilson's limits; NaN where there is nothing to count."""

    value: float
    low: float
    high: float


def thresholds(
    p: Predictions, thresholds: Sequence[float], confidence: float = 0.95
) -> pd.DataFrame:
    """Return the confusion matrix and its proportions at thresholds.

    Parameters
    ----------
    p
        Predictions of n images.
    thresholds
        A score at or above one is called positive.
    confidence
        Of Wilson's intervals, with the images that the groups leave in effect.

    Returns
    -------
    pandas.DataFrame
        A row a threshold: ``threshold``, ``tp``, ``fn``, ``fp``, ``tn``, and of
        ``sensitivity``, ``specificity``, ``ppv``, ``npv`` the value, ``_low`` and
        ``_high``; NaN where undefined, and ``reason`` says why.
    """
    rows = []
    for threshold in thresholds:
        called = p.called(threshold)
        cells = metrics.cells(p.positive, called)
        shares = _shares(p, called, confidence)
        lacking = [name for name, one in shares.items() if np.isnan(one.value)]
        rows.append(
            {"threshold": float(threshold), **dict(zip(metrics.CELLS, cells, strict=True))}
            | _flat(shares)
            | {
                "reason": "; ".join(
                    f"{metrics.word(name)}: {metrics.undefined(name, cells)}" for name in lacking
                )
            }
        )
    return pd.DataFrame(rows)


def at_prevalence(
    p: Predictions,
    prevalences: Sequence[float] | NDArray[np.float64] = PREVALENCES,
    protocol: Protocol | None = None,
) -> pd.DataFrame:
    """Carry PPV and NPV over to other prevalences, with intervals.

    Parameters
    ----------
    p
        Predictions of n images.
    prevalences
        Of the disease where the model would be used.
    protocol
        Threshold, coverage and bootstrap.

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
    beyond one limit, Wilson's limits of sensitivity and specificity, combined as a ratio,
    stand in, and ``_method`` says so.

    References
    ----------
    For the limits of a ratio: Donner and Zou, Stat Methods Med Res 21:347-359 (2012).
    """
    protocol = protocol or Protocol()
    at = np.asarray(prevalences, dtype=float)
    if not ((at > 0) & (at < 1)).all():
        raise ValueError("a prevalence must be above 0 and below 1")
    called = p.called(protocol.threshold)
    cells = metrics.cells(p.positive, called)
    shares = _shares(p, called, protocol.confidence)
    found, spared = shares["sensitivity"], shares["specificity"]
    values = pd.DataFrame(
        metrics.predictive_values(found.value, spared.value, at.tolist()),
        columns=["prevalence", "ppv", "npv"],
    )
    table = values[["prevalence"]].assign(
        **{key: value for key, value in _flat(shares).items() if key.startswith("s")}
    )
    hit, clear = _drawn_rates(p, called, protocol)
    # Of false to right answers: the larger, the lower the predictive value.
    ratios = {
        "ppv": ((1 - clear, hit), (_complement(spared), found), (1 - at) / at),
        "npv": ((1 - hit, clear), (_complement(found), spared), at / (1 - at)),
    }
    for name, ((false, right), pair, odds) in ratios.items():
        value = values[name].to_numpy()
        drawn = _predictive(false[:, None], right[:, None], odds)
        # Draws without a single such error, or hit, know too little of how rare it is.
        extreme = np.mean((false == 0) | (right == 0)) > (1 - protocol.confidence) / 2
        if extreme:
            small, large = _ratio(*pair)
            low, high = (_predictive(np.array(r), np.array(1.0), odds) for r in (large, small))
        else:
            low, high = curves.limits(drawn, protocol.confidence)
        table[name] = value
        table[f"{name}_low"] = np.where(np.isnan(value), _NAN, low)
        table[f"{name}_high"] = np.where(np.isnan(value), _NAN, high)
        method = "Wilson" if extreme else "bootstrap"
        table[f"{name}_method"] = np.where(np.isnan(value), "none", method)
    lacking = [name for name in ("sensitivity", "specificity") if np.isnan(shares[name].value)]
    lacking = lacking or [name for name in ("ppv", "npv") if values[name].isna().any()]
    reasons = dict.fromkeys(metrics.undefined(name, cells) for name in lacking)
    return table.assign(reason="; ".join(reasons))


def statements(
    table: pd.DataFrame,
    people: int = PEOPLE,
    disease: str = "COVID-19",
    confidence: float = 0.95,
) -> list[str]:
    """Say what a model's calls mean for people, a sentence or two a prevalence.

    Parameters
    ----------
    table
        As `at_prevalence` returns it.
    people
        How many are screened.
    disease
        What the sick have.
    confidence
        With which the table was made.

    Returns
    -------
    list of str
        Counts are rounded so that those of one sentence add up.
    """
    return [_statement(row, people, disease, confidence) for row in table.to_dict("records")]


def shown(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """Write the shares of a table of this module with their limits, for a page.

    Parameters
    ----------
    table
        As `thresholds` or `at_prevalence` returns it.
    digits
        Behind the point.

    Returns
    -------
    pandas.DataFrame
        A share and its limits in one column, and the four cells; reasons where there are any.
    """
    out = pd.DataFrame(index=table.index)
    for name in table:
        column = str(name)
        stem = column.rsplit("_", 1)[0]
        if column in metrics.CELLS:
            if column == metrics.CELLS[0]:
                rows = zip(*(table[cell] for cell in metrics.CELLS), strict=True)
                out[", ".join(metrics.CELLS)] = [", ".join(f"{n:,}" for n in row) for row in rows]
        elif column == "reason":
            if table[column].any():
                out["remark"] = table[column]
        elif f"{column}_low" in table:
            trio = zip(table[column], table[f"{column}_low"], table[f"{column}_high"], strict=True)
            out[metrics.word(column)] = [
                "–" if np.isnan(v) else f"{v:.{digits}f} ({a:.{digits}f} to {b:.{digits}f})"
                for v, a, b in trio
            ]
        elif column.endswith("_method"):
            out[f"{metrics.word(stem)} limits"] = table[column]
        elif stem == column or stem not in table:
            out[column] = table[column]
    return out


def shifted(score: ArrayLike, before: float, after: float) -> NDArray[np.float64]:
    """Move probabilities to another prevalence: the odds change by one factor for all.

    Parameters
    ----------
    score
        Probabilities, any shape.
    before, after
        The prevalence that they are of, and the one that they shall be of, both above 0
        and below 1.

    References
    ----------
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
    """Return the net benefit of acting on a model, on everyone, and on no one.

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
        Whether the scores are moved to that prevalence first, as a user could who
        knows it.

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
    lacking = [
        f"no {name} image"
        for name, there in (("positive", p.positive), ("negative", ~p.positive))
        if not there.any()
    ]
    share = prevalence or (p.prevalence if len(p) else _NAN)
    odds = at / (1 - at)
    rows = pd.DataFrame(
        {"threshold": at, "prevalence": share, "model": _NAN, "low": _NAN, "high": _NAN,
         "all": share - (1 - share) * odds, "none": 0.0, "reason": " and ".join(lacking)}
    )  # fmt: skip
    if lacking:
        return rows
    score = shifted(p.score, p.prevalence, share) if adjusted else p.score
    called = score[None, :] >= at[:, None]
    gain, cost = share, (1 - share) * odds
    hit, clear = _rates(p.positive, called, np.ones((1, len(p))))
    rows["model"] = (gain * hit - cost * (1 - clear))[0]
    pieces = []
    group = None if p.unit == IMAGE else p.group
    for weights in bootstrap.weights(
        p.positive, group, protocol.resamples, intervals.seeds(protocol.seed)[1], stratified=True
    ):
        hits, clears = _rates(p.positive, called, weights)
        pieces.append(gain * hits - cost * (1 - clears))
    low, high = curves.limits(np.concatenate(pieces), protocol.confidence)
    found = [_shares(p, one, protocol.confidence) for one in called]
    sens, spec = (
        np.array([one[name] for one in found]).T for name in ("sensitivity", "specificity")
    )
    less = np.hypot(gain * (sens[0] - sens[1]), cost * (spec[0] - spec[1]))
    more = np.hypot(gain * (sens[2] - sens[0]), cost * (spec[2] - spec[0]))
    # From a probability of 0 on, everyone is called, whatever the data.
    less[at == 0] = more[at == 0] = 0
    rows["low"] = np.fmin(low, rows["model"] - less)
    rows["high"] = np.fmax(high, rows["model"] + more)
    return rows


def useful(curve: pd.DataFrame) -> tuple[float, float] | None:
    """Return the widest run of thresholds where a model surely beats all and none.

    Parameters
    ----------
    curve
        As `decision_curve` returns it.

    Returns
    -------
    tuple or None
        The first and the last threshold of the run at which the lower limit is above
        both; None where there is none.
    """
    better = (curve["low"] > curve["all"].clip(lower=0)).to_numpy()
    at = curve["threshold"].to_numpy()
    ends = np.flatnonzero(np.diff(np.concatenate([[False], better, [False]]).astype(int)))
    runs = [(float(at[a]), float(at[b - 1])) for a, b in ends.reshape(-1, 2)]
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def useful_told(curve: pd.DataFrame) -> str:
    """Say at which thresholds a model surely beats all and none, after "is above ..."."""
    if curve["model"].isna().all():
        return f"nowhere ({curve['reason'].iloc[0]})"
    found = useful(curve)
    if found is None:
        return "at none of the thresholds"
    low, high = (100 * end for end in found)
    return f"from a threshold of {low:.2g}% to one of {high:.2g}%"


def told(table: pd.DataFrame) -> str:
    """Write the PPV of a table's first row with its limits, in per cent, or why it has none."""
    row = table.iloc[0]
    if np.isnan(row["ppv"]):
        return f"an unknown share ({row['reason']})"
    return f"{_percent(row['ppv'], row['ppv_high'])}% ({_range(row)})"


# --- how


def _shares(p: Predictions, called: NDArray[np.bool_], confidence: float) -> dict[str, Share]:
    inside = metrics.denominators(p.positive, called)
    right = called == p.positive
    return {
        name: _share(right[inside[name]], p.group[inside[name]], confidence)
        for name in ("sensitivity", "specificity", "ppv", "npv")
    }


def _share(right: NDArray[np.bool_], group: NDArray[np.int64], confidence: float) -> Share:
    if not len(right):
        return Share(_NAN, _NAN, _NAN)
    return Share(*proportions.grouped_wilson(right, group, confidence))


def _flat(shares: dict[str, Share]) -> dict[str, float]:
    return {
        f"{name}{suffix}": number
        for name, one in shares.items()
        for suffix, number in zip(("", "_low", "_high"), one, strict=True)
    }


def _complement(share: Share) -> Share:
    return Share(1 - share.value, 1 - share.high, 1 - share.low)


def _ratio(top: Share, bottom: Share) -> tuple[float, float]:
    """Return limits of the ratio of two independent proportions from limits of each."""
    if np.isnan(top.value + bottom.value):
        return _NAN, _NAN
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
    """Return the share of right answers among equal answers, from the rates of both.

    ``odds`` are those of the class in which the answer is false; NaN where neither class
    gets the answer.
    """
    with np.errstate(invalid="ignore"):
        # An infinite rate of false answers leaves no right one.
        return np.where(np.isinf(false), 0.0, right / (right + odds * false))


def _drawn_rates(
    p: Predictions, called: NDArray[np.bool_], protocol: Protocol
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw sensitivities and specificities, shapes (b,)."""
    group = None if p.unit == IMAGE else p.group
    units = bootstrap.units(p.positive, called[None], group, stratified=True)
    rng = intervals.seeds(protocol.seed)[0]
    drawn = metrics.score(bootstrap.matrices(units, protocol.resamples, rng)[:, 0])
    return drawn["sensitivity"], drawn["specificity"]


def _rates(
    positive: NDArray[np.bool_], called: NDArray[np.bool_], weights: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sensitivity and specificity of each of b samples at each of m thresholds.

    Shape (b, m) each, for decisions (m, n) and weights (b, n).
    """
    given = weights.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        found, spared = (
            given[:, rows] @ right[:, rows].T.astype(float) / given[:, rows].sum(axis=1)[:, None]
            for rows, right in ((positive, called), (~positive, ~called))
        )
    return found, spared


def _statement(row: Mapping[Hashable, Any], people: int, disease: str, confidence: float) -> str:
    sick = round(row["prevalence"] * people)
    opening = f"Of {people:,} people screened of whom {sick:,} {_have(sick)} {disease}, "
    if np.isnan(row["sensitivity"]) or np.isnan(row["specificity"]):
        return f"{opening}nothing can be said: {row['reason']}."
    found = round(row["sensitivity"] * sick)
    called = found + round((1 - row["specificity"]) * (people - sick))
    who = {0: "none of these has it", called: "all of these have it"}
    if called == 0:
        answer = "no one"
    elif called == 1:
        answer = f"1, who {'has it' if found else 'does not have it'}"
    else:
        answer = f"{called:,}; {who.get(found, f'{found:,} of these {_have(found)} it')}"
    missed = sick - found
    end = "1 person" if missed == 1 else f"{missed:,} people"
    if not missed:
        end = "no one" if row["sensitivity"] == 1 else "fewer than 1 person on average"
    limits = ""
    if np.isfinite(row["ppv_low"]):
        limits = f" ({100 * confidence:g}% interval of this share {_range(row)})"
    return f"{opening}the network would call {answer}{limits}, and miss {end} with it."


def _range(row: Any) -> str:
    low, high = (_percent(row[f"ppv_{end}"], row["ppv_high"]) for end in ("low", "high"))
    return f"{low} to {high}%"


def _percent(share: float, largest: float) -> str:
    """Write a share in per cent, with a decimal where all of its kind are small."""
    return f"{100 * share:.{0 if largest >= 0.1 else 1}f}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
