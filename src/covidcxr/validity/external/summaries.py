"""Scores of external tests, gaps to the internal score, and transfer of a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.scores import calibration, intervals, metrics, proportions
from covidcxr.scores.intervals import Interval
from covidcxr.scores.means import clustered_mean
from covidcxr.scores.predictions import Predictions
from covidcxr.validity.external.predictions import ExternalTest

SENSITIVITY = 0.95  # least sensitivity, on internal images, of the threshold that is transferred

SCORES = ("auroc", "sensitivity", "specificity", "slope", "intercept", "brier", "excess")
"""What `evaluate` returns; excess is the mean score less the share of positives."""

NAN = float("nan")


def evaluate(
    p: Predictions, threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Interval]:
    """All of `SCORES` with intervals that count groups; NaN with a reason if undefined.

    The predictions may be of one class or of no image; a score at or above the threshold is
    called positive. The Brier score and the excess are means over images, with Student's t over
    groups.
    """
    if not len(p):
        return dict.fromkeys(SCORES, _undefined(p, "no image"))
    area = intervals.area(p, confidence)
    if not np.isfinite(area.value):
        cells = metrics.cells(p.positive, p.called(threshold))
        area = replace(area, reason=metrics.undefined("auroc", cells))
    error = p.score - p.positive
    brier = _mean(error**2, p.group, confidence)
    return {
        "auroc": area,
        **_shares(p, threshold, confidence),
        **_calibration_line(p, confidence),
        "brier": replace(brier, low=max(0.0, brier.low) if np.isfinite(brier.low) else NAN),
        "excess": _mean(error, p.group, confidence),
    }


def summary(
    tests: Mapping[str, ExternalTest], threshold: float = 0.5, confidence: float = 0.95
) -> pd.DataFrame:
    """Scores of all models on all cohorts.

    A row a model, cohort (internal first), ``kept`` (True: overlapping images were removed) and
    ``score`` of `SCORES`: ``n``, ``positives``, ``groups``, ``value``, ``low``, ``high``,
    ``reason``.
    """
    rows = []
    for name, test in tests.items():
        sets = [(cohort, True, p) for cohort, p in test.cohorts.items()]
        sets += [(cohort, False, p) for cohort, p in test.whole.items()]
        for cohort, kept, p in sets:
            counts = {"n": len(p), "positives": int(p.positive.sum()), "groups": p.units}
            rows += [
                {"model": name, "cohort": cohort, "kept": kept, **counts}
                | {"score": score, "value": one.value, "low": one.low, "high": one.high}
                | {"reason": one.reason}
                for score, one in evaluate(p, threshold, confidence).items()
            ]
    columns = ["model", "cohort", "kept", "n", "positives", "groups",
               "score", "value", "low", "high", "reason"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def gaps(tests: Mapping[str, ExternalTest], confidence: float = 0.95) -> pd.DataFrame:
    """Generalisation gap of every model: internal less external AUROC.

    Internal and external images share no group; see `covidcxr.scores.intervals.difference`. A row
    a model and external cohort: ``internal`` and ``external`` AUROC, ``value``, ``low``, ``high``
    of their difference, and ``verdict``: ``lower`` or ``higher`` elsewhere, ``undecided``, or
    ``unknown`` if an AUROC is undefined.
    """
    rows = []
    for name, test in tests.items():
        inside = intervals.area(test.internal, confidence)
        for cohort, p in test.external.items():
            outside = intervals.area(p, confidence)
            value, low, high = intervals.difference(inside, outside)
            rows.append(
                {"model": name, "cohort": cohort, "internal": inside.value,
                 "external": outside.value, "value": value, "low": low, "high": high,
                 "verdict": verdict(low, high)}
            )  # fmt: skip
    columns = ["model", "cohort", "internal", "external", "value", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def verdict(low: float, high: float) -> str:
    """Verdict on the external AUROC by the limits of its gap; see `gaps`."""
    if not np.isfinite(low):
        return "unknown"
    if low > 0:
        return "lower"
    return "higher" if high < 0 else "undecided"


def threshold_of(p: Predictions, sensitivity: float = SENSITIVITY) -> float:
    """Highest threshold with at least a sensitivity; NaN without a positive image."""
    hits = np.sort(p.score[p.positive])[::-1]
    if not len(hits):
        return NAN
    # 0.95 * 20 is 19 to all but the last digit.
    return float(hits[max(1, int(np.ceil(sensitivity * len(hits) - 1e-9))) - 1])


def transfer_threshold(tests: Mapping[str, ExternalTest], confidence: float = 0.95) -> pd.DataFrame:
    """Sensitivity and specificity, by cohort, at the threshold chosen on internal images.

    A row a model, cohort (internal first) and ``score``: ``threshold``, ``value``, ``low``,
    ``high``.
    """
    rows = []
    for name, test in tests.items():
        threshold = threshold_of(test.internal)
        for cohort, p in test.cohorts.items():
            rows += [
                {"model": name, "cohort": cohort, "threshold": threshold, "score": score,
                 "value": one.value, "low": one.low, "high": one.high}
                for score, one in _shares(p, threshold, confidence).items()
            ]  # fmt: skip
    columns = ["model", "cohort", "threshold", "score", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _undefined(p: Predictions, reason: str) -> Interval:
    return Interval(NAN, NAN, NAN, "none", p.unit, len(p), reason=reason)


def _calibration_line(p: Predictions, confidence: float) -> dict[str, Interval]:
    """Calibration slope and intercept, which need scores with a finite logit."""
    if np.isin(p.score, (0, 1)).mean() > 0.5:
        return dict.fromkeys(("slope", "intercept"), _undefined(p, "most scores are 0 or 1"))
    return calibration.slope_intercept(p, confidence)


def _shares(p: Predictions, threshold: float, confidence: float) -> dict[str, Interval]:
    """Sensitivity and specificity, with Wilson's interval at the effective sample size."""
    called = p.called(threshold)
    cells = metrics.cells(p.positive, called)
    sides = {"sensitivity": (called, p.positive), "specificity": (~called, ~p.positive)}
    shares = {}
    for name, (right, inside) in sides.items():
        n = int(inside.sum())
        limits = proportions.grouped_wilson(right[inside], p.group[inside], confidence)
        shares[name] = (
            Interval(*limits, "Wilson", p.unit, n)
            if n
            else _undefined(p, metrics.undefined(name, cells))
        )
    return shares


def _mean(values: NDArray[np.float64], group: NDArray[np.int64], confidence: float) -> Interval:
    """Mean of at least one value with Student's t over groups, whose sums are independent."""
    value, low, high = clustered_mean(values, group, confidence)
    if np.isnan(low):
        return Interval(value, NAN, NAN, "none", "group", len(values), reason="a single group")
    return Interval(value, low, high, "Student's t over groups", "group", len(values))
