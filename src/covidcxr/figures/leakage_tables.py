"""Tables and glued values of the page on leakage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts.samples import TIERS
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.figures import common
from covidcxr.figures.leakage import LABELS, YAGIS, run_names
from covidcxr.scores import bootstrap
from covidcxr.scores.metrics import word
from covidcxr.validity.leakage import networks, summaries
from covidcxr.validity.leakage.experiments import MODELS, SIDES

Write = Callable[[float], str]


# --- values


def headline(record: Record, confidence: float, prefix: str) -> dict[str, Any]:
    """Score inflation and accuracy with random labels, as values to glue."""
    runs = record.table("splits").query("tier == 'all'")
    inflation = summaries.score_inflation(runs, "accuracy", confidence)
    seen = 100 * runs[runs["split"] == "random"].groupby("seed")["seen"].first()
    best = 100 * float(inflation["grouped"].max())
    # The last experiment is on groups of several images, if there are enough.
    name, coins = list(record.table("coins").groupby("images", sort=False))[-1]
    accuracy = 100 * coins.groupby(["split", "model"])["accuracy"].mean()
    model = str(accuracy["random"].idxmax())
    values = {
        "models": len(inflation),
        "raised": int((inflation["low"] > 0).sum()),
        "least": signed(inflation["value"].min()),
        "most": signed(inflation["value"].max()),
        "seen": float(seen.mean()),
        "seen_least": float(seen.min()),
        "seen_most": float(seen.max()),
        "best_model": MODELS[str(inflation["grouped"].idxmax())],
        "best_accuracy": best,
        "maximum_gain": 100 - best,
        "random_images": summaries.SETS[str(name)],
        "random_model": MODELS[model],
        "random_image_level": accuracy["random", model],
        "random_grouped": accuracy["grouped", model],
    }
    return {f"{prefix}_{key}": value for key, value in values.items()}


def values(record: Record, trainings: Sequence[Record], confidence: float) -> dict[str, Any]:
    """Return sizes and results of the other experiments, as values to glue."""
    doses = record.table("doses")
    sizes = doses[["tested", "trained"]].agg(["min", "max"]).fillna(0).astype(int)
    slopes = summaries.contamination_slopes(doses, "accuracy", confidence)
    raised = {labels: slopes[slopes["labels"] == labels]["low"] > 0 for labels in LABELS}
    studies = Counter(run.study for run in trainings)
    truth = slopes[slopes["labels"] == "truth"].sort_values("value").tail(1)
    most = [
        f"{MODELS[row['model']]}, {_estimates(pd.DataFrame([row]))[0]} points"
        for row in truth.to_dict("records")
    ]
    return {
        "leakage_tested": sizes.loc["max", "tested"],
        "leakage_trained_least": sizes.loc["min", "trained"],
        "leakage_trained_most": sizes.loc["max", "trained"],
        **{f"leakage_{labels}_slopes": len(rows) for labels, rows in raised.items()},
        **{f"leakage_{labels}_raised": int(rows.sum()) for labels, rows in raised.items()},
        "leakage_dose_most": "".join(most) or "none",
        "leakage_yagis": 100 * YAGIS["random"],
        "leakage_yagis_grouped": 100 * YAGIS["grouped"],
        "leakage_trainings": len(trainings),
        "leakage_studies": ", ".join(f"{name} ({n})" for name, n in studies.items()) or "none",
    }


# --- tables


def inflation(table: pd.DataFrame) -> pd.DataFrame:
    """Score inflation of one score, a row a model."""
    columns = {
        "pixels": [SIDES[str(model)] ** 2 for model in table.index],
        "image-level": table["random"].map(common.decimal),
        "grouped": table["grouped"].map(common.decimal),
        "difference, points": _estimates(table),
        "corrected": table["wide_low"].map(signed) + " to " + table["wide_high"].map(signed),
        "higher, lower": table["more"].astype(str) + ", " + table["fewer"].astype(str),
    }
    return pd.DataFrame(columns, index=table.index).rename(index=MODELS)


def tiers(runs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Inflation of accuracy by model, on all images and on subsets."""
    columns = {}
    for tier, own in runs.groupby("tier", sort=False):
        table = summaries.score_inflation(own, "accuracy", confidence)
        n = int(own["trained"].iloc[0] + own["tested"].iloc[0])
        columns[f"{TIERS[str(tier)]} (n = {n:,})"] = pd.Series(_estimates(table), table.index)
    return pd.DataFrame(columns).rename(index=MODELS)


