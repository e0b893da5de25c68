"""Models of a few lines that hardly look at an image, to stand beside the networks.

What they reach is reached without seeing a lesion. All are deterministic, so that only
the draw of the split decides what they give.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, POSITIVE, Study, split_draw, split_kind
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
"""Pixels: the side of what logistic regression and nearest neighbours see."""

NEIGHBOURS = 5

_DECISIVE = (
    "splits",
    "seeds",
    "test_fraction",
    "validation_fraction",
    "image_size",
    "resize",
    "threshold",
)


def record(study: Study, *, results: Path, cohort: Cohort | None) -> records.Record:
    """Return the record of the trivial models, made where there is none yet.

    Parameters
    ----------
    study
        The study; the models are trained on every draw of its splits.
    results
        The folder of its records.
    cohort
        The images, or None where they are not at hand.

    Returns
    -------
    Record
        Its table ``predictions`` has the rows of the test parts: ``model``, ``split``,
        ``seed``, ``image_id``, ``group_id``, ``part``, ``label``, ``score``. A split that
        does not follow the seed stands once, with the study's first seed. Its ``metrics``
        are each model's on the study's first split and seed.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / NAME
    parameters = records.parameters(study, _DECISIVE)
    if cohort is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    made = {
        (name, seed): splits.make(
            cohort.manifest,
            split_kind(name),
            study.test_fraction,
            study.validation_fraction,
            split_draw(name, seed),
        )
        for name, seed in draws(study)
    }
    inputs = {"data": cohort.fingerprint, "split": fingerprint(made)}

    def make() -> dict[str, Any]:
        features = {
            "brightness": brightness(cohort.pixels),
            "thumbnails": thumbnails(cohort.pixels),
        }
        tables = [
            _tested(split, features).assign(split=name, seed=seed)
            for (name, seed), split in made.items()
        ]
        predictions = pd.concat(tables, ignore_index=True)[
            ["model", "split", "seed", "image_id", "group_id", "part", "label", "score"]
        ]
        return {
            "tables": {"predictions": predictions},
            "metrics": _metrics(predictions, study),
            "images": {label: int((cohort.manifest["label"] == label).sum()) for label in LABELS},
        }

    return records.load_or_run(folder, study, parameters, inputs, METHOD, make)


def draws(study: Study) -> list[tuple[str, int]]:
    """Return the distinct draws of a study's splits, as split and seed.

    ``random`` is drawn anew for each seed; ``keras`` and ``random-1`` are one draw.
    """
    found = []
    for name in study.splits:
        seeds = study.seeds if _follows_seed(name) else study.seeds[:1]
        found += [(name, seed) for seed in seeds]
    return found


def tested(made: records.Record, split: str, seed: int) -> dict[str, pd.DataFrame]:
    """Return each model's predictions of one draw, by its name in prose.

    Parameters
    ----------
    made
        As `record` returns it.
    split, seed
        The draw; a split that does not follow the seed answers to any.

    Raises
    ------
    Problem
        For a draw that the record does not have.
    """
    rows = made.table("predictions")
    rows = rows[rows["split"] == split]
    if _follows_seed(split):
        rows = rows[rows["seed"] == seed]
    if rows.empty:
        raise Problem(
            f"{made.folder}: has no split '{split}' with seed {seed}; name one of the study's."
        )
    return {
        title: rows[rows["model"] == model].reset_index(drop=True)
        for model, title in TITLES.items()
    }


def predict(
    features: dict[str, NDArray[np.float64]],
    positive: NDArray[np.bool_],
    training: NDArray[np.bool_],
    asked: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """Train every model and score the images that are asked for.

    Parameters
    ----------
    features
        ``brightness``, shape (n, 1), and ``thumbnails``, shape (n, p).
    positive, training, asked
        Shape (n,): the reference standard, who trains, who is scored.

    Returns
    -------
    dict
        By model, probabilities of COVID19.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    # A few training images may be all there are.
    k = min(NEIGHBOURS, int(training.sum()))
    models: dict[str, tuple[ClassifierMixin, str]] = {
        "majority": (DummyClassifier(strategy="prior"), "brightness"),
        # One threshold: a tree with one question.
        "brightness": (DecisionTreeClassifier(max_depth=1, random_state=0), "brightness"),
        "logistic": (
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000)),
            "thumbnails",
        ),
        # Distances compare grey levels as they are: all pixels share one unit.
        "neighbours": (KNeighborsClassifier(k), "thumbnails"),
    }
    return {
        name: model.fit(features[kind][training], positive[training]).predict_proba(
            features[kind][asked]
        )[:, 1]
        for name, (model, kind) in models.items()
    }


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean grey level of each image, shape (n, 1)."""
    return pixels.reshape(len(pixels), -1).mean(axis=1)[:, None]


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shrink images to `THUMBNAIL` pixels a side by averaging areas; shape (n, p).

    Parameters
    ----------
    pixels
        Shape (n, size, size, 3).
    """
    side = (THUMBNAIL, THUMBNAIL)
    small = [
        np.asarray(Image.fromarray(image).convert("L").resize(side, Image.Resampling.BOX))
        for image in pixels
    ]
    return np.stack(small).reshape(len(pixels), -1).astype(np.float64)


def _tested(split: pd.DataFrame, features: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    part = split["part"].to_numpy(dtype=str)
    positive = (split["label"] == POSITIVE).to_numpy(dtype=bool)
    scores = predict(features, positive, part == "train", part == "test")
    rows = split.loc[part == "test", ["image_id", "group_id", "part", "label"]]
    return pd.concat(
        [rows.assign(model=model, score=score) for model, score in scores.items()],
        ignore_index=True,
    )


def _follows_seed(split: str) -> bool:
    return split_kind(split) != "keras" and split_draw(split, 0) != split_draw(split, 1)


def fingerprint(made: dict[tuple[str, int], pd.DataFrame]) -> str:
    """Return the sha256 of every draw and of the groups that stand in the table.

    A cohort's own fingerprint covers images and labels alone, so that corrected groups
    would otherwise leave the old ones in the record.
    """
    digest = hashlib.sha256()
    for (name, seed), split in made.items():
        groups = sorted(
            f"{i}\t{g}" for i, g in zip(split["image_id"], split["group_id"], strict=True)
        )
        for text in (f"{name}\t{seed}", splits.fingerprint(split), *groups):
            digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def _metrics(predictions: pd.DataFrame, study: Study) -> dict[str, Any]:
    split, seed = draws(study)[0]
    first = predictions[(predictions["split"] == split) & (predictions["seed"] == seed)]
    scored: dict[str, Any] = {"split": split, "seed": seed, "threshold": study.threshold}
    for model, rows in first.groupby("model", sort=False):
        scored[str(model)] = metrics.summary(
            rows["label"] == POSITIVE, rows["score"], study.threshold, undefined=None
        )
    return scored
