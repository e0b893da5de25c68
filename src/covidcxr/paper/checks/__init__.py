"""Checks of the paper's claims. Each takes a claim's arguments and returns a `Finding`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction

from covidcxr.paper.checks import comparisons, data, networks, tables, text
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict

CHECKS: dict[str, Callable[..., Finding]] = {
    name: value
    for module in (tables, data, text, networks, comparisons)
    for name, value in vars(module).items()
    if isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
}
"""The checks by name: the public functions of these modules."""

__all__ = ["CHECKS", "Evidence", "Finding", "Verdict"]
