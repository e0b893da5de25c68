"""The composition of a cohort, as counts that name no image.

The exploration page is drawn from this record: it can be rebuilt without the images, and
shows nothing that may not be shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts import manifest as manifests
from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.studies import LABELS, Study

NAME = "cohort"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`

CATEGORIES = ("source", "view", "sex", "original_mode", "original_format", "images_of_patient")
MEASURES = ("age", "original_width", "original_height", "original_bytes", "brightness")
BINS = 24

SYNONYMS = {"AP Supine": "AP"}
"""Views that are another one by projection; that the patient lies is a matter of its own."""


def record(
    study: Study, *, results: Path, cohort: Cohort | None, split: pd.DataFrame | None
) -> records.Record:
    """Load or compute the record of a cohort's composition.

    The inputs are None without the data. A `Problem` is raised if there is neither a record nor
    data.
    """
    folder = results / NAME
    keys = ("image_size", "resize", "test_fraction", "validation_fraction")
    parameters = records.parameters(study, keys, split=study.splits[0], seed=study.seeds[0])
    if cohort is None or split is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    # A cohort's own fingerprint leaves out ages, views and patients, which this record counts.
    inputs = {"data": manifests.fingerprint(cohort.manifest), "split": splits.fingerprint(split)}

    def make() -> dict[str, Any]:
        return {
            "tables": {
                "categories": categories(cohort.manifest),
                "measures": measures(cohort),
                "parts": parts(split),
            },
            "images": manifests.class_counts(cohort.manifest),
            "patients": patients(cohort.manifest),
        }

    return records.load_or_run(folder, study, parameters, inputs, METHOD, make)


def categories(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the values of each of `CATEGORIES` by class: variable, value, label, n."""
    sizes = manifest.groupby("patient_id")["image_id"].transform("size")
    table = manifest.assign(images_of_patient=sizes.astype("Int64"))
    counted = [
        table.assign(variable=name, value=table[name].astype("string").fillna("unknown"))
        .groupby(["variable", "value", "label"])
        .size()
        .reset_index(name="n")
        for name in CATEGORIES
    ]
    return pd.concat(counted, ignore_index=True)


def measures(cohort: Cohort) -> pd.DataFrame:
    """Count each of `MEASURES` in bins by class: variable, label, low, high, n."""
    brightness = cohort.pixels.reshape(len(cohort.pixels), -1).mean(axis=1)
    table = cohort.manifest.assign(brightness=brightness)
    rows = []
    for name in MEASURES:
        values = table[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        edges = np.histogram_bin_edges(known, BINS)
        for label in LABELS:
            counts, _ = np.histogram(values[(table["label"] == label) & np.isfinite(values)], edges)
            bins = {"low": edges[:-1], "high": edges[1:], "n": counts}
            rows.append(pd.DataFrame({"variable": name, "label": label, **bins}))
    return pd.concat(rows, ignore_index=True)


def parts(split: pd.DataFrame) -> pd.DataFrame:
    """Count images by part and class, and those whose group is also in training.

    Columns ``part``, ``label``, ``images``, ``groups``, ``groups_known`` (images of
    which a group other than the image itself is known), ``images_shared_with_train``.
    """
    rows = []
    for (part, label), images in split.groupby(["part", "label"]):
        shared = splits.shared_groups(split, str(part)) if part != "train" else split[:0]
        rows.append(
            {
                "part": part,
                "label": label,
                "images": len(images),
                "groups": images["group_id"].nunique(),
                "groups_known": int((images["group_id"] != images["image_id"]).sum()),
                "images_shared_with_train": int((shared["label"] == label).sum()),
            }
        )
    return pd.DataFrame(rows)


def patients(manifest: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count, by class, the patients, and the images whose patient is known."""
    known = manifest.dropna(subset=["patient_id"])
    return {
        label: {
            "patients": int(known.loc[known["label"] == label, "patient_id"].nunique()),
            "images_with_patient": int((known["label"] == label).sum()),
        }
        for label in LABELS
    }


def class_differences(record: records.Record) -> pd.Series:
    """Total variation distance between the classes, by variable, largest first.

    A variable that is known of one class alone is left out.
    """
    distances = {
        name: total_variation(known_values(record, name)) for name in CATEGORIES + MEASURES
    }
    return pd.Series(distances, dtype=float).dropna().sort_values(ascending=False)


def counts(record: records.Record) -> pd.DataFrame:
    """Table ``categories`` of a record, with views that are the same projection together."""
    rows = record.table("categories")
    views = rows["variable"] == "view"
    rows["value"] = rows["value"].where(~views, rows["value"].replace(SYNONYMS))
    return rows.groupby(["variable", "value", "label"], sort=False)["n"].sum().reset_index()


def known_values(record: records.Record, variable: str) -> pd.DataFrame:
    """Count the images of each class, a column, by known value or lower edge of a bin, a row."""
    bins = record.table("measures").rename(columns={"low": "value"})
    rows = pd.concat([counts(record), bins]).astype({"n": int})
    rows = rows[(rows["variable"] == variable) & (rows["value"] != "unknown")]
    wide = rows.pivot_table("n", "value", "label", aggfunc="sum", fill_value=0)
    return wide.reindex(columns=list(LABELS), fill_value=0)


def total_variation(counts: pd.DataFrame) -> float:
    """Share of one class that would have to change for both to agree; NaN for an empty class."""
    if not counts.sum().all():
        return float("nan")
    shares = counts / counts.sum()
    return float((shares[LABELS[0]] - shares[LABELS[1]]).abs().sum() / 2)


def grey_levels(cohort: Cohort) -> pd.DataFrame:
    """Grey levels by class, as they are stored and as they are trained on.

    Returns
    -------
    pandas.DataFrame
        By class: ``files``; of those with more than 8 bits ``deep``, their ``bits`` in use and
        the ``lowest`` and ``highest`` stored value; the ``mean`` and the 5th and 95th percentile,
        ``low`` and ``high``, of the images' mean grey from 0 to 255 after scaling.
    """
    grey = np.array([image.mean() for image in cohort.pixels])
    none = pd.Series(pd.NA, cohort.manifest.index)
    bits, lowest, highest = (
        cohort.manifest.get(f"grey_{name}", none) for name in ("bits", "lowest", "highest")
    )
    rows = {}
    for label in LABELS:
        inside = (cohort.manifest["label"] == label).to_numpy(dtype=bool)
        deep = inside & bits.notna().to_numpy()
        low, high = np.percentile(grey[inside], [5, 95])
        rows[label] = {
            "files": int(inside.sum()),
            "deep": int(deep.sum()),
            "bits": ", ".join(f"{b}" for b in sorted(set(bits[deep]))) or "–",
            "lowest": lowest[deep].min() if deep.any() else "–",
            "highest": highest[deep].max() if deep.any() else "–",
            "mean": grey[inside].mean(),
            "low": low,
            "high": high,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")
