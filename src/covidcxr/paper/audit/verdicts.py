"""What to make of each printed value.

``exact``
    The score rounds to the printed digits.
``truncated``
    Its further digits were cut off instead.
``rounded twice``
    It was rounded to one digit more before.
``adjusted``
    It is the predictive value at a prevalence that the paper states.
``mislabelled``
    The value is that of another score.
``undefined``
    The matrix divides by zero, and 0 stands for it.
``impossible``
    No matrix of this test set prints this value for this score.
``inconsistent``
    Some matrix would, but not this one.
``contradictory``
    Possible by itself, but not with the other scores of its table.
``possible``
    Nothing decides: an AUROC within its bounds, or a score without a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.words import plural
from covidcxr.paper.audit import bounds, feasible, labels, scores
from covidcxr.paper.audit.labels import Label
from covidcxr.paper.audit.names import word
from covidcxr.paper.audit.printed import CUT, EXACT, TWICE, Printed

VERDICTS = (
    "exact", "truncated", "rounded twice", "adjusted", "mislabelled", "undefined", "impossible",
    "inconsistent", "contradictory", "possible",
)  # fmt: skip

FAULTS = ("mislabelled", "impossible", "inconsistent", "contradictory")
"""Verdicts that say that a printed value is wrong."""

_TOO_MANY = "There are too many matrices of this test set to try them all."


@dataclass(frozen=True)
class Verdict:
    """A verdict on one printed value.

    Attributes
    ----------
    verdict
        One of `VERDICTS`.
    computed
        What the score is by the matrix; None without one and for an AUROC.
    equals
        The score whose value was printed, where it is another one.
    note
        The reason, in one sentence.
    """

    verdict: str
    computed: float | None
    equals: str | None
    note: str


def judge(
    score: str,
    printed: Printed,
    cells: ArrayLike,
    label: Label | None = None,
    prevalences: Sequence[Printed] = (),
    unclassified: int = 0,
) -> Verdict:
    """Class one printed value.

    Parameters
    ----------
    score
        The auditor's name of the score.
    printed
        The value.
    cells
        tp, fn, fp, tn.
    label
        The score that it is of instead, as `covidcxr.paper.audit.labels` found it.
    prevalences
        Prevalences that the paper states.
    unclassified
        Images without an answer, beside those of the matrix.
    """
    computed = {k: float(v) for k, v in scores.compute(cells).items()}
    if score == "auroc":
        return _judge_area(printed, computed, label)
    value = computed[score] if np.isfinite(computed[score]) else None
    if value is None and printed.value == 0:
        note = "The matrix divides by zero here: the score is undefined, and 0 a convention."
        return Verdict("undefined", None, None, note)
    shown = "undefined" if value is None else printed.show(value)
    match = None if value is None else printed.match(value)
    if match:
        assert value is not None
        return matching(match, value, printed)
    if unclassified and (reason := _with_unclassified(score, printed, cells, unclassified)):
        return Verdict(EXACT, value, None, reason)
    for prevalence in prevalences:
        adjusted = _at_prevalence(score, printed, computed, prevalence)
        if adjusted:
            return Verdict("adjusted", value, None, f"{adjusted}; in this test set it is {shown}.")
    if label:
        cut = printed.match(computed[label.score]) == CUT
        by_chance = f" By chance {share(label.chance)}." if label.chance > 0.001 else ""
        note = (
            f"This is the {word(label.score)}{', cut off' if cut else ''}; the {word(score)} is "
            f"{shown}.{by_chance}"
        )
        return Verdict("mislabelled", value, label.score, note)
    said = "Undefined by the matrix." if value is None else f"The matrix gives {shown}."
    possible = attainable(score, printed, cells)
    if possible is False:
        return Verdict("impossible", value, None, f"{said} {unattainable(score, printed, cells)}")
    said += "" if possible else f" {_TOO_MANY}"
    other = labels.alike(printed, computed, score)
    if other and other.chance < 0.5:
        said += (
            f" It prints like the {word(other.score)}, as some score would by chance "
            f"{share(other.chance)}."
        )
    if more := _more_images(score, printed, cells):
        said += f" {more}"
    return Verdict("inconsistent", value, None, said)


def matching(match: str, value: float, printed: Printed, way: str = "") -> Verdict:
    """Return the verdict on a value that its matrix gives; ``way``: how it was computed."""
    how = {
        EXACT: "",
        CUT: "; the print cuts digits off",
        TWICE: "; rounding one digit at a time leads to the print",
    }[match]
    longer = printed.show(value) if match == EXACT else printed.show_longer(value)
    return Verdict(match, value, None, f"The matrix gives {' '.join([longer, way]).strip()}{how}.")


def attainable(score: str, printed: Printed, cells: ArrayLike) -> bool | None:
    """Say whether any matrix with the class sizes of ``cells`` prints this value for this score.

    None where there are too many matrices to try them all.
    """
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    return feasible.attainable(score, printed, (tp + fn, fp + tn))


def unattainable(score: str, printed: Printed, cells: ArrayLike) -> str:
    """Say that no matrix prints a value, and which values are next to it."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    near = [
        f"{v:.4%}" if "%" in printed.text else f"{v:.6g}"
        for v in scores.neighbours(score, printed, tp + fn, fp + tn)
    ]
    around = f"; nearest are {' and '.join(near)}" if near else ""
    more = _more_images(score, printed, cells)
    return (
        f"No matrix of {tp + fn:,} + {fp + tn:,} images prints {printed.text}{around}."
        f"{f' {more}' if more else ''}"
    )


