"""The record of simple models: trained on the study's cohort, tested on the external ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import OWN, Sample, fingerprint, thumbnails
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, Study
from covidcxr.core.tables import concatenate
from covidcxr.networks import simple_models
from covidcxr.validity import duplicates

NAME = "external"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`

MODELS = {"brightness": "Mean brightness", **simple_models.MODELS}
"""The simple models, and their names in prose."""

SIDES = {"brightness": 1, "logistic": 32, "boosting": 16, "neighbours": 32}
"""Pixels a side of the thumbnail that a model sees."""

REVERSE = "logistic"  # the model that is also trained on external cohorts

SCORE = ["model", "trained_on", "cohort", "image_id", "score"]
REMOVED = ["trained_on", "cohort", "label", "reason", "n"]

REASONS = ("near", "patient")
"""Why an image is left out: a copy of a trained one, or only of its group."""

DIGITS = 5  # significant digits of recorded scores
Arrays = Mapping[str, NDArray[Any]]  # an array by cohort


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> Record:
    """Record of the simple models on all cohorts, computed if there is none yet.

    Its tables are ``images`` (``cohort``, ``image_id``, ``label``, ``group``, ``copy``,
    ``source``); ``scores`` (`SCORE`), cross-validated where the cohort is the one trained on;
    ``reverse``, the same of logistic regression trained on each external cohort and tested on the
    own one; ``removed`` (`REMOVED`). A `Problem` is raised if there is neither a record nor data,
    or a class that cannot be trained on.
    """
    # Nothing depends on `fewest` any more; committed records answer to it.
    parameters = records.parameters(
        study, (), models=SIDES, fewest=30, folds=simple_models.FOLDS, seed=0
    )
    if samples is None:
        return records.load_or_run(results / NAME, study, parameters, None, METHOD, dict)

    def run() -> dict[str, Any]:
        copies = duplicates.record(study, results=results, samples=samples)
        group, copy = duplicates.merged(samples, copies), duplicates.copies(samples, copies)
        with simple_models.one_thread():
            tables = train_and_test(samples, group, copy)
        return {"tables": tables, "images": class_counts(samples[OWN].manifest)}

    inputs = {"data": fingerprint(samples)}
    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, run)


def train_and_test(
    samples: Mapping[str, Sample], group: Arrays, copy: Arrays
) -> dict[str, pd.DataFrame]:
    """Tables of `record`; ``group`` and ``copy`` as `duplicates` labels them.

    A `Problem` is raised if a class of the study's own cohort has a single group.
    """
    if not _can_be_held_out(samples[OWN], group[OWN]):
        raise Problem(
            f"{OWN}: has a class with a single group, so that nothing can be held out; "
            "add images of other patients."
        )
    inputs = {name: features(sample.grey) for name, sample in samples.items()}
    scores = (_scores(model, samples, inputs, group[OWN]) for model in MODELS)
    # The other way round, from each external cohort whose classes can be held out.
    reverse = (
        _scores(REVERSE, {one: samples[one] for one in (name, OWN)}, inputs, group[name], name)
        for name in samples
        if name != OWN and _can_be_held_out(samples[name], group[name])
    )
    removed = [
        row for name in samples if name != OWN for row in _removed(samples, group, copy, name)
    ]
    return {
        "scores": concatenate(scores, SCORE),
        "reverse": concatenate(reverse, SCORE),
        "images": _images(samples, group, copy),
        "removed": pd.DataFrame(removed, columns=REMOVED),
    }


def _can_be_held_out(sample: Sample, group: NDArray[np.str_]) -> bool:
    """Return whether each class has several groups."""
    return all(len(np.unique(group[side])) >= 2 for side in (sample.positive, ~sample.positive))


def features(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Thumbnails of pictures, shape (n, size, size), by model: shape (n, p), 0 to 1."""
    brightness = grey.reshape(len(grey), -1).mean(axis=1, keepdims=True)
    small = {side: thumbnails(grey, side) for side in (16, 32)}
    pixels = {name: small.get(side, brightness) for name, side in SIDES.items()}
    return {name: values / 255 for name, values in pixels.items()}


def _scores(
    model: str,
    samples: Mapping[str, Sample],
    inputs: Mapping[str, Mapping[str, NDArray[np.float64]]],
    group: NDArray[np.str_],
    home: str = OWN,
) -> pd.DataFrame:
    """Scores of a model: cross-validated on the cohort it is trained on, and on the others."""
    x, positive = inputs[home][model], samples[home].positive
    trained = simple_models.fitted(model, x, positive)
    tables = []
    for name, sample in samples.items():
        if name == home:
            score = simple_models.cross_validated(model, x, positive, group)
        else:
            score = simple_models.scores(trained, inputs[name][model])
        image = sample.manifest["image_id"]
        tables.append(pd.DataFrame({"cohort": name, "image_id": image, "score": rounded(score)}))
    return pd.concat(tables).assign(model=model, trained_on=home)


def rounded(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities rounded to `DIGITS` significant digits of their distance from 0 or 1.

    A score near 0 must not become 0, which would ruin a calibration slope.
    """
    near = np.minimum(score, 1 - score)
    # Below 1e-290 there is no scale left to round with.
    power = np.ceil(np.log10(near.clip(1e-290)))
    scale = 10.0 ** (DIGITS - power)
    kept = np.where(near > 1e-290, np.round(near * scale) / scale, near)
    return np.where(score < 0.5, kept, 1 - kept)


def _removed(
    samples: Mapping[str, Sample], group: Arrays, copy: Arrays, name: str
) -> list[dict[str, Any]]:
    """Count, by class and reason, an external cohort's images that were trained on."""
    is_known = np.isin(group[name], group[OWN])
    is_copy = is_known & np.isin(copy[name], copy[OWN])
    label = samples[name].manifest["label"].to_numpy(dtype=str)
    by_reason = list(zip(REASONS, (is_copy, is_known & ~is_copy), strict=True))
    return [
        {
            "trained_on": OWN,
            "cohort": name,
            "label": one,
            "reason": reason,
            "n": int((which & (label == one)).sum()),
        }
        for one in LABELS
        for reason, which in by_reason
    ]


def _images(samples: Mapping[str, Sample], group: Arrays, copy: Arrays) -> pd.DataFrame:
    """Every image of every cohort, with its group and its number as a copy."""
    tables = [
        sample.manifest[["image_id", "label", "source"]].assign(
            cohort=name, group=group[name], copy=copy[name]
        )
        for name, sample in samples.items()
    ]
    columns = ["cohort", "image_id", "label", "group", "copy", "source"]
    return pd.concat(tables, ignore_index=True)[columns]
