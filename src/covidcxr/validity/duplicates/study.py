"""The record of all copies within and across a study's cohorts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import OWN, Sample, fingerprint
from covidcxr.core import records
from covidcxr.core.studies import Study
from covidcxr.validity.duplicates.components import connected_rows, named_links
from covidcxr.validity.duplicates.hashing import DISTANCE, HASH_SIZE
from covidcxr.validity.duplicates.independence import all_images
from covidcxr.validity.duplicates.search import EXACT, NEAR, REFUSED, SIMILARITY, judge_pairs

NAME = "duplicates"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> records.Record:
    """Return the record of all copies within and across a study's cohorts.

    Its tables are ``pairs``, the copies; ``refused``, the most similar pairs that are none;
    ``similarities``, a histogram of both; ``planted``, the copies hidden in a synthetic cohort and
    whether they were linked. A `Problem` is raised if there is neither a record nor data.
    """
    return records.load_or_run(
        results / NAME,
        study,
        records.parameters(study, ()),
        None if samples is None else {"data": fingerprint(samples)},
        METHOD,
        lambda: _search(samples or {}),
    )


def _search(samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Return the tables and counts of the record."""
    rows = all_images(samples)
    pictures = np.concatenate([sample.grey for sample in samples.values()])
    judged = judge_pairs(pictures, rows["sha256"].tolist())
    named = _named_pairs(rows, judged)
    pairs, refused = named[named["kind"] != REFUSED], named[named["kind"] == REFUSED]
    cohorts = {name: class_counts(sample.manifest) for name, sample in samples.items()}
    return {
        "tables": {
            "pairs": pairs,
            "refused": refused.nlargest(50, "similarity"),
            "similarities": _histogram(named),
            "planted": _planted(rows, judged),
        },
        "images": cohorts[OWN],
        "cohorts": cohorts,
        "counts": _counts(pairs) | {"refused": len(refused)},
        "limits": {"distance": DISTANCE, "bits": HASH_SIZE**2, "similarity": SIMILARITY},
    }


def _named_pairs(rows: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Name both images of each pair, and say whether their group is one and the pair planted."""
    ends = {"a": judged["first"].to_numpy(), "b": judged["second"].to_numpy()}
    columns = {"cohort": "cohort", "image": "image_id", "label": "label", "group": "group_id"}
    named = pd.DataFrame(
        {
            f"{short}_{x}": rows[column].to_numpy()[end]
            for x, end in ends.items()
            for short, column in columns.items()
        }
    )
    named = pd.concat([named, judged.drop(columns=["first", "second"])], axis=1)

    def equal(values: pd.Series) -> Any:
        array = values.to_numpy(dtype=object)
        return array[ends["a"]] == array[ends["b"]]

    named["same_group"] = equal(rows["own"]) | equal(rows["shared"])
    if "planted_duplicate_of" in rows:
        original = rows["planted_duplicate_of"].fillna(rows["image_id"])
        named["planted"] = equal(rows["cohort"] + "\t" + original)
    return named


def _counts(pairs: pd.DataFrame) -> dict[str, int]:
    return {
        **{kind: int((pairs["kind"] == kind).sum()) for kind in (EXACT, NEAR)},
        "mirrored": int(pairs["mirrored"].sum()),
        "across_classes": int((pairs["label_a"] != pairs["label_b"]).sum()),
        "across_cohorts": int((pairs["cohort_a"] != pairs["cohort_b"]).sum()),
        "across_groups": int((~pairs["same_group"]).sum()),
    }


def _histogram(named: pd.DataFrame) -> pd.DataFrame:
    """Count the pairs by kind, by whether their group is the same, and by similarity."""
    width = 0.01
    bins = np.floor((named["similarity"].clip(0, 1 - 1e-6) / width).round(4)).astype(int)
    counts = named.groupby(["kind", "same_group", bins]).size().rename("n").reset_index()
    low = counts.pop("similarity") * width
    counts = counts.assign(low=low.round(2), high=(low + width).round(2))
    return counts[["kind", "same_group", "low", "high", "n"]]


def _planted(rows: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """List each planted copy, and whether it was linked with its original."""
    columns = ["cohort", "image_id", "original", "alteration", "found"]
    if "planted_duplicate_of" not in rows:
        return pd.DataFrame(columns=columns)
    label = connected_rows(len(rows), judged[judged["kind"] != REFUSED])
    copies = rows[rows["planted_duplicate_of"].notna()].rename(
        columns={"planted_duplicate_of": "original", "planted_alteration": "alteration"}
    )
    name, original = (copies["cohort"] + "\t" + copies[c] for c in ("image_id", "original"))
    links = named_links(rows["cohort"] + "\t" + rows["image_id"], name, original)
    return copies.assign(found=label[links["first"]] == label[links["second"]])[columns]