def share(chance: float) -> str:
    """Write a chance in words: ``in 1 of 30 cases``."""
    return f"in 1 of {1 / chance:,.0f} cases"


def _with_unclassified(
    score: str, printed: Printed, cells: ArrayLike, unclassified: int
) -> str | None:
    """Return the reason where images without an answer count as errors."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    if score not in ("accuracy", "error_rate"):
        return None
    right, n = tp + tn, tp + fn + fp + tn + unclassified
    value = right / n if score == "accuracy" else 1 - right / n
    if not printed.match(value):
        return None
    return (
        f"{right:,} of {n:,} are right where the {unclassified:,} images without an answer count "
        "as errors."
    )


def _more_images(score: str, printed: Printed, cells: ArrayLike) -> str | None:
    """Name the fewest further images, counted as errors, with which the accuracy would print so."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    right, n = tp + tn, tp + fn + fp + tn
    if score != "accuracy" or not right or printed.value <= 0:
        return None
    low, high = printed.value - printed.unit / 2, printed.value + printed.unit / 2
    fewest = int(np.ceil(right / high - 1e-9))
    if not n < fewest <= 1.1 * n or fewest > right / low:
        return None
    more = plural(fewest - n, "image")
    return f"{right:,} of {fewest:,} would print so: with {more} more, as errors."


def _at_prevalence(
    score: str, printed: Printed, computed: Mapping[str, float], prevalence: Printed
) -> str | None:
    """Say that a predictive value is that of a stated prevalence, itself a rounded number."""
    if score not in ("ppv", "npv"):
        return None
    s, t = computed["sensitivity"], computed["specificity"]
    values = []
    for share_ in (prevalence.value - prevalence.unit / 2, prevalence.value + prevalence.unit / 2):
        true, false = (s * share_, (1 - t) * (1 - share_)) if score == "ppv" else (
            t * (1 - share_), (1 - s) * share_)  # fmt: skip
        values.append(true / (true + false) if true + false else np.nan)
    low, high = printed.span
    if not np.isfinite(values).all() or max(values) < low or min(values) > high:
        return None
    return f"This is the {word(score)} at a prevalence of {prevalence.text}"


def _judge_area(printed: Printed, computed: Mapping[str, float], label: Label | None) -> Verdict:
    limits = bounds.auroc(computed["sensitivity"], computed["specificity"])
    if not np.isfinite(limits["low"]):
        return Verdict("possible", None, None, "Without images of both classes it is undefined.")
    if limits["high"] - limits["low"] < 1e-12:
        match = printed.match(limits["low"])
        note = f"Any curve through this operating point has {printed.show(limits['low'])}."
        return Verdict(match or "impossible", limits["low"], None, note)
    between = f"between {printed.show(limits['low'])} and {printed.show(limits['high'])}"
    if label:
        said = (
            "This is the balanced accuracy, which is what a ROC curve of decisions instead of "
            f"scores encloses; any curve through this operating point has {between}."
        )
        return Verdict("mislabelled", None, label.score, said)
    said = f"Any curve through this operating point has {between}."
    # The least area may be printed rounded or cut off, the largest rounded.
    if not limits["low"] - printed.unit < printed.value <= limits["high"] + printed.unit / 2:
        return Verdict("impossible", None, None, said)
    if printed.match(computed["balanced_accuracy"]):
        said += (
            " It prints like the balanced accuracy, the area under a curve of decisions instead "
            "of scores, which few digits do by chance."
        )
    return Verdict("possible", None, None, said)
