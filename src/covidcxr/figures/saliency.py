"""Figures of the page on saliency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from covidcxr.cohorts import lungs
from covidcxr.core.studies import LABELS
from covidcxr.figures.common import COLORS, ON_DARK, WIDTH, Html, Picture, lightbox, note
from covidcxr.networks import saliency

EXTENT = (-1, 1, 1, -1)
"""Of a picture on its axes, so that its middle is 0 and its sides are at 1."""


def outside(shares: pd.DataFrame) -> Picture | Html:
    """Draw the shares outside the lung region beside what blind evidence would give."""
    known = shares.dropna(subset=["outside"])
    if known.empty:
        return note("No recorded training kept where its evidence lies.")
    networks = list(dict.fromkeys(known["network"]))
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.6 * len(networks)), sharey=True)
    for axis, method in zip(axes, saliency.METHODS.values(), strict=True):
        for shift, label in zip((-0.12, 0.12), LABELS, strict=True):
            rows = known[(known["method"] == method) & (known["label"] == label)]
            places = np.array([networks.index(n) for n in rows["network"]]) + shift
            value = 100 * rows["outside"].to_numpy()
            limits = np.abs(100 * rows[["low", "high"]].to_numpy().T - value)
            axis.errorbar(
                value, places, xerr=np.nan_to_num(limits), fmt="o", color=COLORS[label], label=label
            )
        axis.axvline(100 * saliency.area_outside(), color="black", linestyle=":", label="blind")
        axis.set(title=method, xlim=(0, 100), xlabel="evidence outside the lung region, %")
    axes[0].set_yticks(range(len(networks)), networks)
    axes[0].set_ylim(len(networks) - 0.5, -0.5)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    least, most = known["outside"].min(), known["outside"].max()
    return Picture(
        figure,
        f"Evidence outside the lung region by network, method and class: {least:.0%} to "
        f"{most:.0%}; evidence spread blindly would give {saliency.area_outside():.0%}.",
    )


@lightbox()
def mean_maps(runs: Mapping[str, pd.DataFrame], method: str) -> Picture | Html:
    """Draw the mean maps of a method by network and class, with the stated lung region."""
    if not runs:
        return note("There is no map to show.")
    size = (min(WIDTH, 2.6 * len(runs) + 0.8), 5.0)
    figure, axes = plt.subplots(len(LABELS), len(runs), figsize=size, squeeze=False)
    image = None
    for column, (network, maps) in enumerate(runs.items()):
        for axis, label in zip(axes[:, column], LABELS, strict=True):
            of = maps[(maps["method"] == method) & (maps["label"] == label)]
            number = int(of["images"].iloc[0]) if len(of) else 0
            axis.set_title(f"{network}\n{label}, n = {number}", fontsize="small")
            image = _draw_map(axis, of) or image
    if image is not None:
        figure.colorbar(image, ax=axes, label="times an even spread", shrink=0.7)
    return Picture(
        figure,
        f"Mean {saliency.METHODS[method]} maps of {', '.join(runs)} by class on a grid of "
        f"{saliency.GRID} by {saliency.GRID} cells, with the two ellipses of the lung region.",
    )


@lightbox()
def single_maps(
    maps: pd.DataFrame | None, pictures: Mapping[str, NDArray[np.uint8]]
) -> Picture | Html:
    """Draw single images that may be shown, by ``image_id``, above their maps."""
    names = [] if maps is None else [n for n in maps["image_id"].unique() if n in pictures]
    if maps is None or not names:
        return note("No single image is shown: these may not be, or are not at hand.")
    figure, axes = plt.subplots(3, len(names), figsize=(WIDTH, 6.2), squeeze=False)
    for column, name in enumerate(names):
        of = maps[maps["image_id"] == name]
        axis, first = axes[0, column], of.iloc[0]
        axis.imshow(pictures[name], cmap="gray", vmin=0, vmax=255, extent=EXTENT)
        axis.set_title(f"{first['label']}\nscore {first['score']:.2f}", fontsize="small")
        axis.set(xticks=[], yticks=[])
        for axis, method in zip(axes[1:, column], saliency.METHODS, strict=True):
            _draw_map(axis, of[of["method"] == method].dropna(subset=["share"]))
    for axis, title in zip(axes[1:, 0], saliency.METHODS.values(), strict=True):
        axis.set_ylabel(title)
    return Picture(
        figure,
        f"{len(names)} synthetic radiographs, above their Grad-CAM and occlusion maps with the "
        "two ellipses of the lung region.",
    )


@lightbox()
def overlays(
    maps: pd.DataFrame | None, rows: pd.DataFrame, pictures: Mapping[str, NDArray[np.uint8]]
) -> Picture | Html:
    """Draw the gallery's pictures above their maps, by ``file``, a block of lines a class."""
    kept = rows if maps is None else rows[rows["file"].isin(maps["file"])]
    if maps is None or kept.empty:
        return note("No training of this study kept maps of the gallery's radiographs.")
    blocks = [of for _, of in kept.groupby("label", sort=False)]
    columns = max(len(of) for of in blocks)
    lines = 1 + len(saliency.METHODS)
    size = (WIDTH, len(blocks) * lines * (WIDTH / columns + 0.12))
    figure, axes = plt.subplots(lines * len(blocks), columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, of in enumerate(blocks):
        block = axes[lines * number : lines * (number + 1)]
        for column, (name, label) in enumerate(zip(of["file"], of["label"], strict=True)):
            of_file = maps[maps["file"] == name]
            title = f"{label} {of_file['score'].iloc[0]:.2f}"
            block[0, column].set_title(title, fontsize=8, color=ON_DARK[label])
            _draw_picture(block[0, column], pictures[name])
            for axis, method in zip(block[1:, column], saliency.METHODS, strict=True):
                of_method = of_file[of_file["method"] == method].dropna(subset=["share"])
                _draw_picture(axis, _under(_grid(of_method), pictures[name]))
                outline_lungs(axis)
                if of_method.empty:
                    axis.text(0, 0, "no evidence", color="white", ha="center", fontsize=7)
        for axis, title in zip(block[1:, 0], saliency.METHODS.values(), strict=True):
            axis.text(-1.08, 0, title, rotation=90, ha="right", va="center", fontsize=8)
    counts = " and ".join(f"{len(of)} {of['label'].iloc[0]}" for of in blocks)
    return Picture(
        figure,
        f"Radiographs of the gallery, {counts}, each above the same picture under its Grad-CAM and "
        "under its occlusion map, with the two ellipses of the lung region.",
    )


def _draw_picture(axis: Axes, picture: NDArray[Any]) -> None:
    axis.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=EXTENT, interpolation="none")


