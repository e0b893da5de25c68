"""Scores of several classes: how papers call them, and how they are called in prose."""

from __future__ import annotations

import re

from covidcxr.paper.audit import names

AVERAGES = ("macro", "weighted", "micro")

RESERVED = (*AVERAGES, "average", "mean", "overall", "total")
"""What stands before a score of the whole table, so that no class may be called so."""

WHOLE = ("accuracy", "error_rate", "kappa", "mcc", "auroc")
"""Scores that a table of several classes has without an average over them."""

AVERAGED = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "jaccard", "mcc",
            "error_rate", "false_negative_rate", "false_positive_rate", "false_discovery_rate",
            "false_omission_rate", "auroc")  # fmt: skip
"""Scores of one class against the rest that papers average."""

_OF_ONE = frozenset(names.NAMES.values()) - {
    "macro_f1", "weighted_f1", "macro_ppv", "weighted_ppv", "micro_average", "weighted_specificity",
}  # fmt: skip

_AVERAGE = re.compile(rf"({'|'.join(AVERAGES)})[\s_-]+(?:(?:averaged?|avg)[\s_-]+)?(.+)")
_MEAN = re.compile(r"(?:average|mean)[\s_-]+(.+)")
_WHOLE = re.compile(r"(?:overall|total)[\s_-]+(.+)")


def of_class(score: str) -> str | None:
    """Return the auditor's name of a score of one class against the rest."""
    name = names.canonical(score)
    return name if name in _OF_ONE else None


def of_table(score: str) -> str | None:
    """Return the auditor's name of a score of a whole table, or None for an unknown one.

    A score of one class without an average, such as ``f1``, keeps its name: any average is meant.
    """
    plain = score.strip().lower()
    if match := _AVERAGE.fullmatch(plain):
        name = names.canonical(match[2])
        if match[1] == "weighted" and name == "kappa":
            return "kappa"
        return f"{match[1]}_{name}" if name in AVERAGED else None
    if (match := _MEAN.fullmatch(plain)) and names.canonical(match[1]) == "accuracy":
        return "macro_accuracy"
    match = _MEAN.fullmatch(plain) or _WHOLE.fullmatch(plain)
    name = names.canonical(match[1] if match else plain)
    if name == "balanced_accuracy":
        return "macro_sensitivity"
    return name if name in AVERAGED or name in WHOLE else None


def parts(name: str) -> tuple[str, str]:
    """Divide a name into the average, or nothing, and the score of one class."""
    average, _, score = name.partition("_")
    return (average, score) if average in AVERAGES else ("", name)


def word(name: str) -> str:
    """Return the name of a score in prose."""
    average, score = parts(name)
    if name == "macro_sensitivity":
        return "macro average of the sensitivity, the balanced accuracy"
    return f"{average} average of the {names.word(score)}" if average else names.word(score)
