"""Recorded networks: tested groups that were trained on, between splits and within one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE, TITLES, split_draw, split_kind
from covidcxr.networks import simple_models
from covidcxr.scores import evaluation, intervals
from covidcxr.scores.intervals import Interval

BETWEEN = ("accuracy", "auroc")  # scores of two kinds of split

WITHIN = ("accuracy", "balanced_accuracy", "auroc")
"""Scores of images of seen and of unseen groups, which may differ in their classes."""

LIMITS = ("value", "low", "high")


def trainings(folders: Iterable[Path], synthetic: bool) -> list[Record]:
    """Read the records of trainings in folders, on synthetic images or on real ones."""
    paths = sorted({path for folder in folders for path in records.paths(folder)})
    return [
        record
        for record in (records.read(path.parent) for path in paths)
        if {"history.csv", "predictions.csv"} <= set(record["tables"])
        and record.is_synthetic == synthetic
    ]


def split_pairs(
    runs: Sequence[Record], group: Mapping[str, str], threshold: float, confidence: float
) -> pd.DataFrame:
    """Differences between trainings on an image-level and on a grouped split, all else equal.

    The split by file name (``keras``) is paired with every grouped one, a random split with the
    grouped one of the same draw. ``group`` names groups by image_id; other images keep their
    ``group_id``. A row a pair and score: of both splits (``image_level_``, ``grouped_``) the name
    ``split``, tested images ``n`` and those of groups that were trained on ``seen``, and the score;
    the difference, of two samples; ``tested_by_both``, images.
    """
    rows = []
    for pair in ((one, other) for one in runs for other in runs if _are_paired(one, other)):
        tests = [_tested(run, group) for run in pair]
        scores = [_scores(test, threshold, confidence) for test in tests]
        row = {key: pair[0]["parameters"][key] for key in ("model", "seed")}
        for side, run, test in zip(("image_level", "grouped"), pair, tests, strict=True):
            row[f"{side}_split"] = run["parameters"]["split"]
            row |= {f"{side}_n": len(test), f"{side}_seen": int(test["seen"].sum())}
        row["tested_by_both"] = int(tests[0]["image_id"].isin(tests[1]["image_id"]).sum())
        for score in BETWEEN:
            first, second = (values[score] for values in scores)
            for side, interval in (("image_level", first), ("grouped", second)):
                row |= {f"{side}_{key}": getattr(interval, key) for key in LIMITS}
            difference = intervals.difference(first, second)
            rows.append(row | {"score": score} | dict(zip(LIMITS, difference, strict=True)))
    rows.sort(key=lambda row: list(TITLES).index(row["model"]))
    return pd.DataFrame(rows)


def seen_vs_unseen(
    runs: Iterable[Record], group: Mapping[str, str], threshold: float, confidence: float
) -> pd.DataFrame:
    """Differences, within a training, between tested images of seen groups and of others.

    Trainings on grouped splits are left out, and those without both classes on both sides. A row a
    run and score, with both scores and, by side, groups and images (as text by class). No group is
    on both sides, so that the two intervals combine.
    """
    rows = []
    for run in runs:
        test = _tested(run, group)
        sides = {"seen": test[test["seen"]], "unseen": test[~test["seen"]]}
        grouped = split_kind(run["parameters"]["split"]) == "grouped"
        if grouped or any(side["label"].nunique() < len(LABELS) for side in sides.values()):
            continue
        row = {key: run["parameters"][key] for key in ("model", "split", "seed")}
        for name, side in sides.items():
            by_class = [str((side["label"] == label).sum()) for label in LABELS]
            row |= {f"images_{name}": " + ".join(by_class)}
            row |= {f"groups_{name}": side["group"].nunique()}
        first, second = (_scores(side, threshold, confidence) for side in sides.values())
        for score in WITHIN:
            difference = intervals.difference(first[score], second[score])
            row |= {"score": score, "seen": first[score].value, "unseen": second[score].value}
            rows.append(row | dict(zip(LIMITS, difference, strict=True)))
    return pd.DataFrame(rows)


def _are_paired(image_level: Record, grouped: Record) -> bool:
    names = [run["parameters"]["split"] for run in (image_level, grouped)]
    kinds = [split_kind(name) for name in names]
    same_draw = len({split_draw(name, image_level["parameters"]["seed"]) for name in names}) == 1
    comparable = kinds == ["keras", "grouped"] or (kinds == ["random", "grouped"] and same_draw)
    return comparable and _protocol(image_level, "split") == _protocol(grouped, "split")


def _protocol(run: Record, *without: str) -> str:
    """All parameters of a training but some, as text."""
    parameters: dict[str, Any] = run["parameters"]
    return json.dumps({k: v for k, v in parameters.items() if k not in without}, sort_keys=True)


def _tested(run: Record, group: Mapping[str, str]) -> pd.DataFrame:
    """Return tested images with their ``group``, and whether it was trained on, ``seen``."""
    table = run.table("predictions")
    names = table["image_id"].map(group).fillna(table["group_id"]).astype(str)
    seen = names.isin(names[table["part"] == "train"])
    return table.assign(group=names, seen=seen)[table["part"] == "test"]


def _scores(tested: pd.DataFrame, threshold: float, confidence: float) -> dict[str, Interval]:
    predictions = simple_models.as_predictions(
        tested["score"].to_numpy(dtype=float),
        (tested["label"] == POSITIVE).to_numpy(dtype=bool),
        tested["group"],
    )
    return evaluation.closed_form(predictions, threshold, confidence)
