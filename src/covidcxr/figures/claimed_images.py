"""Figure of a claimed accuracy: every test image as a dot, right or wrong."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from covidcxr.figures.common import BLUE, INK, RUST, Picture

COLUMNS = 45


def dots(right: int, n: int, network: str) -> Picture:
    """Draw n images, of which a network is right on some."""
    places = np.arange(n)
    figure, axis = plt.subplots(figsize=(6, 1.9))
    for chosen, color, text in (
        (places < right, BLUE, f"{right} right"),
        (places >= right, RUST, f"{n - right} wrong"),
    ):
        at = places[chosen]
        axis.scatter(at % COLUMNS, -(at // COLUMNS), s=34, color=color, label=text)
    axis.set_axis_off()
    axis.set_aspect("equal")
    title = f"{network}: {right} of {n} test images right, {right / n:.1%}"
    figure.suptitle(title, fontsize=11, color=INK)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return Picture(figure, f"{n} dots, a test image each: {right} right, {n - right} wrong.")
