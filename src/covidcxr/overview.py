"""What the committed records say together, whatever study a book is built for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr import metrics, records, seedpaper
from covidcxr.config import TITLES
from covidcxr.records import Record


def real_trainings(results: Path) -> list[Record]:
    """Read every record of a training on real images, in the paper's order of networks."""
    order = list(TITLES)
    found = [
        record
        for record in records.every(results)
        if "model" in record["parameters"] and not record.is_synthetic
    ]
    return sorted(
        found, key=lambda r: (r["study"], order.index(r["parameters"]["model"]), r["name"])
    )


def as_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Return a row a training: what it was, on what, and how accurate."""
    return pd.DataFrame([_row(run) for run in runs], columns=list(_COLUMNS))


def points(runs: Sequence[Record]) -> pd.DataFrame:
    """Return accuracies to draw: the paper's, from its matrices, and each run's.

    Columns ``model``, ``by`` (``paper`` or ``study``), ``what``, ``value``, ``low``,
    ``high``, ``baseline``.
    """
    rows: list[dict[str, Any]] = []
    for model, table in seedpaper.tables().items():
        cells = table.cells("true")
        rows.append(
            {"model": TITLES[model], "by": "paper", "what": "the paper", **_accuracy(cells)}
        )
    for run in runs:
        p = run["parameters"]
        what = f"{p['image_size']} px, {_plural(p['epochs'], 'epoch')}"
        row = {"model": TITLES[p["model"]], "by": "study", "what": what}
        rows.append(row | _accuracy(_cells(run)))
    return pd.DataFrame(rows)


def headline(runs: Sequence[Record]) -> str:
    """Say in plain words what the most accurate committed run reached, and on what."""
    if not runs:
        return "No training on real images has been recorded yet."
    best = max(runs, key=lambda run: _accuracy(_cells(run))["value"])
    p, a = best["parameters"], _accuracy(_cells(best))
    n = sum(best["images"]["test"].values())
    learned = {k: sum(part[k] for part in best["images"].values()) for k in ("COVID19", "NORMAL")}
    weights = "random weights" if p["weights"] == "none" else f"{p['weights']} weights"
    return (
        f"The most accurate of {_plural(len(runs), 'training')} on real images is "
        f"{TITLES[p['model']]}, from {weights}, at {p['image_size']} px for "
        f"{_plural(p['epochs'], 'epoch')}, on {learned['COVID19']:,} COVID-19 and "
        f"{learned['NORMAL']:,} normal radiographs with the {p['split']} split and seed "
        f"{p['seed']}: it is right on {a['value']:.1%} of {n} test images (95 % Wilson interval "
        f"{a['low']:.1%} to "
        f'{a["high"]:.1%}), where always answering "normal" is right on {a["baseline"]:.1%}.'
    )


def paper_readings() -> dict[str, float]:
    """Return what the last of the paper's matrices gives under both readings.

    Keys ``labelled_sensitivity``, ``labelled_specificity`` (rows as the paper
    labels them), ``true_sensitivity``, ``true_specificity`` (rows as the truth),
    ``paper_accuracy``, ``paper_baseline`` (always normal).
    """
    table = seedpaper.tables()["resnet252v2"]
    labelled, true = (metrics.score(table.cells(rows)) for rows in ("predicted", "true"))
    _, _, fp, tn = table.cells("true")
    return {
        "labelled_sensitivity": float(labelled["sensitivity"]),
        "labelled_specificity": float(labelled["specificity"]),
        "true_sensitivity": float(true["sensitivity"]),
        "true_specificity": float(true["specificity"]),
        "paper_accuracy": float(true["accuracy"]),
        "paper_baseline": float((fp + tn) / table.cells("true").sum()),
    }


_COLUMNS = (
    "network", "study", "images", "weights", "size", "epochs", "split", "seed",
    "accuracy", "interval", "always normal", "recorded", "commit",
)  # fmt: skip


def _row(run: Record) -> dict[str, Any]:
    p, a = run["parameters"], _accuracy(_cells(run))
    images = {k: sum(part[k] for part in run["images"].values()) for k in ("COVID19", "NORMAL")}
    return {
        "network": TITLES[p["model"]],
        "study": run["study"],
        "images": f"{images['COVID19']:,} + {images['NORMAL']:,}",
        "weights": "random" if p["weights"] == "none" else p["weights"],
        "size": f"{p['image_size']} px",
        "epochs": p["epochs"],
        "split": p["split"],
        "seed": p["seed"],
        "accuracy": f"{a['value']:.3f}",
        "interval": f"{a['low']:.3f} to {a['high']:.3f}",
        "always normal": f"{a['baseline']:.3f}",
        "recorded": f"{run.created:%Y-%m-%d}",
        "commit": (run["commit"]["id"] or "none")[:8],
    }


def _cells(run: Record) -> np.ndarray[Any, Any]:
    return np.array([run["metrics"]["test"][cell] for cell in metrics.CELLS])


def _accuracy(cells: np.ndarray[Any, Any]) -> dict[str, float]:
    tp, _, fp, tn = cells
    n = int(cells.sum())
    low, high = metrics.wilson(tp + tn, n)
    return {"value": (tp + tn) / n, "low": low, "high": high, "baseline": (fp + tn) / n}


def _plural(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
