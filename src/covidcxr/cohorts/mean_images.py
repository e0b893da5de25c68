"""Mean images of classes: what differs between them on average, and no patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts import samples as cohorts
from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import Sample
from covidcxr.core import records
from covidcxr.core.studies import LABELS, Study
from covidcxr.core.tables import concatenate

NAME = "means"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`
SIDE = 64  # pixels a side of a mean image
FEWEST = 20  # images of a class; a mean of fewer might show one of them and is not kept

_PIXELS = [str(column) for column in range(SIDE)]


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> records.Record:
    """Record of the mean images of a study's cohorts, computed if there is none yet.

    Its table ``means`` has by ``cohort``, ``label`` and ``row`` the grey levels of a line of
    pixels, columns ``0`` to ``63``, and the number of ``images`` averaged. A `Problem` is raised
    if there is neither a record nor data.
    """
    inputs = None if samples is None else {"data": cohorts.fingerprint(samples)}

    def make() -> dict[str, Any]:
        assert samples is not None
        images = class_counts(samples[cohorts.OWN].manifest)
        return {"tables": {"means": means(samples)}, "images": images}

    parameters = records.parameters(study, ())
    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, make)


def means(samples: dict[str, Sample]) -> pd.DataFrame:
    """Mean grey levels, rounded, of each cohort and class with at least `FEWEST` images."""
    tables = []
    for name, sample in samples.items():
        for label in LABELS:
            places = np.flatnonzero(sample.manifest["label"] == label)
            if len(places) < FEWEST:
                continue
            total = sum(sample.grey[place].astype(np.int64) for place in places)
            block = cohorts.SIZE // SIDE
            mean = np.asarray(total) / len(places)
            small = mean.reshape(SIDE, block, SIDE, block).mean(axis=(1, 3)).round().astype(int)
            lines = pd.DataFrame(small, columns=_PIXELS).rename_axis("row").reset_index()
            tables.append(lines.assign(cohort=name, label=label, images=len(places)))
    return concatenate(tables, ["cohort", "label", "images", "row", *_PIXELS])


def pictures(record: records.Record) -> dict[tuple[str, str], tuple[np.ndarray, int]]:
    """Mean images, shape (SIDE, SIDE), and numbers of images, by cohort and class."""
    by = record.table("means").groupby(["cohort", "label"], sort=False)
    return {
        (str(cohort), str(label)): (rows[_PIXELS].to_numpy(float), int(rows["images"].iloc[0]))
        for (cohort, label), rows in by
    }
