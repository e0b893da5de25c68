"""Bootstrap of images or clusters of images, by counts where counts suffice.

A confusion matrix depends on an image's class and each model's decision only. Drawing
n images anew and counting them is then one multinomial draw over the few patterns that
occur, whatever n is; clusters with equal contents are drawn together in the same way.
Scores of probabilities get weights instead: how often each image is in each resample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.progress import Progress

Weights = Iterator[NDArray[np.int64]]
"""Pieces of shape (up to b, n): how often each image is in each resample."""

EQUAL = 1e-12
"""Resamples nearer to each other differ by rounding alone."""

SWITCHED_OFF = "its interval needs the bootstrap, which is switched off"
"""Why a score has no limits where no resample is drawn."""

CHUNK = 4_000_000
"""Weights held at a time, so that memory does not grow with the number of resamples."""


@dataclass(frozen=True, eq=False)
class Units:
    """Resampling units of k kinds, grouped by j patterns: a class and every model's decision.

    ``patterns``, shape (k, j): images of each pattern in one unit of each kind. ``number`` and
    ``stratum``, shape (k,): how many units of a kind there are, and within what they are drawn.
    ``cells``, shape (m, j): which of the four cells a pattern is for each of m models.
    """

    patterns: NDArray[np.int64]
    number: NDArray[np.int64]
    stratum: NDArray[np.int64]
    cells: NDArray[np.int64]

    def matrices(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn counts of patterns, shape (..., j), into confusion matrices (..., m, 4)."""
        which = self.cells[:, :, None] == np.arange(4)
        return np.einsum("...j,mjc->...mc", counts, which.astype(np.int64))

    @property
    def observed(self) -> NDArray[np.int64]:
        """Shape (m, 4): the confusion matrices of the images themselves."""
        return self.matrices(self.number @ self.patterns)


def units(
    positive: NDArray[np.bool_],
    called: NDArray[np.bool_],
    group: NDArray[np.int64] | None = None,
    *,
    stratified: bool = True,
) -> Units:
    """Resampling units of the decisions ``called``, shape (m, n), of m models on n images.

    Units are images, or the groups 0, 1, ... of ``group``, shape (n,). A stratified bootstrap
    keeps the number of units with positive images only, with negative ones only, and with both.
    """
    place = 2 ** np.arange(1, len(called) + 1)
    code = positive + (called.T @ place if len(called) else 0)
    codes, pattern = np.unique(code, return_inverse=True)
    truth = codes % 2 == 1
    decision = (codes[None, :] // place[:, None]) % 2 == 1
    # tp, fn, fp, tn
    cells = np.where(truth, np.where(decision, 0, 1), np.where(decision, 2, 3))
    if group is None:
        kinds = np.eye(len(codes), dtype=np.int64)
        number = np.bincount(pattern, minlength=len(codes))
    else:
        contents = np.zeros((int(group.max(initial=-1)) + 1, len(codes)), dtype=np.int64)
        np.add.at(contents, (group, pattern), 1)
        kinds, number = np.unique(contents, axis=0, return_counts=True)
    classes = (kinds[:, truth].sum(axis=1) > 0) + 2 * (kinds[:, ~truth].sum(axis=1) > 0)
    return Units(kinds, number, classes if stratified else np.zeros(len(kinds), int), cells)


def matrices(drawn: Units, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Resampled confusion matrices, shape (resamples, m, 4), of m models on the same images."""
    counts = np.zeros((resamples, drawn.patterns.shape[1]), dtype=np.int64)
    for stratum in np.unique(drawn.stratum):
        inside = drawn.stratum == stratum
        number = drawn.number[inside]
        if not number.sum():
            continue
        chosen = rng.multinomial(number.sum(), number / number.sum(), resamples)
        counts += chosen @ drawn.patterns[inside]
    return drawn.matrices(counts)


def strata(
    positive: NDArray[np.bool_], group: NDArray[np.int64] | None, *, stratified: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the unit of each image and the stratum of each unit; parameters as for `units`."""
    unit = np.arange(len(positive)) if group is None else group
    number = int(unit.max(initial=-1)) + 1
    classes = np.zeros((number, 2), dtype=bool)
    if stratified:
        classes[unit[positive], 0] = True
        classes[unit[~positive], 1] = True
    return unit, classes @ np.array([1, 2])


def weights(
    positive: NDArray[np.bool_],
    group: NDArray[np.int64] | None,
    resamples: int,
    rng: np.random.Generator,
    *,
    stratified: bool = True,
) -> Weights:
    """Yield how often each image is in each resample; parameters as for `units` and `matrices`.

    Pieces have the shape (up to `resamples`, n), and together that many rows.
    """
    unit, stratum = strata(positive, group, stratified=stratified)
    return draw(unit, stratum, resamples, rng)


def draw(
    unit: NDArray[np.int64],
    stratum: NDArray[np.int64],
    resamples: int,
    rng: np.random.Generator,
) -> Weights:
    """Yield weights as `weights` does, from each image's unit and each unit's stratum."""
    number, n = len(stratum), len(unit)
    alone = np.array_equal(unit, np.arange(n))
    members = [np.flatnonzero(stratum == one) for one in np.unique(stratum)]
    left, progress = resamples, Progress("bootstrap", "resamples", resamples)
    while left > 0:
        rows = min(left, max(1, CHUNK // max(1, n)))
        drawn = np.empty((rows, number), dtype=np.int64)
        for inside in members:
            size = len(inside)
            chosen = rng.integers(0, size, (rows, size), dtype=np.uint32).astype(np.int64)
            chosen += np.arange(rows)[:, None] * size
            drawn[:, inside] = np.bincount(chosen.ravel(), minlength=rows * size).reshape(-1, size)
        yield drawn if alone else drawn[:, unit]
        left -= rows
        progress.add(rows)


def streams(seed: int) -> list[np.random.Generator]:
    """Random streams of a bootstrap: of counts, of weights."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]


def percentile(drawn: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Percentile interval of resampled values, of which none is NaN."""
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
