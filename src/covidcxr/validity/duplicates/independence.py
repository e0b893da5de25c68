"""Images that are not independent of each other: of one group, or copies, across all cohorts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.samples import Sample
from covidcxr.core.records import Record
from covidcxr.validity.duplicates.components import (
    connected_rows,
    equal_value_links,
    first_rows,
    named_links,
)
from covidcxr.validity.duplicates.tables import read_pairs


def merged(samples: Mapping[str, Sample], record: Record) -> dict[str, NDArray[np.str_]]:
    """Label connected components of groups and copies, across all cohorts.

    Parameters
    ----------
    samples
        Cohorts by name.
    record
        As `covidcxr.validity.duplicates.record` returns it.

    Returns
    -------
    dict
        By cohort, shape (n,): one name for connected images, the same in every cohort. Groups
        of two cohorts are one if name and source are equal, except in synthetic cohorts and
        for images that are their own group.
    """
    images = all_images(samples)
    same = [equal_value_links(images[column]) for column in ("own", "shared")]
    label = connected_rows(len(images), pd.concat([_links(images, record), *same]))
    names = images["own"].to_numpy(dtype=str)[first_rows(label)]
    return {name: names[images["cohort"] == name] for name in samples}


def copies(samples: Mapping[str, Sample], record: Record) -> dict[str, NDArray[np.int64]]:
    """Label connected components of copies alone, across all cohorts, as `merged` does."""
    images = all_images(samples)
    label = connected_rows(len(images), _links(images, record))
    return {name: label[images["cohort"] == name] for name in samples}


def all_images(samples: Mapping[str, Sample]) -> pd.DataFrame:
    """Return the manifests of all cohorts, with columns for the cohort and the group.

    ``own`` names the group within its ``cohort``, ``shared`` across all of them.
    """
    manifests = []
    for name, sample in samples.items():
        rows = sample.manifest.assign(cohort=name)
        rows["own"] = f"{name}:" + rows["group_id"]
        nameless = (rows["group_id"] == rows["image_id"]) | ("planted_severity" in rows)
        rows["shared"] = (rows["source"] + "\t" + rows["group_id"]).mask(nameless, rows["own"])
        manifests.append(rows)
    return pd.concat(manifests, ignore_index=True)


def _links(images: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Return the copies of a record as row numbers of images."""
    pairs = read_pairs(record)
    ends = (pairs[f"cohort_{x}"] + "\t" + pairs[f"image_{x}"] for x in "ab")
    return named_links(images["cohort"] + "\t" + images["image_id"], *ends)
