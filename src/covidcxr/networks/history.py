"""How trainings went: their curves, what they cost, and where training and testing part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES

APART = 0.1
"""Training and test accuracy that differ by more than this are called apart."""

_GIB, _GIGA = 2**30, 1e9


def histories(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the curves of trainings in one table.

    Returns
    -------
    pandas.DataFrame
        A row an epoch and part: ``network``, ``split``, ``seed``, ``epoch``, ``part``,
        ``loss``, ``accuracy``.
    """
    tables = [
        run.table("history").assign(
            network=TITLES[run["parameters"]["model"]],
            split=run["parameters"]["split"],
            seed=run["parameters"]["seed"],
        )
        for run in runs
    ]
    columns = ["network", "split", "seed", "epoch", "part", "loss", "accuracy"]
    return pd.concat(tables, ignore_index=True)[columns]


def costs(runs: Sequence[Record]) -> pd.DataFrame:
    """Return what each training took.

    Returns
    -------
    pandas.DataFrame
        A row a training: ``network``, ``split``, ``seed``, ``minutes`` (all stretches of a
        training that was interrupted, and the tests and explanations behind it), ``memory``
        (GiB, at most), ``stretches``, ``images`` (a second, in the median epoch), ``flops``
        (in a second, in units of 1e9), ``attainable`` (by a large matrix product on the same
        device at the end of the training) and their ratio, ``share``. What an older record
        does not hold is NaN.
    """
    rows = []
    for run in runs:
        told: Mapping[str, Any] = run.content.get("training", {})
        flops, attainable = (
            told.get(key, math.nan) / _GIGA
            for key in ("flops_per_second", "attainable_flops_per_second")
        )
        rows.append(
            {
                "network": TITLES[run["parameters"]["model"]],
                "split": run["parameters"]["split"],
                "seed": run["parameters"]["seed"],
                "minutes": run["wall_seconds"] / 60,
                "memory": run["peak_memory_bytes"] / _GIB,
                "stretches": told.get("stretches", math.nan),
                "images": told.get("images_per_second", math.nan),
                "flops": flops,
                "attainable": attainable,
                "share": flops / attainable,
            }
        )
    return pd.DataFrame(rows)


def apart(curves: pd.DataFrame) -> pd.DataFrame:
    """Say of each training how far its test accuracy fell below its training accuracy.

    Parameters
    ----------
    curves
        As `histories` returns it.

    Returns
    -------
    pandas.DataFrame
        A row a training: ``network``, ``split``, ``seed``, ``epochs`` (all), ``apart``
        (epochs after which the two differ by more than `APART`), ``widest`` (the largest
        difference), ``at`` (its epoch) and ``last`` (the difference after the last epoch).
    """
    rows = []
    for (network, split, seed), found in curves.groupby(["network", "split", "seed"], sort=False):
        by_part = found.pivot_table("accuracy", "epoch", "part")
        gap = by_part["train"] - by_part["test"]
        rows.append(
            {
                "network": network,
                "split": split,
                "seed": seed,
                "epochs": len(gap),
                "apart": int((gap > APART).sum()),
                "widest": float(gap.max()),
                "at": int(gap.idxmax()),
                "last": float(gap.iloc[-1]),
            }
        )
    return pd.DataFrame(rows)


def remembered(momentum: float, updates: int) -> float:
    """Return the weight that a running average still gives to its beginning.

    Parameters
    ----------
    momentum
        Of the average: each update keeps this share of it.
    updates
        How many there were.

    Returns
    -------
    float
        ``momentum ** updates``.
    """
    return momentum**updates


def updates_until(momentum: float, share: float) -> int:
    """Return after how many updates a running average gives its beginning less than a share."""
    return math.ceil(np.log(share) / np.log(momentum))
