"""The record of what the parts of a study's splits share, and its tables and numbers."""

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

NAME = "overlap"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`

SPLITS = {
    "keras": "by name",
    "random": "at random",
    "grouped": "by group",
    "grouped-copies": "by group and copies",
}
"""The kinds of split, and their names in prose. The groups of the last are patients, groups
and copies together."""

DRAWS = 20  # how often a split with a random draw is drawn, with seeds from 0

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

    Its table ``splits`` has for each draw of each of `SPLITS`, each class and reason, how many of
    ``n`` test images are ``affected``; ``external`` the same of the external cohorts' images, which
    share something with the study's own cohort. ``copies`` is what
    `covidcxr.validity.duplicates.record` returns of the study. A `Problem` is raised if there is
    neither a record nor data.
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


def shares(record: records.Record, reason: str = "any") -> pd.DataFrame:
    """Return the share of affected test images, by split and label, for one of `REASONS`.

    ``draws``, ``n`` test images of a draw, and mean, least and largest share over the draws
    as ``share``, ``low`` and ``high``.
    """
    rows = record.table("splits").query("reason == @reason")
    rows = rows.assign(share=rows["affected"] / rows["n"].where(rows["n"] > 0))
    table = rows.groupby(["split", "label"]).agg(
        draws=("seed", "size"),
        n=("n", "median"),
        share=("share", "mean"),
        low=("share", "min"),
        high=("share", "max"),
    )
    return table.reindex(list(SPLITS), level="split").reset_index().astype({"n": int})


def overall_shares(record: records.Record) -> dict[str, float]:
    """Return the share of affected test images of both classes and all draws, by split."""
    rows = record.table("splits").query("reason == 'any'")
    sums = rows.groupby("split")[["affected", "n"]].sum()
    share = (sums["affected"] / sums["n"]).reindex(list(SPLITS))
    return {str(name): float(value) for name, value in share.items()}


def external_counts(record: records.Record) -> pd.DataFrame:
    """Count the images of external cohorts that share something, a column a reason."""
    rows = record.table("external")
    wide = rows.pivot_table(index=["cohort", "label", "n"], columns="reason", values="affected")
    return wide.reindex(columns=list(REASONS)).astype(int).reset_index()


def values(copies: records.Record, shared: records.Record) -> dict[str, float]:
    """Return the numbers about copies and overlap that pages glue, from the records of both."""
    planted, alarms = duplicates.planted_counts(copies), duplicates.false_alarms(copies)
    drawn = overall_shares(shared)
    external = shared.table("external").query("reason == 'any'")
    pairs = duplicates.read_pairs(copies)
    own = (pairs["cohort_a"] == OWN) & (pairs["cohort_b"] == OWN)
    numbers = {
        "images": sum(sum(classes.values()) for classes in copies["cohorts"].values()),
        **copies["limits"],
        **copies["counts"],
        "across_groups_own": int((own & ~pairs["same_group"]).sum()),
        "planted": int(planted["planted"].sum()),
        "detected": int(planted["found"].sum()),
        "unplanted_one_patient": alarms["one"],
        "unplanted_two_patients": alarms["two"],
        **{f"split_{name.replace('-', '_')}": share for name, share in drawn.items()},
        "external": int(external["n"].sum()),
        "external_affected": int(external["affected"].sum()),
    }
    return {f"duplicates_{name}": number for name, number in numbers.items()}
