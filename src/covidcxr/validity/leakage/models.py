"""Simple models of thumbnails, and their scores on tested images."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts.samples import shrunk
from covidcxr.networks import simple_models
from covidcxr.scores import metrics

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

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

QUICK = ("nearest", "logistic")
"""Those of them for controls."""

TREES, LEAVES, BINS = 30, 8, 63
"""Of gradient boosting: small, so that it can be trained often."""

SCORES = ("accuracy", "sensitivity", "specificity", "auroc")


def features(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Thumbnails of pictures, shape (n, size, size), by model: shape (n, side²), 0 to 1."""

    @cache
    def thumbnails(side: int) -> NDArray[np.float64]:
        values: NDArray[np.float64] = shrunk(grey, side).reshape(len(grey), -1) / 255
        return values

    # A single rounded pixel would have few values.
    brightness = thumbnails(32).mean(axis=1, keepdims=True)
    return {model: brightness if side == 1 else thumbnails(side) for model, side in SIDES.items()}


def fitted(model: str, inputs: NDArray[np.float64], positive: NDArray[np.bool_]) -> ClassifierMixin:
    """One of `MODELS`, trained on inputs, shape (n, p), and labels, shape (n,)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if model == "boosting":
        return HistGradientBoostingClassifier(
            max_iter=TREES, max_leaf_nodes=LEAVES, max_bins=BINS, early_stopping=False,
            random_state=0,
        ).fit(inputs, positive)  # fmt: skip
    if model == "nearest":
        return make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(inputs, positive)
    name = "logistic" if model == "brightness" else model
    return simple_models.fitted(name, inputs, positive)


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
        score = simple_models.scores(fitted(model, inputs[training], labels), inputs[tested])
    values = metrics.score(metrics.cells(truth, score >= 0.5))
    return {
        "trained": len(training),
        "tested": len(tested),
        "seen": float(np.isin(group[tested], group[training]).mean()),
        **{name: float(values[name]) for name in ("accuracy", "sensitivity", "specificity")},
        "auroc": float(metrics.auroc(truth, score)),
    }
