"""Tables, figures and values about copies and what the parts of a split share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    EXACT: ("exact copies", common.INK),
    NEAR: ("near copies", common.RUST),
    REFUSED: ("refused look-alikes", common.BLUE),
}


def pairs(record: Record) -> common.Html:
    """Tabulate pairs of copies, those across cohorts and groups first."""
    known = duplicates.read_pairs(record)
    known["across"] = known["cohort_a"] != known["cohort_b"]
    order = ["across", "same_group", "kind", "similarity"]
    shown = known.sort_values(order, ascending=[False, True, True, True])[:30]
    first, second = (
        shown[f"cohort_{x}"] + ": " + shown[f"image_{x}"].str.rsplit("/", n=1).str[-1] for x in "ab"
    )
    table = pd.DataFrame(
        {
            "first": first,
            "second": second,
            "kind": shown["kind"].where(~shown["mirrored"], shown["kind"] + ", mirrored"),
            "bits": shown["distance"],
            "similarity": shown["similarity"].map("{:.3f}".format),
            "same group": shown["same_group"].map({True: "yes", False: "no"}),
        }
    )
    caption = (
        f"Pairs of copies: the first {len(shown)} of {len(known)}, those across cohorts and "
        f"groups first. Bits: distance of the hashes, of {record['limits']['bits']}."
    )
    return common.table(table, caption)


def similarities(record: Record) -> common.Picture:
    """Draw a histogram of the similarity of copies and of refused pairs."""
    limit = record["limits"]["similarity"]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.2))
    table = record.table("similarities")
    counts = table.groupby(["kind", "low", "high"], as_index=False)["n"].sum()
    alt = []
    for kind, (title, color) in KINDS.items():
        rows = counts[counts["kind"] == kind]
        total = rows["n"].sum()
        bars = axis.bar(
            rows["low"], rows["n"], rows["high"] - rows["low"],
            align="edge", color=color, label=f"{title} ({total:,})",
        )  # fmt: skip
        # Where bars share a place, the lowest stands in front.
        for bar, n in zip(bars, rows["n"], strict=True):
            bar.set_zorder(2 + 1 / (1 + n))
        if len(rows):
            alt.append(
                f"{title}: {total:,} from {rows['low'].min():.2f} to {rows['high'].max():.2f}"
            )
    axis.axvline(limit, color=common.INK, ls="--", lw=1.2, zorder=4)
    axis.set(
        yscale="log", xlabel="similarity of the fine structure", ylabel="pairs", ylim=(0.7, None)
    )
    axis.set_xlim(right=1.005)
    figure.legend(loc="outside lower center", ncols=len(KINDS), frameon=False)
    return common.Picture(
        figure, f"Histogram of similarity; the limit is {limit:.2f}. {'; '.join(alt)}."
    )


def planted(record: Record) -> common.Html:
    """Tabulate the planted copies of a synthetic study, and those found."""
    counts = duplicates.planted_counts(record)
    if counts.empty:
        return common.note("No copies were planted among these images: misses are not known.")
    caption = "Copies that the cohorts hold by design, by what was done to them, and those found."
    return common.table(counts, caption)


def couples(samples: Mapping[str, Sample] | None, record: Record) -> common.Picture | common.Html:
    """Show planted copies below their originals, one of each alteration; synthetic images only."""
    if not record.is_synthetic:
        return common.note("Pictures are shown of synthetic images only.")
    if samples is None:
        return common.note("The images are not at hand and cannot be shown.")
    linked = record.table("planted")
    linked = linked[linked["found"].astype(bool) & (linked["alteration"] != "exact")]
    shown = linked.drop_duplicates("alteration").head(5)
    if shown.empty:
        return common.note("No planted copy was found.")
    figure, axes = plt.subplots(2, len(shown), figsize=(common.WIDTH, 3.7), squeeze=False)
    for (above, below), row in zip(axes.T, shown.to_dict("records"), strict=True):
        sample = samples[row["cohort"]]
        for axis, name in ((above, row["original"]), (below, row["image_id"])):
            place = int(np.flatnonzero(sample.manifest["image_id"] == name)[0])
            axis.imshow(sample.grey[place], cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
        above.set_title("original", fontsize=9)
        below.set_title(row["alteration"], fontsize=9)
    alt = "; ".join(f"{row.image_id}, {row.alteration}" for row in shown.itertuples())
    return common.Picture(figure, f"Synthetic images above their altered copies: {alt}.")


def shares_table(record: Record) -> common.Html:
    """Tabulate the share of affected test images, a row a split and class, a column a reason."""
    columns = {title: overlap.shares(record, key) for key, title in overlap.REASONS.items()}
    base = overlap.shares(record)
    table = pd.DataFrame(
        {
            "split": base["split"].map(overlap.SPLITS),
            "class": base["label"],
            "draws": base["draws"],
            "test images": base["n"],
            **{
                title: [_range(row) for row in rows.to_dict("records")]
                for title, rows in columns.items()
            },
        }
    )
    caption = (
        "Share of the test images that are affected, by reason: mean over the draws (seeds from "
        "0), in brackets the range over them."
    )
    return common.table(table, caption)


def _range(row: Mapping[Any, Any]) -> str:
    if row["low"] == row["high"]:
        return f"{100 * row['share']:.1f}%"
    # Equal digits, else rounding could put the mean outside its range.
    return f"{100 * row['share']:.1f}% ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def shares(record: Record) -> common.Picture:
    """Draw the share of affected test images by split and class."""
    rows = overlap.shares(record)
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.4))
    height = {name: place for place, name in enumerate(reversed(overlap.SPLITS), 1)}
    for shift, (label, of_class) in zip((0.2, -0.2), rows.groupby("label"), strict=False):
        of_class = of_class.dropna(subset=["share"])
        places = of_class["split"].map(height).to_numpy() + shift
        color = common.COLORS.get(str(label), common.GREY)
        axis.barh(places, of_class["share"], 0.36, color=color, alpha=0.85, label=str(label))
        axis.hlines(places, of_class["low"], of_class["high"], color=common.INK, lw=1.5)
        for place, row in zip(places, of_class.to_dict("records"), strict=True):
            axis.annotate(
                f"{row['share']:.1%} of {row['n']:.0f}", (row["high"], place), (5, 0),
                textcoords="offset points", va="center", size=9,
            )  # fmt: skip
    axis.set_yticks(list(height.values()), [overlap.SPLITS[name] for name in height])
    highest = float(rows["high"].max())
    axis.set_xlim(0, 1.25 * highest if highest > 0 else 0.1)
    axis.set(xlabel="share of the test images of a class")
    axis.xaxis.set_major_formatter(PercentFormatter(1.0))
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    alt = "; ".join(
        f"{overlap.SPLITS[row['split']]}, {row['label']}: {row['share']:.1%} of {row['n']}"
        for row in rows.to_dict("records")
    )
    return common.Picture(
        figure,
        "Share of test images with a patient, a group or a copy in another part, mean and "
        f"range over draws. {alt}.",
    )


def external(record: Record) -> common.Html:
    """Tabulate the images of external cohorts that share something with the study's own."""
    counts = overlap.external_counts(record).rename(columns={"label": "class", "n": "images"})
    if counts.empty:
        return common.note("The study has no external cohort.")
    caption = "Images of the external cohorts that share something with the study's own cohort."
    return common.table(counts.rename(columns=overlap.REASONS), caption)
