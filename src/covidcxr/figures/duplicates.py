"""Figures of copies and of what the parts of a split share."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from covidcxr.cohorts.samples import Sample
from covidcxr.core.records import Record
from covidcxr.figures import common
from covidcxr.validity import duplicates, overlap
from covidcxr.validity.duplicates import EXACT, NEAR, REFUSED

KINDS = {
    EXACT: ("exact copies", "#343a40"),
    NEAR: ("near copies", "#c1440e"),
    REFUSED: ("refused look-alikes", "#2a6f97"),
}


def similarities(counts: pd.DataFrame, limit: float) -> common.Picture:
    """Draw how similar the pixels of confirmed and of refused pairs are.

    Parameters
    ----------
    counts
        ``kind``, ``low``, ``high`` and ``n``: the table ``similarities`` of a record.
    limit
        The least similarity of two copies.
    """
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.2))
    kinds = counts.groupby(["kind", "low", "high"], as_index=False)["n"].sum()
    for kind, (title, color) in KINDS.items():
        rows = kinds[kinds["kind"] == kind]
        bars = axis.bar(
            rows["low"], rows["n"], rows["high"] - rows["low"],
            align="edge", color=color, label=f"{title} ({rows['n'].sum():,})",
        )  # fmt: skip
        # Bars of one place stand behind one another, the lowest in front, in their own colour.
        for bar, n in zip(bars, rows["n"], strict=True):
            bar.set_zorder(2 + 1 / (1 + n))
    axis.axvline(limit, color="#343a40", ls="--", lw=1.2, zorder=4)
    axis.set(
        yscale="log", xlabel="similarity of the fine structure", ylabel="pairs", ylim=(0.7, None)
    )
    axis.set_xlim(right=1.005)
    figure.legend(loc="outside lower center", ncols=len(KINDS), frameon=False)
    told = []
    for name, rows in kinds.groupby("kind"):
        title = KINDS[str(name)][0]
        told.append(
            f"{title}: {rows['n'].sum():,} from {rows['low'].min():.2f} to {rows['high'].max():.2f}"
        )
    return common.Picture(
        figure, f"Histogram of similarity; the limit is {limit:.2f}. {'; '.join(told)}."
    )


def torn(shares: pd.DataFrame) -> common.Picture:
    """Draw the share of test images that share something with another part, by split and class.

    Parameters
    ----------
    shares
        As `covidcxr.validity.overlap.shares` returns it.
    """
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.4))
    names = list(overlap.SPLITS)
    for shift, (label, rows) in zip((0.2, -0.2), shares.groupby("label"), strict=False):
        rows = rows.set_index("split").reindex(names).dropna(subset=["share"])
        places = np.array([len(names) - names.index(split) for split in rows.index]) + shift
        color = common.COLORS.get(str(label), "#6c757d")
        axis.barh(places, rows["share"], 0.36, color=color, alpha=0.85, label=str(label))
        axis.hlines(places, rows["low"], rows["high"], color="#343a40", lw=1.5)
        for place, row in zip(places, rows.to_dict("records"), strict=True):
            text = f"{100 * row['share']:.1f}% of {row['n']:.0f}"
            axis.annotate(
                text, (row["high"], place), (5, 0), textcoords="offset points", va="center", size=9
            )
    axis.set_yticks(range(len(names), 0, -1), [overlap.SPLITS[name] for name in names])
    most = float(shares["high"].max())
    axis.set_xlim(0, 1.25 * most if most > 0 else 0.1)
    axis.set(xlabel="share of the test images of a class")
    axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    told = "; ".join(
        f"{overlap.SPLITS[str(r.split)]}, {r.label}: {100 * float(r.share):.1f}% of {r.n}"  # type: ignore[arg-type]
        for r in shares.itertuples()
    )
    return common.Picture(
        figure,
        "Share of test images with a patient, a group or a copy in another part, mean and "
        f"range over draws. {told}.",
    )


def planted(made: Record) -> common.Html:
    """Show how many planted copies were found, of a synthetic study."""
    counted = duplicates.found_planted(made)
    if counted.empty:
        return common.note("Copies are planted in synthetic cohorts alone.")
    caption = "Copies that the cohorts hold by design, by what was done to them, and those found."
    return common.table(counted, caption)


def couples(
    samples: Mapping[str, Sample] | None, made: Record, most: int = 5
) -> common.Picture | common.Html:
    """Show found copies below their originals, one of each alteration, synthetic ones alone.

    Parameters
    ----------
    samples
        Cohorts by name, or None where they are not at hand.
    made
        As `covidcxr.validity.duplicates.record` returns it.
    most
        How many.
    """
    if not made.is_synthetic:
        return common.note("Pictures are shown of synthetic images alone.")
    if samples is None:
        return common.note("The images are not at hand and cannot be shown.")
    known = made.table("planted")
    known = known[known["found"].astype(bool) & (known["alteration"] != "exact")]
    shown = known.drop_duplicates("alteration").head(most)
    if shown.empty:
        return common.note("No planted copy was found.")
    figure, axes = plt.subplots(
        2, len(shown), figsize=(common.WIDTH, 3.7 * 5 / max(5, len(shown))), squeeze=False
    )
    for column, row in enumerate(shown.to_dict("records")):
        sample = samples[row["cohort"]]
        for line, name in enumerate((row["original"], row["image_id"])):
            place = int(np.flatnonzero(sample.manifest["image_id"] == name)[0])
            axes[line, column].imshow(sample.grey[place], cmap="gray", vmin=0, vmax=255)
            axes[line, column].set_axis_off()
        axes[0, column].set_title("original", fontsize=9)
        axes[1, column].set_title(row["alteration"], fontsize=9)
    told = "; ".join(f"{r.image_id}, {r.alteration}" for r in shown.itertuples())
    return common.Picture(figure, f"Synthetic images above their altered copies: {told}.")
