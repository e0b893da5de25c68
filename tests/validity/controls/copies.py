"""Control of the search for copies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from covidcxr.cohorts import phantom
from covidcxr.core.studies import PhantomCohort
from covidcxr.validity import duplicates
from tests.validity.controls import planted
from tests.validity.controls.rows import NAN, proportion


def planted_copies(
    cohort: PhantomCohort = planted.COPIED, seeds: range = range(planted.COPIED_SEEDS)
) -> pd.DataFrame:
    """Recall of the search by kind of planted copy, and its false alarms by kind of pair."""
    changed = (cohort.model_copy(update={"seed": seed}) for seed in seeds)
    pairs = pd.concat([_pairs(one) for one in changed], ignore_index=True)
    copies = pairs[pairs["what"] == "copies"]
    rows = [
        proportion(
            ("duplicates", "copies", kind, NAN), "recall", copies["called"][copies["kind"] == kind]
        )
        for kind in ("exact", *phantom.ALTERATIONS)
    ]
    rows.append(proportion(("duplicates", "copies", "all kinds", NAN), "recall", copies["called"]))
    for what in ("different patients", "one patient"):
        alarms = pairs["called"][pairs["what"] == what]
        rows.append(proportion(("duplicates", "none", what, NAN), "false alarms", alarms))
    return pd.DataFrame(rows)


def _pairs(cohort: PhantomCohort) -> pd.DataFrame:
    """All pairs of images: what they are, kind of the copy, and whether they are called copies."""
    frame, pixels = phantom.generate(cohort)
    matches = duplicates.find(pixels)
    called = np.zeros((len(frame), len(frame)), dtype=bool)
    called[matches["first"], matches["second"]] = True
    called |= called.T
    first, second = np.triu_indices(len(frame), 1)
    original = frame["planted_duplicate_of"].fillna(frame["image_id"]).to_numpy(dtype=str)
    patient = frame["patient_id"].to_numpy(dtype=str)
    kind = frame["planted_alteration"].fillna("").to_numpy(dtype=str)
    same = np.where(patient[first] == patient[second], "one patient", "different patients")
    return pd.DataFrame(
        {
            "what": np.where(original[first] == original[second], "copies", same),
            "kind": np.where(kind[first] == "", kind[second], kind[first]),
            "called": called[first, second],
        }
    )
