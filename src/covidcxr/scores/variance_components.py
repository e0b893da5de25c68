"""Components of the variance between runs of one procedure: split, seed and finite test part.

Accuracies are fractions; a point is a hundredth of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core.errors import Problem
from covidcxr.scores import bootstrap

COMPONENTS = {
    "split": "which images train",
    "seed": "initial weights, order and dropout",
    "test set": "which images happen to test",
}
"""What each component of the variance is made of."""


@dataclass(frozen=True)
class Decomposition:
    """Components of the variance of a run's accuracy.

    ``table`` has a row a component (`COMPONENTS`, then ``a run``, their sum): ``variance``,
    ``points`` (its standard deviation), ``share`` (NaN where the sum is 0), and ``low`` and
    ``high``, limits of ``points``.
    """

    table: pd.DataFrame
    between: float
    """Variance between draws of the split, with the finite test part in it."""
    within: float
    """Variance between seeds of one draw, with the finite test part in it."""
    mean: float
    splits: int
    runs: int
    zeroed: tuple[str, ...]
    """Components whose estimate was negative and is set to 0."""


def decompose(
    correct: pd.DataFrame, confidence: float = 0.95, resamples: int = 10_000
) -> Decomposition:
    """Decompose the variance of the accuracy of one procedure's runs, on a balanced design.

    ``correct`` is as `covidcxr.scores.variance.correctness` returns it, of one model. Images
    of a label form a stratum: splits hold as many of each class every time, so that the
    difference between classes adds nothing to the variance.

    Notes
    -----
    Run s on draw k is right on image i by the model

        c_ksi = m + b_k + a_ki + w_ks + e_ksi,

    with variances B of what the draw trains on, A of how hard images are, W of the seed
    and E of what is peculiar to image and seed. An accuracy is the mean over n images, so
    runs of one draw share b_k + mean(a_ki), of variance B + A/n, and differ by
    w_ks + mean(e_ksi), of variance W + E/n. REML with a random intercept for the draw
    estimates these two; for a balanced design it has a closed form. In a two-way table of
    S seeds and n images

        E[mean square of images]       = E + S A
        E[mean square of interaction]  = E,

    so that the interaction's mean square is an unbiased estimate of E, and a S-th of the
    difference one of A. Divided by n they go over to the component of the finite test
    part: A/n comes out of the draw's, E/n out of the seed's. What REML has set to 0 it
    cannot give, so the sum of the components may then exceed the variance of the runs.

    Images count as independent, also those of one patient. Test parts drawn from one cohort
    overlap by about the test fraction, so that the observed variance between draws holds
    that much less of A/n, and the component of the split is too low by it.

    The limits come from a simulation that inverts the distributions of the mean squares:
    each of those between and within draws, times its degrees of freedom, is divided by
    chi-square numbers, and the components are computed anew. (Percentiles of a parametric
    bootstrap are skewed the other way and end far too low.) The mean squares of images,
    which are no chi-squares, are drawn from Student's t by their spread over the draws.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components (1992), for the mean squares and
    REML; Weerahandi, J Am Stat Assoc 88:899-905 (1993), for the limits.
    """
    if len(correct["model"].unique()) != 1:
        raise ValueError("one model is expected, not several")
    accuracy = _accuracies(correct)
    draws, seeds = accuracy.shape
    square_between = seeds * float(accuracy.mean(axis=1).var(ddof=1))
    square_within = float(accuracy.var(axis=1, ddof=1).mean())
    between, within = (square_between - square_within) / seeds, square_within
    if between < 0:  # all runs are then one sample
        between, within = 0.0, float(accuracy.var(ddof=1))
    squares = np.array([_image_squares(rows) for _, rows in correct.groupby("draw", sort=False)])
    of_images, peculiar = squares.mean(axis=0)
    estimates = _components(between, within, (of_images - peculiar) / seeds, peculiar)

    rng = np.random.default_rng(0)

    def drawn(square: float, freedom: int) -> NDArray[np.float64]:
        return square * freedom / rng.chisquare(freedom, resamples)

    many_within = drawn(square_within, draws * (seeds - 1))
    many_between = np.maximum((drawn(square_between, draws - 1) - many_within) / seeds, 0)
    many_images, many_peculiar = _drawn_means(squares, resamples, rng).T
    hard = (many_images - many_peculiar) / seeds
    simulated = _components(many_between, many_within, hard, many_peculiar)
    return Decomposition(
        table=_table(estimates, simulated, confidence),
        between=between,
        within=within,
        mean=float(accuracy.mean()),
        splits=draws,
        runs=accuracy.size,
        # Rounding is no negative.
        zeroed=tuple(name for name, value in estimates.items() if value < -1e-12),
    )


def _accuracies(correct: pd.DataFrame) -> NDArray[np.float64]:
    """Accuracy of each run, shape (draws, seeds)."""
    seeds = correct.groupby("draw")["seed"].nunique()
    if len(seeds) < 2:
        raise Problem(
            "One draw of the split cannot tell how much the split matters; name two or more in "
            "'splits' of the study, random-0 and random-1 say."
        )
    if seeds.min() < 2:
        raise Problem(
            f"One run on {seeds.idxmin()} cannot tell the seed from the split; name two or more "
            "in 'seeds' of the study, with splits that keep their draw, such as random-0."
        )
    runs_of_image = correct.groupby(["draw", "image_id"]).size()
    lacking = runs_of_image.index[runs_of_image != seeds.max()]
    if len(lacking):
        raise Problem(
            f"Not every seed was tested on every image of {lacking[0][0]}; run the study again."
        )
    accuracy = correct.groupby(["draw", "seed"])["correct"].mean()
    return accuracy.to_numpy(float).reshape(len(seeds), -1)


def _image_squares(rows: pd.DataFrame) -> tuple[float, float]:
    """Mean squares of images and of images by seeds, over n, of the runs of one draw."""
    of_images = interaction = 0.0
    n = rows["image_id"].nunique()
    for _, stratum in rows.groupby("label"):
        table = stratum.pivot_table(index="image_id", columns="seed", values="correct")
        values = table.to_numpy(float)
        size, seeds = values.shape
        if size < 2:  # one image of a class says nothing of how images differ
            continue
        by_image = values.mean(axis=1, keepdims=True)
        rest = values - by_image - values.mean(axis=0) + values.mean()
        weight = size / n**2
        of_images += weight * seeds * float(by_image.var(ddof=1))
        interaction += weight * float((rest**2).sum()) / ((size - 1) * (seeds - 1))
    return of_images, interaction


def _components(between: Any, within: Any, hard: Any, peculiar: Any) -> dict[str, Any]:
    """Move the finite test part out of both variances; negative ones stay negative."""
    return {
        "split": between - hard,
        "seed": within - peculiar,
        # Never negative: a weighted mean of the two mean squares.
        "test set": hard + peculiar,
    }


def _drawn_means(
    rows: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the mean of rows (k, 2) from the t distribution of their spread: (resamples, 2)."""
    k = len(rows)
    # (k, 2) deviations times (b, k) normal numbers have the covariance of the rows.
    deviations = (rows - rows.mean(axis=0)) / np.sqrt(k * (k - 1))
    normal = rng.standard_normal((resamples, k)) @ deviations
    heavy = np.sqrt(rng.chisquare(k - 1, resamples) / (k - 1))
    return np.maximum(rows.mean(axis=0) + normal / heavy[:, None], 0)


def _table(
    estimates: dict[str, float], simulated: dict[str, NDArray[np.float64]], confidence: float
) -> pd.DataFrame:
    """Table of components and their sum, as standard deviations with limits."""
    variance = {name: max(float(value), 0.0) for name, value in estimates.items()}
    drawn = {name: np.maximum(value, 0) for name, value in simulated.items()}
    total = sum(variance.values())
    variance["a run"] = total
    drawn["a run"] = np.sum(list(drawn.values()), axis=0)
    rows = {}
    for name, value in variance.items():
        low, high = bootstrap.percentile(100 * np.sqrt(drawn[name]), confidence)
        rows[name] = {
            "variance": value,
            "points": 100 * np.sqrt(value),
            "share": value / total if total else np.nan,
            "low": low,
            "high": high,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("component")
