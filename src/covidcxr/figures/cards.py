"""Tables and glued values of the data card and the model card."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS
from covidcxr.validity import duplicates, external
from covidcxr.validity.external import ExternalTest

_SCORES = {"sensitivity": "sensitivity", "specificity": "specificity", "auroc": "AUROC"}


def cohorts(tested: Record) -> pd.DataFrame:
    """Count images, groups, distinct images and sources by cohort and class, the own cohort first.

    Parameters
    ----------
    tested
        The record of external testing, which lists every image of every cohort. ``left_out``
        counts images left out of external tests because they share a patient or a copy with
        the own cohort.
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


def datacard_values(counted: pd.DataFrame, copies: Record, overlap: Record) -> dict[str, float]:
    """Numbers of the data card, by glue key; ``counted`` as `cohorts` returns it."""
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
    }


def performance(tests: Mapping[str, ExternalTest], confidence: float = 0.95) -> pd.DataFrame:
    """Score networks at home and elsewhere, a row a network and cohort, the own cohort first.

    Parameters
    ----------
    tests
        By the network's name, as `covidcxr.validity.external.network_tests` returns them.
    confidence
        Of the intervals.
    """
    scores = external.summary(tests, confidence=confidence).query("kept")
    scores = scores[scores["score"].isin(_SCORES)]
    spans = [f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in scores.itertuples()]
    keys = ["model", "cohort", "n", "groups"]
    table = scores.assign(span=spans).pivot_table("span", keys, "score", aggfunc="first")
    table = table[list(_SCORES)].rename(columns=_SCORES).reset_index().rename_axis(columns=None)
    table = table.assign(
        order=table["model"].map(list(tests).index), away=table["cohort"] != OWN
    ).sort_values(["order", "away", "cohort"])
    return table.drop(columns=["order", "away"]).reset_index(drop=True)
