"""Tables and glued values of the data card and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sized

import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, Study
from covidcxr.validity import duplicates, external
from covidcxr.validity.external import ExternalTest

_SCORES = {"sensitivity": "sensitivity", "specificity": "specificity", "auroc": "AUROC"}


def cohorts(tested: Record) -> pd.DataFrame:
    """Count images, groups and sources by cohort and class, of the record of external tests.

    ``left_out``: images that share a patient or a copy with the own cohort, which comes first.
    """
    classes = tested.table("images").groupby(["cohort", "label"])
    counted = pd.DataFrame(
        {
            "images": classes.size(),
            "groups": classes["group"].nunique(),
            "distinct": classes["copy"].nunique(),
            "sources": classes["source"].agg(lambda s: ", ".join(sorted(set(s)))),
        }
    )
    removed = tested.table("removed").query("trained_on == @OWN")
    counted["left_out"] = removed.groupby(["cohort", "label"])["n"].sum()
    counted["left_out"] = counted["left_out"].fillna(0).astype(int)
    order = sorted(counted.index, key=lambda row: (row[0] != OWN, row))
    return counted.loc[order].reset_index()


def values(
    counted: pd.DataFrame, copies: Record, overlap: Record, study: Study, runs: Sized
) -> dict[str, float]:
    """Return what the page glues; ``counted`` as `cohorts` returns it, ``runs`` the trainings."""
    own = counted[counted["cohort"] == OWN].set_index("label")["images"]
    pairs = copies["counts"]
    splits = overlap.table("splits").query("reason == 'any'").groupby("split")
    shared = 100 * splits["affected"].sum() / splits["n"].sum()
    by_split = {str(name).replace("-", "_"): share for name, share in shared.items()}
    return {
        "datacard_covid": own[LABELS[0]],
        "datacard_normal": own[LABELS[1]],
        "datacard_others": counted["images"].sum() - own.sum(),
        "datacard_all": counted["images"].sum(),
        "datacard_exact": pairs[duplicates.EXACT],
        "datacard_near": pairs[duplicates.NEAR],
        "datacard_across_cohorts": pairs["across_cohorts"],
        "datacard_across_classes": pairs["across_classes"],
        **{f"datacard_shared_{name}": share for name, share in by_split.items()},
        "modelcard_runs": len(runs),
        "modelcard_networks": len(study.models),
        "modelcard_size": study.image_size,
    }


def performance(tests: Mapping[str, ExternalTest], confidence: float) -> pd.DataFrame:
    """Tabulate scores and intervals of networks by cohort, the own cohort first."""
    scores = external.summary(tests, confidence=confidence).query("kept")
    scores = scores[scores["score"].isin(_SCORES)]
    spans = [f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in scores.itertuples()]
    keys = ["model", "cohort", "n", "groups"]
    table = scores.assign(span=spans).pivot_table("span", keys, "score", aggfunc="first")
    table = table[list(_SCORES)].rename(columns=_SCORES).reset_index().rename_axis(columns=None)
    table = table.assign(order=table["model"].map(list(tests).index), away=table["cohort"] != OWN)
    table = table.sort_values(["order", "away", "cohort"], ignore_index=True)
    return table.drop(columns=["order", "away"])
