"""One verdict on all scores of a table together, before any on one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.words import listing
from covidcxr.paper.audit import feasible, labels, scores
from covidcxr.paper.audit.checks import Sizes
from covidcxr.paper.audit.feasible import Value
from covidcxr.paper.audit.names import canonical, word
from covidcxr.paper.audit.printed import EXACT, Printed
from covidcxr.paper.audit.reading import ReportedTable

_RATES = ("sensitivity", "specificity", "false_negative_rate", "false_positive_rate", "lr_positive",
          "lr_negative", "youden", "balanced_accuracy")  # fmt: skip
"""Scores that say the same of a network whatever the sizes of the classes."""

_AVERAGED = ("accuracy", "error_rate", "sensitivity", "specificity", "false_negative_rate",
             "false_positive_rate", "balanced_accuracy", "youden")  # fmt: skip
"""Scores of which an average over folds is a score of the average fold."""

_LISTED = 3
"""Matrices that are named where several fit."""


@dataclass(frozen=True)
class Together:
    """What the scores of a table without a matrix say together, and why.

    The ``verdict`` is ``consistent``, ``contradictory``, ``impossible`` (no score can be of this
    test set) or ``averages`` (of folds, which no one matrix has); ``cells`` are those of the one
    matrix that the scores leave, if there is one. No matrix of the test set has the ``impossible``
    values; without the ``odd`` one the others go together; two names may be ``exchanged``.
    """

    verdict: str
    note: str
    cells: NDArray[np.int64] | None = None
    impossible: tuple[tuple[str, Printed], ...] = ()
    conflict: tuple[Value, ...] = ()
    odd: tuple[str, Printed] | None = None
    exchanged: tuple[str, str] | None = None
    sizes: Mapping[str, Any] | None = field(default=None)


def values(table: ReportedTable) -> list[tuple[str, Printed]]:
    """Return the prints that a matrix decides, by the paper's names of the scores."""
    return [
        (score, entry.value)
        for score, entries in table.reported.items()
        for entry in entries
        if canonical(score) != "auroc"
    ]


def sizes(table: ReportedTable) -> Sizes | None:
    """Return the positive and negative images: stated, or in the fractions of both rates."""
    if table.test_set:
        return table.test_set
    below = {
        canonical(score): entry.fraction[1]
        for score, entries in table.reported.items()
        for entry in entries
        if entry.fraction
    }
    if {"sensitivity", "specificity"} <= below.keys():
        return below["sensitivity"], below["specificity"]
    return None


def contradictory(table: ReportedTable) -> bool:
    """Say whether the scores that are possible by themselves do not go together."""
    kept, _ = _possible(values(table), sizes(table))
    return not feasible.feasible(_named(kept), sizes(table))


def judge(table: ReportedTable, exchanged: tuple[str, str] | None = None) -> Together:
    """Judge the scores of a table without a matrix, of which two names may be exchanged."""
    size = sizes(table)
    kept, impossible = _possible(values(table), size)
    if not kept:
        return _nothing_left(impossible, size)
    named = labels.relabel(kept, exchanged) if exchanged else _named(kept)
    if not feasible.feasible(named, size):
        return _contradiction(kept, named, impossible, size)
    note = ""
    if exchanged:
        note = (
            f"As labelled the scores contradict each other; with {exchanged[0]} and "
            f"{exchanged[1]} exchanged they go together. "
        )
    if size is None:
        return _unknown_sizes(named, note, exchanged)
    cells, said = _one_matrix(named, size, strictly=not impossible)
    return Together("consistent", note + said, cells, tuple(impossible), exchanged=exchanged)


