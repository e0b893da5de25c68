"""Optimism of choosing the epoch to report by its accuracy on the test part."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from covidcxr.scores.variance import RUN, mean_row


def choices(histories: pd.DataFrame) -> pd.DataFrame:
    """Return each run's reported test accuracy, by how its epoch is chosen.

    ``histories`` are those of `covidcxr.scores.variance.histories`. A row a run, with ``last``,
    ``by_validation`` and ``by_test``: test accuracy at the last epoch and at the epoch that is
    best on the validation and on the test part, the earliest of equals; their epochs
    ``epochs``, ``validation_epoch`` and ``test_epoch``. Optimism of choosing by the test part:
    ``over_last`` and ``over_validation``. NaN where a run has no validation part.
    """
    rows = []
    for name, history in histories.groupby(RUN, sort=False, dropna=False):
        curves = history.pivot_table(index="epoch", columns="part", values="accuracy")
        test = curves["test"]
        last, best = int(test.index.max()), int(test.idxmax())
        row = {"epochs": last, "last": test[last], "test_epoch": best, "by_test": test[best]}
        row |= {"validation_epoch": np.nan, "by_validation": np.nan}
        if "validation" in curves and curves["validation"].notna().all():
            chosen = int(curves["validation"].idxmax())
            row |= {"validation_epoch": chosen, "by_validation": test[chosen]}
        rows.append(dict(zip(RUN, name, strict=True)) | row)
    table = pd.DataFrame(rows)
    table["over_last"] = table["by_test"] - table["last"]
    table["over_validation"] = table["by_test"] - table["by_validation"]
    return table


def mean_optimism(chosen: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Compute the mean optimism in points over the last epoch and the best on validation.

    Student's interval is over the means of the draws of the split, NaN for one draw. Runs
    without a validation part have one row.
    """
    rows = {}
    for against in ("last", "validation"):
        gain = 100 * chosen[f"over_{against}"]
        if gain.notna().all():
            rows[against] = mean_row(gain.groupby(chosen["draw"]).mean(), confidence)
            # It is never negative by its definition, which Student's t does not know.
            rows[against]["low"] = float(np.maximum(rows[against]["low"], 0))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("against")


def expected_maximum(
    p: float, n: int, epochs: int, correlation: float = 0.0, resamples: int = 4_000
) -> NDArray[np.float64]:
    """Simulate the expected highest accuracy among the first 1, 2, ... equally good epochs.

    Each epoch has the true accuracy ``p`` on ``n`` images. ``correlation``, from 0 to below
    1, is that of the latent normal variable which decides whether an image is right at one
    epoch and at another: a Gaussian copula, the same for each two epochs.
    """
    if not (0 <= correlation < 1 and 0 < p < 1):
        raise ValueError("correlation must be from 0 to below 1, p between 0 and 1")
    rng = np.random.default_rng(0)
    limit = stats.norm.ppf(p)
    total, chunk = np.zeros(epochs), max(1, 400_000 // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        # Given what an image shares over the epochs, its epochs are independent.
        shared = np.sqrt(correlation) * rng.standard_normal((size, n))
        chance = stats.norm.cdf((limit - shared) / np.sqrt(1 - correlation)).astype(np.float32)
        best = np.zeros(size)
        for epoch in range(epochs):
            right = rng.random((size, n), dtype=np.float32) < chance
            best = np.maximum(best, right.mean(axis=1))
            total[epoch] += best.sum()
    return total / resamples
