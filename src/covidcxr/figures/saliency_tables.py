"""Table and values of the page on saliency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS
from covidcxr.figures import common
from covidcxr.networks import saliency

FEWEST_CELLS = 4
"""A side of the last maps; with fewer, each cell holds nearly as much lung as any other."""


def table(shares: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.networks.saliency.outside_by_class` returned, in per cent."""
    limits = zip(shares["outside"], shares["low"], shares["high"], strict=True)
    outside = [common.with_limits(*row, _percent) for row in limits]
    names = {"outside": "outside the lungs", "label": "class"}
    shown = shares.drop(columns=["low", "high"]).assign(outside=outside)
    return shown.rename(columns=names).set_index("network")


def values(shares: pd.DataFrame, cells: int) -> dict[str, Any]:
    """Values of the page; Grad-CAM counts if a side of the last maps has enough cells."""
    known = shares.dropna(subset=["outside"])
    occlusion = known[known["method"] == saliency.METHODS["occlusion"]]
    counted = known if cells >= FEWEST_CELLS else occlusion
    blind = saliency.area_outside()
    means = {k: occlusion.loc[occlusion["label"] == k, "outside"].mean() for k in LABELS}
    return {
        "saliency_grid": saliency.GRID,
        "saliency_cells": cells,
        "saliency_fewest_cells": FEWEST_CELLS,
        "saliency_gradcam_counted": "yes" if cells >= FEWEST_CELLS else "no",
        "saliency_blind": 100 * blind,
        "saliency_least": _percent(counted["outside"].min(), 0),
        "saliency_most": _percent(counted["outside"].max(), 0),
        "saliency_nearer": int((counted["high"] < blind).sum()),
        "saliency_cases": len(counted),
        "saliency_networks": occlusion["network"].nunique(),
        **{f"saliency_{label.lower()}": _percent(mean, 0) for label, mean in means.items()},
    }


def of_gallery(
    runs: Mapping[str, Record], rows: pd.DataFrame
) -> tuple[str, pd.DataFrame | None, pd.DataFrame]:
    """Return the maps of the last training that kept some of the gallery's images.

    ``runs`` are trainings by title, ``rows`` the gallery's table.

    Returns
    -------
    title : str
        Of the training, what it was trained on, and how many images it knew, by their names.
    maps : pandas.DataFrame or None
    rows : pandas.DataFrame
        Those of the gallery's rows that have maps.
    """
    kept = [name for name, run in runs.items() if "gallery.csv" in run["tables"]]
    if not kept:
        return "none, since these records are older than such maps", None, rows.iloc[:0]
    run = runs[kept[-1]]
    maps, known = run.table("gallery"), run.table("predictions")
    rows = rows[rows["file"].isin(maps["file"])]
    parts = known.loc[known["image_id"].isin(rows["image_id"]), "part"].value_counts()
    images = "synthetic" if run.is_synthetic else "real"
    counted = ", ".join(f"in its {part} part: {parts.get(part, 0)}" for part in ("train", "test"))
    return f"{kept[-1]} (trained on {images} images; of these {len(rows)}, {counted})", maps, rows


def _percent(share: float, digits: int = 1) -> str:
    return "–" if pd.isna(share) else f"{share:.{digits}%}"
