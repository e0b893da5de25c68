"""Positive and negative controls: every method is tried where the truth is known.

Synthetic radiographs carry planted defects of known strength. A method must find what is there,
and nothing where nothing is; `covidcxr.validity.controls.demands` says how well. A method that
fails is not relied on.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from covidcxr.core import machine, records, studies
from covidcxr.core.records import Record
from covidcxr.validity.controls import copies, maps, parts, planted, probes
from covidcxr.validity.controls.demands import outcomes, passing
from covidcxr.validity.controls.rows import COLUMNS

FOLDER = "controls/record"
"""The place of the record among all records: it belongs to no study's folder."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""


def record(results: Path) -> Record:
    """Record of all controls, computed if there is none.

    Parameters
    ----------
    results
        The folder that holds the studies' folders.

    Returns
    -------
    Record
        Tables ``measures``, with the columns `COLUMNS`, and ``criteria``. A record of an older
        method is returned as it is, because `make` takes minutes; `is_current` tells it.
    """
    folder = results / FOLDER
    return records.read(folder, METHOD) if (folder / "record.json").is_file() else make(results)


def make(results: Path) -> Record:
    """Try all methods and write the record; one that is there is moved aside."""
    started, commit = time.monotonic(), machine.commit()
    with threadpool_limits(limits=1):
        table = measures()
    images = planted.COPIED_SEEDS * planted.COPIED.covid19
    return records.write(
        results / FOLDER,
        study=studies.load("demo"),
        parameters=_parameters(),
        fingerprints={"data": _fingerprint()},
        method=METHOD,
        commit=commit,
        tables={"measures": table, "criteria": outcomes(table)},
        images={"COVID19": images, "NORMAL": planted.COPIED_SEEDS * planted.COPIED.normal},
        wall_seconds=round(time.monotonic() - started, 1),
        peak_memory_bytes=machine.peak_memory(),
    )


def measures() -> pd.DataFrame:
    """Try all methods on all that is planted; columns `COLUMNS`."""
    tables = [
        copies.planted_copies(), parts.shared_patients(), parts.random_labels(),
        probes.acquisition(), probes.file_metadata(), probes.disease(),
        maps.lung_region(), maps.saliency_maps(),
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def is_current(record: Record) -> bool:
    """Whether today's methods and planted defects made a record."""
    return not record.is_outdated and record["parameters"] == _parameters()


def passed(record: Record) -> set[str]:
    """Names of the methods that met every demand."""
    return passing(record.table("criteria"))


def _parameters() -> dict[str, Any]:
    cohorts = {
        "copied": planted.COPIED, "probed": planted.PROBED,
        "tossed": planted.LABELLED, "single": planted.SINGLE,
    }  # fmt: skip
    return {
        "cohort": {"source": "phantom"},
        "cohorts": {name: cohort.model_dump(mode="json") for name, cohort in cohorts.items()},
        "seeds": {
            "copies": planted.COPIED_SEEDS, "planted": planted.SEEDS, "null": planted.NULL_SEEDS,
            "disease": planted.DISEASE_SEEDS, "tosses": planted.LABEL_DRAWS,
        },
        "strengths": list(planted.STRENGTHS),
    }  # fmt: skip


def _fingerprint() -> str:
    return hashlib.sha256(json.dumps(_parameters(), sort_keys=True).encode()).hexdigest()
