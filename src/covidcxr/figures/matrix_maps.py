"""Figure of a printed confusion matrix, as its labels say and as its margins do."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from covidcxr.figures.common import BLUE, INK, RUST, Picture
from covidcxr.paper.publication import Table

_NAMES = ("COVID-19", "normal")


def transposed(table: Table, network: str) -> Picture:
    """Draw one printed matrix twice: as its labels say, and with its rows as the truth."""
    matrix = np.array(table.matrix)
    tp, _, _, _ = table.cells("true")
    figure, axes = plt.subplots(1, 2, figsize=(6, 3.3))
    labelled, corrected = (int(matrix[:, 0].sum()), int(matrix[0].sum()))
    _panel(axes[0], matrix, "as the paper labels it", ("network says", "truth"))
    _panel(axes[1], matrix, "as it must be read", ("truth", "network says"))
    frames = ((0, 0, 1, 2), (0, 0, 2, 1))
    for axis, (x, y, width, height), total in zip(axes, frames, (labelled, corrected), strict=True):
        axis.add_patch(Rectangle((x, y), width, height, fill=False, ec=RUST, lw=3, zorder=5))
        text = f"sensitivity {tp} / {total} = {tp / total:.0%}"
        axis.text(1, 2.42, text, ha="center", color=RUST, weight="bold", fontsize=11)
    return Picture(
        figure,
        f"The matrix of {network}. As labelled, sensitivity is {tp} of {labelled}, "
        f"{tp / labelled:.0%}; with rows as the truth, {tp} of {corrected}, {tp / corrected:.0%}.",
    )


def _panel(axis: Axes, matrix: NDArray[np.int64], title: str, of: tuple[str, str]) -> None:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for (row, column), n in np.ndenumerate(matrix):
        right = row == column
        color = BLUE if right else RUST
        alpha = 0.12 + 0.6 * float(shares[row, column])
        axis.add_patch(Rectangle((column, row), 1, 1, color=color, alpha=alpha, lw=0))
        axis.text(
            column + 0.5, row + 0.5, f"{n:,}", ha="center", va="center", color=INK, fontsize=14
        )
    axis.set(xlim=(0, 2), ylim=(2, 0), xticks=(0.5, 1.5), yticks=(0.5, 1.5), aspect="equal")
    axis.set_xticklabels(_NAMES, fontsize=9)
    axis.set_yticklabels(_NAMES, fontsize=9, rotation=90, va="center")
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_ylabel(of[0], fontsize=9.5)
    axis.set_xlabel(of[1], fontsize=9.5)
    axis.set_title(title, fontsize=11, color=INK, weight="bold", pad=8)
    axis.grid(visible=False)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
