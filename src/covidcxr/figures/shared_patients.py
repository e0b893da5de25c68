"""Figure of a split: the patients whose images lie on both sides, as lines."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from covidcxr.core.studies import POSITIVE
from covidcxr.figures.common import GREY, INK, PALE, RUST, Picture

_COLUMNS = {"train": 16, "test": 4}
_LEFT = {"train": 0.0, "test": 34.0}
_NAMES = {"train": "training", "test": "test"}


def across(images: pd.DataFrame) -> pd.DataFrame:
    """COVID-19 images of a split by patient, marking those with images in both parts.

    ``images`` has the columns ``group_id``, ``part`` and ``label``; ``shared`` is added.
    """
    rows = images[(images["label"] == POSITIVE) & images["part"].isin(list(_COLUMNS))]
    parts = rows.groupby("group_id")["part"].transform("nunique")
    return rows.assign(shared=parts > 1)


def diagram(images: pd.DataFrame) -> Picture:
    """Draw every COVID-19 image as a dot, by part, and a line between two of one patient."""
    rows = across(images)
    figure, axis = plt.subplots(figsize=(6, 3.6))
    places: dict[str, pd.DataFrame] = {}
    for part, columns in _COLUMNS.items():
        # Shared patients face the other part, in one order.
        own = rows[rows["part"] == part].sort_values(["shared", "group_id"], ascending=False)
        column, row = np.divmod(np.arange(len(own)), -(-len(own) // columns))
        if part == "train":
            column = columns - 1 - column
        x = _LEFT[part] + column
        y = -(row + 0.5) / -(-len(own) // columns)
        places[part] = own.assign(x=x, y=y)
        colors = np.where(own["shared"], RUST, PALE if part == "train" else GREY)
        axis.scatter(x, y, s=16, color=list(colors), zorder=3)
        text = f"{_NAMES[part]}: {len(own)} images"
        axis.text(float(np.mean([x.min(), x.max()])), 0.05, text, ha="center", color=INK)
    shared = {part: own[own["shared"]] for part, own in places.items()}
    pairs = shared["train"].merge(shared["test"], on="group_id", suffixes=("_train", "_test"))
    ends = pairs[["x_train", "y_train", "x_test", "y_test"]].to_numpy(float).reshape(-1, 2, 2)
    axis.add_collection(LineCollection(list(ends), colors=RUST, linewidths=1.1, alpha=0.7))
    axis.set_axis_off()
    axis.set(ylim=(-1.02, 0.2))
    n, patients = len(shared["test"]), shared["test"]["group_id"].nunique()
    middle = (_LEFT["test"] + _COLUMNS["train"] - 1) / 2
    text = f"{patients} patients\non both sides"
    axis.text(middle, 0.05, text, ha="center", color=RUST, weight="bold")
    return Picture(
        figure,
        f"COVID-19 images of the training and the test part as dots. {n} of "
        f"{len(places['test'])} test images are joined by lines to training images of the same "
        f"{patients} patients.",
    )
