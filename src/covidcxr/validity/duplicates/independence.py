"""Images that are not independent of each other: of one group, or copies, across all cohorts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.samples import Sample
from covidcxr.core.records import Record
from covidcxr.validity.duplicates.components import connected_rows, equal_value_links, first_rows
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
        By cohort, shape (n,): one name for images that hang together, in the manifest's
        order; the same in every cohort.

    Notes
    -----
    A group of the same name in two cohorts is the same where both have it from the same
    source. Names of synthetic cohorts are drawn anew for each, and an image that is its
    own group has no name but its file's.
    """
    images = group_names(samples)
    same = [equal_value_links(images[column]) for column in ("own", "shared")]
    label = connected_rows(len(images), pd.concat([_links(images, record), *same]))
    names = images["own"].to_numpy(dtype=str)[first_rows(label)]
    return {name: names[images["cohort"] == name] for name in samples}


def copies(samples: Mapping[str, Sample], record: Record) -> dict[str, NDArray[np.int64]]:
    """Label connected components of copies alone, across all cohorts, as `merged` does."""
    images = group_names(samples)
    label = connected_rows(len(images), _links(images, record))
    return {name: label[images["cohort"] == name] for name in samples}


def group_names(samples: Mapping[str, Sample]) -> pd.DataFrame:
    """Name each image's group within its cohort and across all: cohort, image_id, own, shared."""
    frames = []
    for name, sample in samples.items():
        rows = sample.manifest.reset_index(drop=True)
        own = f"{name}:" + rows["group_id"].astype(str)
        shared = rows["source"].astype(str) + "\t" + rows["group_id"].astype(str)
        nameless = (rows["group_id"] == rows["image_id"]) | ("planted_severity" in rows)
        frames.append(
            pd.DataFrame(
                {
                    "cohort": name,
                    "image_id": rows["image_id"],
                    "own": own,
                    "shared": shared.where(~nameless.astype(bool), own),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _links(images: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Return the copies of a record as row numbers of images."""
    place = pd.Series(images.index, pd.MultiIndex.from_frame(images[["cohort", "image_id"]]))
    pairs = read_pairs(record)
    ends = {
        side: place.reindex(
            pd.MultiIndex.from_frame(pairs[[f"cohort_{x}", f"image_{x}"]])
        ).to_numpy()
        for side, x in (("first", "a"), ("second", "b"))
    }
    return pd.DataFrame(ends).dropna().astype(np.int64)
