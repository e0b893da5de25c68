"""What to make of each printed value of a table of several classes.

The words are those of `covidcxr.paper.audit.verdicts`. Of several ways to understand a table, the
first that does not blame a value judges it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit import labels, scores
from covidcxr.paper.audit.classes import names
from covidcxr.paper.audit.classes.evidence import Evidence, overall_limits
from covidcxr.paper.audit.classes.scores import Conventions
from covidcxr.paper.audit.labels import Label
from covidcxr.paper.audit.printed import EXACT, Printed
from covidcxr.paper.audit.verdicts import FAULTS, Verdict, matching, share

NEAR_TO_CLASS = {**labels.NEAR, "accuracy": ("sensitivity", "balanced_accuracy")}
"""Scores of one class that are soon taken for another: the accuracy of a class for its recall."""

NEAR_TO_TABLE = {
    "accuracy": ("macro_sensitivity", "macro_accuracy", "macro_f1"),
    **{f"macro_{score}": (f"weighted_{score}", f"micro_{score}") for score in names.AVERAGED},
    **{f"weighted_{score}": (f"macro_{score}", f"micro_{score}") for score in names.AVERAGED},
    "macro_sensitivity": ("accuracy", "macro_ppv", "macro_accuracy"),
}
"""The same of whole tables."""

_OF_IMAGES = ("accuracy", "error_rate", "micro_sensitivity", "micro_ppv", "micro_f1",
              "weighted_sensitivity")  # fmt: skip
"""Scores that count right images of all."""

_DIAGONAL = ("specificity", "npv", "accuracy", "error_rate", "false_positive_rate",
             "false_omission_rate", "mcc", "kappa", "youden", "balanced_accuracy")  # fmt: skip
"""Scores of a class that depend on its true negatives."""


_NARROW = 1.6
"""Last digits of a print that limits may span for it to be exact as far as they tell: its own."""


def judge(
    name: str,
    printed: Printed,
    ways: Sequence[tuple[Evidence, Mapping[str, Conventions]]],
    sizes: tuple[int, ...] | None,
    label: Label | None = None,
    by: str = "the matrix",
) -> Verdict:
    """Class one printed value of a whole table.

    ``ways`` to understand it come with the scores of their cells; ``label`` is the score that the
    value is of instead; ``by`` says what bounds the score where cells are not certain.
    """
    if names.parts(name)[1] == "auroc":
        return Verdict("possible", None, None, "A matrix of several classes does not bound it.")
    verdicts = []
    for way, conventions in ways:
        if way.certain and way.cells is not None:
            verdicts.append(_by_cells(name, printed, conventions[name], way, label))
        else:
            limits = overall_limits(name, way.limits, sizes)
            likely = conventions[name] if conventions else []
            verdicts.append(within(printed, limits, likely, way.way, by))
    return best(verdicts) or Verdict("possible", None, None, "Nothing speaks against it.")


def best(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the first verdict that blames nothing, or else the first."""
    right = (one for one in verdicts if one.verdict not in FAULTS)
    return next(right, verdicts[0] if verdicts else None)


def within(
    printed: Printed,
    limits: tuple[float, float] | None,
    likely: Conventions,
    way: str,
    by: str = "the matrix",
) -> Verdict:
    """Class a value whose score is only bounded; ``likely``: the score by the likeliest cells."""
    same = way and any(np.isfinite(v) and printed.match(v) == EXACT for _, v in likely)
    more = f" The print is right {way}." if same else ""
    if limits is None:
        return Verdict("possible", None, None, f"It needs counts of images.{more}")
    low, high = limits
    span = printed.span
    between = f"{printed.show_longer(low)} and {printed.show_longer(high)}"
    if high < span[0] - 1e-12 or low > span[1] + 1e-12:
        return Verdict("inconsistent", None, None, f"By {by} it is between {between}.")
    half = printed.unit / 2 + 1e-12
    rounded = low <= printed.value + half and high >= printed.value - half
    if rounded and high - low <= _NARROW * printed.unit:
        return Verdict(EXACT, (low + high) / 2, None, f"By {by} it is between {between}.")
    return Verdict("possible", None, None, f"By {by} it is between {between}.{more}")


def on_the_diagonal(name: str, printed: Printed, cells: NDArray[np.int64], right: int) -> str:
    """Say that a value of a class takes only right decisions for true negatives, or nothing.

    ``right``: images of all classes that are decided rightly.
    """
    tp, fn, fp, tn = (int(cell) for cell in cells)
    if name not in _DIAGONAL or right - tp == tn:
        return ""
    value = float(scores.compute([tp, fn, fp, right - tp])[name])
    if not np.isfinite(value) or not printed.match(value):
        return ""
    return (
        f" With {right - tp:,} instead of {tn:,} true negatives, those on the diagonal only, it "
        f"would be {printed.show_longer(value)}."
    )


def _by_cells(
    name: str, printed: Printed, ways: Conventions, way: Evidence, label: Label | None
) -> Verdict:
    assert way.cells is not None
    known = [(said, value) for said, value in ways if np.isfinite(value)]
    computed = known[0][1] if known else None
    matches = [
        (match != EXACT, i, match, value, said)
        for i, (said, value) in enumerate(known)
        if (match := printed.match(value))
    ]
    if matches:
        _, _, match, value, said = min(matches)
        return matching(match, value, printed, " ".join([said, way.way]).strip())
    if computed is None and printed.value == 0:
        note = "The matrix divides by zero here: the score is undefined, and 0 a convention."
        return Verdict("undefined", None, None, note)
    listed = list(dict.fromkeys(f"{printed.show(value)} {said}".strip() for said, value in known))
    shown = "; ".join(listed[:4]) or "undefined"
    if label:
        by_chance = f" By chance {share(label.chance)}." if label.chance > 0.001 else ""
        note = f"This is the {names.word(label.score)}; the {names.word(name)} is {shown}."
        return Verdict("mislabelled", computed, label.score, note + by_chance)
    if name in _OF_IMAGES:
        n = int(way.cells[0].sum())
        nearest = int(np.floor(printed.value * n))
        near = [k / n for k in (nearest, nearest + 1) if 0 <= k <= n]
        if not any(printed.match(value) for value in near):
            listed = [printed.show_longer(value) for value in near]
            note = f"No share of {n:,} images prints {printed.text}; nearest are "
            said = f"The matrix gives {shown}. {note}{' and '.join(listed)}."
            return Verdict("impossible", computed, None, said)
    return Verdict("inconsistent", computed, None, f"The matrix gives {shown}.")
