"""Histories of trainings: curves, gaps between training and test accuracy, and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.scores import predictions, proportions

GAP = 0.1
"""Epochs are counted in which training accuracy exceeds test accuracy by more than this."""

_TRAINING = ["network", "split", "seed"]
_GIB, _GIGA = 2**30, 1e9


def histories(runs: Sequence[Record]) -> pd.DataFrame:
    """Return loss and accuracy of trainings by epoch and part, in one table."""
    tables = [run.table("history").assign(**_training(run)) for run in runs]
    columns = [*_TRAINING, "epoch", "part", "loss", "accuracy"]
    return pd.concat(tables, ignore_index=True)[columns]


def costs(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the time, memory (peak, GiB) and speed (GFLOP/s) of trainings.

    NaN for what an older record lacks.
    """
    return pd.DataFrame([_training(run) | _cost(run) for run in runs])


def accuracy_gaps(curves: pd.DataFrame) -> pd.DataFrame:
    """Return training less test accuracy over the epochs of each training.

    ``wide`` counts the epochs with a difference above `GAP`; ``widest`` is the largest
    difference, after ``widest_epoch``, when test accuracy was ``lowest``; ``last`` is that after
    the last epoch.
    """
    rows = []
    for key, training in curves.groupby(_TRAINING, sort=False):
        accuracy = training.pivot_table("accuracy", "epoch", "part")
        gap = accuracy["train"] - accuracy["test"]
        rows.append(
            dict(zip(_TRAINING, key, strict=True))
            | {
                "epochs": len(gap),
                "wide": int((gap > GAP).sum()),
                "widest": float(gap.max()),
                "widest_epoch": int(gap.idxmax()),
                "lowest": float(accuracy["test"][gap.idxmax()]),
                "last": float(gap.iloc[-1]),
            }
        )
    return pd.DataFrame(rows)


def outcomes(runs: Sequence[Record], threshold: float, confidence: float) -> pd.DataFrame:
    """Return accuracy on the test part with limits by group, and that of calling all normal."""
    rows = []
    for run in runs:
        p = predictions.from_table(run.table("predictions"), str(run.folder), group="group_id")
        right = p.called(threshold) == p.positive
        value, low, high = proportions.grouped_wilson(right, p.group, confidence)
        rows.append(
            _training(run)
            | {"n": len(p), "accuracy": value, "low": low, "high": high}
            | {"baseline": 1 - p.prevalence}
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
