"""Figures, tables and values of how trainings went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from covidcxr.core.records import Record
from covidcxr.core.studies import Study
from covidcxr.figures.common import INK, PARTS, WIDTH, Html, Picture, table, with_limits
from covidcxr.networks import complexity, history
from covidcxr.networks.history import GAP, updates_until

_STYLES = ("-", "--", ":", "-.")


def values(
    study: Study, runs: Sequence[Record], gaps: pd.DataFrame, costs: pd.DataFrame
) -> dict[str, Any]:
    """Values that the page glues."""
    images = sum(runs[0]["images"]["train"].values())
    updates = complexity.updates(images, study.batch_size, study.epochs).per_epoch
    momentum = study.batch_norm_momentum
    forgotten = updates_until(momentum, 0.01)
    widest = gaps.loc[gaps["widest"].idxmax()]
    machines = {
        ", ".join(run["backend"].get("accelerators") or [run["hardware"]["processor"]])
        for run in runs
    }
    return {
        "progress_trainings": len(gaps),
        "progress_trainings_wide": int((gaps["wide"] > 0).sum()),
        "progress_gap": GAP,
        "progress_last": gaps["last"].max(),
        "progress_images": images,
        "progress_epochs": study.epochs,
        "progress_size": study.image_size,
        "progress_weights": "random" if study.weights == "none" else "pretrained",
        "progress_momentum": momentum,
        "progress_updates": updates,
        "progress_first": 100 * momentum**updates,
        "progress_until": forgotten,
        "progress_enough": forgotten / updates,
        "progress_widest": widest["widest"],
        "progress_network": widest["network"],
        "progress_split": widest["split"],
        "progress_at": widest["widest_epoch"],
        "progress_low": widest["lowest"],
        "progress_epochs_wide": int(gaps["wide"].sum()),
        "progress_epochs_all": int(gaps["epochs"].sum()),
        "progress_minutes": costs["minutes"].sum(),
        "progress_machine": "; ".join(sorted(machines)),
    }


def outcome_values(outcomes: pd.DataFrame) -> dict[str, Any]:
    """Values that the page glues: the range of accuracies on the test part, and of no skill."""
    shares = sorted({f"{share:.3f}" for share in outcomes["baseline"]})
    return {
        "training_least": outcomes["accuracy"].min(),
        "training_most": outcomes["accuracy"].max(),
        "training_baseline": " to ".join(shares[:: max(1, len(shares) - 1)]),
    }


def outcomes(rows: pd.DataFrame) -> Html:
    """Tabulate accuracies of trainings on the test part."""
    shown = pd.DataFrame(
        {
            "split": rows["split"],
            "seed": rows["seed"],
            "test images": rows["n"],
            "accuracy": [with_limits(*row) for row in rows[["accuracy", "low", "high"]].to_numpy()],
            "always normal": rows["baseline"],
        }
    )
    caption = f"{rows['network'].iloc[0]}: accuracy on the test part after the last epoch."
    return table(shown, caption, {"always normal": "{:.3f}"})


def learning_curves(histories: pd.DataFrame) -> Picture:
    """Draw loss and accuracy of every training by epoch, a row a network."""
    networks = list(histories["network"].unique())
    styles = dict(zip(histories["split"].unique(), _STYLES * 9, strict=False))
    figure, grid = plt.subplots(
        len(networks), 2, figsize=(WIDTH, 2.4 * len(networks) + 0.6), squeeze=False, sharex=True
    )
    for row, network in zip(grid, networks, strict=True):
        for axis, measure in zip(row, ("loss", "accuracy"), strict=True):
            trainings = histories[histories["network"] == network]
            for (split, _, part), rows in trainings.groupby(["split", "seed", "part"]):
                axis.plot(
                    rows["epoch"], rows[measure], styles[split], color=PARTS[str(part)],
                    lw=1.3, marker=".",
                )  # fmt: skip
            axis.set(ylabel=measure, title=f"{network}: {measure}")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].set_ylim(bottom=0)
        row[1].set_ylim(0, 1.02)
        if {"train", "test"} <= set(histories["part"]):
            _mark_widest(row[1], history.accuracy_gaps(trainings))
    for axis in grid[-1]:
        axis.set_xlabel("epoch")
    parts = [part for part in PARTS if part in set(histories["part"])]
    handles = [Line2D([], [], color=PARTS[part], label=f"{part} part") for part in parts]
    if len(styles) > 1:
        handles += [
            Line2D([], [], color=INK, ls=style, label=f"{split} split")
            for split, style in styles.items()
        ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    last = histories[histories["epoch"] == histories["epoch"].max()]
    ends = "; ".join(
        f"{r.network}, {r.split} split, seed {r.seed}, {r.part} part: "
        f"loss {r.loss:.2f}, accuracy {r.accuracy:.2f}"
        for r in last.itertuples()
    )
    count = len(histories.groupby(["network", "split", "seed"]))
    return Picture(
        figure, f"Loss and accuracy by epoch; trainings: {count}. After the last: {ends}."
    )


def _mark_widest(axis: Axes, gaps: pd.DataFrame) -> None:
    """Name the epoch after which test accuracy was furthest below training accuracy."""
    widest = gaps.loc[gaps["widest"].idxmax()]
    if widest["widest"] > GAP:
        axis.annotate(
            f"after epoch {widest['widest_epoch']}: {widest['lowest']:.0%}",
            (widest["widest_epoch"], widest["lowest"]), (12, 4), textcoords="offset points",
            fontsize=9, color=PARTS["test"],
        )  # fmt: skip


def accuracy_gaps(gaps: pd.DataFrame) -> Html:
    """Tabulate the differences of training and test accuracy."""
    columns = {
        "network": "Network",
        "split": "Split",
        "seed": "Seed",
        "epochs": "Epochs",
        "wide": f"Epochs with more than {GAP:g}",
        "widest": "Largest",
        "widest_epoch": "After epoch",
        "last": "After the last",
    }
    caption = (
        "Accuracy on the training part, with dropout on and as a mean over the epoch, less "
        "accuracy on the test part after it."
    )
    formats = {"Largest": "{:.2f}", "After the last": "{:+.2f}"}
    return table(gaps[list(columns)].rename(columns=columns), caption, formats)


def costs(frame: pd.DataFrame) -> Html:
    """Tabulate time, memory and speed of trainings."""
    columns = {
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
    caption = (
        "Time and memory of each training, tests and explanations included, and the speed of its "
        "updates: GFLOP/s counts the products of convolutions and dense layers, forward once and "
        "backward twice; attainable is the speed of a large matrix product on the same device "
        "after the training."
    )
    formats = dict.fromkeys(("Minutes", "Memory, GiB", "Images a second"), "{:.1f}")
    formats |= dict.fromkeys(("Stretches", "GFLOP/s", "Attainable", "Used, %"), "{:.0f}")
    percent = frame.assign(share=100 * frame["share"])
    return table(percent.rename(columns=columns), caption, formats)