def _under(grid: NDArray[np.float64], picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Lay a map over a grey picture, the clearer the more of the evidence a cell has; 0 to 1."""
    block = picture.shape[0] // saliency.GRID
    strength = np.kron(np.clip(grid / 4, 0, 1), np.ones((block, block)))[..., None]
    color = mpl.colormaps["inferno"](0.3 + 0.7 * strength[..., 0])[..., :3]
    grey = picture[..., None] / 255
    return np.asarray(grey + 0.75 * strength * (color - grey))


def _grid(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return a map as multiples of an even spread, shape (GRID, GRID)."""
    grid = np.zeros((saliency.GRID, saliency.GRID))
    grid[rows["row"].to_numpy(int), rows["column"].to_numpy(int)] = rows["share"] * grid.size
    return grid


def _draw_map(axis: Axes, rows: pd.DataFrame) -> AxesImage | None:
    """Draw a map as multiples of an even spread, with the lung region; nothing without rows."""
    if rows.empty:
        axis.set_axis_off()
        return None
    image = axis.imshow(_grid(rows), cmap="magma", vmin=0, vmax=4, extent=EXTENT)
    outline_lungs(axis)
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    return image


def outline_lungs(axis: Axes, color: str = "white") -> None:
    """Draw the two ellipses of the stated lung region."""
    width, height = 2 * lungs.AXES[0], 2 * lungs.AXES[1]
    for side in (-1, 1):
        centre = (side * lungs.CENTRE[0], lungs.CENTRE[1])
        axis.add_patch(Ellipse(centre, width, height, fill=False, edgecolor=color, linewidth=1.2))
