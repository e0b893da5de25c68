"""What to make of each printed value: its verdict, and why, under each reading of the matrix.

``exact``: the score rounds to the printed digits. ``truncated``: its further digits were cut off
instead. ``rounded twice``: it was rounded to one digit more before. ``adjusted``: it is the
predictive value at a prevalence that the paper states. ``mislabelled``: the value is that of
another score. ``undefined``: the matrix divides by zero, and 0 stands for it. ``impossible``: no
matrix of this test set prints this value for this score. ``inconsistent``: some matrix would, but
not this one. ``contradictory``: possible by itself, but not with the other scores of its table.
``possible``: nothing decides, of an AUROC within its bounds or a score without a matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.core.words import plural
from covidcxr.paper.audit import averages, feasible, labels, limits, scores, together
from covidcxr.paper.audit.labels import Label, Place, Values
from covidcxr.paper.audit.names import canonical, word
from covidcxr.paper.audit.printed import CUT, EXACT, TWICE, Entry, Printed
from covidcxr.paper.audit.reading import ReportedTable
from covidcxr.paper.audit.together import Together
from covidcxr.scores import metrics
from covidcxr.scores.metrics import CELLS

VERDICTS = (
    "exact", "truncated", "rounded twice", "adjusted", "mislabelled", "undefined", "impossible",
    "inconsistent", "contradictory", "possible",
)  # fmt: skip

FAULTS = ("mislabelled", "impossible", "inconsistent", "contradictory")
"""Verdicts that say that a printed value is wrong."""

Cells = Mapping[str, NDArray[np.int64]]
"""tp, fn, fp, tn by reading."""

_TOO_MANY = "There are too many matrices of this test set to try them all."


@dataclass(frozen=True)
class Verdict:
    """A verdict on one printed value, with the reason in one sentence.

    ``computed`` is the score by the matrix, None without one and for an AUROC; ``equals`` the score
    whose value was printed, where it is another one.
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
    """Class one printed value of a score, by the auditor's name of it.

    ``label`` is the score that it is of instead, ``prevalences`` those that the paper states, and
    ``unclassified`` images without an answer, beside those of the matrix.
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
    possible = feasible.attainable(score, printed, _sizes(cells))
    if possible is False:
        return Verdict("impossible", value, None, f"{said} {unattainable(score, printed, cells)}")
    said += "" if possible else f" {_TOO_MANY}"
    other = labels.alike(printed, computed, score)
    if other and other.chance < 0.5:
        said += (
            f" It prints like the {word(other.score)}, as some score would by chance "
            f"{share(other.chance)}."
        )
    return Verdict("inconsistent", value, None, said + _more_images(score, printed, cells))


def matching(match: str, value: float, printed: Printed, way: str = "") -> Verdict:
    """Return the verdict on a value that its matrix gives; ``way``: how it was computed."""
    how = {
        EXACT: "",
        CUT: "; the print cuts digits off",
        TWICE: "; rounding one digit at a time leads to the print",
    }[match]
    longer = printed.show(value) if match == EXACT else printed.show_longer(value)
    return Verdict(match, value, None, f"The matrix gives {' '.join([longer, way]).strip()}{how}.")


def unattainable(score: str, printed: Printed, cells: ArrayLike) -> str:
    """Say that no matrix prints a value, and which values are next to it."""
    p, n = _sizes(cells)
    near = [
        f"{v:.4%}" if "%" in printed.text else f"{v:.6g}"
        for v in scores.neighbours(score, printed, p, n)
    ]
    around = f"; nearest are {' and '.join(near)}" if near else ""
    more = _more_images(score, printed, cells)
    return f"No matrix of {p:,} + {n:,} images prints {printed.text}{around}.{more}"


def _sizes(cells: ArrayLike) -> tuple[int, int]:
    """Return the positive and negative images of tp, fn, fp, tn."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    return tp + fn, fp + tn


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


