"""Figures of the page on saliency, from the tables of `covidcxr.networks.saliency`."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse
from numpy.typing import NDArray
from scipy import stats

from covidcxr.cohorts import lungs
from covidcxr.core.studies import LABELS
from covidcxr.figures.common import COLORS, WIDTH, Html, Picture, note
from covidcxr.networks import saliency


def mean_by_group(
    values: NDArray[np.float64], group: NDArray[np.str_], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return a mean with limits that count groups, not images.

    Parameters
    ----------
    values, group
        Shape (n,): a number for each image and the name of its group.
    confidence
        Coverage.

    Returns
    -------
    tuple
        Mean and limits, NaN where there are fewer than two groups; limits are Student's
        with the cluster-robust variance of a mean (Liang and Zeger 1986).
    """
    if not len(values):
        return (float("nan"),) * 3
    mean = float(values.mean())
    _, number = np.unique(group, return_inverse=True)
    sums = np.bincount(number, values - mean)
    groups = len(sums)
    if groups < 2:
        return mean, float("nan"), float("nan")
    error = np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(values)
    half = float(stats.t.ppf((1 + confidence) / 2, groups - 1) * error)
    return mean, mean - half, mean + half


_COLUMNS = ["network", "method", "label", "images", "groups", "outside", "low", "high"]


def summary(runs: Mapping[str, pd.DataFrame], confidence: float = 0.95) -> pd.DataFrame:
    """Say by network, method and class how much of the evidence lies outside the lung region.

    Parameters
    ----------
    runs
        By network the table ``saliency`` of its record.
    confidence
        Coverage.

    Returns
    -------
    pandas.DataFrame
        ``network``, ``method``, ``label``, ``images`` (with any evidence), ``groups``,
        ``outside``, ``low``, ``high`` (shares).
    """
    rows = []
    for network, table in runs.items():
        for method in saliency.METHODS:
            for label in LABELS:
                of = table[(table["method"] == method) & (table["label"] == label)]
                known = of[of["outside"].notna()]
                group = known["group_id"].to_numpy(dtype=str)
                mean, low, high = mean_by_group(
                    known["outside"].to_numpy(dtype=float), group, confidence
                )
                rows.append(
                    {
                        "network": network,
                        "method": saliency.METHODS[method],
                        "label": label,
                        "images": len(known),
                        "groups": len(set(group)),
                        "outside": mean,
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows, columns=_COLUMNS)


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `summary` returned, in per cent."""
    told = [
        "–" if pd.isna(v) else f"{v:.1%}" + ("" if pd.isna(a) else f" ({a:.1%} to {b:.1%})")
        for v, a, b in zip(found["outside"], found["low"], found["high"], strict=True)
    ]
    table = found[["network", "method", "label", "images", "groups"]].assign(outside=told)
    return table.rename(columns={"outside": "outside the lungs", "label": "class"}).set_index(
        "network"
    )


FEWEST_CELLS = 4
"""A side of the last maps; with fewer, each cell holds nearly as much lung as any other."""


def judged(found: pd.DataFrame, cells: int) -> pd.DataFrame:
    """Leave out Grad-CAM where the network's last maps have too few cells to place anything."""
    known = found.dropna(subset=["outside"])
    return known if cells >= FEWEST_CELLS else known[known["method"] != saliency.METHODS["gradcam"]]


def coarseness(cells: int) -> str:
    """Say whether Grad-CAM can place its evidence on last maps of that many cells a side."""
    if cells >= FEWEST_CELLS:
        return "That is enough to tell the lungs from their surroundings."
    return (
        "That is too few: each cell holds nearly as much of the lungs as any other, so that "
        "Grad-CAM's share outside is near that of the area whatever the network does. It is shown "
        "and not counted."
    )


def answer(found: pd.DataFrame, cells: int) -> str:
    """Say in a sentence where the evidence lies.

    Parameters
    ----------
    found
        As `summary` returns it.
    cells
        A side of the networks' last maps.
    """
    known = judged(found, cells)
    if known.empty:
        return "No recorded training kept where its evidence lies."
    blind = saliency.area_outside()
    least, most = known["outside"].min(), known["outside"].max()
    below = int((known["high"] < blind).sum())
    return (
        f"By network, method and class, {least:.0%} to {most:.0%} of the evidence lies outside the "
        f"stated lung region, which leaves {blind:.0%} of the picture outside: in {below} of "
        f"{len(known)} cases the evidence is nearer to the lungs than blindly spread evidence "
        "would be."
    )


def closing(found: pd.DataFrame) -> str:
    """Say how occlusion, the finer of the two methods, judges each class."""
    rows = found[found["method"] == saliency.METHODS["occlusion"]].dropna(subset=["outside"])
    if rows.empty:
        return "Nothing was recorded that could be judged."
    told = [
        f"{of['outside'].mean():.0%} of the evidence in {label} images"
        for label, of in rows.groupby("label", sort=False)
    ]
    networks = rows["network"].nunique()
    return (
        f"By occlusion, on average over {networks} network{'s' * (networks > 1)}, "
        f"{' and '.join(told)} lies outside the lung region."
    )


def shares(found: pd.DataFrame, cells: int) -> Picture | Html:
    """Draw the shares outside the lung region beside what blind evidence would give."""
    known = found.dropna(subset=["outside"])
    if known.empty:
        return note(answer(found, cells))
    networks = list(dict.fromkeys(known["network"]))
    methods = list(saliency.METHODS.values())
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.6 * len(networks)), sharey=True)
    for axis, method in zip(axes, methods, strict=True):
        for shift, label in zip((-0.12, 0.12), LABELS, strict=True):
            rows = known[(known["method"] == method) & (known["label"] == label)]
            places = np.array([networks.index(n) for n in rows["network"]]) + shift
            value = 100 * rows["outside"].to_numpy()
            limits = np.abs(100 * rows[["low", "high"]].to_numpy().T - value)
            axis.errorbar(
                value, places, xerr=np.nan_to_num(limits), fmt="o", color=COLORS[label], label=label
            )
        axis.axvline(100 * saliency.area_outside(), color="black", linestyle=":", label="blind")
        axis.set_title(method)
        axis.set_xlim(0, 100)
        axis.set_xlabel("evidence outside the lung region, %")
    axes[0].set_yticks(range(len(networks)), networks)
    axes[0].invert_yaxis()
    axes[0].set_ylim(len(networks) - 0.5, -0.5)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return Picture(figure, answer(found, cells))