def contamination(runs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Accuracy at both ends, and slopes of accuracy and AUROC."""
    accuracy, auroc = (
        summaries.contamination_slopes(runs, score, confidence) for score in ("accuracy", "auroc")
    )
    columns = {
        "labels": accuracy["labels"].map(LABELS),
        "model": accuracy["model"].map(MODELS),
        "accuracy, none": accuracy["none"].map(common.decimal),
        "all": accuracy["all"].map(common.decimal),
        "slope": _estimates(accuracy),
        "slope of AUROC": _estimates(auroc),
    }
    return pd.DataFrame(columns)


def random_labels(results: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with random labels, a row an experiment and model."""
    image_level, grouped = (
        results[results["split"] == split].reset_index() for split in ("random", "grouped")
    )
    columns = {
        "images": image_level["where"],
        "model": image_level["model"].map(MODELS),
        "n": image_level["images"].map("{:,}".format),
        "seen": image_level["seen"].map("{:.0%}".format),
        "image-level, %": _estimates(image_level, _percent),
        "grouped, %": _estimates(grouped, _percent),
    }
    return pd.DataFrame(columns)


def split_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Scores of pairs of trainings and their differences."""
    if pairs.empty:
        return pairs
    columns = {
        "network": pairs["model"].map(TITLES),
        "score": pairs["score"].map(word),
        "image-level": _estimates(pairs, common.decimal, "image_level_"),
        "grouped": _estimates(pairs, common.decimal, "grouped_"),
        "difference, points": _estimates(pairs),
    }
    return pd.DataFrame(columns)


def test_parts(pairs: pd.DataFrame) -> pd.DataFrame:
    """Tested images by pair of splits."""
    parts = [
        f"{side}_{key}" for side in ("image_level", "grouped") for key in ("split", "n", "seen")
    ]
    return pairs[[*parts, "tested_by_both"]].drop_duplicates() if len(pairs) else pairs


def seen_vs_unseen(differences: pd.DataFrame) -> pd.DataFrame:
    """Balanced accuracy on images of seen groups and on others, a row a run."""
    if differences.empty:
        return differences
    rows = differences[differences["score"] == "balanced_accuracy"]
    columns = {
        "run": run_names(rows),
        "n seen": rows["images_seen"] + rows["groups_seen"].map(" ({})".format),
        "n others": rows["images_unseen"] + rows["groups_unseen"].map(" ({})".format),
        "seen": rows["seen"].map(common.decimal),
        "others": rows["unseen"].map(common.decimal),
        "difference, points": _estimates(rows),
    }
    return pd.DataFrame(columns)


def seen_vs_unseen_summary(differences: pd.DataFrame) -> pd.DataFrame:
    """Count runs by the sign of the difference and of its interval, a row a score."""
    if differences.empty:
        return differences
    by_score = differences.assign(
        higher=differences["value"] > 0,
        above=differences["low"] > 0,
        below=differences["high"] < 0,
    ).groupby("score", sort=False)
    columns = {
        "runs": by_score.size(),
        "seen higher": by_score["higher"].sum(),
        "mean difference, points": by_score["value"].mean().map(signed),
        "intervals above 0": by_score["above"].sum(),
        "below 0": by_score["below"].sum(),
    }
    return pd.DataFrame(columns).rename(index=word)


# --- numbers as text


def signed(value: float) -> str:
    """Write a fraction in points with its sign, with more digits where one would leave a zero."""
    if not np.isfinite(value):
        return "–"
    if abs(value) <= bootstrap.EQUAL:
        return "0.0"
    digits = next(n for n in range(1, 12) if round(100 * value, n))
    return f"{100 * value:+.{digits}f}"


def _estimates(table: pd.DataFrame, write: Write = signed, side: str = "") -> list[str]:
    value, low, high = (table[f"{side}{key}"] for key in networks.LIMITS)
    return [common.with_limits(v, a, b, write) for v, a, b in zip(value, low, high, strict=True)]


def _percent(value: float) -> str:
    return common.decimal(100 * value, 1)
