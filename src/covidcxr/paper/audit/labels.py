"""Printed scores under another score's name: what explains a value that its own score does not.

A value with few digits is soon equal to some score. A name is called wrong only where that would
hardly happen by chance, which a whole column of values decides better than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from covidcxr.paper.audit import feasible
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.printed import CUT, Printed

LIKELY = 0.02
"""Chance of a coincidence above which no name is called wrong."""

_FAR = 0.001
"""The same for a score that nobody would mix up with the one that is named."""

_RANGE = 0.5
"""Width within which scores of papers lie: a value of some other score is as soon here as there."""

_WIDE = 1.55
"""Last digits that a print covers: rounded either way, cut off or rounded twice."""

_AREA_LIKELY = 0.001
"""The same for an AUROC: those that are balanced accuracies by chance are no fault."""

_AUROC_RANGE = 0.2
"""The same for the AUROC, which is near the balanced accuracy in any case."""

NEAR: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("balanced_accuracy",),
    "sensitivity": ("ppv", "specificity", "balanced_accuracy", "accuracy"),
    "specificity": ("npv", "sensitivity", "balanced_accuracy", "weighted_specificity"),
    "ppv": ("sensitivity", "npv", "macro_ppv", "weighted_ppv"),
    "npv": ("specificity", "ppv", "macro_ppv", "weighted_ppv"),
    "f1": ("macro_f1", "weighted_f1", "f1_negative"),
    "error_rate": ("false_negative_rate", "false_positive_rate"),
    "false_positive_rate": ("false_negative_rate",),
    "false_negative_rate": ("false_positive_rate",),
}
"""Scores taken for another where rows and columns, classes or averages are mixed up."""

_SAME = frozenset({"micro_average", "prevalence"})
"""Scores whose name nobody takes by mistake: one is the accuracy, one is of the test set."""

EXCHANGES = (
    ("ppv", "npv"),
    ("sensitivity", "specificity"),
    ("sensitivity", "ppv"),
    ("specificity", "npv"),
)
"""Pairs of names that a table without a matrix may have exchanged."""


class Place(NamedTuple):
    """Where a value stands: table, the paper's name of the score, number of the value."""

    table: str
    score: str
    item: int


class Label(NamedTuple):
    """The score that a value is of, and how often a coincidence would explain as much."""

    score: str
    chance: float


Values = Mapping[Place, tuple[Printed, Mapping[str, float]]]
"""Each print, with the scores of its table's matrix."""


def chance(prints: Iterable[Printed], alternatives: int, width: float = _RANGE) -> float:
    """Bound the chance that some of several scores, in a range of a width, prints like all values.

    Each of the prints is taken once.
    """
    single = [min(1.0, _WIDE * one.unit / width) for one in dict.fromkeys(prints)]
    return min(1.0, alternatives * float(np.prod(single)))


def wrong_names(
    values: Values,
    near_to: Mapping[str, tuple[str, ...]] = NEAR,
    name: Callable[[str], str | None] = canonical,
) -> dict[Place, Label]:
    """Find the values that are of another score, by whole columns first.

    ``near_to`` holds by score those that are soon taken for it; ``name`` is the auditor's name of a
    score as the paper writes it.
    """
    labels: dict[Place, Label] = {}
    for column in dict.fromkeys(name(place.score) for place in values):
        places = [place for place in values if name(place.score) == column]
        if column == "auroc":
            labels |= _areas(places, values)
            continue
        wrong = [place for place in places if not _matches(values[place], str(column))]
        by_table: dict[str, list[Place]] = {}
        for place in wrong:
            by_table.setdefault(place.table, []).append(place)
        for group in (wrong, *by_table.values(), *([place] for place in wrong)):
            left = [place for place in group if place not in labels]
            if label := _label(left, values, str(column), near_to):
                labels |= dict.fromkeys(left, label)
    return labels


def alike(printed: Printed, computed: Mapping[str, float], score: str) -> Label | None:
    """Return the likeliest other score that prints so, whatever its chance."""
    near = NEAR.get(score, ())
    others = [*near, *(name for name in computed if name not in {*near, score, *_SAME})]
    ranked = sorted(
        (name not in near, printed.match(computed[name]) == CUT, i, name)
        for i, name in enumerate(others)
        if np.isfinite(computed[name]) and printed.match(computed[name])
    )
    return Label(ranked[0][-1], chance([printed], len(others))) if ranked else None


