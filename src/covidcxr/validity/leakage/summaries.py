"""Means over the seeds of the experiments, with Student's and the corrected interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from covidcxr.scores import bootstrap

SETS = {"all": "all images", "several": "groups of several images"}
"""Images of the experiment with random labels."""


def corrected_resampled_t(
    values: ArrayLike, ratio: float, confidence: float = 0.95
) -> dict[str, float]:
    """Mean over draws of a split with Student's and the corrected interval.

    Parameters
    ----------
    values
        Shape (n,), one a draw.
    ratio
        Tested images to trained ones.
    confidence
        Coverage.

    Returns
    -------
    dict
        ``value``; ``low``, ``high``: Student's interval, of more draws from the same images;
        ``wide_low``, ``wide_high``: with the variance of the mean s² (1/n + ratio) for s²/n,
        because draws share images (Nadeau and Bengio, Mach Learn 52:239-281, 2003); ``n``. NaN
        limits if all are equal.
    """
    draws = np.asarray(values, dtype=float)
    n = len(draws)
    spread = float(draws.std(ddof=1)) if n > 1 else np.nan
    spread = np.nan if spread <= bootstrap.EQUAL else spread
    quantile = float(stats.t.ppf((1 + confidence) / 2, max(1, n - 1))) * spread
    value = float(draws.mean()) if n else np.nan
    near, far = quantile / np.sqrt(max(1, n)), quantile * np.sqrt(1 / max(1, n) + ratio)
    return {
        "value": value,
        "low": value - near,
        "high": value + near,
        "wide_low": value - far,
        "wide_high": value + far,
        "n": n,
    }


def score_inflation(runs: pd.DataFrame, score: str, confidence: float = 0.95) -> pd.DataFrame:
    """Score inflation from groups on both sides: image-level less grouped split, by model.

    ``random`` and ``grouped``, means over the seeds; the paired difference as
    `corrected_resampled_t` has it; ``more``, ``fewer``: seeds with the image-level split ahead and
    behind. ``runs`` are those of `covidcxr.validity.leakage.experiments.compare_split_kinds`.
    """
    ratio = _ratio(runs)
    rows = {}
    for model, own in runs.groupby("model", sort=False):
        scores = own.pivot_table(index="seed", columns="split", values=score).dropna()
        differences = scores["random"] - scores["grouped"]
        rows[model] = {
            "random": float(scores["random"].mean()),
            "grouped": float(scores["grouped"].mean()),
            **corrected_resampled_t(differences, ratio, confidence),
            "more": int((differences > bootstrap.EQUAL).sum()),
            "fewer": int((differences < -bootstrap.EQUAL).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def contamination_slopes(runs: pd.DataFrame, score: str, confidence: float = 0.95) -> pd.DataFrame:
    """Slopes of a score from none to all of the tested groups trained on, by labels and model.

    ``none`` and ``all`` are means at the ends; the slopes are of each seed's least-squares
    line, with the interval of `corrected_resampled_t`.
    """
    rows = []
    for (labels, model), own in runs.groupby(["labels", "model"], sort=False):
        scores = own.pivot_table(index="seed", columns="dose", values=score).dropna()
        shares = scores.columns.to_numpy(dtype=float)
        centred = shares - shares.mean()
        slopes = scores.to_numpy() @ centred / (centred @ centred)
        ends = {"none": float(scores.iloc[:, 0].mean()), "all": float(scores.iloc[:, -1].mean())}
        mean = corrected_resampled_t(slopes, _ratio(own), confidence)
        rows.append({"labels": labels, "model": model} | ends | mean)
    columns = ["labels", "model", "none", "all", "value", "low", "high"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def random_label_results(
    cohort: pd.DataFrame, control: pd.DataFrame, confidence: float
) -> pd.DataFrame:
    """Mean accuracies with random labels by experiment (``where``), model and split.

    The tables are ``coins`` and ``control`` of the record; ``seen`` is the share of tested
    images whose group was trained on.
    """
    phantoms = control["images_per_patient"].map("phantoms, images a patient: {:g}".format)
    runs = pd.concat(
        [cohort.assign(where=cohort["images"].map(SETS)), control.assign(where=phantoms)],
        ignore_index=True,
    )
    rows = [
        {
            "where": where,
            "model": model,
            "split": split,
            "images": int((own["trained"] + own["tested"]).max()),
            "seen": float(own["seen"].mean()),
            **corrected_resampled_t(own["accuracy"], _ratio(own), confidence),
        }
        for (where, model, split), own in runs.groupby(["where", "model", "split"], sort=False)
    ]
    return pd.DataFrame(rows)


def _ratio(runs: pd.DataFrame) -> float:
    """Ratio of tested images to trained ones."""
    return float((runs["tested"] / runs["trained"]).mean())
