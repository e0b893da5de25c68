"""What the rows of printed confusion matrices are: the truth or the model's decision.

One fixed test set has one number of positive and of negative images. Whatever the
models decide, the totals that belong to the truth are therefore the same in every
table; the totals of the decisions need not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covidcxr.paper.audit.reading import ReportedTable

OTHER = {"predicted": "true", "true": "predicted"}


@dataclass(frozen=True)
class Orientation:
    """What was decided.

    Attributes
    ----------
    decision
        ``as_printed``, ``transposed`` or ``undecidable``.
    reason
        Why, in one sentence.
    """

    decision: str
    reason: str

    @property
    def reading(self) -> str:
        """The reading on which verdicts rest: the paper's own where nothing was decided."""
        return "transposed" if self.decision == "transposed" else "as_printed"


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


def margins(table: ReportedTable, reading: str) -> tuple[int, int]:
    """Return the true positives and negatives in the test set, by one reading."""
    tp, fn, fp, tn = cells(table, reading)
    return int(tp + fn), int(fp + tn)


def decide(tables: Sequence[ReportedTable], test_set: tuple[int, int] | None) -> Orientation:
    """Decide the orientation of a paper's tables by their margins.

    Parameters
    ----------
    tables
        Those with a matrix are looked at.
    test_set
        Positive and negative images where the paper states them.
    """
    printed = [table for table in tables if table.matrix is not None]
    if not printed:
        return Orientation("undecidable", "No matrix is printed, so there are no margins.")
    found = {
        reading: list(dict.fromkeys(margins(table, reading) for table in printed))
        for reading in ("as_printed", "transposed")
    }
    said = {reading: _listing(pairs) for reading, pairs in found.items()}
    if test_set is not None:
        fits = {reading: pairs == [test_set] for reading, pairs in found.items()}
        because = f"the stated test set of {_listing([test_set])}"
    elif len(printed) == 1:
        return Orientation(
            "undecidable",
            "One table alone, without a stated test set, has margins that any test set could have.",
        )
    else:
        fits = {reading: len(pairs) == 1 for reading, pairs in found.items()}
        because = "one fixed test set"
    as_printed, transposed = said["as_printed"], said["transposed"]
    if all(fits.values()):
        return Orientation(
            "undecidable",
            f"Both readings agree with {because}: positive and negative images number "
            f"{as_printed} as printed and {transposed} transposed.",
        )
    if not any(fits.values()):
        return Orientation(
            "undecidable",
            f"Neither reading agrees with {because}: positive and negative images would number "
            f"{as_printed} as printed and {transposed} transposed.",
        )
    if fits["as_printed"]:
        return Orientation(
            "as_printed",
            f"As printed, the tables agree with {because}, {as_printed} positive and negative "
            f"images; transposed they would have {transposed}.",
        )
    return Orientation(
        "transposed",
        f"Transposed, the tables agree with {because}, {transposed} positive and negative "
        f"images; as printed they would have {as_printed}.",
    )


def _listing(pairs: Sequence[tuple[int, int]]) -> str:
    *most, last = (f"{p:,} + {n:,}" for p, n in pairs)
    return f"{', '.join(most)} and {last}" if most else last