def judge_averages(table: ReportedTable) -> Together:
    """Judge averages over folds or runs, by the scores that are linear in the cells of each.

    Where every fold has the same share of positives, as stratified folds nearly have, the average
    accuracy lies between the average sensitivity and specificity. Where the shares differ, it may
    lie as far outside as they do on average. Folds of equal sizes have the linear scores of their
    sum.
    """
    if table.per_image:
        note = "Averages of a score of each image: no one matrix need have them."
        return Together("averages", note)
    shares = np.array([p / (p + n) for p, n in table.parts])
    apart = 2 * float(np.abs(shares - shares.mean()).mean()) if len(shares) else 0.0
    linear = [
        (name, replace(one, unit=one.unit + apart) if name in ("accuracy", "error_rate") else one)
        for name, one in _named(values(table))
        if name in _AVERAGED
    ]
    equal = len(set(table.parts)) == 1 and not table.assumed
    size = (table.folds * table.parts[0][0], table.folds * table.parts[0][1]) if equal else None
    alone = all(feasible.attainable(*one, size) is not False for one in linear) if size else True
    if not feasible.feasible(linear, size if alone else None):
        conflict, known = _conflict(linear, size if alone else None)
        return Together("contradictory", _explanation(conflict, known), conflict=tuple(conflict))
    note = f"Averages over {table.folds} folds or runs: no one matrix need have them."
    if {"accuracy", "sensitivity", "specificity"} <= {name for name, _ in linear}:
        note += (" Accuracy, sensitivity and specificity go together, if each fold has the same "
                 "share of positives." if not len(shares) or apart else
                 " Accuracy, sensitivity and specificity go together.")  # fmt: skip
    if table.parts:
        parts = dict.fromkeys(f"{p:,} + {n:,}" for p, n in table.parts)
        how = ", if they are stratified and as even as can be" if table.assumed else ""
        note += f" Each has {' or '.join(list(parts)[:_LISTED])} images{how}."
    return Together("averages", note)


def _named(kept: Sequence[tuple[str, Printed]]) -> list[Value]:
    return [(str(canonical(score)), printed) for score, printed in kept]


def _possible(
    prints: Sequence[tuple[str, Printed]], size: Sizes | None
) -> tuple[list[tuple[str, Printed]], list[tuple[str, Printed]]]:
    """Divide prints into those that some matrix of the test set has, and the others."""
    impossible = [
        one for one in prints
        if size and feasible.attainable(str(canonical(one[0])), one[1], size) is False
    ]  # fmt: skip
    return [one for one in prints if one not in impossible], impossible


def _nothing_left(impossible: list[tuple[str, Printed]], size: Sizes | None) -> Together:
    if not impossible:
        return Together("consistent", "No printed score depends on a matrix alone.")
    assert size
    return Together(
        "impossible",
        f"None of the {len(impossible)} scores can be of {size[0]:,} + {size[1]:,} images: they "
        "are of another test set, or averages.",
        impossible=tuple(impossible),
    )


def _one_matrix(
    named: Sequence[Value], size: Sizes, strictly: bool
) -> tuple[NDArray[np.int64] | None, str]:
    """Return the one matrix with the scores, if there is one, and what to say of those there are.

    ``strictly``: where several fit if digits may be cut off, one that fits rounded is taken.
    """
    fitting = feasible.matrices(named, size)
    images = f"{size[0]:,} + {size[1]:,} images"
    if fitting is None:
        return None, f"Very many matrices of {images} have these scores."
    if len(fitting) > 1 and strictly:
        computed = scores.compute(fitting)
        rounded = np.ones(len(fitting), dtype=bool)
        for name, printed in named:
            rounded &= [printed.match(value) == EXACT for value in computed[name].tolist()]
        if rounded.sum() == 1:
            fitting = fitting[rounded]
    if len(fitting) == 1:
        tp, fn, fp, tn = fitting[0].tolist()
        return fitting[0], (
            f"The scores single one matrix out: tp {tp:,}, fn {fn:,}, fp {fp:,}, tn {tn:,}."
        )
    return None, f"{len(fitting):,} matrices of {images} have these scores; they name none."


def _unknown_sizes(
    named: Sequence[Value], note: str, exchanged: tuple[str, str] | None
) -> Together:
    fitting = feasible.sizes_that_fit(named)
    if fitting is None:
        return Together("consistent", f"{note}Some test set has these scores.", exchanged=exchanged)
    matrices, largest = fitting
    # Of millions of matrices: a mark a pair of sizes, and no sorting of rows.
    fit = np.zeros((largest + 1, largest + 1), dtype=bool)
    fit[matrices[:, 0] + matrices[:, 1], matrices[:, 2] + matrices[:, 3]] = True
    pairs = np.argwhere(fit)
    pairs = pairs[np.argsort(pairs.sum(axis=1), kind="stable")]
    named_ = [f"{p:,} + {n:,}" for p, n in pairs[:_LISTED].tolist()]
    if not len(pairs):
        said = f"no test set of up to {largest:,} images a class has these scores"
    elif len(pairs) <= _LISTED:
        said = f"up to {largest:,} images a class, only {listing(named_)} have these scores"
    else:
        said = (
            f"{len(pairs):,} test sets of up to {largest:,} images a class have these scores, the "
            f"smallest {named_[0]}"
        )
    return Together(
        "consistent",
        f"{note}No sizes are stated: {said}.",
        exchanged=exchanged,
        sizes={"fit": len(pairs), "largest": largest, "smallest": pairs[:_LISTED].tolist()},
    )