def exchanged_rows(values: Values) -> list[tuple[Place, Place]]:
    """Find pairs of tables that print each other's value of a score."""
    names = {place: str(canonical(place.score)) for place in values}
    wrong = [
        place
        for place, (printed, computed) in values.items()
        if names[place] in computed and not printed.match(computed[names[place]])
    ]
    pairs = [
        (a, b) for a, b in combinations(wrong, 2) if names[a] == names[b] and a.table != b.table
    ]
    return [
        (a, b)
        for a, b in pairs
        if values[a][0].match(values[b][1][names[a]])
        and values[b][0].match(values[a][1][names[a]])
        and chance([values[a][0], values[b][0]], len(pairs)) < LIKELY
    ]


def exchanged_columns(
    tables: Sequence[tuple[Sequence[tuple[str, Printed]], tuple[int, int] | None]],
) -> tuple[str, str] | None:
    """Find two names of which the exchange ends the contradictions of tables without a matrix.

    Each contradictory table is given by its values, by the paper's name of the score, and sizes.
    None where no exchange, or more than one, explains all tables, or a coincidence would.
    """
    names = list(dict.fromkeys(name for values, _ in tables for name, _ in values))
    pairs = [
        (a, b)
        for a, b in combinations(names, 2)
        if {canonical(a), canonical(b)} in [set(pair) for pair in EXCHANGES]
    ]
    explain = [pair for pair in pairs if _explains(tables, pair, len(pairs))]
    return explain[0] if len(explain) == 1 else None


def relabel(values: Iterable[tuple[str, Printed]], pair: tuple[str, str]) -> list[feasible.Value]:
    """Exchange two names among a table's values."""
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    return [(str(canonical(other.get(name, name))), printed) for name, printed in values]


def _explains(
    tables: Sequence[tuple[Sequence[tuple[str, Printed]], tuple[int, int] | None]],
    pair: tuple[str, str],
    tried: int,
) -> bool:
    by_chance = float(tried)
    for values, sizes in tables:
        if not {*pair} <= {name for name, _ in values}:
            return False
        exchanged = relabel(values, pair)
        if not feasible.feasible(exchanged, sizes):
            return False
        moved = [one for one, (name, _) in zip(exchanged, values, strict=True) if name in pair]
        kept = [one for one, (name, _) in zip(exchanged, values, strict=True) if name not in pair]
        for name, printed in moved:
            limits = feasible.extremes(kept, sizes, name) or (0.0, 1.0)
            by_chance *= min(1.0, (limits[1] - limits[0] + _WIDE * printed.unit) / _RANGE)
    return by_chance < LIKELY


def _matches(value: tuple[Printed, Mapping[str, float]], score: str) -> bool:
    printed, computed = value
    return score in computed and printed.match(computed[score]) is not None


def _label(
    places: Sequence[Place], values: Values, score: str, near_to: Mapping[str, tuple[str, ...]]
) -> Label | None:
    """Return the one other score that all values are of, if no coincidence explains it."""
    if not places:
        return None
    near = near_to.get(score, ())
    scores_ = values[places[0]][1]
    far = [name for name in scores_ if name not in {*near, score, *_SAME}]
    for others, limit in ((near, LIKELY), (far, _FAR)):
        by_chance = chance([values[place][0] for place in places], len(others))
        if by_chance >= limit:
            continue
        for other in others:
            if all(_matches(values[place], other) for place in places):
                return Label(other, by_chance)
    return None


def _areas(places: Sequence[Place], values: Values) -> dict[Place, Label]:
    """Return the AUROCs that are balanced accuracies, as a curve of decisions has them."""
    equal = [place for place in places if _matches(values[place], "balanced_accuracy")]
    by_chance = chance([values[place][0] for place in equal], len(places), _AUROC_RANGE)
    # The area under any curve through a perfect point is 1.
    perfect = [place for place in equal if values[place][1]["balanced_accuracy"] == 1]
    if not equal or perfect or by_chance >= _AREA_LIKELY:
        return {}
    return dict.fromkeys(equal, Label("balanced_accuracy", by_chance))
