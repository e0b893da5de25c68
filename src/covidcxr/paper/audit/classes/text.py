"""A table of several classes in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covidcxr.paper.audit.classes import names
from covidcxr.paper.audit.names import word

_SHOWN = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy")
_HEADS = ("sens.", "spec.", "PPV", "NPV", "F1", "acc.")
_NAME = 20


def summary(table: Mapping[str, Any]) -> str:
    """Say how many images are right."""
    cells = table["one_vs_rest"][table["reading"]].values()
    right, images = sum(c["tp"] for c in cells), sum(next(iter(cells)).values())
    return f"{len(cells)} classes, {right:,} of {images:,} images right."


def title(table: Mapping[str, Any], label: str) -> tuple[str, str]:
    """Return the auditor's name of a printed score, and its words: of a class, or of the table."""
    if name := names.of_table(label):
        return names.parts(name)[1], names.word(name)
    of = max((one for one in table["classes"] if label.startswith(f"{one} ")), key=len)
    name = str(names.of_class(label.removeprefix(f"{of} ")))
    return name, f"{word(name)} of {of}"


def scores(table: Mapping[str, Any]) -> list[str]:
    """Write the scores of each class against the rest, their averages and those of all."""
    computed = table["scores"].get(table["reading"])
    if computed is None:
        return []
    overall = computed["overall"]
    lines = [f"  {'class':<{_NAME}}{'images':>7}" + "".join(f"{head:>8}" for head in _HEADS)]
    for name, of in computed["by_class"].items():
        lines.append(_line(name, f"{table['test_set'][name]:,}", [of[s] for s in _SHOWN]))
    for average in names.AVERAGES:
        lines.append(_line(average, "", [overall[f"{average}_{s}"] for s in _SHOWN]))
    whole = ("accuracy", "kappa", "mcc")
    return [*lines, "  " + ", ".join(f"{word(s)} {_number(overall[s])}" for s in whole)]


def _line(name: str, images: str, values: list[float | None]) -> str:
    name = name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."
    return f"  {name:<{_NAME}}{images:>7}" + "".join(f"{_number(v):>8}" for v in values)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
