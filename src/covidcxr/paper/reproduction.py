"""Recorded trainings on real images: protocol deviations, accuracy, external testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from covidcxr.cohorts.samples import OWN
from covidcxr.core import edition, records
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, TITLES
from covidcxr.networks import baselines
from covidcxr.scores import predictions, proportions
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import ExternalTest

PROTOCOL = {
    "weights": "imagenet",
    "image_size": 256,
    "epochs": 35,
    "batch_size": 16,
    "split": "keras",
    "batch_norm_momentum": 0.99,
    "precision": "float32",
}
"""What the paper states of its protocol, the split inferred from its counts, and the defaults of
Keras that this edition has changed in some studies."""

_SETTINGS = {
    "image_size": "{} px",
    "epochs": "{} epochs",
    "batch_size": "batches of {}",
    "precision": "{} arithmetic",
    "split": "{} split",
    "batch_norm_momentum": "batch-norm momentum {}",
}
_PRECISIONS = {
    "float32": "32-bit",
    "mixed_bfloat16": "mixed 16-bit",
    "mixed_float16": "mixed 16-bit",
}
_WEIGHTS = {"none": "random weights", "imagenet": "ImageNet weights"}

THRESHOLD = 0.5
"""Runs of all studies are read at one threshold: the larger of two probabilities."""

ADULTS = "adults"
"""The external cohort in which age does not tell the classes apart."""


class Accuracy(NamedTuple):
    """Accuracy with 95% limits, and that of always answering normal, on n images."""

    value: float
    low: float
    high: float
    baseline: float
    n: int


def real_trainings(results: Path) -> list[Record]:
    """Read the records of trainings on real images, by study, network and split."""
    order = list(TITLES)
    runs = [
        record
        for folder in edition.folders(results)
        for record in map(records.read, (path.parent for path in records.paths(folder)))
        if "model" in record["parameters"] and not record.is_synthetic
    ]

    def place(run: Record) -> tuple[str, int, bool, str]:
        p = run["parameters"]
        return run.study, order.index(p["model"]), p["split"] != PROTOCOL["split"], run["name"]

    return sorted(runs, key=place)


# --- the protocol


def protocol_deviations(*runs: Record) -> list[str]:
    """List the settings in which runs deviate from the paper's protocol, each once."""
    deviations: dict[str, None] = {}
    for run in runs:
        parameters = run["parameters"]
        for key, stated in PROTOCOL.items():
            # Older records do not name these two.
            if key not in parameters and key in ("batch_norm_momentum", "precision"):
                continue
            if parameters[key] != stated:
                text = f"{_setting(key, parameters[key])}, not {_setting(key, stated)}"
                deviations[text] = None
    return list(deviations)


def _setting(key: str, value: object) -> str:
    if key == "weights":
        return weights(str(value))
    if key == "precision":
        value = _PRECISIONS.get(str(value), value)
    if key == "split":  # numbered draws of one split are one setting
        value = str(value).partition("-")[0]
    return _SETTINGS[key].format(value)


def weights(setting: str) -> str:
    """Name the weights that a training starts from."""
    return _WEIGHTS.get(setting, "weights from files")


def nearest_to_the_paper(runs: Sequence[Record]) -> Record:
    """Choose a run by its protocol and never by its scores.

    In this order: networks beside it that were tested externally; agreement with `PROTOCOL`;
    size of its cohort, size of its images, epochs.
    """

    def nearness(run: Record) -> tuple[int, ...]:
        p = run["parameters"]
        tested = sum("external.csv" in one.content.get("tables", {}) for one in beside(run, runs))
        size = sum(images(run).values()), p["image_size"], p["epochs"]
        return (tested, -len(protocol_deviations(run)), *size)

    return max(runs, key=nearness)


def beside(run: Record, runs: Sequence[Record]) -> list[Record]:
    """Return the runs of the same study, split and seed, the run itself included."""

    def key(one: Record) -> tuple[str, str, int]:
        return one.study, one["parameters"]["split"], one["parameters"]["seed"]

    return [one for one in runs if key(one) == key(run)]


# --- scores


def images(run: Record) -> dict[str, int]:
    """Return the images of each class, all parts together."""
    return {label: sum(part[label] for part in run["images"].values()) for label in LABELS}


def accuracy(run: Record) -> Accuracy:
    """Return a run's accuracy on its test part, with an interval by group."""
    return _of_folder(run.folder, run["created"])


def matrix_accuracy(cells: NDArray[np.int64]) -> Accuracy:
    """Return the accuracy of a confusion matrix: tp, fn, fp, tn."""
    tp, _, fp, tn = cells
    n = int(cells.sum())
    return Accuracy((tp + tn) / n, *proportions.wilson(tp + tn, n), (fp + tn) / n, n)


def thumbnail_baseline(run: Record) -> Accuracy | None:
    """Accuracy of logistic regression on thumbnails, on a run's split; None if not recorded."""
    folder = run.folder.parent / baselines.NAME
    if not (folder / "record.json").is_file():
        return None
    title, p = baselines.TITLES["logistic"], run["parameters"]
    rows = baselines.predictions_of(records.read(folder), p["split"], p["seed"])[title]
    return of_predictions(predictions.from_table(rows, title, group="group_id"))


@cache
def _of_folder(folder: Path, created: str) -> Accuracy:
    rows = Record(folder, {}).table("predictions")
    return of_predictions(predictions.from_table(rows, str(folder), group="group_id"))


def of_predictions(tested: Predictions) -> Accuracy:
    """Accuracy of predictions, with an interval by group."""
    right = tested.called(THRESHOLD) == tested.positive
    limits = proportions.grouped_wilson(right, tested.group)
    return Accuracy(*limits, 1 - tested.prevalence, len(tested))


# --- external testing


def external_predictions(runs: Sequence[Record]) -> dict[str, ExternalTest]:
    """External predictions of the networks nearest to the paper, logistic regression last.

    Without copies and shared patients; empty if the study has no external cohorts.
    """
    nearest = nearest_to_the_paper(runs)
    folder = nearest.folder.parent / external.NAME
    if not (folder / "record.json").is_file():
        return {}
    record = records.read(folder)
    networks = {TITLES[run["parameters"]["model"]]: run for run in beside(nearest, runs)}
    simple, title = external.simple_tests(record), external.MODELS["logistic"]
    logistic = {title: simple[title]} if title in simple else {}
    return external.network_tests(networks, record) | logistic


def on_adults(runs: Sequence[Record]) -> dict[str, Predictions]:
    """Predictions of networks for adults from elsewhere, by title, as far as they were tested."""
    tests = external_predictions(runs)
    return {
        title: tests[title].external[ADULTS]
        for title in TITLES.values()
        if title in tests and ADULTS in tests[title].external
    }


def external_summary(tests: Mapping[str, ExternalTest]) -> dict[str, Any]:
    """AUROC of the last network tested on adults, at home and, with limits and images, there.

    ``alarms``: share of normal adults called COVID-19.
    """
    asked = [tests[name] for name in TITLES.values() if name in tests]
    asked = [test for test in asked if ADULTS in test.cohorts]
    if not asked:
        raise Problem(
            "No recorded training was tested on adults of both classes; restore the records of the "
            "edition's studies below results/."
        )
    last = asked[-1].cohorts
    own, adults = (external.evaluate(last[cohort]) for cohort in (OWN, ADULTS))
    return {
        "network": asked[-1].name,
        "home": own["auroc"].value,
        "away": adults["auroc"].value,
        "low": adults["auroc"].low,
        "high": adults["auroc"].high,
        "alarms": 1 - adults["specificity"].value,
        "n": len(last[ADULTS]),
    }
