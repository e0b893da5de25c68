"""Cross-validated simple models on image features, with whole groups in one fold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from covidcxr.scores import intervals
from covidcxr.scores.intervals import Interval
from covidcxr.scores.predictions import Predictions

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

MODELS = {
    "logistic": "Logistic regression",
    "boosting": "Gradient boosting",
    "neighbours": "Nearest neighbours",
}
"""The models, and their names in prose."""

FOLDS = 5
NEIGHBOURS = 5


def model(name: str, images: int) -> ClassifierMixin:
    """Untrained model for a number of training images.

    It is one of `MODELS`, or ``brightness`` (of a single feature), ``quick boosting`` (small, to
    be trained often) or ``nearest`` (neighbour).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    match name:
        case "logistic" | "brightness":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
        case "boosting":
            return HistGradientBoostingClassifier(random_state=0, early_stopping=False)
        case "quick boosting":
            return HistGradientBoostingClassifier(
                max_iter=30, max_leaf_nodes=8, max_bins=63, random_state=0, early_stopping=False
            )
        case "neighbours" | "nearest":
            number = 1 if name == "nearest" else min(NEIGHBOURS, images)
            return make_pipeline(StandardScaler(), KNeighborsClassifier(number))
    raise ValueError(f"{name} is none of {', '.join(MODELS)}")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep scikit-learn to one thread: waiting costs more than these small models gain."""
    # Only threads of what is imported by then can be limited.
    import sklearn.ensemble  # noqa: F401

    with threadpool_limits(1):
        yield


def fitted(
    name: str, features: NDArray[np.float64], positive: NDArray[np.bool_]
) -> ClassifierMixin:
    """Return a model trained on features, shape (n, p), and labels, shape (n,)."""
    return model(name, len(positive)).fit(features, positive)


def scores(trained: ClassifierMixin, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a trained model's probabilities of the positive class, shape (n,)."""
    probabilities: NDArray[np.float64] = trained.predict_proba(features)[:, 1]
    return probabilities


def cross_validated(
    name: str,
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: ArrayLike,
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Out-of-fold probabilities of the positive class, with whole groups in one fold.

    Features have shape (n, p), ``positive`` and ``group`` shape (n,). There are `FOLDS` folds with
    like shares of the classes, fewer where a class has fewer groups. All NaN where a fold would
    train on one class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names = np.asarray(group, dtype=str)
    fewest = min(len(np.unique(names[positive])), len(np.unique(names[~positive])))
    score = np.full(len(positive), np.nan)
    if fewest < 2:
        return score
    partition = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    with one_thread():
        for training, test in partition.split(features, positive, names):
            if not positive[training].any() or positive[training].all():
                return np.full(len(positive), np.nan)
            trained = fitted(name, features[training], positive[training])
            score[test] = scores(trained, features[test])
    return score


def area(
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: ArrayLike,
    confidence: float = 0.95,
) -> Interval:
    """Area under the ROC curve with a group-clustered interval; arguments have shape (n,)."""
    return intervals.area(as_predictions(score, positive, group), confidence)


def as_predictions(
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: ArrayLike,
    name: str = "",
) -> Predictions:
    """Return scores as predictions, as `covidcxr.scores.intervals` takes them."""
    _, number = np.unique(np.asarray(group, dtype=str), return_inverse=True)
    rows = np.arange(len(positive)).astype(str)
    return Predictions(name, rows, positive, score, number.astype(np.int64), "group")
