"""The same question put to mlscorecheck, a library of other authors.

References
----------
Fazekas and Kovács, Testing the consistency of performance scores reported for binary
classification problems, arXiv:2310.12527 (2023).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from covidcxr.paper.audit.names import NAMES
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.scores import COUNTERPARTS

_THEIRS = {
    "accuracy": "acc",
    "sensitivity": "sens",
    "specificity": "spec",
    "ppv": "ppv",
    "npv": "npv",
    "f1": "f1p",
    "f1_negative": "f1n",
    "balanced_accuracy": "bacc",
    "mcc": "mcc",
    "kappa": "kappa",
}


_PARTS, _SECONDS = 50, 2
"""Test sets of an average up to which it is asked, and for how long."""

_LARGEST = 10_000
"""Images of a class up to which it is asked: its search takes as long as there are images."""


def corroborate(
    reported: Mapping[str, Sequence[Printed]], test_set: tuple[int, int]
) -> dict[str, Any] | None:
    """Ask whether any matrix of a test set, positive and negative images, has the printed scores.

    The library lets a score be anything where it divides by zero, so that it never finds a PPV, an
    NPV or an MCC impossible by itself. Of several prints of a score, the one with the most digits
    that is possible by itself is taken. None for a test set too large to ask.
    """
    if max(test_set) > _LARGEST or min(test_set) == 0:
        return None
    prints = [
        (score, NAMES[score], printed)
        for score, values in reported.items()
        for printed in values
        if NAMES[score] in _THEIRS
    ]
    if not prints:
        return None
    # The balanced accuracy has no counterpart among the scores.
    exchanged = [
        (score, COUNTERPARTS.get(name, name), printed)
        for score, name, printed in prints
        if name != "balanced_accuracy"
    ]
    report: dict[str, Any] = {"test_set": list(test_set)}
    report["impossible_alone"], report["as_labelled"] = _ask(prints, test_set)
    report["impossible_relabelled"], report["relabelled"] = _ask(exchanged, test_set)
    return report


def corroborate_folds(
    reported: Mapping[str, Sequence[Printed]], parts: Sequence[tuple[int, int]]
) -> dict[str, Any] | None:
    """Ask whether test sets of these sizes have the printed averages of the linear scores.

    None where one of the two rates is missing, or the sizes are unknown or too large to search.
    """
    prints = {NAMES[score]: values[0] for score, values in reported.items()
              if NAMES[score] in ("accuracy", "sensitivity", "specificity", "balanced_accuracy")
              }  # fmt: skip
    # It knows where to start only with both rates.
    if not {"sensitivity", "specificity"} <= prints.keys():
        return None
    if not 1 < len(parts) <= _PARTS or max(map(sum, parts)) > _LARGEST:
        return None
    from mlscorecheck.check.binary import check_1_dataset_known_folds_mos

    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    answer = check_1_dataset_known_folds_mos(
        dataset={"p": sum(p for p, _ in parts), "n": sum(n for _, n in parts)},
        folding={"folds": [{"p": p, "n": n} for p, n in parts]},
        scores={_THEIRS[name]: printed.value for name, printed in prints.items()},
        eps=max(printed.unit for printed in prints.values()),
        timeout=_SECONDS,
        verbosity=0,
    )
    return {"folds": len(parts), "scores": list(prints), "as_labelled": not answer["inconsistency"]}


def _ask(
    prints: Sequence[tuple[str, str, Printed]], test_set: tuple[int, int]
) -> tuple[list[list[str]], bool | None]:
    """Return what is impossible by itself, and whether the rest goes together."""
    alone: list[list[str]] = []
    kept: dict[str, Printed] = {}
    agree = True
    for score, name, printed in sorted(prints, key=lambda item: item[2].unit):
        if not _consistent({name: printed}, test_set):
            alone.append([score, printed.text])
        elif name not in kept:
            kept[name] = printed
        else:
            # Two prints of one score, possibly under two names.
            other = kept[name]
            agree &= abs(other.value - printed.value) <= other.unit + printed.unit
    if not kept:
        return alone, None
    return alone, agree and _consistent(kept, test_set)


def _consistent(scores: Mapping[str, Printed], test_set: tuple[int, int]) -> bool:
    from mlscorecheck.check.binary import check_1_testset_no_kfold

    # It prints every step of its search.
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    answer = check_1_testset_no_kfold(
        testset={"p": test_set[0], "n": test_set[1]},
        scores={_THEIRS[name]: printed.value for name, printed in scores.items()},
        # A whole last digit covers truncated values too.
        eps={_THEIRS[name]: printed.unit for name, printed in scores.items()},
    )
    return not answer["inconsistency"]
