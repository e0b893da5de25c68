"""Simple models of thumbnails, and their scores on tested images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts.samples import thumbnails
from covidcxr.networks import simple_models
from covidcxr.scores import metrics

MODELS = {
    "brightness": "Mean brightness",
    "logistic": "Logistic regression",
    "boosting": "Gradient boosting",
    "neighbours": f"{simple_models.NEIGHBOURS} nearest neighbours",
    "nearest": "Nearest neighbour",
}
"""The models, and their names in prose."""

SIDES = {"brightness": 1, "logistic": 32, "boosting": 8, "neighbours": 32, "nearest": 32}
"""Pixels a side of the thumbnail that each model reads."""

PROBES = ("nearest", "logistic", "boosting")
"""The models of the experiments on contamination and with random labels."""

QUICK = ("nearest", "logistic")  # those of them for controls

SCORES = ("accuracy", "sensitivity", "specificity", "auroc")


def features(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Thumbnails of pictures, shape (n, size, size), by model: shape (n, side²), 0 to 1."""
    small = {side: thumbnails(grey, side) / 255 for side in (8, 32)}
    # A single rounded pixel would have few values.
    small[1] = small[32].mean(axis=1, keepdims=True)
    return {model: small[side] for model, side in SIDES.items()}


def evaluate(
    model: str,
    inputs: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    training: NDArray[np.int64],
    tested: NDArray[np.int64],
) -> dict[str, float]:
    """`SCORES` of a model trained on some rows and tested on others, and how many were seen."""
    labels, truth = positive[training], positive[tested]
    if labels.all() or not labels.any():
        score = np.full(len(tested), float(labels[0]))
    else:
        kind = "quick boosting" if model == "boosting" else model
        trained = simple_models.fitted(kind, inputs[training], labels)
        score = simple_models.scores(trained, inputs[tested])
    values = metrics.score(metrics.cells(truth, score >= 0.5))
    return {
        "trained": len(training),
        "tested": len(tested),
        "seen": float(np.isin(group[tested], group[training]).mean()),
        **{name: float(values[name]) for name in ("accuracy", "sensitivity", "specificity")},
        "auroc": float(metrics.auroc(truth, score)),
    }
