"""What to make of each printed value, given a matrix.

``exact``
    The score rounds to the printed digits.
``truncated``
    Its further digits were cut off instead.
``mislabelled``
    The value is that of another score.
``impossible``
    No matrix of this test set prints this value for this score.
``inconsistent``
    Some matrix would, but not this one.
``possible``
    Nothing decides: an AUROC within its bounds, or a score without a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.paper.audit import bounds, scores
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.scores import COUNTERPARTS, NAMES, word

VERDICTS = ("exact", "truncated", "mislabelled", "impossible", "inconsistent", "possible")

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


def judge(score: str, printed: Printed, cells: ArrayLike) -> Verdict:
    """Class one printed value.

    Parameters
    ----------
    score
        The paper's name of the score.
    printed
        The value.
    cells
        tp, fn, fp, tn.
    """
    name = NAMES[score]
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    computed = {k: float(v) for k, v in scores.compute([tp, fn, fp, tn]).items()}
    others = _equal(name, printed, computed)
    if name == "auroc":
        return _judge_auroc(printed, computed, others)
    value = computed[name] if np.isfinite(computed[name]) else None
    shown = "undefined" if value is None else printed.show(value)
    given = "undefined by the matrix" if value is None else f"The matrix gives {shown}"
    match = None if value is None else printed.match(value)
    if match == "exact":
        return Verdict("exact", value, None, f"The matrix gives {shown}.")
    if match == "truncated":
        return Verdict(
            "truncated", value, None, f"The matrix gives {shown}; the print cuts digits off."
        )
    if others:
        cut = printed.match(computed[others[0]]) == "truncated"
        said = (
            f"{_by_chance(name, others[0], printed)} {word(others[0])}"
            f"{', cut off' if cut else ''}; the {word(name)} is {shown}."
        )
        return Verdict("mislabelled", value, others[0], said)
    said = f"{given[0].upper()}{given[1:]}."
    possible = scores.attainable(name, printed, tp + fn, fp + tn)
    if possible is False:
        return Verdict("impossible", value, None, f"{said} {_unattainable(name, printed, cells)}")
    said = said if possible else f"{said} {_TOO_MANY}"
    return Verdict("inconsistent", value, None, said)


def judge_without_matrix(score: str, printed: Printed, test_set: tuple[int, int]) -> Verdict:
    """Class a printed value where only the size of the test set is known."""
    name = NAMES[score]
    possible = scores.attainable(name, printed, *test_set)
    if possible is False:
        cells = [test_set[0], 0, 0, test_set[1]]
        return Verdict("impossible", None, None, _unattainable(name, printed, cells))
    if possible is None:
        return Verdict("possible", None, None, _TOO_MANY)
    return Verdict("possible", None, None, "Some matrix of this test set prints it.")


def reconstruct(table: ReportedTable, test_set: tuple[int, int]) -> NDArray[np.int64] | None:
    """Find the one matrix of a test set that prints more of a table's scores than any other.

    Returns
    -------
    numpy.ndarray or None
        tp, fn, fp, tn; None where several do equally well, or where there are too many
        matrices to try them all.
    """
    every = scores.matrices(*test_set)
    if every is None:
        return None
    computed = scores.compute(every)
    agreeing = np.zeros(len(every), dtype=int)
    for score, values in table.reported.items():
        name = NAMES[score]
        if name == "auroc":
            continue
        for printed in values:
            beyond = computed[name] - printed.value
            rounded = np.abs(beyond) <= printed.unit / 2 + 1e-12
            cut = (beyond >= -1e-12) & (beyond < printed.unit - 1e-12)
            # A print is likelier rounded than cut off.
            agreeing += 2 * rounded + (cut & ~rounded)
    best = np.flatnonzero(agreeing == agreeing.max())
    return every[best[0]] if len(best) == 1 else None


def _judge_auroc(printed: Printed, computed: Mapping[str, float], others: list[str]) -> Verdict:
    limits = bounds.auroc(computed["sensitivity"], computed["specificity"])
    if not np.isfinite(limits["low"]):
        return Verdict("possible", None, None, "Without images of both classes it is undefined.")
    between = f"between {printed.show(limits['low'])} and {printed.show(limits['high'])}"
    if "balanced_accuracy" in others:
        said = (
            "This is the balanced accuracy, which is what a ROC curve of decisions instead of "
            f"scores encloses; any curve through this operating point has {between}."
        )
        return Verdict("mislabelled", None, "balanced_accuracy", said)
    said = f"Any curve through this operating point has {between}."
    # The least area may be printed rounded or cut off, the largest rounded.
    if limits["low"] - printed.unit < printed.value <= limits["high"] + printed.unit / 2:
        return Verdict("possible", None, None, said)
    return Verdict("impossible", None, None, said)


def _by_chance(name: str, other: str, printed: Printed) -> str:
    """Begin a sentence: two digits of one score are soon those of some other."""
    few = printed.unit >= 0.01 and other != COUNTERPARTS.get(name)
    return "It prints like, perhaps by chance, the" if few else "This is the"


def _equal(name: str, printed: Printed, computed: Mapping[str, float]) -> list[str]:
    """Return the other scores that print so, likeliest first."""
    ranked = []
    for other, value in computed.items():
        match = printed.match(value) if other != name and np.isfinite(value) else None
        if match:
            unlikely = other != COUNTERPARTS.get(name)
            ranked.append((unlikely, match != "exact", other))
    return [other for *_, other in sorted(ranked, key=lambda row: row[:2])]


def _unattainable(name: str, printed: Printed, cells: ArrayLike) -> str:
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    near = [
        f"{v:.4%}" if "%" in printed.text else f"{v:.6g}"
        for v in scores.neighbours(name, printed, tp + fn, fp + tn)
    ]
    around = f"; nearest are {' and '.join(near)}" if near else ""
    return f"No matrix of {tp + fn:,} + {fp + tn:,} images prints {printed.text}{around}."
