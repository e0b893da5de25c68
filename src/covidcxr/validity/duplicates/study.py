"""The record of all copies within and across a study's cohorts, and its tables and counts."""

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
from covidcxr.validity.duplicates.components import (
    all_images,
    connected_rows,
    named_links,
    read_pairs,
)
from covidcxr.validity.duplicates.hashing import DISTANCE, HASH_SIZE
from covidcxr.validity.duplicates.search import EXACT, NEAR, REFUSED, SIMILARITY, judge_pairs

NAME = "duplicates"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`


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


def summary(record: records.Record) -> pd.DataFrame:
    """Count the copies of each cohort and class.

    Of the groups of copies within a cohort: ``exact`` and ``near`` ones, and images ``in
    them``; ``with a copy elsewhere``: images that have one in another cohort.
    """
    pairs = read_pairs(record)
    inside = pairs["cohort_a"] == pairs["cohort_b"]
    within, across = _members(pairs[inside]), _members(pairs[~inside])
    rows = []
    for name, counts in record["cohorts"].items():
        for label, n in counts.items():
            members, elsewhere = (
                m[(m["cohort"] == name) & (m["label"] == label)] for m in (within, across)
            )
            is_exact = members.groupby("group")["exact"].first()
            rows.append(
                {
                    "cohort": name,
                    "class": label,
                    "images": n,
                    "exact": int(is_exact.sum()),
                    "near": int((~is_exact).sum()),
                    "in them": len(members),
                    "with a copy elsewhere": len(elsewhere),
                }
            )
    return pd.DataFrame(rows)


def _members(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the images of pairs once each, with their group and whether that is exact."""
    columns = ["cohort", "image", "label"]
    sides = [pairs[[f"{c}_{x}" for c in columns]].set_axis(columns, axis=1) for x in "ab"]
    images = pd.concat(sides, ignore_index=True)
    images["row"] = images.groupby(["cohort", "image"], sort=False).ngroup()
    ends = images["row"].to_numpy().reshape(2, -1)
    images = images.drop_duplicates("row", ignore_index=True)
    links = pd.DataFrame({"first": ends[0], "second": ends[1]})
    label = connected_rows(len(images), links)
    equal = connected_rows(len(images), links[(pairs["kind"] == EXACT).to_numpy()])
    is_exact = pd.Series(equal).groupby(label).transform("nunique") == 1
    return images.assign(group=label, exact=is_exact.astype(bool))


def planted_counts(record: records.Record) -> pd.DataFrame:
    """Count the planted copies of a synthetic study by alteration: planted, found."""
    groups = record.table("planted").groupby("alteration")["found"]
    counts = groups.agg(planted="size", found="sum").reset_index()
    return counts.astype({"planted": int, "found": int})


def false_alarms(record: records.Record) -> dict[str, int]:
    """Count pairs of copies that were not planted: of one patient, and of two."""
    pairs = read_pairs(record)
    if "planted" not in pairs:
        return {"one": 0, "two": 0}
    of_one = pairs.loc[~pairs["planted"], "same_group"]
    return {"one": int(of_one.sum()), "two": int((~of_one).sum())}
