"""Figure of the page that lists the paper's claims."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.container import BarContainer

from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.paper import claims
from covidcxr.paper.checks import Verdict

_COLORS: dict[Any, Any] = {
    Verdict.HOLDS: "#22587a",
    Verdict.COUNTED: "#3f83ad",
    Verdict.REPRODUCED: "#5fa8d3",
    Verdict.CORRECTED: common.YELLOW,
    Verdict.CONTRADICTED: common.RUST,
    Verdict.IMPOSSIBLE: "#6a040f",
    Verdict.NOT_SHOWN: "#d8c9b2",
    Verdict.NOT_REPRODUCED: "#f4a261",
    Verdict.UNVERIFIABLE: common.PALE,
}
_PALE = (Verdict.REPRODUCED, Verdict.CORRECTED, Verdict.NOT_SHOWN, Verdict.NOT_REPRODUCED,
         Verdict.UNVERIFIABLE)  # fmt: skip


def verdicts(table: pd.DataFrame) -> Picture:
    """Draw how many claims on the paper's own work, of each kind, got which verdict."""
    counted = claims.counts(table[table["of"] == claims.OWN])
    kinds = counted.sort_values("all").drop(index=claims.ALL_OWN, columns="all")
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.6))
    kinds.plot.barh(
        ax=axis, stacked=True, color=_COLORS, edgecolor="white", width=0.8, legend=False
    )
    for verdict, bars in zip(kinds, axis.containers, strict=True):
        assert isinstance(bars, BarContainer)
        axis.bar_label(
            bars,
            [str(n) if n > 1 else "" for n in kinds[verdict]],
            label_type="center",
            color="black" if verdict in _PALE else "white",
            fontsize=9,
        )
    axis.set(xlabel="claims", ylabel="")
    axis.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    totals = "; ".join(f"{n} {v}" for v, n in counted.loc[claims.ALL_OWN].items() if v != "all")
    return Picture(figure, f"Claims by kind and verdict. In all: {totals}.")
