"""The sizes of folds and runs in a paper's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covidcxr.core.errors import Unusable
from covidcxr.paper.audit import checks, folds
from covidcxr.paper.audit.checks import Sizes


def parts(
    content: Mapping[str, Any], where: str, total: Sizes | None
) -> tuple[int, tuple[Sizes, ...], bool]:
    """Return the number of test sets that are averaged, their sizes, and whether we assume them."""
    stated = content.get("folds", 1)
    runs = checks.folds(content.get("runs", 1), f"{where}, runs")
    stratified = checks.yes(content, "stratified", where)
    number = checks.folds(len(stated) if isinstance(stated, list) else stated, f"{where}, folds")
    checks.folds(number * runs, f"{where}, folds times runs")
    if isinstance(stated, list):
        each = [checks.sizes(one, f"{where}, folds, item {i}") for i, one in enumerate(stated, 1)]
        sizes = tuple(one for one in each if one is not None)
        if len(sizes) < max(number, 2):
            raise Unusable(f"{where}, folds: should list the sizes of two folds or more.")
        return number * runs, sizes * runs, False
    if total is None:
        return number * runs, (), False
    if number == 1:
        return runs, (total,) * runs if runs > 1 else (), False
    return number * runs, folds.split(total, number) * runs, not stratified


def total(parts: tuple[Sizes, ...]) -> Sizes:
    """Add up positive and negative images."""
    return sum(p for p, _ in parts), sum(n for _, n in parts)
