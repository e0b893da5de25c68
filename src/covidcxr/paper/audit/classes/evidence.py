"""What a table of several classes says of the four cells of each class against the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit import scores
from covidcxr.paper.audit.classes import names
from covidcxr.paper.audit.classes.scores import one_against_rest
from covidcxr.paper.audit.reading import ReportedTable

BOUNDED = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "error_rate",
           "balanced_accuracy", "youden", "jaccard", "false_negative_rate", "false_positive_rate",
           "false_discovery_rate", "false_omission_rate")  # fmt: skip
"""Scores that rise or fall throughout with each cell, so that the ends of cells bound them."""

RIGHT = "right"
"""Stands among limits for the share of right decisions of all images, shape (1, 2)."""

Limits = Mapping[str, NDArray[np.float64]]
"""By score, the least and largest value of each class, shape (k, 2); NaN where unknown."""


@dataclass(frozen=True)
class Evidence:
    """One way to understand a table: ``cells``, tp, fn, fp, tn of each class, shape (k, 4).

    Where they are not ``certain``, they are the likeliest and blame nothing, but ``limits`` do.
    ``way`` is said of values that only this way explains. ``matrix``: true classes by decisions.
    """

    cells: NDArray[np.int64] | None = None
    certain: bool = True
    limits: Limits = field(default_factory=dict)
    way: str = ""
    matrix: NDArray[np.int64] | None = None


def of_counts(matrix: NDArray[np.int64]) -> list[Evidence]:
    """Return the ways to count a matrix of true classes by decisions, (k, k) or (k, k + 1)."""
    k = len(matrix)
    if matrix.shape[1] == k:
        return [Evidence(one_against_rest(matrix), matrix=matrix)]
    answered = matrix[:, :k]
    without = int(matrix[:, k].sum())
    ways = [
        Evidence(one_against_rest(answered), way=f"without the {without:,} images that got no "
                 "decision", matrix=answered),
        Evidence(one_against_rest(matrix), way=f"with the {without:,} images that got no decision "
                 "as errors"),
    ]  # fmt: skip
    return ways if answered.any() else ways[1:]


def limits_of(corners: NDArray[np.float64]) -> Limits:
    """Bound the scores of each class by all combinations of its cells' ends, shape (k, m, 4)."""
    computed = scores.compute(np.maximum(corners, 0))
    limits = {}
    for score in BOUNDED:
        values = computed[score]
        undefined = np.isnan(values).any(axis=1)
        low = np.where(np.isnan(values), np.inf, values).min(axis=1)
        high = np.where(np.isnan(values), -np.inf, values).max(axis=1)
        # What is undefined at one end is printed as 0, or left out of an average.
        low, high = np.where(undefined, np.minimum(low, 0), low), np.where(undefined, 1, high)
        limits[score] = np.stack([low, high], axis=1)
    return limits


def of_prints(tables: Mapping[str, ReportedTable]) -> Limits:
    """Take the printed values of each class for the limits of its scores."""
    limits: dict[str, NDArray[np.float64]] = {}
    for i, table in enumerate(tables.values()):
        for label, entries in table.reported.items():
            name = str(names.of_class(label))
            known = limits.setdefault(name, np.full((len(tables), 2), np.nan))
            spans = np.array([entry.value.span for entry in entries])
            known[i] = spans[:, 0].min(), spans[:, 1].max()
    return limits


def overall_limits(
    name: str, limits: Limits, sizes: tuple[int, ...] | None
) -> tuple[float, float] | None:
    """Bound a score of the whole table by those of its classes; None where nothing does.

    The accuracy is the average of the sensitivities by the images of each class, and of the PPVs
    by the decisions for each.
    """
    average, score = names.parts(name)
    if name == "error_rate":
        of_accuracy = overall_limits("accuracy", limits, sizes)
        return (1 - of_accuracy[1], 1 - of_accuracy[0]) if of_accuracy else None
    if name in ("accuracy", "micro_sensitivity", "micro_ppv", "micro_f1", "weighted_sensitivity"):
        spans = [_average("weighted", limits.get("sensitivity"), sizes),
                 _average("weighted", limits.get("ppv"), None),
                 _average("macro", limits.get(RIGHT), None)]  # fmt: skip
        known = [span for span in spans if span]
        if not known:
            return None
        return max(low for low, _ in known), min(high for _, high in known)
    if not average:
        of_each = [overall_limits(f"{one}_{score}", limits, sizes) for one in names.AVERAGES]
        return _union(of_each)
    if average == "micro":
        return None
    span = _average(average, limits.get(score), sizes)
    if score == "accuracy":
        return _union([span, _average(average, limits.get("sensitivity"), sizes)])
    if name == "macro_f1":
        p, s = (overall_limits(f"macro_{one}", limits, sizes) for one in ("ppv", "sensitivity"))
        if p is None or s is None:
            return None
        ends = [2 * a * b / (a + b) if a + b > 0 else 0.0 for a, b in zip(p, s, strict=True)]
        return _union([span, (min(ends), max(ends))])
    return span


def _average(
    average: str, limits: NDArray[np.float64] | None, sizes: tuple[int, ...] | None
) -> tuple[float, float] | None:
    if limits is None or np.isnan(limits).any():
        return None
    if average == "weighted" and sizes is None:
        return float(limits[:, 0].min()), float(limits[:, 1].max())
    weights = np.ones(len(limits)) if average == "macro" else np.array(sizes, dtype=float)
    low, high = weights @ limits / weights.sum()
    return float(low), float(high)


def _union(spans: list[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [span for span in spans if span]
    if len(known) < len(spans):
        return None
    return min(low for low, _ in known), max(high for _, high in known)
