"""Tables of the record of copies: pairs, counts by cohort and class, planted copies."""

from __future__ import annotations

import pandas as pd

from covidcxr.core.records import Record
from covidcxr.validity.duplicates.components import connected_rows
from covidcxr.validity.duplicates.search import EXACT


def read_pairs(record: Record) -> pd.DataFrame:
    """Read the pairs of a record, names as text whatever they look like."""
    text = {f"{c}_{x}": "string" for c in ("cohort", "image", "label", "group") for x in "ab"}
    path = record.folder / "pairs.csv"
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"similarity": [""]})  # type: ignore[arg-type]


def summary(record: Record) -> pd.DataFrame:
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


def planted_counts(record: Record) -> pd.DataFrame:
    """Count the planted copies of a synthetic study by alteration: planted, found."""
    groups = record.table("planted").groupby("alteration")["found"]
    counts = groups.agg(planted="size", found="sum").reset_index()
    return counts.astype({"planted": int, "found": int})


def false_alarms(record: Record) -> dict[str, int]:
    """Count pairs of copies that were not planted: of one patient, and of two."""
    pairs = read_pairs(record)
    if "planted" not in pairs:
        return {"one": 0, "two": 0}
    of_one = pairs.loc[~pairs["planted"], "same_group"]
    return {"one": int(of_one.sum()), "two": int((~of_one).sum())}
