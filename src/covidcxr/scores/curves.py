"""ROC and precision-recall curves, exact, with pointwise bands.

Images with equal scores enter a curve together. A band covers the true curve at each
place of a fixed grid with the stated confidence, but the whole curve less often.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from covidcxr.scores import bootstrap, proportions
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

GRID = np.linspace(0, 1, 101)
"""Where bands are computed: false positive rates of ROC, sensitivities of precision-recall."""

_ROUNDING = 1e-9
"""Products such as 0.29 * 100 may fall short of the whole number that they are."""


def points(p: Predictions) -> pd.DataFrame:
    """Exact ROC and precision-recall curves, a row a threshold, highest first.

    Columns: ``threshold``, ``tp``, ``fp`` (images called at it), ``sensitivity`` (recall),
    ``false_positive_rate``, ``ppv`` (precision). The first row calls no image, at an infinite
    threshold, and has no PPV. A share without a denominator is NaN.
    """
    hits, alarms = (counts[0] for counts in _called(p, np.ones((1, len(p)), dtype=np.int64)))
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


def bands(p: Predictions, protocol: Protocol | None = None, grid: ArrayLike = GRID) -> pd.DataFrame:
    """ROC and precision-recall curves on a grid, with pointwise intervals.

    Parameters
    ----------
    p
        Predictions; whole groups are drawn where images are grouped.
    protocol
        Coverage and bootstrap.
    grid
        Shape (g,), from 0 to 1, as `GRID`.

    Returns
    -------
    pandas.DataFrame
        ``curve`` (``roc`` or ``pr``), ``at``, ``value``, ``low``, ``high``, ``reason``:
        2 g rows. NaN with a reason where a class is missing.

    Notes
    -----
    The ROC curve is joined by straight lines; at a false positive rate that several
    points share, the highest counts. Precision at a sensitivity is that of the highest
    threshold that reaches it: the step whose area is the average precision, because
    precision is not linear between two points (Davis and Goadrich, ICML 2006).

    Limits are the wider of the bootstrap's percentiles and Wilson's limits of the same
    share at a fixed threshold. Where the curve touches 1 every resample may do so too,
    and the percentiles alone would claim certainty. Only where all images are called is
    a sensitivity of 1 certain.
    """
    protocol = protocol or Protocol()
    at = np.asarray(grid, dtype=float)
    curve = np.repeat(["roc", "pr"], len(at))
    if reason := p.missing_class:
        empty = dict.fromkeys(("value", "low", "high"), np.nan)
        return pd.DataFrame({"curve": curve, "at": np.tile(at, 2), **empty, "reason": reason})
    observed = _called(p, np.ones((1, len(p)), dtype=np.int64))
    drawn: dict[str, list[NDArray[np.float64]]] = {"roc": [], "pr": []}
    for weights in bootstrap.weights(
        p.positive, p.clusters, protocol.resamples, bootstrap.streams(protocol.seed)[1],
        stratified=protocol.stratified,
    ):  # fmt: skip
        hits, alarms = _called(p, weights)
        drawn["roc"].append(_roc(hits, alarms, at)[0])
        drawn["pr"].append(_pr(hits, alarms, at)[0])
    both = []
    for name, on_grid in (("roc", _roc), ("pr", _pr)):
        value, place = (rows[0] for rows in on_grid(*observed, at))
        low, high = limits(np.concatenate(drawn[name]), protocol.confidence)
        fixed = _wilson(p, name, value, place, protocol.confidence)
        if name == "roc":
            # With every image called, no sample could show anything but 1.
            fixed[at >= 1] = 1.0
        both.append([value, np.fmin(low, fixed[:, 0]), np.fmax(high, fixed[:, 1])])
    columns = dict(zip(("value", "low", "high"), np.concatenate(both, axis=1), strict=True))
    return pd.DataFrame({"curve": curve, "at": np.tile(at, 2), **columns, "reason": ""})


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


def _called(
    p: Predictions, weights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count true and false positives of each sample by threshold, from none to all called.

    Shapes (b, k + 1) for weights of shape (b, n) and k distinct scores.
    """
    order, ends = _order(p)
    counts = []
    for inside in (p.positive[order], ~p.positive[order]):
        summed = np.cumsum(weights[:, order] * inside, axis=1)[:, ends]
        counts.append(np.concatenate([np.zeros((len(weights), 1), np.int64), summed], axis=1))
    return counts[0], counts[1]


def _search(
    counts: NDArray[np.int64], wanted: NDArray[np.int64], *, last: bool
) -> NDArray[np.int64]:
    """Search rising rows (b, k) for the last place at most, or first at least, a count (b, g).

    Rows are put one behind the other, so that one search serves all of them.
    """
    rows = np.arange(len(counts))[:, None]
    step = int(counts.max(initial=0)) + 1
    flat = (counts + rows * step).ravel()
    side = "right" if last else "left"
    place = np.searchsorted(flat, wanted + rows * step, side=side)  # type: ignore[call-overload]
    return place - int(last) - rows * counts.shape[1]


def _roc(
    hits: NDArray[np.int64], alarms: NDArray[np.int64], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sensitivity at false positive rates, and the place of the threshold there."""
    exact = at[None] * alarms[:, -1:]
    place = _search(alarms, np.floor(exact + _ROUNDING).astype(np.int64), last=True)
    then = np.minimum(place + 1, alarms.shape[1] - 1)
    rows = np.arange(len(hits))[:, None]
    width = alarms[rows, then] - alarms[rows, place]
    part = np.clip((exact - alarms[rows, place]) / np.maximum(width, 1), 0, 1)
    reached = hits[rows, place] + part * (hits[rows, then] - hits[rows, place])
    with np.errstate(divide="ignore", invalid="ignore"):
        return reached / hits[:, -1:], place


def _pr(
    hits: NDArray[np.int64], alarms: NDArray[np.int64], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Precision at sensitivities, and the place of the threshold there."""
    wanted = np.ceil(at[None] * hits[:, -1:] - _ROUNDING).astype(np.int64)
    # At a sensitivity of 0 the curve's limit from the right: one image is detected.
    wanted = np.clip(wanted, 1, np.maximum(hits[:, -1:], 1))
    place = np.minimum(_search(hits, wanted, last=False), hits.shape[1] - 1)
    rows = np.arange(len(hits))[:, None]
    detected = hits[rows, place]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = detected / (detected + alarms[rows, place])
    return np.where(hits[:, -1:] > 0, precision, np.nan), place


def _wilson(
    p: Predictions,
    curve: str,
    value: NDArray[np.float64],
    place: NDArray[np.int64],
    confidence: float,
) -> NDArray[np.float64]:
    """Wilson's limits of the share at each place of the grid, shape (g, 2)."""
    thresholds = _thresholds(p)
    sizes = {}
    for one in np.unique(place).tolist():
        called = p.called(thresholds[one])
        inside, right = (p.positive, called) if curve == "roc" else (called, p.positive)
        sizes[one], _ = proportions.effective_sample_size(
            right[inside], p.group[inside], confidence
        )
    counts = [sizes[one] for one in place.tolist()]
    shares = zip(value, counts, strict=True)
    return np.array([proportions.wilson(share * n, n, confidence) for share, n in shares])
