"""What the rows of printed confusion matrices are: the truth or the model's decision.

One fixed test set has one number of positive and of negative images. Whatever the
models decide, the totals that belong to the truth are therefore the same in every
table; the totals of the decisions need not be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.words import listing
from covidcxr.paper.audit.checks import Sizes
from covidcxr.paper.audit.reading import ReportedTable

READINGS = ("as_printed", "transposed")
WORDS = {"as_printed": "as printed", "transposed": "transposed"}
OTHER = {"predicted": "true", "true": "predicted"}

Images = tuple[int, ...]
"""Images of each class."""

NO_MATRIX = "No matrix is printed, so there are no margins."

_NAMED = 4
"""Classes up to which a reason names each."""

_FEW = 0.05
"""Share of a test set that exclusions may make a table differ by."""

_ENOUGH = 3
"""Tables whose margins agree nearly by no chance."""


@dataclass(frozen=True)
class Orientation:
    """What was decided, and why.

    The ``decision`` is ``as_printed``, ``transposed``, ``mixed`` (by table) or ``undecidable``;
    ``by_table`` holds the reading of each table where they differ, ``remarks`` what is special
    about single ones.
    """

    decision: str
    reason: str
    by_table: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def reading(self) -> str:
        """The reading on which verdicts rest: the paper's own where nothing was decided."""
        return "transposed" if self.decision == "transposed" else "as_printed"

    def of(self, table: str) -> str:
        """Return the reading of one table, by its name."""
        return self.by_table.get(table, self.reading)


def cells(table: ReportedTable, reading: str) -> NDArray[np.int64]:
    """Return tp, fn, fp, tn of a table, as its paper labels the rows or transposed."""
    assert table.matrix is not None
    matrix = np.array(table.matrix)
    if table.first == "negative":
        matrix = matrix[::-1, ::-1]
    rows = table.rows if reading == "as_printed" else OTHER[table.rows]
    if rows == "predicted":
        matrix = matrix.T
    return matrix.ravel()


def margins(table: ReportedTable, reading: str) -> Sizes:
    """Return the true positives and negatives in the test set, by one reading."""
    tp, fn, fp, tn = (int(cell) for cell in cells(table, reading))
    return tp + fn, fp + tn


def decide(tables: Sequence[ReportedTable], test_set: Sizes | None) -> Orientation:
    """Decide the orientation of tables on one test set, as it may be stated, by their margins."""
    printed = [table for table in tables if table.matrix is not None]
    totals = {
        reading: {table.name: margins(table, reading) for table in printed} for reading in READINGS
    }
    return by_margins(totals, test_set)


def by_margins(
    totals: Mapping[str, Mapping[str, Images]],
    test_set: Images | None,
    classes: Sequence[str] = ("positive", "negative"),
) -> Orientation:
    """Decide the orientation of tables by the images of each of these classes.

    ``totals`` holds them by reading and by the table's name, ``test_set`` where the paper does.
    """
    printed = totals["as_printed"]
    if not printed:
        return Orientation("undecidable", NO_MATRIX)
    images = f"{listing(classes)} images" if len(classes) <= _NAMED else "images of the classes"
    if test_set is None and len(printed) == 1:
        return Orientation(
            "undecidable",
            "One table alone, without a stated test set, has margins that any test set could have.",
        )
    because = f"the stated test set of {_sum(test_set)}" if test_set else "one fixed test set"
    shared = test_set or _shared(totals)
    fits = {
        reading: {name for name, total in by_name.items() if total == shared}
        for reading, by_name in totals.items()
    }
    said = {reading: _listing(by_name.values()) for reading, by_name in totals.items()}
    every = set(totals["as_printed"])
    whole = {
        reading: fits[reading] == every if test_set else len(set(totals[reading].values())) == 1
        for reading in READINGS
    }
    if all(whole.values()):
        return Orientation(
            "undecidable",
            f"Both readings agree with {because}: {images} number "
            f"{said['as_printed']} as printed and {said['transposed']} transposed.",
        )
    for reading, other in (READINGS, READINGS[::-1]):
        if whole[reading]:
            return Orientation(
                reading,
                f"{WORDS[reading].capitalize()}, the tables agree with {because}, {said[reading]} "
                f"{images}; {WORDS[other]} they would have {said[other]}.",
            )
    return (
        _one_against_rest(totals["as_printed"])
        or _of_most(totals, shared, fits, because, classes, images)
        or _nearly(totals, images)
        or Orientation(
            "undecidable",
            f"Neither reading agrees with {because}: {images} would number "
            f"{said['as_printed']} as printed and {said['transposed']} transposed.",
        )
    )


