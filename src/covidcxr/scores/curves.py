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
    order = np.argsort(-p.score, kind="stable")
    # Where each distinct score ends.
    ends = np.flatnonzero(np.diff(p.score[order], append=-1.0))
    hits, alarms = (
        np.concatenate([[0], np.cumsum(inside[order])[ends]]).astype(np.int64)
        for inside in (p.positive, ~p.positive)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(
            {
                "threshold": np.concatenate([[np.inf], p.score[order][ends]]),
                "tp": hits,
                "fp": alarms,
                "sensitivity": hits / hits[-1],
                "false_positive_rate": alarms / alarms[-1],
                "ppv": hits / (hits + alarms),
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
