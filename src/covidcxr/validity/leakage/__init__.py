"""How much better a model looks if groups are on both sides of a split.

A group is what a split must not part: images of one patient, and copies of one image.
Simple models are trained for each seed on an image-level split and on a grouped one;
with more and more of the tested groups in training; and with random labels, one for
each group. Recorded networks are compared between and within their splits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import OWN, TIERS, Sample, fingerprint
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, Study
from covidcxr.networks import simple_models
from covidcxr.validity import duplicates
from covidcxr.validity.leakage import experiments

NAME = "leakage"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`
MIN_GROUPS = 10  # groups (of each class, if classes are compared) below which a subset is left out


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> Record:
    """Record of all experiments with simple models, computed if there is none yet.

    It has ``counts`` as `group_counts`, and tables: ``groups`` (``image_id``, ``group``),
    ``splits`` (with the ``tier``), ``doses``, ``coins`` (random labels; with the set of
    ``images``) and ``control``, with the columns of `experiments`. A `Problem` is raised if there
    is neither a record nor data.
    """
    parameters = records.parameters(
        study,
        ("test_fraction",),
        seeds=experiments.SEEDS,
        doses=list(experiments.SHARES),
        models=experiments.SIDES,
    )
    if samples is None:
        return records.load_or_run(results / NAME, study, parameters, None, METHOD, dict)

    def run() -> dict[str, Any]:
        group = _groups(study, results, samples)
        with simple_models.one_thread():
            return _run(samples[OWN], group, study.test_fraction)

    inputs = {"data": fingerprint(samples)}
    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, run)


def groups(record: Record) -> dict[str, str]:
    """Name of its group by image_id."""
    rows = record.table("groups").astype(str)
    return dict(zip(rows["image_id"], rows["group"], strict=True))


def group_counts(positive: NDArray[np.bool_], group: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    """Count images and groups by class, and of those with several images a group."""
    several = experiments.in_group_of_several(group)
    return {
        label: {
            "images": int(inside.sum()),
            "groups": len(np.unique(group[inside])),
            "groups_of_several": len(np.unique(group[inside & several])),
            "images_of_several": int((inside & several).sum()),
        }
        for label, inside in zip(LABELS, (positive, ~positive), strict=True)
    }


def _groups(study: Study, results: Path, samples: dict[str, Sample]) -> NDArray[np.str_]:
    """Name the groups of the study's cohort: patients, merged where they share copies."""
    copies = duplicates.record(study, results=results, samples=samples)
    return duplicates.merged(samples, copies)[OWN]


def _run(sample: Sample, group: NDArray[np.str_], test: float) -> dict[str, Any]:
    """Content of the record."""
    inputs, positive = experiments.features(sample.grey), sample.positive
    probes = {model: inputs[model] for model in experiments.PROBES}
    return {
        "tables": {
            "groups": pd.DataFrame({"image_id": sample.manifest["image_id"], "group": group}),
            "splits": _by_tier(sample, inputs, group, test),
            "doses": experiments.contamination_experiment(probes, positive, group),
            "coins": _by_set(probes, group, test),
            "control": experiments.phantom_control(),
        },
        "images": class_counts(sample.manifest),
        "counts": group_counts(positive, group),
    }


def _by_tier(
    sample: Sample, inputs: experiments.Inputs, group: NDArray[np.str_], test: float
) -> pd.DataFrame:
    """Both kinds of split of all images and of subsets."""
    tables = []
    for tier in TIERS:
        kept, positive = sample.tier(tier), sample.positive
        fewest = min(len(np.unique(group[kept & side])) for side in (positive, ~positive))
        if tier == "all" or (fewest >= MIN_GROUPS and not kept.all()):
            rows = {model: values[kept] for model, values in inputs.items()}
            runs = experiments.compare_split_kinds(rows, positive[kept], group[kept], test=test)
            tables.append(runs.assign(tier=tier))
    return pd.concat(tables, ignore_index=True)


def _by_set(inputs: experiments.Inputs, group: NDArray[np.str_], test: float) -> pd.DataFrame:
    """Random labels of all images and of those in groups of several images."""
    sets = {"all": np.full(len(group), True), "several": experiments.in_group_of_several(group)}
    tables = []
    for name, kept in sets.items():
        if name == "all" or len(np.unique(group[kept])) >= MIN_GROUPS:
            rows = {model: values[kept] for model, values in inputs.items()}
            runs = experiments.random_label_experiment(rows, group[kept], test=test)
            tables.append(runs.assign(images=name))
    return pd.concat(tables, ignore_index=True)
