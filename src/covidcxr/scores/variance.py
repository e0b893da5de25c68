"""Scores of repeated trainings: their table, mean with intervals, probability of superiority.

A procedure is a network trained by a protocol. Each of its runs draws a split and a seed;
the draw of the split decides which images train and test, the seed decides initial
weights, order and dropout. Runs on splits of one cohort share images, so whatever is
said of draws of the split is said of splits of this cohort.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import POSITIVE, follows_seed, split_kind
from covidcxr.scores import bootstrap, metrics
from covidcxr.scores.means import clustered_mean
from covidcxr.scores.proportions import wilson

RUN = ["model", "split", "seed", "draw"]
"""Columns that identify a run."""

GAMMA = 0.75
"""An advantage above this share of pairs is meaningful (Bouthillier et al., 2021)."""


# --- tables of runs


def draw(split: str, seed: object) -> str:
    """Name a draw of the split: ``random-1`` of ``random`` with seed 1."""
    return f"{split}-{seed}" if follows_seed(split) else split


def replicated(splits: Sequence[str], seeds: Sequence[int]) -> bool:
    """Return whether a study has two seeds on each of two draws of one kind of split.

    Only then can the variance of its procedure be decomposed.
    """
    one_kind = len({split_kind(split) for split in splits}) == 1
    fixed = not any(follows_seed(split) for split in splits)
    return one_kind and fixed and len(set(splits)) > 1 and len(set(seeds)) > 1


def runs(records: Iterable[Record], threshold: float = 0.5) -> pd.DataFrame:
    """Score each training on its test part: a row a run.

    Columns `RUN`, ``n`` images, ``accuracy``, ``sensitivity``, ``specificity``, ``auroc``.
    """
    return _scored(_test_predictions(records), threshold)


def baselines(record: Record | None, threshold: float = 0.5) -> pd.DataFrame:
    """Score each run of the trivial models on its test part; columns as for `runs`.

    Trivial models have no randomness of their own: their ``seed`` is NaN.
    """
    if record is None:
        return _scored(_test_predictions([]), threshold)
    rows = record.table("predictions").query("part == 'test'")
    names = [draw(split, seed) for split, seed in zip(rows["split"], rows["seed"], strict=True)]
    return _scored(rows.assign(draw=names, seed=np.nan), threshold)


def correctness(records: Iterable[Record], threshold: float = 0.5) -> pd.DataFrame:
    """Return which test images each training classifies correctly, with the columns `RUN`."""
    rows = _test_predictions(records)
    correct = (rows["score"] >= threshold) == (rows["label"] == POSITIVE)
    return rows.assign(correct=correct).drop(columns="score")


def histories(records: Iterable[Record]) -> pd.DataFrame:
    """Return each training's ``accuracy`` by ``epoch`` and ``part``, with the columns `RUN`."""
    tables = (_identified(record.table("history"), record) for record in records)
    return _concatenated(tables, [*RUN, "epoch", "part", "accuracy"])


def _test_predictions(records: Iterable[Record]) -> pd.DataFrame:
    tables = (
        _identified(record.table("predictions").query("part == 'test'"), record)
        for record in records
    )
    return _concatenated(tables, [*RUN, "image_id", "label", "score"])


def _scored(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    rows = [
        dict(zip(RUN, name, strict=True))
        | {"n": len(images)}
        | metrics.summary(images["label"] == POSITIVE, images["score"], threshold)
        for name, images in predictions.groupby(RUN, sort=False, dropna=False)
    ]
    columns = [*RUN, "n", "accuracy", "sensitivity", "specificity", "auroc"]
    return pd.DataFrame(rows, columns=columns)


def _identified(rows: pd.DataFrame, record: Record) -> pd.DataFrame:
    run = {key: record["parameters"][key] for key in ("model", "split", "seed")}
    return rows.assign(**run, draw=draw(run["split"], run["seed"]))


def _concatenated(tables: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    kept = [table[columns] for table in tables]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=columns)


# --- the mean of a procedure


def expected(runs: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Estimate the mean accuracy of one procedure, with three intervals, by ``unit``.

    Student's t of the means of the draws of the split, whose runs share images; Student's t of
    all runs as if they were independent; Wilson's interval of the first run. Columns are
    ``value``, ``low``, ``high``, ``n`` and degrees of freedom ``df``.
    """
    if len(runs["model"].unique()) != 1:
        raise ValueError("one model is expected, not several")
    means = runs["accuracy"].groupby(runs["draw"]).mean()
    if len(means) < 2:
        raise Problem(
            "One draw of the split says nothing of another; name two or more in 'splits' of the "
            "study, random-0 and random-1 say."
        )
    first = runs.iloc[0]
    n, value = int(first["n"]), float(first["accuracy"])
    low, high = wilson(round(value * n), n, confidence)
    units = {
        "draws of the split": mean_row(means, confidence),
        "runs": mean_row(runs["accuracy"], confidence),
        "images of one run": {"value": value, "low": low, "high": high, "n": n, "df": np.nan},
    }
    return pd.DataFrame.from_dict(units, orient="index").rename_axis("unit")


def mean_row(values: pd.Series, confidence: float) -> dict[str, float]:
    """Compute the mean of independent values with Student's t interval, as a row of a table."""
    value, low, high = clustered_mean(values, confidence=confidence)
    return {"value": value, "low": low, "high": high, "n": len(values), "df": len(values) - 1}


# --- is one procedure better than another?


def superiority(
    runs: pd.DataFrame,
    first: str,
    second: str,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> dict[str, Any]:
    """Estimate the probability that a run of one procedure is more accurate than another's.

    Runs are paired by draw of the split and seed; a run without a seed meets every run of
    its draw, and ties count half. The percentile interval resamples draws with all their
    runs. ``meaningful``: the lower limit exceeds one half and the value exceeds `GAMMA`
    (Bouthillier et al., Proc MLSys 3, 2021, arXiv 2103.03098, section 4 and appendix C).
    """
    one, other = (runs[runs["model"] == model] for model in (first, second))
    with_seeds = one["seed"].notna().all() and other["seed"].notna().all()
    keys = ["draw", "seed"] if with_seeds else ["draw"]
    paired = one.merge(other, on=keys, suffixes=("_first", "_second"))
    draws = paired["draw"].nunique()
    if draws < 2:
        raise Problem(
            f"{first} and {second} share {draws} draws of the split; name two or more in 'splits' "
            "of the study and run both models on them."
        )
    difference = paired["accuracy_first"] - paired["accuracy_second"]
    # A hundredth of an image is rounding.
    wins = pd.Series(np.where(np.abs(difference) < 1e-9, 0.5, difference > 0), paired.index)
    by_draw = wins.groupby(paired["draw"]).agg(["sum", "size"]).to_numpy(float)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples) @ by_draw
    low, high = bootstrap.percentile(drawn[:, 0] / drawn[:, 1], confidence)
    value = float(wins.mean())
    return {
        "value": value,
        "low": low,
        "high": high,
        "difference": float(difference.mean()),
        "pairs": len(paired),
        "splits": draws,
        "meaningful": low > 0.5 and value > GAMMA,
    }


def noether(p: float = GAMMA, error: float = 0.05) -> int:
    """Compute the number of pairs that a one-sided test of superiority needs.

    Noether, J Am Stat Assoc 82:645-647 (1987); in this form Bouthillier et al. (2021),
    appendix C: ``(z(1 - alpha) + z(1 - beta))^2 / (6 (1/2 - p)^2)``, rounded up.
    """
    z = 2 * float(stats.norm.ppf(1 - error))
    return int(np.ceil(z**2 / (6 * (0.5 - p) ** 2)))
