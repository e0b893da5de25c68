"""Gain in test accuracy from choosing the epoch on the test part, of a small network.

The paper shows curves over 35 epochs and no validation part. One hidden layer on
thumbnails trains in seconds, and choosing the best of 35 numbers works in the same way.
With random labels nothing can be learned, so that accuracy above one half is choice.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.cohort import Cohort
from covidcxr.cohorts.manifest import class_counts
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import POSITIVE, Study, split_draw
from covidcxr.networks import baselines
from covidcxr.scores import optimism, variance

NAME = "selection"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`
EPOCHS = 35  # as many as the paper's

HIDDEN = 32
VALIDATION = 0.1  # of the cohort, where the study itself has no validation part

ARMS = {"truth": "the reference standard", "coin": "random labels"}

FORMATS = dict.fromkeys(("last", "by_validation", "by_test"), "{:.3f}") | dict.fromkeys(
    ("gain", "low", "high"), "{:+.1f}"
)
"""Of the columns of `selection_gain` on a page."""

_DECISIVE = ("splits", "seeds", "test_fraction", "validation_fraction", "image_size", "resize")


def record(study: Study, *, results: Path, cohort: Cohort | None) -> Record:
    """Record of accuracy by epoch on the study's splits and seeds, computed if there is none yet.

    Its table ``history`` has ``arm`` (of `ARMS`), ``split``, ``seed``, ``epoch``, ``part`` and
    ``accuracy``. A `Problem` is raised if there is neither a record nor data.
    """
    folder = results / NAME
    parameters = records.parameters(study, _DECISIVE, epochs=EPOCHS, hidden=HIDDEN)
    if cohort is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    runs = itertools.product(study.splits, study.seeds)
    draws = baselines.splits_of(study, cohort, runs, study.validation_fraction or VALIDATION)
    inputs = {"data": cohort.fingerprint, "split": baselines.fingerprint(draws)}

    def run() -> dict[str, Any]:
        features = baselines.thumbnails(cohort.pixels) / 255
        positive = (cohort.manifest["label"] == POSITIVE).to_numpy(dtype=bool)
        tables = []
        for (name, seed), split in draws.items():
            rng = np.random.default_rng([seed, split_draw(name, seed)])
            arms = {"truth": positive, "coin": rng.random(len(positive)) < 0.5}
            parts = split["part"].to_numpy(dtype=str)
            tables += [
                epochs(features, labels, parts, seed).assign(arm=arm, split=name, seed=seed)
                for arm, labels in arms.items()
            ]
        history = pd.concat(tables, ignore_index=True)
        return {
            "tables": {"history": history[["arm", "split", "seed", "epoch", "part", "accuracy"]]},
            "images": class_counts(cohort.manifest),
        }

    return records.load_or_run(folder, study, parameters, inputs, METHOD, run)


def epochs(
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    parts: NDArray[np.str_],
    seed: int,
    number: int = EPOCHS,
) -> pd.DataFrame:
    """Accuracy of one hidden layer by ``epoch`` (from 1) and ``part`` (validation, test).

    Features have shape (n, p), labels and parts shape (n,); the seed decides initial weights
    and order.
    """
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((HIDDEN,), batch_size=16, random_state=seed)
    rng = np.random.default_rng(seed)
    training = np.flatnonzero(parts == "train")
    rows = []
    for epoch in range(1, number + 1):
        order = rng.permutation(training)
        network.partial_fit(features[order], positive[order], classes=[False, True])
        for part in ("validation", "test"):
            inside = parts == part
            right = network.predict(features[inside]) == positive[inside]
            rows.append({"epoch": epoch, "part": part, "accuracy": float(right.mean())})
    return pd.DataFrame(rows)


def selection_gain(record: Record, confidence: float = 0.95) -> pd.DataFrame:
    """Mean test accuracy by how the epoch is chosen, and gain from choosing by the test part.

    By ``labels`` (of `ARMS`): ``runs``; ``last``, ``by_validation``, ``by_test``, mean test
    accuracies; ``gain``, ``low``, ``high``: points by which the epoch that is best on the test
    part looks better than the one that is best on the validation part. The unit of the interval
    is the draw of the split.
    """
    history = record.table("history")
    rows = {}
    for arm, title in ARMS.items():
        of_arm = history[history["arm"] == arm]
        draws = [variance.draw(*run) for run in zip(of_arm["split"], of_arm["seed"], strict=True)]
        selected = optimism.choices(of_arm.assign(model=arm, draw=draws))
        means = selected[["last", "by_validation", "by_test"]].mean()
        gain = optimism.mean_optimism(selected, confidence).loc["validation"]
        limits = {"gain": gain["value"], "low": gain["low"], "high": gain["high"]}
        rows[title] = {"runs": len(selected), **means, **limits}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("labels")