def mean_maps(runs: Mapping[str, pd.DataFrame], method: str) -> Picture | Html:
    """Draw the mean maps of a method by network and class, with the stated lung region.

    Parameters
    ----------
    runs
        By network the table ``attribution`` of its record.
    method
        One of `saliency.METHODS`.
    """
    count = len(runs)
    if not count:
        return note("There is no map to show.")
    figure, axes = plt.subplots(
        len(LABELS), count, figsize=(min(WIDTH, 2.6 * count + 0.8), 5.0), squeeze=False
    )
    uniform = 1 / saliency.GRID**2
    image = None
    for column, (network, table) in enumerate(runs.items()):
        for row, label in enumerate(LABELS):
            axis = axes[row, column]
            of = table[(table["method"] == method) & (table["label"] == label)]
            number = int(of["images"].iloc[0]) if len(of) else 0
            axis.set_title(f"{network}\n{label}, n = {number}", fontsize="small")
            if len(of):
                image = _map(axis, _square(of) / uniform)
            else:
                axis.set_axis_off()
    if image is not None:
        figure.colorbar(image, ax=axes, label="times an even spread", shrink=0.7)
    return Picture(
        figure,
        f"Mean {saliency.METHODS[method]} maps of {', '.join(runs)} by class on a grid of "
        f"{saliency.GRID} by {saliency.GRID} cells, with the two ellipses of the lung region.",
    )


def single_maps(
    maps: pd.DataFrame | None, pictures: Mapping[str, NDArray[np.uint8]]
) -> Picture | Html:
    """Draw single images that may be shown beside their maps.

    Parameters
    ----------
    maps
        The table ``maps`` of a record, where it has one.
    pictures
        Grey images that may be shown by ``image_id``, shape (size, size).
    """
    if maps is None or not pictures:
        return note("No single image is shown: these may not be, or are not at hand.")
    names = [n for n in dict.fromkeys(maps["image_id"]) if n in pictures]
    figure, axes = plt.subplots(3, len(names), figsize=(WIDTH, 6.2), squeeze=False)
    for column, name in enumerate(names):
        of = maps[maps["image_id"] == name]
        first = of.iloc[0]
        axes[0, column].imshow(pictures[name], cmap="gray", vmin=0, vmax=255, extent=(-1, 1, 1, -1))
        axes[0, column].set_title(f"{first['label']}\nscore {first['score']:.2f}", fontsize="small")
        _clean(axes[0, column])
        for row, (method, title) in enumerate(saliency.METHODS.items(), 1):
            one = of[of["method"] == method]
            if one["share"].isna().all():
                axes[row, column].set_axis_off()
                continue
            _map(axes[row, column], _square(one) * saliency.GRID**2)
            if column == 0:
                axes[row, column].set_ylabel(title)
    return Picture(
        figure,
        f"{len(names)} synthetic radiographs, above their Grad-CAM and occlusion maps with the "
        "two ellipses of the lung region.",
    )


def _square(rows: pd.DataFrame) -> NDArray[np.float64]:
    found = np.zeros((saliency.GRID, saliency.GRID))
    found[rows["row"].to_numpy(dtype=int), rows["column"].to_numpy(dtype=int)] = rows["share"]
    return found


def _map(axis: Axes, values: NDArray[np.float64]) -> AxesImage:
    image = axis.imshow(values, cmap="magma", vmin=0, vmax=4, extent=(-1, 1, 1, -1))
    for side in (-1, 1):
        axis.add_patch(
            Ellipse(
                (side * lungs.CENTRE[0], lungs.CENTRE[1]), 2 * lungs.AXES[0], 2 * lungs.AXES[1],
                fill=False, edgecolor="white", linewidth=1.2,
            )
        )  # fmt: skip
    _clean(axis)
    return image


def _clean(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
