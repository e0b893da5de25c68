"""ROC and precision-recall curves, exact; images with equal scores enter together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.scores import bootstrap
from covidcxr.scores.predictions import Predictions


def points(p: Predictions) -> pd.DataFrame:
    """Exact ROC and precision-recall curves, a row a threshold, highest first.

    Columns: ``threshold``, ``tp``, ``fp`` (images called at it), ``sensitivity`` (recall),
    ``false_positive_rate``, ``ppv`` (precision). The first row calls no image, at an infinite
    threshold, and has no PPV. A share without a denominator is NaN.
    """
    hits, alarms = _called(p)
    called = hits + alarms
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(
            {
                "threshold": _thresholds(p),
                "tp": hits,
                "fp": alarms,
                "sensitivity": hits / hits[-1],
                "false_positive_rate": alarms / alarms[-1],
                "ppv": hits / called,
            }
        )


def limits(
    drawn: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile limits, two of shape (k,), of columns of resampled values (b, k).

    NaN values are left out; where a column has no other, its limits are NaN.
    """
    tail = 100 * (1 - confidence) / 2
    usable = np.isfinite(drawn)
    if usable.all():
        low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
        return low, high
    pairs = [
        bootstrap.percentile(column[finite], confidence) if finite.any() else (np.nan, np.nan)
        for column, finite in zip(drawn.T, usable.T, strict=True)
    ]
    return tuple(np.array(pairs).reshape(-1, 2).T)  # type: ignore[return-value]


def _order(p: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of images by falling score, and where each distinct score ends."""
    order = np.argsort(-p.score, kind="stable")
    ends = np.flatnonzero(np.diff(p.score[order], append=-1.0))
    return order, ends


def _thresholds(p: Predictions) -> NDArray[np.float64]:
    order, ends = _order(p)
    return np.concatenate([[np.inf], p.score[order][ends]])


def _called(p: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count true and false positives by threshold, from none to all called: shapes (k + 1,)."""
    order, ends = _order(p)
    hits, alarms = (
        np.concatenate([[0], np.cumsum(inside[order])[ends]]).astype(np.int64)
        for inside in (p.positive, ~p.positive)
    )
    return hits, alarms
