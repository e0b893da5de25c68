"""All controls, and the record of them.

A method must find what is planted, and nothing where nothing is; `demands` says how well.
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
from covidcxr.validity import controls
from tests.validity.controls import copies, maps, parts, planted, probes
from tests.validity.controls.demands import outcomes
from tests.validity.controls.rows import COLUMNS


def make(results: Path) -> Record:
    """Try all methods and write the record; one that is there is moved aside."""
    started, commit = time.monotonic(), machine.commit()
    with threadpool_limits(limits=1):
        table = measures()
    images = {
        "COVID19": planted.COPIED_SEEDS * planted.COPIED.covid19,
        "NORMAL": planted.COPIED_SEEDS * planted.COPIED.normal,
    }
    return records.write(
        results / controls.FOLDER,
        study=studies.load("demo"),
        parameters=parameters(),
        fingerprints={"data": fingerprint()},
        method=controls.METHOD,
        commit=commit,
        tables={"measures": table, "criteria": outcomes(table)},
        images=images,
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


def parameters() -> dict[str, Any]:
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


def fingerprint() -> str:
    return hashlib.sha256(json.dumps(parameters(), sort_keys=True).encode()).hexdigest()
