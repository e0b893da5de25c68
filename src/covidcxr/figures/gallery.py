"""Figures of the gallery's radiographs, each use with its attribution."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from markupsafe import escape
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import gallery
from covidcxr.figures.common import ON_DARK, WIDTH, Html, Picture, lightbox, note

Pictures = Mapping[str, NDArray[np.uint8]]
"""Grey pictures, shape (side, side), by file of the gallery."""


def read(side: int = 176) -> tuple[pd.DataFrame, Pictures]:
    """Table of the gallery and its pictures at a side of so many pixels."""
    rows = gallery.read()
    pictures = {}
    for name in rows["file"]:
        with Image.open(gallery.FOLDER / name) as image:
            pictures[name] = np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))
    return rows, pictures


@lightbox()
def examples(rows: pd.DataFrame, pictures: Pictures) -> Picture | Html:
    """Show the gallery, a line a class, as the paper's Figure 2 does."""
    if rows.empty:
        return note("This copy has no gallery of radiographs.")
    counts = rows["label"].value_counts(sort=False)
    columns = int(counts.max())
    size = (WIDTH, len(counts) * (WIDTH / columns + 0.25))
    figure, axes = plt.subplots(len(counts), columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, (label, of) in zip(axes, rows.groupby("label", sort=False), strict=True):
        for axis, name in zip(line, of["file"], strict=False):
            axis.imshow(pictures[name], cmap="gray", vmin=0, vmax=255, interpolation="none")
        line[0].set_title(label, fontsize=10, color=ON_DARK[str(label)], loc="left")
    counted = " and ".join(f"{count} {label}" for label, count in counts.items())
    return Picture(
        figure,
        f"Radiographs from public collections, {counted}. Those with COVID-19 are of adults, "
        "several with tubes and electrodes; those of normals are of small children, whose chests "
        "are narrower, with black beside the body.",
    )


def attribution(rows: pd.DataFrame) -> Html:
    """Say whose the images are that stand above, under which licence, and what was changed."""
    keys = ["label", "author", "source", "licence", "licence_address", "changes"]
    lines = [
        f"{escape(label)} ({len(of)}): {escape(author)}, "
        f'<a href="{escape(source)}">{escape(str(source).removeprefix("https://"))}</a>, '
        f'<a href="{escape(address)}">{escape(licence)}</a>; {escape(changes)}.'
        for (label, author, source, licence, address, changes), of in rows.groupby(keys, sort=False)
    ]
    return Html(f'<p class="attribution">Images: {" ".join(lines)}</p>' if lines else "")
