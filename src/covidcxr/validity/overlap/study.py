"""The record of what the parts of a study's splits share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import splits
from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import OWN, Sample, fingerprint
from covidcxr.core import records
from covidcxr.core.studies import LABELS, Study
from covidcxr.validity import duplicates

NAME = "overlap"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

SPLITS = {
    "keras": "by name",
    "random": "at random",
    "grouped": "by group",
    "grouped-copies": "by group and copies",
}
"""The kinds of split, and their names in prose. The groups of the last are patients, groups
and copies together."""

DRAWS = 20
"""How often a split with a random draw is drawn, with seeds from 0."""

REASONS = {
    "group": "patient or group",
    "copy": "copy of the picture",
    "any": "any of them",
}
"""Why an image of one part is not independent of another part, and in prose."""


def record(
    study: Study,
    *,
    results: Path,
    samples: dict[str, Sample] | None,
    copies: records.Record,
) -> records.Record:
    """Return the record of what the parts of the study's splits share.

    Parameters
    ----------
    study, results, samples
        As for `covidcxr.validity.duplicates.record`.
    copies
        What that returns.

    Returns
    -------
    Record
        Table ``splits``: for each draw of each of `SPLITS`, each class and reason, how
        many of ``n`` test images are ``affected``. Table ``external``: the same of the
        external cohorts' images, which share something with the study's own cohort.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    return records.load_or_run(
        results / NAME,
        study,
        records.parameters(study, ("test_fraction", "validation_fraction")),
        None if samples is None else {"data": fingerprint(samples)},
        METHOD,
        lambda: _count(study, samples or {}, copies),
    )


def _count(study: Study, samples: Mapping[str, Sample], copies: records.Record) -> dict[str, Any]:
    """Return the tables and counts of the record."""
    images = duplicates.all_images(samples).rename(columns={"shared": "group"})
    for column, label in (("copy", duplicates.copies), ("any", duplicates.merged)):
        images[column] = np.concatenate(list(label(samples, copies).values()))
    keys = dict(list(images.groupby("cohort")))
    own = keys.pop(OWN)
    manifest = samples[OWN].manifest
    tables = []
    for name, seed, split in _draws(study, manifest, own["any"].to_numpy()):
        test = (split["part"] == "test").to_numpy(dtype=bool)
        tables.append(_affected(own[test], own[~test]).assign(split=name, seed=seed))
    outside = [_affected(keys[n], own).assign(cohort=n) for n in samples if n != OWN]
    counts = ["label", "reason", "n", "affected"]
    external = ["cohort", *counts]
    return {
        "tables": {
            "splits": pd.concat(tables)[["split", "seed", *counts]],
            "external": pd.concat(outside)[external] if outside else pd.DataFrame(columns=external),
        },
        "images": class_counts(manifest),
    }


def _draws(
    study: Study, manifest: pd.DataFrame, label: NDArray[np.str_]
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Draw every split: its name, the seed and the split."""
    fractions = (study.test_fraction, study.validation_fraction)
    yield "keras", 0, splits.make(manifest, "keras", *fractions)
    connected = manifest.assign(group_id=label)
    for seed in range(DRAWS):
        yield "random", seed, splits.make(manifest, "random", *fractions, seed)
        yield "grouped", seed, splits.make(manifest, "grouped", *fractions, seed)
        yield "grouped-copies", seed, splits.make(connected, "grouped", *fractions, seed)


def _affected(keys: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Count, by class and reason, the images that share a key with others."""
    rows = []
    for label in LABELS:
        of_class = keys[keys["label"] == label]
        for reason in REASONS:
            hits = int(of_class[reason].isin(others[reason]).sum())
            rows.append({"label": label, "reason": reason, "n": len(of_class), "affected": hits})
    return pd.DataFrame(rows)
