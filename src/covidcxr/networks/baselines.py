"""Baselines: models of a few lines on brightness or thumbnails, to compare the networks with.

All are deterministic, so that only the draw of the split decides their scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import samples, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.cohorts.manifest import class_counts
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.studies import POSITIVE, Study, follows_seed, split_draw, split_kind
from covidcxr.networks import simple_models
from covidcxr.scores import metrics

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

NAME = "baselines"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

TITLES = {
    "majority": "Majority",
    "brightness": "Mean brightness",
    "logistic": "Logistic regression",
    "neighbours": "Nearest neighbours",
}
"""The models, and their names in prose."""

THUMBNAIL = 32
"""Pixels: the side of the inputs of logistic regression and nearest neighbours."""

NEIGHBOURS = simple_models.NEIGHBOURS

_DECISIVE = (
    "splits", "seeds", "test_fraction", "validation_fraction", "image_size", "resize", "threshold",
)  # fmt: skip
_COLUMNS = ["model", "split", "seed", "image_id", "group_id", "part", "label", "score"]


def record(study: Study, *, results: Path, cohort: Cohort | None) -> records.Record:
    """Return the record of the baselines on every draw of a study, run where there is none.

    ``cohort`` is None where the images are not at hand. The table ``predictions`` has the rows of
    the test parts: ``model``, ``split``, ``seed``, ``image_id``, ``group_id``, ``part``,
    ``label``, ``score``. A split that does not follow the seed is there once, with the study's
    first seed. The ``metrics`` are each model's on the study's first split and seed.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / NAME
    parameters = records.parameters(study, _DECISIVE)
    if cohort is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    by_draw = splits_of(study, cohort, draws(study), study.validation_fraction)
    inputs = {"data": cohort.fingerprint, "split": fingerprint(by_draw)}

    def run() -> dict[str, Any]:
        features = {
            "brightness": brightness(cohort.pixels),
            "thumbnails": thumbnails(cohort.pixels),
        }
        tables = [
            _predictions(split, features).assign(split=name, seed=seed)
            for (name, seed), split in by_draw.items()
        ]
        predictions = pd.concat(tables, ignore_index=True)[_COLUMNS]
        return {
            "tables": {"predictions": predictions},
            "metrics": _metrics(predictions, study),
            "images": class_counts(cohort.manifest),
        }

    return records.load_or_run(folder, study, parameters, inputs, METHOD, run)


def draws(study: Study) -> list[tuple[str, int]]:
    """Distinct draws of a study's splits, as split and seed.

    ``random`` is drawn anew for each seed; ``keras`` and ``random-1`` are one draw.
    """
    return [
        (name, seed)
        for name in study.splits
        for seed in (study.seeds if follows_seed(name) else study.seeds[:1])
    ]


def splits_of(
    study: Study, cohort: Cohort, runs: Iterable[tuple[str, int]], validation: float
) -> dict[tuple[str, int], pd.DataFrame]:
    """Split a cohort by each split and seed of ``runs``; ``validation`` is a share."""
    return {
        (name, seed): splits.make(
            cohort.manifest,
            split_kind(name),
            study.test_fraction,
            validation,
            split_draw(name, seed),
        )
        for name, seed in runs
    }


def predictions_of(record: records.Record, split: str, seed: int) -> dict[str, pd.DataFrame]:
    """Return each model's predictions for the test part of one draw, by its name in prose.

    A split that does not follow the seed is returned for any seed.
    """
    rows = record.table("predictions")
    rows = rows[rows["split"] == split]
    if follows_seed(split):
        rows = rows[rows["seed"] == seed]
    if rows.empty:
        raise Problem(
            f"{record.folder}: has no split '{split}' with seed {seed}; name one of the study's."
        )
    return {
        title: rows[rows["model"] == model].reset_index(drop=True)
        for model, title in TITLES.items()
    }


def predict(
    features: dict[str, NDArray[np.float64]],
    positive: NDArray[np.bool_],
    training: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """Train every model, and return its probabilities of COVID19 for the test images.

    Features are ``brightness``, shape (n, 1), and ``thumbnails``, shape (n, p).
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    n = int(training.sum())
    models: dict[str, tuple[ClassifierMixin, str]] = {
        "majority": (DummyClassifier(strategy="prior"), "brightness"),
        # A tree with one question is one threshold.
        "brightness": (DecisionTreeClassifier(max_depth=1, random_state=0), "brightness"),
        "logistic": (simple_models.model("logistic", n), "thumbnails"),
        # Distances compare grey levels as they are: all pixels share one unit.
        "neighbours": (KNeighborsClassifier(min(NEIGHBOURS, n)), "thumbnails"),
    }
    return {
        name: simple_models.scores(
            model.fit(features[kind][training], positive[training]), features[kind][test]
        )
        for name, (model, kind) in models.items()
    }


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean grey level of each image, shape (n, 1)."""
    return pixels.reshape(len(pixels), -1).mean(axis=1)[:, None]


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Grey images of `THUMBNAIL` pixels a side by averaging areas, shape (n, THUMBNAIL ** 2)."""
    return samples.thumbnails(samples.grey(pixels), THUMBNAIL).astype(np.float64)


def fingerprint(by_draw: dict[tuple[str, int], pd.DataFrame]) -> str:
    """Return the sha256 of splits by name and seed, with the groups in them.

    A cohort's own fingerprint covers images and labels alone: corrected groups would
    otherwise leave the old ones in the record.
    """
    digest = hashlib.sha256()
    for (name, seed), split in by_draw.items():
        groups = sorted(
            f"{i}\t{g}" for i, g in zip(split["image_id"], split["group_id"], strict=True)
        )
        for text in (f"{name}\t{seed}", splits.fingerprint(split), *groups):
            digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def _predictions(split: pd.DataFrame, features: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    """Predictions of every model for the test part of a split."""
    part = split["part"].to_numpy(dtype=str)
    positive = (split["label"] == POSITIVE).to_numpy(dtype=bool)
    scores = predict(features, positive, part == "train", part == "test")
    rows = split.loc[part == "test", ["image_id", "group_id", "part", "label"]]
    return pd.concat(
        [rows.assign(model=model, score=score) for model, score in scores.items()],
        ignore_index=True,
    )


def _metrics(predictions: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Count and score each model on the study's first draw."""
    split, seed = draws(study)[0]
    first = predictions[(predictions["split"] == split) & (predictions["seed"] == seed)]
    by_model: dict[str, Any] = {"split": split, "seed": seed, "threshold": study.threshold}
    for model, rows in first.groupby("model", sort=False):
        by_model[str(model)] = metrics.summary(
            rows["label"] == POSITIVE, rows["score"], study.threshold, undefined=None
        )
    return by_model
