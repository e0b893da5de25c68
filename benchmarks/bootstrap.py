"""What drawing counts instead of images saves, at equal results.

Run as ``python benchmarks/bootstrap.py``; it writes
``benchmarks/results/bootstrap.json``. The other side is what one would write
otherwise: ``scipy.stats.bootstrap``, paired, over scikit-learn's metric functions, one
call for each score of each model and for each difference of a pair. It runs with few
resamples, first so many and then twice as many, to show that its cost is linear; the
ratio is for equal numbers of resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
from measured import by_size, keep, seconds
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from covidcxr.scores import bootstrap, metrics

RESAMPLES = 10_000
FEW = 50
SAMPLES = (360, 3_600, 36_000)
MODELS = ((0.30, 0.17), (0.38, 0.17), (0.55, 0.17))
"""Three models: how far their scores of the classes lie apart, and their spread."""

THEIRS: dict[str, Callable[..., float]] = {
    "accuracy": sk.accuracy_score,
    "sensitivity": sk.recall_score,
    "specificity": partial(sk.recall_score, pos_label=0),
    "ppv": partial(sk.precision_score, zero_division=np.nan),
    "npv": partial(sk.precision_score, pos_label=0, zero_division=np.nan),
    "f1": sk.f1_score,
    "macro_f1": partial(sk.f1_score, average="macro"),
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "kappa": sk.cohen_kappa_score,
}

Draws = dict[str, NDArray[np.float64]]


def data(n: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return classes in the paper's proportion and three models' scores, with ties."""
    rng = np.random.default_rng(0)
    positive = np.arange(n) < round(n * 92 / 360)
    scores = [
        np.round(np.clip(0.5 + apart * (positive - 0.5) + rng.normal(0, spread, n), 0, 1), 2)
        for apart, spread in MODELS
    ]
    return positive, np.stack(scores)


def with_differences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Append the differences of all pairs to values of shape (b, m)."""
    pairs = [values[:, i] - values[:, j] for i, j in combinations(range(values.shape[1]), 2)]
    return np.column_stack([values, *pairs])


def by_counts(positive: NDArray[np.bool_], scores: NDArray[np.float64], resamples: int) -> Draws:
    """Draw every threshold score of every model and pair from counts."""
    drawn = bootstrap.units(positive, scores >= 0.5, stratified=False)
    matrices = bootstrap.matrices(drawn, resamples, np.random.default_rng(1))
    return {name: with_differences(values) for name, values in metrics.score(matrices).items()}


def by_weights(positive: NDArray[np.bool_], scores: NDArray[np.float64], resamples: int) -> Draws:
    """Draw the AUROC of every model and pair from weights of images."""
    areas = [
        np.stack([metrics.auroc(positive, model, w) for model in scores], axis=1)
        for w in bootstrap.weights(
            positive, None, resamples, np.random.default_rng(1), stratified=False
        )
    ]
    return {"auroc": with_differences(np.concatenate(areas))}


def by_scipy(
    score: Callable[..., float],
    truth: NDArray[np.int64],
    answers: NDArray[np.float64],
    resamples: int,
) -> NDArray[np.float64]:
    """Draw one score of every model and pair, image by image."""
    rng = np.random.default_rng(2)
    draw = partial(
        stats.bootstrap, paired=True, vectorized=False, n_resamples=resamples, method="percentile"
    )

    def difference(y: NDArray[np.int64], a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return score(y, a) - score(y, b)

    columns = [draw((truth, one), score, rng=rng) for one in answers]
    columns += [
        draw((truth, answers[i], answers[j]), difference, rng=rng)
        for i, j in combinations(range(len(answers)), 2)
    ]
    return np.stack([found.bootstrap_distribution for found in columns], axis=1)


def farthest(ours: Draws, theirs: Draws) -> tuple[float, float]:
    """Return how far means and spreads lie apart, in Monte Carlo standard errors, at most."""
    of_means, of_spreads = [], []
    for name, their in theirs.items():
        our = ours[name]
        n = len(their)
        spread = their.std(axis=0, ddof=1)
        of_means.append(np.abs(our.mean(axis=0) - their.mean(axis=0)) / (spread / np.sqrt(n)))
        # Skewed scores, such as an AUROC near 1, have spreads that vary more
        error = np.sqrt((stats.kurtosis(their, axis=0, fisher=False) - 1) / (4 * (n - 1)))
        of_spreads.append(np.abs(our.std(axis=0, ddof=1) / spread - 1) / error)
    return float(np.max(of_means)), float(np.max(of_spreads))


def main() -> None:
    """Measure, and keep what was measured."""
    positive, scores = data(SAMPLES[0])
    truth, answers = positive.astype(int), (scores >= 0.5).astype(int)
    by_counts(positive, scores, 10)  # loads what is loaded only once
    slow_counts = {
        b: seconds(lambda b=b: [by_scipy(s, truth, answers, b) for s in THEIRS.values()], 1)  # type: ignore[misc]
        for b in (FEW, 2 * FEW)
    }
    slow_areas = {
        b: seconds(lambda b=b: by_scipy(sk.roc_auc_score, truth, scores, b), 1)  # type: ignore[misc]
        for b in (FEW, 2 * FEW)
    }
    fast = {
        name: {
            b: seconds(lambda b=b, work=work: work(positive, scores, b))  # type: ignore[misc]
            for b in (RESAMPLES // 4, RESAMPLES // 2, RESAMPLES)
        }
        for name, work in (("counts", by_counts), ("weights", by_weights))
    }
    many = 20 * FEW
    counts = farthest(
        by_counts(positive, scores, RESAMPLES),
        {name: by_scipy(THEIRS[name], truth, answers, many) for name in ("f1", "mcc")},
    )
    areas = farthest(
        by_weights(positive, scores, RESAMPLES),
        {"auroc": by_scipy(sk.roc_auc_score, truth, scores, many)},
    )
    drawn_from = {n: data(n) for n in SAMPLES}
    by_n = {
        n: seconds(partial(by_counts, known, models, RESAMPLES))
        for n, (known, models) in drawn_from.items()
    }

    keep(
        "bootstrap",
        {
            "images": SAMPLES[0],
            "models": len(MODELS),
            "scores": len(THEIRS),
            "scipy_seconds": {"counts": by_size(slow_counts), "weights": by_size(slow_areas)},
            "seconds": {name: by_size(costs) for name, costs in fast.items()},
            "seconds_by_images": by_size(by_n),
            "errors_apart": {"counts": max(counts), "weights": max(areas)},
        },
    )


if __name__ == "__main__":
    main()
