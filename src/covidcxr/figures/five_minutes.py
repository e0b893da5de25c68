"""Values of the page that tells the whole in eight pictures, and the curves that it draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.core.words import listing
from covidcxr.figures.mean_border import PROBE
from covidcxr.figures.shared_patients import across
from covidcxr.paper import publication
from covidcxr.scores import intervals
from covidcxr.validity.external import ExternalTest
from covidcxr.validity.shortcuts.probes import UNSEEN


def values(
    probes: pd.DataFrame, images: pd.DataFrame, tests: Mapping[str, ExternalTest], away: str
) -> dict[str, Any]:
    """Return what the page glues.

    Parameters
    ----------
    probes
        The table ``areas`` of the record of shortcuts.
    images
        Images of a split, as `covidcxr.figures.shared_patients.across` takes them.
    tests, away
        External tests by network, and the cohort whose AUROCs are named.
    """
    chosen = probes[(probes["tier"] == "all") & (probes["model"] == "logistic")]
    (border,) = chosen[(chosen["probe"] == PROBE[0]) & (chosen["variant"] == PROBE[1])].to_dict(
        "records"
    )
    tested = across(images).query("part == 'test'")
    matrices = [np.array(table.matrix) for table in publication.tables().values()]
    areas = [intervals.area(test.cohorts[away]).value for test in tests.values()]
    return {
        "border_auroc": border["auroc"],
        "border_low": border["low"],
        "border_high": border["high"],
        "border_seen": UNSEEN,
        "shared_images": int(tested["shared"].sum()),
        "shared_tested": len(tested),
        "five_rows": _sums(matrices, axis=1),
        "five_columns": _sums(matrices, axis=0),
        "five_least": min(areas),
        "five_most": max(areas),
    }


def histories(groups: Mapping[str, Sequence[Record]]) -> dict[str, pd.DataFrame]:
    """Tables ``history`` of runs by network and size of images, each run once."""
    runs = {run.folder: run for group in groups.values() for run in group}
    return {
        f"{TITLES[p['model']]}, {p['image_size']} px": run.table("history")
        for run in runs.values()
        for p in [run["parameters"]]
    }


def _sums(matrices: Sequence[np.ndarray], axis: int) -> str:
    """List sums of matrices, such as ``92 + 268``, each different one once."""
    sums = dict.fromkeys(" + ".join(map(str, m.sum(axis=axis))) for m in matrices)
    return listing(list(sums))