def _contradiction(
    kept: Sequence[tuple[str, Printed]],
    named: Sequence[Value],
    impossible: Sequence[tuple[str, Printed]],
    size: Sizes | None,
) -> Together:
    """Explain a contradiction by the fewest scores, and name a value that all others refute."""
    conflict, known = _conflict(named, size)
    odd = _odd_one(kept, named, size)
    cells, said = None, ""
    if odd is not None:
        rest = [one for one, value in zip(named, kept, strict=True) if value != kept[odd]]
        limits = feasible.extremes(rest, size, named[odd][0])
        if limits is None and named[odd][0] in _RATES:
            rates = [one for one in rest if one[0] in _RATES]
            limits = feasible.extremes(rates, size, named[odd][0])
        would = f", which say {_between(kept[odd][1], limits)}" if limits else ""
        name = word(named[odd][0])
        said = f" {name[0].upper()}{name[1:]} {kept[odd][1].text} is refuted by the others{would}."
        if size and feasible.feasible(rest, size):
            cells, single = _one_matrix(rest, size, strictly=not impossible)
            said += f" {single}" if cells is not None else ""
    return Together(
        "contradictory",
        _explanation(conflict, known) + said,
        cells,
        tuple(impossible),
        tuple(conflict),
        None if odd is None else kept[odd],
    )


def _conflict(named: Sequence[Value], size: Sizes | None) -> tuple[list[Value], Sizes | None]:
    """Return the fewest scores that contradict each other, and the sizes that it takes.

    What holds whatever the sizes is said first, and of all the accuracy between the two rates.
    """
    rates = [one for one in named if one[0] in ("accuracy", "sensitivity", "specificity")]
    for known in dict.fromkeys((None, size)):
        if len(rates) == 3 and not feasible.feasible(rates, known):
            return rates, known
    for known in dict.fromkeys((None, size)):
        if conflict := feasible.smallest_conflict(named, known):
            return conflict, known
    return [], size


def _odd_one(
    kept: Sequence[tuple[str, Printed]], named: Sequence[Value], size: Sizes | None
) -> int | None:
    """Return the one value without which all others, of at least three, go together.

    Rates that hold whatever the sizes are asked first: a wrong one among them is refuted by
    them alone, even where other scores contradict, too.
    """
    for among in ([i for i, one in enumerate(named) if one[0] in _RATES], list(range(len(kept)))):
        some = [named[i] for i in among]
        whose = None if among != list(range(len(kept))) else size
        if len(some) < 4 or feasible.feasible(some, whose):
            continue
        odd = feasible.odd_ones(some, whose)
        if len(odd) == 1:
            return among[some.index(odd[0])]
    return None


def _explanation(conflict: Sequence[Value], size: Sizes | None) -> str:
    where = f"of {size[0]:,} + {size[1]:,} images" if size else "of any size"
    if not conflict:
        return f"No test set {where} has all these scores together."
    by_name = dict(conflict)
    if set(by_name) == {"accuracy", "sensitivity", "specificity"} and size is None:
        a, s, t = (by_name[n].text for n in ("accuracy", "sensitivity", "specificity"))
        return (
            f"Accuracy {a} does not lie between sensitivity {s} and specificity {t}, as it does "
            "in every test set."
        )
    spans = []
    for i, (name, printed) in enumerate(conflict):
        limits = feasible.extremes([*conflict[:i], *conflict[i + 1 :]], size, name)
        if limits:
            # The accuracy and F1 follow from the others in the eyes of their readers.
            last = name not in ("accuracy", "f1", "error_rate")
            spans.append((last, limits[1] - limits[0], name, printed, limits))
    together = listing([f"{word(name)} {printed.text}" for name, printed in conflict])
    said = f"No test set {where} has {together} together"
    if spans:
        *_, name, printed, limits = min(spans, key=lambda span: span[:2])
        others = "others" if len(conflict) > 2 else "other"
        said += f": by the {others}, the {word(name)} is {_between(printed, limits)}"
    return f"{said}."


def _between(printed: Printed, limits: tuple[float, float]) -> str:
    low, high = (printed.show(limit) for limit in limits)
    return low if low == high else f"{low} to {high}"
