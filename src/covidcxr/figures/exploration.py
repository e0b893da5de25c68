"""Figures and values of the page about the images: examples, categories, measures by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from covidcxr.cohorts import composition
from covidcxr.cohorts.cohort import Cohort
from covidcxr.cohorts.composition import class_differences
from covidcxr.core.records import Record
from covidcxr.figures import charts
from covidcxr.figures.common import COLORS, WIDTH, Html, Picture, note, table


def values(record: Record) -> dict[str, Any]:
    """Return what the page glues."""
    parts = record.table("parts")
    tests = parts[parts["part"] == "test"].sum(numeric_only=True)
    largest = class_differences(record)[:3]
    named = [f"{str(name).replace('_', ' ')} ({share:.0%})" for name, share in largest.items()]
    return {
        "exploration_largest": ", ".join(named) or "nothing that is known of both classes",
        "n_tested": int(tests["images"]),
        "n_known": int(tests["groups_known"]),
        "n_shared": int(tests["images_shared_with_train"]),
    }


def examples(cohort: Cohort | None, publish: bool) -> Picture | Html:
    """Show the first images of each class, as the paper's Figure 2 does, or say why not."""
    if not publish:
        return note("The images of this cohort may not be redistributed and are not shown.")
    if cohort is None:
        return note("The images of this cohort are not at hand and cannot be shown.")
    rows = cohort.manifest.groupby("label").head(4)
    columns = min(4, len(rows))
    lines = -(-len(rows) // columns)
    size = (WIDTH, 2.35 * lines * 4 / columns)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, place, row in zip(axes.flat, rows.index, rows.to_dict("records"), strict=False):
        axis.imshow(cohort.pixels[place], interpolation="none")
        age = "age unknown" if pd.isna(row["age"]) else f"{row['age']:.0f} years"
        axis.set_title(f"{row['label']}, {age}", fontsize=9, color=COLORS[row["label"]])
    counts = " and ".join(f"{n} {label}" for label, n in rows["label"].value_counts().items())
    return Picture(figure, f"Examples of {counts} radiographs.")


def grey_levels(cohort: Cohort | None) -> Html:
    """Table of grey levels by class, or say why there is none."""
    if cohort is None:
        return note("Grey levels are read from the images, which are not at hand.")
    rows = composition.grey_levels(cohort)
    columns = {
        "deep": "of more than 8 bits", "bits": "bits in use", "lowest": "lowest stored",
        "highest": "highest stored", "mean": "mean grey", "low": "5th percentile",
        "high": "95th percentile",
    }  # fmt: skip
    caption = "Grey levels by class: as stored, and from 0 to 255 as trained on."
    formats = dict.fromkeys(("mean grey", "5th percentile", "95th percentile"), "{:.0f}")
    return table(rows.rename(columns=columns).reset_index(), caption, formats | {"files": "{:,}"})


def categories(counts: pd.DataFrame, variables: Sequence[str]) -> Picture:
    """Draw the share of each category within each class, a panel a variable."""
    figure, axes = plt.subplots(1, len(variables), figsize=(WIDTH, 2.8), squeeze=False)
    for axis, variable in zip(axes.flat, variables, strict=True):
        rows = pd.DataFrame(counts[counts["variable"] == variable])
        top = rows.groupby("value")["n"].sum().nlargest(6).index
        rows["value"] = rows["value"].where(rows["value"].isin(top), "other")
        rows = rows.groupby(["value", "label"])["n"].sum().reset_index()
        rows["share"] = rows["n"] / rows.groupby("label")["n"].transform("sum")
        sns.barplot(rows, x="share", y="value", hue="label", palette=COLORS, ax=axis, legend=False)
        axis.set(title=_words(variable), xlabel="share of the class", ylabel="", xlim=(0, 1))
    charts.legend(figure, 2, "upper right", charts.squares(COLORS))
    names = ", ".join(_words(v) for v in variables)
    return Picture(figure, f"Bar charts of {names} by class, as shares of each class.")


def measures(counts: pd.DataFrame, variables: Sequence[str]) -> Picture:
    """Draw histograms of measures by class as lines, a panel a variable."""
    known = [v for v in variables if (counts["variable"] == v).any()]
    figure, axes = plt.subplots(1, len(known), figsize=(WIDTH, 2.8), squeeze=False)
    for axis, variable in zip(axes.flat, known, strict=True):
        for label, rows in counts[counts["variable"] == variable].groupby("label"):
            total = max(rows["n"].sum(), 1)
            edges = np.append(rows["low"], rows["high"].iloc[-1])
            axis.stairs(rows["n"] / total, edges, lw=1.8, color=COLORS[str(label)])
        axis.set(title=_words(variable), xlabel=_UNITS.get(variable, ""))
        axis.set_ylabel("share of known values")
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="x", nbins=4)
    charts.legend(figure, 2, "upper right", charts.squares(COLORS))
    return Picture(figure, f"Histograms of {', '.join(_words(v) for v in known)} by class.")


_UNITS = {
    "age": "years",
    "original_width": "pixels",
    "original_height": "pixels",
    "original_bytes": "bytes",
    "brightness": "mean grey level, 0 to 255",
}


def _words(variable: str) -> str:
    return variable.replace("original_", "original file: ").replace("_", " ")
