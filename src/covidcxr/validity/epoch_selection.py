"""What choosing an epoch on the test part buys, with a network small enough to repeat.

The paper shows curves over 35 epochs and no validation part. Training its networks 35
epochs many times over takes an accelerator; one hidden layer on thumbnails takes
seconds, and the arithmetic of choosing the best of 35 numbers is the same. A second
arm has labels by the toss of a coin: nothing can be learned there, so that whatever
lies above one half is choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.studies import LABELS, POSITIVE, Study, split_draw, split_kind
from covidcxr.networks import baselines
from covidcxr.scores import optimism, variance

NAME = "selection"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

EPOCHS = 35
"""As many as the paper's."""

HIDDEN = 32
VALIDATION = 0.1
"""Of the cohort, where the study itself has no validation part."""

ARMS = {"truth": "the reference standard", "coin": "labels by the toss of a coin"}

_DECISIVE = ("splits", "seeds", "test_fraction", "validation_fraction", "image_size", "resize")


def record(study: Study, *, results: Path, cohort: Cohort | None) -> records.Record:
    """Return the record of the small network's epochs, made where there is none yet.

    Parameters
    ----------
    study
        The study, whose splits and seeds are run.
    results
        The folder of its records.
    cohort
        The images, or None where they are not at hand.

    Returns
    -------
    Record
        Its table ``history``: ``arm`` (of `ARMS`), ``split``, ``seed``, ``epoch``,
        ``part``, ``accuracy``.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / NAME
    parameters = records.parameters(study, _DECISIVE, epochs=EPOCHS, hidden=HIDDEN)
    if cohort is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    made = {
        (name, seed): splits.make(
            cohort.manifest,
            split_kind(name),
            study.test_fraction,
            study.validation_fraction or VALIDATION,
            split_draw(name, seed),
        )
        for name in study.splits
        for seed in study.seeds
    }
    inputs = {"data": cohort.fingerprint, "split": baselines.fingerprint(made)}

    def make() -> dict[str, Any]:
        grey = baselines.thumbnails(cohort.pixels) / 255
        truth = (cohort.manifest["label"] == POSITIVE).to_numpy(dtype=bool)
        tables = []
        for (name, seed), split in made.items():
            coin = np.random.default_rng([seed, split_draw(name, seed)]).random(len(truth)) < 0.5
            tables += [
                epochs(grey, labels, split["part"].to_numpy(dtype=str), seed).assign(
                    arm=arm, split=name, seed=seed
                )
                for arm, labels in (("truth", truth), ("coin", coin))
            ]
        history = pd.concat(tables, ignore_index=True)
        return {
            "tables": {"history": history[["arm", "split", "seed", "epoch", "part", "accuracy"]]},
            "images": {label: int((cohort.manifest["label"] == label).sum()) for label in LABELS},
        }

    return records.load_or_run(folder, study, parameters, inputs, METHOD, make)


def epochs(
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    parts: NDArray[np.str_],
    seed: int,
    number: int = EPOCHS,
) -> pd.DataFrame:
    """Train one hidden layer and say after each epoch how accurate it is.

    Parameters
    ----------
    features
        Shape (n, p).
    positive, parts
        Shape (n,): the labels, and ``train``, ``validation`` or ``test``.
    seed
        Decides initial weights and order.
    number
        Of epochs.

    Returns
    -------
    pandas.DataFrame
        ``epoch`` (from 1), ``part`` (``validation``, ``test``), ``accuracy``.
    """
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((HIDDEN,), batch_size=16, random_state=seed)
    rng = np.random.default_rng(seed)
    training = np.flatnonzero(parts == "train")
    watched = {part: parts == part for part in ("validation", "test")}
    rows = []
    for epoch in range(1, number + 1):
        order = rng.permutation(training)
        network.partial_fit(features[order], positive[order], classes=[False, True])
        rows += [
            {
                "epoch": epoch,
                "part": part,
                "accuracy": float((network.predict(features[rows_]) == positive[rows_]).mean()),
            }
            for part, rows_ in watched.items()
        ]
    return pd.DataFrame(rows)


def chosen(made: records.Record, confidence: float = 0.95) -> pd.DataFrame:
    """Set against each other three ways to choose an epoch, by arm.

    Parameters
    ----------
    made
        As `record` returns it.
    confidence
        Coverage of the intervals, whose unit is the draw of the split.

    Returns
    -------
    pandas.DataFrame
        By arm, in prose: ``last``, ``by_validation``, ``by_test`` (mean test accuracy of
        the runs), ``runs``, and ``gain``, ``low``, ``high``: points by which the epoch that
        is best on the test part looks better than the one chosen by the validation part.
    """
    history = made.table("history")
    rows = {}
    for arm, title in ARMS.items():
        of_arm = history[history["arm"] == arm]
        draws = [variance.draw(*run) for run in zip(of_arm["split"], of_arm["seed"], strict=True)]
        found = optimism.choices(of_arm.assign(model=arm, draw=draws))
        gain = optimism.mean_optimism(found, confidence).loc["validation"]
        rows[title] = {
            **{name: float(found[name].mean()) for name in ("last", "by_validation", "by_test")},
            "runs": len(found),
            "gain": float(gain["value"]),
            "low": float(gain["low"]),
            "high": float(gain["high"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("labels")


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `chosen` returned."""
    rows = [
        {
            "labels": title,
            "runs": row["runs"],
            "last epoch": f"{row['last']:.3f}",
            "best on validation": f"{row['by_validation']:.3f}",
            "best on test": f"{row['by_test']:.3f}",
            "test less validation, points": (
                f"{row['gain']:+.1f} ({row['low']:.1f} to {row['high']:.1f})"
            ),
        }
        for title, row in found.to_dict("index").items()
    ]
    return pd.DataFrame(rows).set_index("labels")
