"""Controls of splits: shared patients and files, and random labels."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from covidcxr.cohorts import phantom, splits
from covidcxr.validity import overlap
from covidcxr.validity.leakage import experiments, summaries
from tests.validity.controls import planted
from tests.validity.controls.rows import CONFIDENCE, LEVEL, mean, proportion


def shared_patients(seeds: range = range(planted.SEEDS)) -> pd.DataFrame:
    """Recall and false alarms of the search for patients, or files, on both sides of a split."""
    rows = []
    for kind, column in (("patient", "patient_id"), ("exact", "sha256")):
        for share in planted.SHARED:
            hits: list[bool] = []
            alarms: list[bool] = []
            for seed in seeds:
                split, manifest, shared = _share(share, column, seed)
                units = [unit for unit in overlap.shared(split, manifest) if unit["kind"] == kind]
                called = {str(unit["name"]) for unit in units}
                # A patient goes by name, a copy by the name of its first image.
                names = set(manifest["patient_id" if kind == "patient" else "image_id"].astype(str))
                hits += [name in called for name in sorted(shared)]
                alarms += [name in called for name in sorted(names - shared)]
            condition = ("overlap", kind, kind, share)
            if hits:
                rows.append(proportion(condition, "recall", hits))
            rows.append(proportion(condition, "false alarms", alarms))
    return pd.DataFrame(rows)


def _share(share: float, column: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """Split and manifest in which test images have a training image's patient, or file."""
    manifest, _ = phantom.draw(planted.PROBED.model_copy(update={"seed": seed}))
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in manifest["image_id"]]
    manifest = manifest.assign(sha256=digests)
    split = splits.make(manifest, "grouped", 0.2, 0.0, seed)
    part = split.set_index("image_id")["part"].loc[manifest["image_id"]].to_numpy()
    test, train = (manifest.loc[part == p, column].unique() for p in ("test", "train"))
    rng = np.random.default_rng([seed, 3])
    count = round(share * len(test))
    replaced = rng.choice(test, count, replace=False)
    replacement = dict(zip(replaced, rng.choice(train, count, replace=False), strict=True))
    manifest = manifest.assign(**{column: manifest[column].replace(replacement)})
    if column == "patient_id":
        return split, manifest.assign(group_id=manifest[column]), set(replacement.values())
    image = manifest["image_id"].groupby(manifest[column]).min()
    return split, manifest, {str(image[digest]) for digest in replacement.values()}


def random_labels(
    seeds: range = range(planted.SEEDS), null_seeds: range = range(planted.NULL_SEEDS)
) -> pd.DataFrame:
    """Accuracy gained by image-level splits with random labels, by mean images a patient.

    Cohorts share no patient, so that intervals over them are honest. The null has one image a
    patient.
    """
    rows = []
    for images in planted.PER_PATIENT:
        is_null = images == min(planted.PER_PATIENT)
        gains = pd.DataFrame([_gains(images, seed) for seed in (null_seeds if is_null else seeds)])
        confidence = 1 - LEVEL if is_null else CONFIDENCE
        for model in experiments.QUICK:
            condition = ("leakage", "patients", model, images)
            rows.append(mean(condition, "gain", gains[model], confidence))
    return pd.DataFrame(rows)


def _gains(images_per_patient: float, seed: int) -> pd.Series:
    """Gain in accuracy of each quick model on one cohort."""
    changes = {"seed": seed, "images_per_patient": images_per_patient}
    frame, pixels = phantom.generate(planted.LABELLED.model_copy(update=changes))
    features = experiments.features(pixels)
    runs = experiments.random_label_experiment(
        {model: features[model] for model in experiments.QUICK},
        frame["group_id"].to_numpy(dtype=str),
        seeds=range(planted.LABEL_DRAWS),
    )
    return summaries.score_inflation(runs, "accuracy")["value"]
