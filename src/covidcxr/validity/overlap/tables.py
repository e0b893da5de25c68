"""Tables and numbers of the record of what the parts of splits share."""

from __future__ import annotations

import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.validity.duplicates import false_alarms, planted_counts, read_pairs
from covidcxr.validity.overlap.study import REASONS, SPLITS


def shares(record: Record, reason: str = "any") -> pd.DataFrame:
    """Return the share of affected test images, by split and label, for one of `REASONS`.

    ``draws``, ``n`` test images of a draw, and mean, least and largest share over the draws
    as ``share``, ``low`` and ``high``.
    """
    rows = record.table("splits").query("reason == @reason")
    rows = rows.assign(share=rows["affected"] / rows["n"].where(rows["n"] > 0))
    table = rows.groupby(["split", "label"]).agg(
        draws=("seed", "size"),
        n=("n", "median"),
        share=("share", "mean"),
        low=("share", "min"),
        high=("share", "max"),
    )
    return table.reindex(list(SPLITS), level="split").reset_index().astype({"n": int})


def overall_shares(record: Record) -> dict[str, float]:
    """Return the share of affected test images of both classes and all draws, by split."""
    rows = record.table("splits").query("reason == 'any'")
    sums = rows.groupby("split")[["affected", "n"]].sum()
    share = (sums["affected"] / sums["n"]).reindex(list(SPLITS))
    return {str(name): float(value) for name, value in share.items()}


def external_counts(record: Record) -> pd.DataFrame:
    """Count the images of external cohorts that share something, a column a reason."""
    rows = record.table("external")
    wide = rows.pivot_table(index=["cohort", "label", "n"], columns="reason", values="affected")
    return wide.reindex(columns=list(REASONS)).astype(int).reset_index()


def values(copies: Record, shared: Record) -> dict[str, float]:
    """Return the numbers about copies and overlap that pages glue, from the records of both."""
    planted, alarms = planted_counts(copies), false_alarms(copies)
    splits = overall_shares(shared)
    external = shared.table("external").query("reason == 'any'")
    pairs = read_pairs(copies)
    own = (pairs["cohort_a"] == OWN) & (pairs["cohort_b"] == OWN)
    numbers = {
        "images": sum(sum(classes.values()) for classes in copies["cohorts"].values()),
        **copies["limits"],
        **copies["counts"],
        "across_groups_own": int((own & ~pairs["same_group"]).sum()),
        "planted": int(planted["planted"].sum()),
        "detected": int(planted["found"].sum()),
        "unplanted_one_patient": alarms["one"],
        "unplanted_two_patients": alarms["two"],
        **{f"split_{name.replace('-', '_')}": share for name, share in splits.items()},
        "external": int(external["n"].sum()),
        "external_affected": int(external["affected"].sum()),
    }
    return {f"duplicates_{name}": number for name, number in numbers.items()}