def _more_images(score: str, printed: Printed, cells: ArrayLike) -> str:
    """Name the fewest further images, counted as errors, with which the accuracy would print so."""
    tp, fn, fp, tn = (int(cell) for cell in np.asarray(cells))
    right, n = tp + tn, tp + fn + fp + tn
    if score != "accuracy" or not right or printed.value <= 0:
        return ""
    low, high = printed.value - printed.unit / 2, printed.value + printed.unit / 2
    fewest = int(np.ceil(right / high - 1e-9))
    if not n < fewest <= 1.1 * n or fewest > right / low:
        return ""
    more = plural(fewest - n, "image")
    return f" {right:,} of {fewest:,} would print so: with {more} more, as errors."


def _at_prevalence(
    score: str, printed: Printed, computed: Mapping[str, float], prevalence: Printed
) -> str | None:
    """Say that a predictive value is that of a stated prevalence, itself a rounded number."""
    if score not in ("ppv", "npv"):
        return None
    shares = [prevalence.value + way * prevalence.unit / 2 for way in (-1, 1)]
    s, t = computed["sensitivity"], computed["specificity"]
    values = [row[score] for row in metrics.predictive_values(s, t, shares)]
    low, high = printed.span
    if not np.isfinite(values).all() or max(values) < low or min(values) > high:
        return None
    return f"This is the {word(score)} at a prevalence of {prevalence.text}"


def _judge_area(printed: Printed, computed: Mapping[str, float], label: Label | None) -> Verdict:
    bounds = scores.area(computed["sensitivity"], computed["specificity"])
    if not np.isfinite(bounds["low"]):
        return Verdict("possible", None, None, "Without images of both classes it is undefined.")
    if bounds["high"] - bounds["low"] < 1e-12:
        match = printed.match(bounds["low"])
        note = f"Any curve through this operating point has {printed.show(bounds['low'])}."
        return Verdict(match or "impossible", bounds["low"], None, note)
    between = f"between {printed.show(bounds['low'])} and {printed.show(bounds['high'])}"
    if label:
        said = (
            "This is the balanced accuracy, which is what a ROC curve of decisions instead of "
            f"scores encloses; any curve through this operating point has {between}."
        )
        return Verdict("mislabelled", None, label.score, said)
    said = f"Any curve through this operating point has {between}."
    # The least area may be printed rounded or cut off, the largest rounded.
    if not bounds["low"] - printed.unit < printed.value <= bounds["high"] + printed.unit / 2:
        return Verdict("impossible", None, None, said)
    if printed.match(computed["balanced_accuracy"]):
        said += (
            " It prints like the balanced accuracy, the area under a curve of decisions instead "
            "of scores, which few digits do by chance."
        )
    return Verdict("possible", None, None, said)


