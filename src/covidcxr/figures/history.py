"""Figures and tables of how trainings went."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.figures.common import PARTS, WIDTH, Html, Picture, table

_STYLES = ("-", "--", ":", "-.")


def curves(histories: pd.DataFrame) -> Picture:
    """Draw loss and accuracy of every training, a row a network.

    Parameters
    ----------
    histories
        As `covidcxr.networks.history.histories` returns it.
    """
    networks = list(histories["network"].unique())
    splits = list(histories["split"].unique())
    figure, grid = plt.subplots(
        len(networks), 2, figsize=(WIDTH, 2.4 * len(networks) + 0.6), squeeze=False, sharex=True
    )
    for row, network in zip(grid, networks, strict=True):
        for axis, measure in zip(row, ("loss", "accuracy"), strict=True):
            of_network = histories[histories["network"] == network]
            for (split, _, part), found in of_network.groupby(["split", "seed", "part"]):
                style = _STYLES[splits.index(split) % len(_STYLES)]
                axis.plot(found["epoch"], found[measure], style, color=PARTS[str(part)], lw=1.3)
            axis.set(ylabel=measure, title=f"{network}: {measure}")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].set_ylim(bottom=0)
        row[1].set_ylim(0, 1.02)
    for axis in grid[-1]:
        axis.set_xlabel("epoch")
    there = [part for part in PARTS if part in set(histories["part"])]
    handles = [Line2D([], [], color=PARTS[part], label=f"{part} part") for part in there]
    if len(splits) > 1:
        handles += [
            Line2D([], [], color="#555555", ls=_STYLES[i % len(_STYLES)], label=f"{s} split")
            for i, s in enumerate(splits)
        ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    last = histories[histories["epoch"] == histories["epoch"].max()]
    told = "; ".join(
        f"{r.network}, {r.split} split, seed {r.seed}, {r.part} part: {r.accuracy:.2f}"
        for r in last.itertuples()
    )
    trainings = len(histories.groupby(["network", "split", "seed"]))
    return Picture(
        figure,
        f"Loss and accuracy of {trainings} trainings by epoch. Accuracy after the last: {told}.",
    )


def apart(found: pd.DataFrame, limit: float) -> Html:
    """Tabulate where training and test accuracy part."""
    shown = found.rename(
        columns={
            "network": "Network",
            "split": "Split",
            "seed": "Seed",
            "epochs": "Epochs",
            "apart": f"Epochs more than {limit:g} apart",
            "widest": "Widest",
            "at": "After epoch",
            "last": "After the last",
        }
    )
    caption = (
        "By how much accuracy on the training part, with dropout on and as a mean over the epoch, "
        "exceeds accuracy on the test part after it."
    )
    return table(shown, caption, {"Widest": "{:.2f}", "After the last": "{:+.2f}"})


def costs(found: pd.DataFrame) -> Html:
    """Tabulate what trainings took."""
    shown = found.assign(share=100 * found["share"]).rename(
        columns={
            "network": "Network",
            "split": "Split",
            "seed": "Seed",
            "minutes": "Minutes",
            "memory": "Memory, GiB",
            "stretches": "Stretches",
            "images": "Images a second",
            "flops": "GFLOP/s",
            "attainable": "Attainable",
            "share": "Used, %",
        }
    )
    caption = (
        "Time and memory of each training, tests and explanations included, and the speed of its "
        "updates: GFLOP/s counts the products of convolutions and dense layers, forward once and "
        "backward twice; attainable is what a large matrix product reached on the same device "
        "when the training had ended."
    )
    whole, one = "{:.0f}", "{:.1f}"
    return table(
        shown,
        caption,
        {
            "Minutes": one, "Memory, GiB": one, "Stretches": whole, "Images a second": one,
            "GFLOP/s": whole, "Attainable": whole, "Used, %": whole,
        },
    )  # fmt: skip
