"""Figure, tables and glued values of what the paper leaves open."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import Study
from covidcxr.figures.common import GREY, INK, RUST, WIDTH, Html, Picture, note, table
from covidcxr.networks.sensitivity import CHANCE, TWIN, chance_difference
from covidcxr.scores import comparison, mcnemar

_Row = Mapping[Hashable, Any]

_VERDICTS = {"equivalent": "within", "different": "beyond", "undecided": "undecided"}
"""Where a whole interval lies, seen from the margin: two scores within it need not be equal."""


def values(compared: pd.DataFrame, trained: Mapping[str, Record], study: Study) -> dict[str, Any]:
    """Numbers of arms and of differences, by glue key."""
    tested = compared[compared["holm"].notna()]
    different = tested[tested["holm"] < mcnemar.LEVEL]
    chance = chance_difference(compared)
    beyond = different[different["difference"].abs() > np.nan_to_num(chance)].to_dict("records")
    listed = [f"{row['label']} ({100 * row['difference']:+.1f})" for row in beyond]
    twin = compared.loc[[TWIN]].to_dict("records")[0]
    glued = {
        "changes": len(tested),
        "different": len(different),
        "chance": "not run" if pd.isna(chance) else f"{100 * chance:.1f}",
        "beyond": "; ".join(listed) or "none",
        "twin": _difference(twin) or "not run",
        "arms": len(compared),
        "run": len(trained),
        "size": study.image_size,
        "epochs": study.epochs,
        "momentum": study.batch_norm_momentum,
        "split": study.splits[0],
        "margin": 100 * study.equivalence_margin,
        "confidence": 100 * study.confidence,
        "inner": 100 * comparison.equivalence_coverage(study.confidence),
        "images": int(compared["n"].max()) if len(trained) else 0,
    }
    return {f"sensitivity_{name}": value for name, value in glued.items()}


def forest(compared: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw differences in accuracy, from `covidcxr.networks.sensitivity.table`."""
    known = compared[compared["difference"].notna()]
    rows = known.to_dict("records")
    if not rows:
        return note("No two arms that could be compared have been run.")
    places = np.arange(len(rows))[::-1]
    points = 100 * known[["difference", "difference_low", "difference_high"]]
    colors = [GREY if about == CHANCE else RUST for about in known["about"]]
    figure, axis = plt.subplots(figsize=(WIDTH, 1.3 + 0.34 * len(rows)))
    axis.axvline(0, color=INK, lw=1)
    chance = 100 * chance_difference(compared)
    if np.isfinite(chance):
        # Only the single network was trained with other seeds.
        single = places[known["against"] != compared.loc[TWIN, "against"]]
        band = single.min() - 0.5, single.max() + 0.5
        axis.fill_betweenx(band, -chance, chance, color=GREY, alpha=0.15, lw=0)
    axis.hlines(places, points["difference_low"], points["difference_high"], colors=colors, lw=2.5)
    axis.scatter(points["difference"], places, marker="D", color=colors, s=36, zorder=2)
    axis.set_yticks(places, [_name(row) for row in rows])
    axis.set(xlabel=f"difference in accuracy, points, with {confidence:.0%} interval")
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.grid(axis="y", visible=False)
    each = "; ".join(f"{_name(row)} {100 * row['difference']:+.1f}" for row in rows)
    return Picture(
        figure, f"Difference in accuracy of each arm to the one that it changes, in points. {each}."
    )


def arm_table(compared: pd.DataFrame, base: str, confidence: float) -> Html:
    """Tabulate one arm, by its key, and those that change it."""
    own = compared[(compared.index == base) | (compared["against"] == base)]
    rows = own.to_dict("records")
    images = own["n"].dropna()
    tested = f"{images.iloc[0]:.0f} test images" if len(images) else "none run yet"
    shown = pd.DataFrame(
        {
            "Changed": [_name(row) for row in rows],
            "Accuracy": [_score(row, "accuracy", interval=True) for row in rows],
            "Sensitivity": [_score(row, "sensitivity") for row in rows],
            "Specificity": [_score(row, "specificity") for row in rows],
            "Difference, points": [_difference(row) for row in rows],
            "Holm": [_p(row["holm"]) for row in rows],
            "Verdict": own["verdict"].map(_VERDICTS).fillna("").tolist(),
            "Widest": ["" if pd.isna(row["widest"]) else f"{row['widest']:z.2f}" for row in rows],
        }
    )
    caption = (
        f"{compared.loc[base, 'about']} as this study trains it, and with one thing changed: "
        f"{tested}, {confidence:.0%} intervals."
    )
    return table(shown, caption)


def _name(row: _Row) -> str:
    return f"{row['about']}: {row['label']}"


def _score(row: _Row, score: str, interval: bool = False) -> str:
    if pd.isna(row[score]):
        return "not run"
    limits = f" ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f})" if interval else ""
    return f"{row[score]:.3f}{limits}"


def _difference(row: _Row) -> str:
    if pd.isna(row["difference"]):
        return ""
    ends = f"{100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f}"
    return f"{100 * row['difference']:+.1f} ({ends})"


def _p(value: float) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