def each(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """List the printed values of an audited table, each with the paper's name of its score."""
    for score, rows in table["reported"].items():
        for row in rows if isinstance(rows, list) else [rows]:
            yield score, row


def reported(
    table: ReportedTable,
    prevalences: Sequence[Printed],
    cells: Cells,
    reading: str,
    judged: Together | None,
    wrong: Mapping[str, Mapping[Place, Label]],
) -> dict[str, list[dict[str, Any]]]:
    """Return a row for each printed value of a table of two classes, by the paper's name of it.

    ``cells`` are those of the matrix that is printed or that the scores leave, ``judged`` what the
    scores of a table without a matrix say together, and ``wrong`` values of another score.
    """
    by_score: dict[str, list[dict[str, Any]]] = {}
    for score, entries in table.reported.items():
        for i, entry in enumerate(entries):
            name = str(canonical(score))
            by: dict[str, Verdict] = {
                r: judge(
                    name, entry.value, c, wrong[r].get(Place(table.name, score, i)),
                    prevalences, sum(table.unclassified),
                )
                for r, c in cells.items()
            }  # fmt: skip
            if judged is not None and not (cells and judged.verdict == "consistent"):
                verdict = _alone(table, score, entry, judged, by.get(reading))
            else:
                verdict = by[reading]
            average = averages.judge(table, name, entry.value)
            if average and average["verdict"] == "unattainable":
                verdict = Verdict("impossible", None, None, average["note"])
            elif table.averaged and table.matrix and verdict.verdict in FAULTS:
                note = "An average over folds, which need be no one matrix's."
                verdict = Verdict("possible", verdict.computed, None, note)
            said = row(name, entry, verdict, by, cells.get(reading), average)
            if name == "auroc" and entry.limits:
                used = cells.get(reading)
                size = together.sizes(table) if used is None else _sizes(used)
                usable = size and min(size) > 0 and not table.averaged
                said["limits"] = limits.of_area(entry.value, entry.limits, size if usable else None)
            if deviation := averages.deviation(table, name, entry):
                said["deviation"] = deviation
            by_score.setdefault(score, []).append(said)
    return by_score


def row(
    name: str,
    entry: Entry,
    verdict: Verdict,
    by: Mapping[str, Verdict],
    cells: NDArray[np.int64] | None,
    average: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is said of one printed value; ``by`` reading, ``cells`` behind its interval.

    ``average``: what is said of it as an average over folds, which may be a fault beside a spread.
    """
    unattainable = average and average["verdict"] == "unattainable"
    if entry.spread and verdict.verdict in FAULTS and not unattainable:
        note = "An average with a spread, which need be no one matrix's."
        verdict = Verdict("possible", verdict.computed, None, note)
    readings = {r: {"verdict": v.verdict, "equals": v.equals} for r, v in by.items()}
    said: dict[str, Any] = {"printed": entry.text, **vars(verdict), "readings": readings}
    if entry.limits:
        said["limits"] = _limits(name, entry, cells)
    if average:
        said["average"] = average
    return said


def _limits(name: str, entry: Entry, cells: NDArray[np.int64] | None) -> dict[str, Any]:
    """Judge a printed interval by the images of its score's matrix, or of its own fraction."""
    assert entry.limits
    k, n = entry.fraction or (None, None)
    if cells is not None and name in metrics.PROPORTIONS:
        counts = dict(zip(CELLS, cells.tolist(), strict=True))
        k, n = (sum(counts[c] for c in part.split("+")) for part in metrics.PROPORTIONS[name])
    return limits.of_proportion(entry.value, entry.limits, k, n)


def _alone(
    table: ReportedTable, score: str, entry: Entry, judged: Together, by_matrix: Verdict | None
) -> Verdict:
    """Judge a value of a table that prints no matrix, and whose scores may not leave one."""
    one = (score, entry.value)
    size = together.sizes(table)
    if one in judged.impossible and size:
        note = unattainable(str(canonical(score)), entry.value, [size[0], 0, 0, size[1]])
        return by_matrix or Verdict("impossible", None, None, note)
    if by_matrix is not None:
        return by_matrix
    if canonical(score) == "auroc":
        return Verdict("possible", None, None, "Without a matrix nothing bounds it.")
    if one == judged.odd or (judged.verdict == "contradictory" and judged.odd is None):
        note = "Possible by itself; it contradicts the other scores."
        return Verdict("contradictory", None, None, note)
    if judged.verdict == "averages":
        what = "images" if table.per_image else f"{table.folds} folds"
        return Verdict("possible", None, None, f"An average over {what}.")
    return Verdict("possible", None, None, "Nothing speaks against it by itself.")


def plain(by_score: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the row of a score that has one, and a list of those of a score that has more."""
    return {score: rows[0] if len(rows) == 1 else rows for score, rows in by_score.items()}


def exchanged(values: Values) -> list[str]:
    """Say which two tables, or classes, print each other's value of a score."""
    return [
        f"{a.table} and {b.table} print each other's {word(str(canonical(a.score)))}: "
        f"{values[a][0].text} and {values[b][0].text} are exchanged."
        for a, b in labels.exchanged_rows(values)
    ]
