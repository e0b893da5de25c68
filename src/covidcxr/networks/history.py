"""Histories of trainings: curves, gaps between training and test accuracy, and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES

GAP = 0.1
"""Epochs are counted in which training accuracy exceeds test accuracy by more than this."""

_GIB, _GIGA = 2**30, 1e9


def histories(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the histories of trainings in one table.

    Returns
    -------
    pandas.DataFrame
        A row an epoch and part: ``network``, ``split``, ``seed``, ``epoch``, ``part``,
        ``loss``, ``accuracy``.
    """
    tables = [run.table("history").assign(**_training(run)) for run in runs]
    columns = ["network", "split", "seed", "epoch", "part", "loss", "accuracy"]
    return pd.concat(tables, ignore_index=True)[columns]


def costs(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the time, memory and speed of trainings.

    Returns
    -------
    pandas.DataFrame
        A row a training: ``network``, ``split``, ``seed``, ``minutes`` (all stretches of a
        training that was interrupted, tests and explanations included), ``memory`` (peak,
        GiB), ``stretches``, ``images`` (a second, in the median epoch), ``flops`` (a second,
        in units of 1e9), ``attainable`` (by a large matrix product on the same device at the
        end of the training) and their ratio, ``share``. NaN for what an older record lacks.
    """
    return pd.DataFrame([_training(run) | _cost(run) for run in runs])


def accuracy_gaps(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the differences of training and test accuracy over the epochs of each training.

    Parameters
    ----------
    curves
        As `histories` returns it.

    Returns
    -------
    pandas.DataFrame
        A row a training: ``network``, ``split``, ``seed``, ``epochs``, ``wide`` (epochs with
        a difference above `GAP`), ``widest`` (the largest difference), ``widest_epoch`` and
        ``last`` (the difference after the last epoch).
    """
    rows = []
    for (network, split, seed), training in curves.groupby(
        ["network", "split", "seed"], sort=False
    ):
        accuracy = training.pivot_table("accuracy", "epoch", "part")
        gap = accuracy["train"] - accuracy["test"]
        rows.append(
            {
                "network": network,
                "split": split,
                "seed": seed,
                "epochs": len(gap),
                "wide": int((gap > GAP).sum()),
                "widest": float(gap.max()),
                "widest_epoch": int(gap.idxmax()),
                "last": float(gap.iloc[-1]),
            }
        )
    return pd.DataFrame(rows)


def updates_until(momentum: float, share: float) -> int:
    """Return after how many updates a running average's first value weighs less than a share."""
    return math.ceil(np.log(share) / np.log(momentum))


def _training(run: Record) -> dict[str, Any]:
    """Network, split and seed of a training."""
    parameters = run["parameters"]
    return {
        "network": TITLES[parameters["model"]],
        "split": parameters["split"],
        "seed": parameters["seed"],
    }


def _cost(run: Record) -> dict[str, float]:
    """Time, memory and speed of one training."""
    training: Mapping[str, Any] = run.content.get("training", {})
    flops = training.get("flops_per_second", math.nan) / _GIGA
    attainable = training.get("attainable_flops_per_second", math.nan) / _GIGA
    return {
        "minutes": run["wall_seconds"] / 60,
        "memory": run["peak_memory_bytes"] / _GIB,
        "stretches": training.get("stretches", math.nan),
        "images": training.get("images_per_second", math.nan),
        "flops": flops,
        "attainable": attainable,
        "share": flops / attainable,
    }