def _shared(totals: Mapping[str, Mapping[str, Images]]) -> Images | None:
    """Return the margins of more than half of the tables, in whatever reading."""
    counts = Counter(size for by_name in totals.values() for size in by_name.values())
    (size, count), *others = counts.most_common()
    tables = len(totals["as_printed"])
    alone = not others or others[0][1] < count
    return size if alone and count > max(1, tables / 2) else None


def _of_most(
    totals: Mapping[str, Mapping[str, Images]],
    shared: Images | None,
    fits: Mapping[str, set[str]],
    because: str,
    classes: Sequence[str],
    images: str,
) -> Orientation | None:
    """Decide by the tables that agree, and name those that do not."""
    if shared is None or not fits["as_printed"] | fits["transposed"]:
        return None
    either = fits["as_printed"] & fits["transposed"]
    upright, turned = fits["as_printed"] - either, fits["transposed"] - either
    if len(upright) == len(turned):
        return None
    decision = "as_printed" if len(upright) > len(turned) else "transposed"
    odd = turned if decision == "as_printed" else upright
    remarks = [
        f"{name} agrees with the {_sum(shared)} images of the other tables only if its rows and "
        "columns are exchanged."
        for name in sorted(odd)
    ]
    for name, total in totals[decision].items():
        if total != shared and name not in odd:
            remarks.append(
                f"{name} has {_sum(total)} images: {_difference(total, shared, classes)}."
            )
    other = "transposed" if decision == "as_printed" else "as_printed"
    agreeing = len(fits[decision] | odd)
    return Orientation(
        "mixed" if odd else decision,
        f"{agreeing} of {len(totals[decision])} tables agree with {because}, {_sum(shared)} "
        f"{images}, {WORDS[decision]}"
        f"{f', {len(odd)} of them {WORDS[other]}' if odd else ''}.",
        {name: other if name in odd else decision for name in totals[decision]} if odd else {},
        remarks,
    )


def _nearly(totals: Mapping[str, Mapping[str, Images]], images: str) -> Orientation | None:
    """Decide where the margins of one reading nearly agree, as they do after exclusions."""
    if len(totals["as_printed"]) < _ENOUGH:
        return None
    spread = {
        reading: np.ptp(np.array(list(by_name.values())), axis=0).max()
        for reading, by_name in totals.items()
    }
    most = max(sum(size) for size in totals["as_printed"].values())
    decision = min(spread, key=lambda reading: spread[reading])
    other = max(spread, key=lambda reading: spread[reading])
    if spread[decision] > _FEW * most or spread[other] < 3 * spread[decision]:
        return None
    return Orientation(
        decision,
        f"{WORDS[decision].capitalize()}, the tables nearly agree: {images} number "
        f"{_listing(totals[decision].values())}, as they would where a few images of one test set "
        f"were left out; in the other reading they differ by up to {spread[other]:,}.",
    )


def _one_against_rest(totals: Mapping[str, Images]) -> Orientation | None:
    """Recognise tables of one class against the rest: the classes' images add up to all."""
    by_images: dict[int, list[int]] = {}
    for positive, *rest in totals.values():
        if len(rest) > 1:
            return None
        by_images.setdefault(positive + rest[0], []).append(positive)
    for images, positives in by_images.items():
        classes = list(dict.fromkeys(positives))
        if len(classes) < 3 or sum(classes) != images:
            return None
    sums = listing([f"{n:,}" for n in by_images])
    return Orientation(
        "as_printed",
        f"Each table is one class against the rest: the images of the classes add up to {sums}, "
        "the images of each table.",
    )


def _difference(total: Images, shared: Images, classes: Sequence[str]) -> str:
    parts = [
        f"{abs(has - should):,} {label} {'fewer' if has < should else 'more'}"
        for has, should, label in zip(total, shared, classes, strict=True)
        if has != should
    ]
    return f"{listing(parts)} than {_sum(shared)}, by exclusions, a misprint or another test set"


def _sum(size: Images) -> str:
    return " + ".join(f"{n:,}" for n in size)


def _listing(sizes: object) -> str:
    return listing([_sum(size) for size in dict.fromkeys(sizes)])  # type: ignore[call-overload]
