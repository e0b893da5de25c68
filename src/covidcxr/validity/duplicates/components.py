"""Connected components of images that are linked: copies, or images of one group.

Images of one component are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from covidcxr.cohorts.samples import Sample
from covidcxr.core.records import Record


def connected_rows(n: int, links: pd.DataFrame) -> NDArray[np.int64]:
    """Label connected components of n rows, shape (n,); ``first`` and ``second`` are linked."""
    first, second = (links[c].to_numpy(np.int64) for c in ("first", "second"))
    graph = coo_array((np.ones(len(links), np.int8), (first, second)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return label.astype(np.int64)


def first_rows(keys: ArrayLike) -> NDArray[np.int64]:
    """Return for each key the first row that has it."""
    _, first, codes = np.unique(np.asarray(keys), return_index=True, return_inverse=True)
    return first[codes].astype(np.int64)


def equal_value_links(values: pd.Series) -> pd.DataFrame:
    """Link each row to the first of equal value: first, second. Missing values link nothing."""
    known = np.flatnonzero(values.notna())
    first = known[first_rows(values.iloc[known].to_numpy(dtype=str))]
    return pd.DataFrame({"first": first, "second": known})


def named_links(names: pd.Series, first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Return links between names as row numbers of these, without those of unknown names."""
    place = pd.Series(np.arange(len(names)), names)
    links = pd.DataFrame({"first": first.map(place), "second": second.map(place)})
    return links.dropna().astype(np.int64)


def merged(samples: Mapping[str, Sample], record: Record) -> dict[str, NDArray[np.str_]]:
    """Label connected components of groups and copies, across all cohorts.

    ``record`` is as `covidcxr.validity.duplicates.record` returns it. By cohort, shape (n,): one
    name for connected images, the same in every cohort. Groups of two cohorts are one if name and
    source are equal, except in synthetic cohorts and for images that are their own group.
    """
    images = all_images(samples)
    same = [equal_value_links(images[column]) for column in ("own", "shared")]
    label = connected_rows(len(images), pd.concat([_copy_links(images, record), *same]))
    names = images["own"].to_numpy(dtype=str)[first_rows(label)]
    return {name: names[images["cohort"] == name] for name in samples}


def copies(samples: Mapping[str, Sample], record: Record) -> dict[str, NDArray[np.int64]]:
    """Label connected components of copies alone, across all cohorts, as `merged` does."""
    images = all_images(samples)
    label = connected_rows(len(images), _copy_links(images, record))
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


def read_pairs(record: Record) -> pd.DataFrame:
    """Read the pairs of a record, names as text whatever they look like."""
    text = {f"{c}_{x}": "string" for c in ("cohort", "image", "label", "group") for x in "ab"}
    path = record.folder / "pairs.csv"
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"similarity": [""]})  # type: ignore[arg-type]


def _copy_links(images: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Return the copies of a record as row numbers of images."""
    pairs = read_pairs(record)
    ends = (pairs[f"cohort_{x}"] + "\t" + pairs[f"image_{x}"] for x in "ab")
    return named_links(images["cohort"] + "\t" + images["image_id"], *ends)
