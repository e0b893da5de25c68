"""Connected components of rows that are linked: copies, or images of one group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


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
