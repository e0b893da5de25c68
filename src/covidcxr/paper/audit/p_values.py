"""The counts behind each printed p value, and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covidcxr.paper.audit import bounds, comparisons, together
from covidcxr.paper.audit.comparisons import Count
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.reading import Paper, ReportedTable
from covidcxr.paper.audit.reading_comparisons import Comparison
from covidcxr.scores import metrics

_CORRECT = {"accuracy": ("tp", "tn"), "sensitivity": ("tp",), "specificity": ("tn",)}
"""The images right of scores that two models have of the same images."""

_MOST = 10**6


def judge(paper: Paper, tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Judge the printed p values of a paper by its tables, as `report.audit` lists them."""
    read = {table.name: table for table in paper.tables}
    audited = {table["name"]: table for table in tables}
    rows = []
    for one in paper.comparisons:
        sides = [
            ([side[0]], side[1]) if isinstance(side, tuple)
            else _counts(read[side], audited[side], one.score)
            for side in (one.a, one.b)
        ]  # fmt: skip
        first, second = sides
        counts = None if first is None or second is None else (first, second)
        said = comparisons.judge(
            one.p, one.sign, one.test, counts, _discordant(one, counts, read, audited),
            one.discordant,
        )  # fmt: skip
        names = ["{}/{}".format(*s) if isinstance(s, tuple) else s for s in (one.a, one.b)]
        rows.append({"a": names[0], "b": names[1], "score": one.score, "test": one.test,
                     "p": one.sign + one.p.text, **said})  # fmt: skip
    return rows


def _counts(table: ReportedTable, audited: Mapping[str, Any], score: str) -> Count | None:
    """Return what a score divides: by the matrix, a printed fraction, or its digits."""
    above, below = metrics.PROPORTIONS[score]
    cells = audited["cells"].get(audited["reading"])
    if cells:
        right, of = (sum(int(cells[c]) for c in part.split("+")) for part in (above, below))
        return ([right], of) if of else None
    entries = [e for name, es in table.reported.items() if canonical(name) == score for e in es]
    size = together.sizes(table)
    known = {"accuracy": sum(size), "sensitivity": size[0], "specificity": size[1]} if size else {}
    for entry in entries:
        if entry.fraction:
            return [entry.fraction[0]], entry.fraction[1]
        n = known.get(score, 0)
        if 0 < n <= _MOST and not table.averaged:
            low, high = entry.value.span
            least, most = max(0, int(np.ceil(low * n))), min(n, int(np.floor(high * n)))
            return (list(range(least, most + 1)), n) if least <= most else None
    return None


def _discordant(
    one: Comparison,
    counts: tuple[Count, Count] | None,
    read: Mapping[str, ReportedTable],
    audited: Mapping[str, Mapping[str, Any]],
) -> Sequence[tuple[int, int]] | None:
    """Return the discordant pairs that two sides of the same images allow; None for others."""
    if counts is None or counts[0][1] != counts[1][1] or one.score not in _CORRECT:
        return None
    if isinstance(one.a, tuple) or isinstance(one.b, tuple):
        return comparisons.discordant_pairs(*counts)
    a, b = audited[one.a], audited[one.b]
    if read[one.a].group != read[one.b].group or a["test_set"] != b["test_set"]:
        return None
    first, second = (table["cells"].get(table["reading"]) for table in (a, b))
    if not first or not second:
        return comparisons.discordant_pairs(*counts)
    of = [
        bounds.discordance(int(first[cell]), int(second[cell]), a["test_set"][cell == "tn"])
        for cell in _CORRECT[one.score]
    ]
    only_first, only_second, more = (sum(getattr(d, k) for d in of)
                                     for k in ("first", "second", "more"))  # fmt: skip
    if more > _MOST:
        return []
    return [(only_first + k, only_second + k) for k in range(more + 1)]
