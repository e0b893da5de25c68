"""What the data card and the model card show, from the records of a study on real images."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.validity import external
from covidcxr.validity.external import Tested

_SCORES = {"sensitivity": "sensitivity", "specificity": "specificity", "auroc": "AUROC"}


def cohorts(made: Record) -> pd.DataFrame:
    """Count what a study's cohorts hold.

    Parameters
    ----------
    made
        The record of external testing, which lists every image of every cohort.

    Returns
    -------
    DataFrame
        A row a cohort and class, the cohort that is trained on first: ``images``, ``groups``
        that must stay together, ``distinct`` images once copies count as one, ``sources``, and
        ``left_out`` of external tests because they share a patient or a copy with the first.
    """
    classes = made.table("images").groupby(["cohort", "label"])
    counted = pd.DataFrame(
        {
            "images": classes.size(),
            "groups": classes["group"].nunique(),
            "distinct": classes["copy"].nunique(),
            "sources": classes["source"].agg(lambda s: ", ".join(sorted(set(s)))),
        }
    )
    removed = made.table("removed")
    removed = removed[removed["trained_on"] == OWN]
    counted["left_out"] = removed.groupby(["cohort", "label"])["n"].sum()
    counted["left_out"] = counted["left_out"].fillna(0).astype(int)
    order = sorted(counted.index, key=lambda row: (row[0] != OWN, row))
    return counted.loc[order].reset_index()


def performance(tests: Mapping[str, Tested], confidence: float = 0.95) -> pd.DataFrame:
    """Score networks at home and elsewhere, for a card.

    Parameters
    ----------
    tests
        By the network's name, as `covidcxr.validity.external.networks` returns them.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a network and cohort: ``n``, ``groups``, and each score with its interval.
    """
    found = external.summary(tests, confidence=confidence).query("kept")
    found = found[found["score"].isin(_SCORES)].copy()
    found["shown"] = [
        f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in found.itertuples()
    ]
    keys = ["model", "cohort", "n", "groups"]
    shown = found.pivot_table(index=keys, columns="score", values="shown", aggfunc="first")
    shown = shown[list(_SCORES)].rename(columns=_SCORES).reset_index().rename_axis(columns=None)
    places = {name: i for i, name in enumerate(tests)}
    order = shown["model"].map(places) * 10 + (shown["cohort"] != OWN)
    return shown.assign(order=order).sort_values(["order", "cohort"]).drop(columns="order")
