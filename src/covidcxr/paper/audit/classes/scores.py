"""Every score of several classes, from the four cells of each class against the rest.

References
----------
MCC of several classes: Gorodkin, Comput Biol Chem 28:367-374 (2004). Kappa, and weighted kappa:
Cohen, Educ Psychol Meas 20:37-46 (1960), Psychol Bull 70:213-220 (1968). The two macro F1: Opitz
and Burst, arXiv:1911.03347 (2019). Averages: Sokolova and Lapalme, Inf Process Manag 45:427-437
(2009).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.paper.audit import scores
from covidcxr.paper.audit.classes.names import AVERAGED, AVERAGES

Conventions = list[tuple[str, float]]
"""Ways to compute a score of one name, the usual one first: what to say of each, and its value."""


def one_against_rest(matrix: ArrayLike) -> NDArray[np.int64]:
    """Return tp, fn, fp, tn of each class, shape (k, 4).

    ``matrix``, (k, k) or (k, k + 1), holds true classes by decisions, the last of which is none.
    """
    counts = np.asarray(matrix)
    tp = np.diagonal(counts)
    fn, fp = counts.sum(axis=1) - tp, counts.sum(axis=0)[: len(tp)] - tp
    return np.stack([tp, fn, fp, counts.sum() - tp - fn - fp], axis=1)


def overall(cells: NDArray[np.int64], matrix: ArrayLike | None = None) -> dict[str, Conventions]:
    """Compute the scores of a table as a whole, from tp, fn, fp, tn of each class, (k, 4).

    Kappa with weights needs the ``matrix``, (k, k). Conventions of a score of `AVERAGED` without an
    average are its averages.
    """
    tp, fn, fp, _ = cells.T.astype(float)
    true, decided, n = tp + fn, tp + fp, float(cells[0].sum())
    by_chance = float(true @ decided)
    none = n - decided.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracy = tp.sum() / n
        spread = (n * n - decided @ decided - none * none) * (n * n - true @ true)
        mcc = (n * tp.sum() - by_chance) / np.sqrt(spread)
        kappa = (n * tp.sum() - by_chance) / np.float64(n * n - by_chance)
    computed: dict[str, Conventions] = {}
    by_class, pooled = scores.compute(cells), scores.compute(cells.sum(axis=0))
    for score in AVERAGED:
        if score in by_class:
            computed |= _averages(score, by_class[score], true, float(pooled[score]))
    p, s = computed["macro_ppv"][0][1], computed["macro_sensitivity"][0][1]
    if p + s:
        of_averages = "as the F1 of the macro averages of PPV and sensitivity"
        computed["macro_f1"].append((of_averages, 2 * p * s / (p + s)))
    for average in AVERAGES:
        # By accuracy of a class many mean its sensitivity.
        also = "as the average of the sensitivities"
        rates = computed[f"{average}_sensitivity"]
        computed[f"{average}_accuracy"] += [(also, rate) for _, rate in rates]
    for score in AVERAGED:
        if score in by_class:
            computed[score] = [
                (f"as the {average} average{said and ', '}{said}", value)
                for average in AVERAGES
                for said, value in computed[f"{average}_{score}"]
            ]
    return computed | {
        "accuracy": [("", accuracy)],
        "error_rate": [("", 1 - accuracy)],
        "kappa": [("", float(kappa)), *_weighted_kappas(matrix)],
        "mcc": [("", float(mcc))],
    }


def first(conventions: Mapping[str, Conventions]) -> dict[str, float]:
    """Return the usual value of each score that is no choice of an average."""
    whole = ("accuracy", "error_rate", "kappa", "mcc")
    return {
        name: ways[0][1]
        for name, ways in conventions.items()
        if name in whole or name.startswith(AVERAGES)
    }


def _averages(
    score: str, values: NDArray[np.float64], images: NDArray[np.float64], pooled: float
) -> dict[str, Conventions]:
    """Average a score, with 0 or with nothing for a class that has none."""
    defined = np.isfinite(values)
    ways: dict[str, Conventions] = {}
    for average, weights in (("macro", np.ones(len(values))), ("weighted", images)):
        kept = weights[defined]
        usual = float(weights @ np.where(defined, values, 0.0) / max(weights.sum(), 1))
        ways[average] = [("", usual if defined.any() else np.nan)]
        if kept.sum() > 0 and not defined.all():
            left_out = "over the classes that have one"
            ways[average].append((left_out, float(kept @ values[defined] / kept.sum())))
    ways["micro"] = [("", pooled)]
    return {f"{average}_{score}": way for average, way in ways.items()}


def _weighted_kappas(matrix: ArrayLike | None) -> Conventions:
    """Compute Cohen's kappa with linear and with quadratic weights of ordered classes."""
    if matrix is None or len(set(np.shape(matrix))) > 1:
        return []
    counts = np.asarray(matrix, dtype=float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    apart = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
    ways = []
    for power, said in ((1, "with linear weights"), (2, "with quadratic weights")):
        by_chance = float((apart**power * expected).sum())
        if by_chance:
            ways.append((said, 1 - float((apart**power * counts).sum()) / by_chance))
    return ways
