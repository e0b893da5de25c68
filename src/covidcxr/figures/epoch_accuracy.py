"""Figure of accuracy on the test part, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd

from covidcxr.figures.common import BLUE, GREY, INK, RUST, Picture

_LOOKS = ((BLUE, "-"), (GREY, "-"), (RUST, "-"), (INK, "--"), (INK, ":"))


def curves(histories: Mapping[str, pd.DataFrame], claimed: float, normal: float) -> Picture:
    """Draw the test accuracy of trainings by epoch, with two levels to compare.

    Parameters
    ----------
    histories
        By name of a training, its table ``history``.
    claimed, normal
        The paper's accuracy, and that of always answering normal on this test part.
    """
    figure, axis = plt.subplots(figsize=(6, 3.4))
    words = []
    for (color, style), (name, history) in zip(_LOOKS, histories.items(), strict=False):
        rows = history[history["part"] == "test"]
        axis.plot(rows["epoch"], rows["accuracy"], style, color=color, lw=1.8, label=name)
        least, last = rows["accuracy"].min(), rows["accuracy"].iloc[-1]
        words.append(f"{name}: {least:.0%} at worst, {last:.1%} at last")
    end = max(float(history["epoch"].max()) for history in histories.values())
    for level, text in ((claimed, "the paper"), (normal, 'always "normal"')):
        axis.axhline(level, color=INK, lw=1, ls=(0, (1, 2)))
        axis.text(end, level - 0.01, text, ha="right", va="top", color=INK, fontsize=9)
    axis.set(xlabel="epoch", ylabel="accuracy, test part", ylim=(0, 1.02), xlim=(0.5, end + 0.5))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return Picture(figure, f"Test accuracy by epoch. {'; '.join(words)}.")
