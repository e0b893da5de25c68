"""Two models: what their margins allow of a test, and which test gives a printed p value.

References
----------
McNemar, Psychometrika 12:153-157 (1947); Edwards, Psychometrika 13:185-187 (1948): the correction;
Fagerland, Lydersen and Laake, BMC Med Res Methodol 13:91 (2013): the mid-p; Yates, J R Stat Soc
Suppl 1:217-235 (1934); Fisher's exact test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from covidcxr.paper.audit import together
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.printed import Printed
from covidcxr.paper.audit.reading import Paper, ReportedTable
from covidcxr.paper.audit.reading_comparisons import Comparison
from covidcxr.paper.audit.scores import denominators
from covidcxr.scores import mcnemar, metrics

FAULTS = ("impossible", "other test", "contradictory")
"""Verdicts that say that a p value, or what is said of its test, is wrong."""

_PAIRS = 400
"""Pairs of counts that are tried where prints leave several."""

_LARGEST = 10**6
"""Images, or discordant pairs, up to which all are listed."""

_CORRECT = {"accuracy": ("tp", "tn"), "sensitivity": ("tp",), "specificity": ("tn",)}
"""The images right of scores that two models have of the same images."""

Count = tuple[Sequence[int], int]
"""Numerators that a print leaves, and the denominator."""


class Discordance(NamedTuple):
    """Every feasible pair of discordant counts: (first + k, second + k) for k up to more."""

    first: int
    second: int
    more: int

    def total(self, k: int) -> int:
        """Return the discordant images with k added to both counts."""
        return self.first + self.second + 2 * k

    def p(self, k: int) -> float:
        """Return the exact McNemar p with k added to both counts."""
        return float(mcnemar.exact_p(self.first + k, self.second + k))


def discordance(first: int, second: int, n: int) -> Discordance:
    """Find every feasible pair of discordant counts of models that get so many of n images right.

    ``first`` and ``second`` of the result are the fewest images that the one, and the other, model
    alone gets right.
    """
    most, least = min(first, second), max(0, first + second - n)
    return Discordance(first - most, second - most, most - least)


def pair(first: Sequence[int], second: Sequence[int]) -> dict[str, Any] | None:
    """Bound the exact McNemar p of two models by tp, fn, fp, tn of each; None on other test sets.

    ``significant_up_to`` is the most discordant images with p below 0.05; ``independent`` is to
    expect if the models' errors were independent given the class.
    """
    tp1, fn1, fp1, tn1 = first
    tp2, fn2, fp2, tn2 = second
    positive, negative = tp1 + fn1, fp1 + tn1
    if (positive, negative) != (tp2 + fn2, fp2 + tn2):
        return None
    on_positive = discordance(tp1, tp2, positive), _expected(tp1, tp2, positive)
    on_negative = discordance(tn1, tn2, negative), _expected(tn1, tn2, negative)
    # Counts of the classes add; the difference is fixed, so the sum tells all.
    both = Discordance(*(a + b for a, b in zip(on_positive[0], on_negative[0], strict=True)))
    return {
        "all": _summary(both, on_positive[1] + on_negative[1]),
        "positive": _summary(*on_positive),
        "negative": _summary(*on_negative),
    }


def _expected(first: int, second: int, n: int) -> float:
    """Return the discordant images to expect of independent errors."""
    return (first * (n - second) + second * (n - first)) / n if n else 0.0


def _summary(counts: Discordance, expected: float) -> dict[str, Any]:
    # With the difference fixed, p grows with every pair of discordant images, since the
    # walk that they make is the likelier to end as far away the longer it is. The ends of
    # the range therefore bound p, and a bisection finds where it passes the level.
    last, beyond = -1, counts.more + 1
    while beyond - last > 1:
        middle = (last + beyond) // 2
        last, beyond = (middle, beyond) if counts.p(middle) < mcnemar.LEVEL else (last, middle)
    nearest = min(counts.more, max(0, round((expected - counts.total(0)) / 2)))
    return {
        "discordant": [counts.total(0), counts.total(counts.more)],
        "feasible": counts.more + 1,
        "p": [counts.p(0), counts.p(counts.more)],
        "significant_up_to": None if last < 0 else counts.total(last),
        "independent": {"discordant": counts.total(nearest), "p": counts.p(nearest)},
    }


def audit(paper: Paper, tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Judge the printed p values of a paper by its tables, as `report.audit` lists them."""
    read = {table.name: table for table in paper.tables}
    audited = {table["name"]: table for table in tables}
    rows = []
    for one in paper.comparisons:
        first, second = (
            ([side[0]], side[1]) if isinstance(side, tuple)
            else _counts(read[side], audited[side], one.score)
            for side in (one.a, one.b)
        )  # fmt: skip
        counts = None if first is None or second is None else (first, second)
        discordant = _discordant(one, counts, read, audited)
        said = judge(one.p, one.sign, one.test, counts, discordant, one.discordant)
        names = ["{}/{}".format(*s) if isinstance(s, tuple) else s for s in (one.a, one.b)]
        rows.append({"a": names[0], "b": names[1], "score": one.score, "test": one.test,
                     "p": one.sign + one.p.text, **said})  # fmt: skip
    return rows


def _counts(table: ReportedTable, audited: Mapping[str, Any], score: str) -> Count | None:
    """Return what a score divides: by the matrix, a printed fraction, or its digits."""
    cells = audited["cells"].get(audited["reading"])
    if cells:
        parts = metrics.PROPORTIONS[score]
        right, of = (sum(int(cells[c]) for c in part.split("+")) for part in parts)
        return ([right], of) if of else None
    entries = [e for name, es in table.reported.items() if canonical(name) == score for e in es]
    size = together.sizes(table)
    n = sum(denominators(score, [size] if size else []))
    for entry in entries:
        if entry.fraction:
            return [entry.fraction[0]], entry.fraction[1]
        if 0 < n <= _LARGEST and not table.averaged:
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
        return discordant_pairs(*counts)
    a, b = audited[one.a], audited[one.b]
    if read[one.a].group != read[one.b].group or a["test_set"] != b["test_set"]:
        return None
    first, second = (table["cells"].get(table["reading"]) for table in (a, b))
    if not first or not second:
        return discordant_pairs(*counts)
    of = [
        discordance(int(first[cell]), int(second[cell]), a["test_set"][cell == "tn"])
        for cell in _CORRECT[one.score]
    ]
    only_first, only_second, more = map(sum, zip(*of, strict=True))
    return [(only_first + k, only_second + k) for k in range(more + 1)] if more <= _LARGEST else []


def judge(
    p: Printed,
    sign: str,
    test: str | None,
    counts: tuple[Count, Count] | None,
    discordant: Sequence[tuple[int, int]] | None,
    stated: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Judge a printed p value, with ``<`` or ``>`` as ``sign`` where only a bound is printed.

    ``counts`` are those of both proportions, ``discordant`` all pairs of images that only the
    first, and only the second gets right, that they allow, None where the two have other images,
    and ``stated`` the printed pair. The verdict is ``agrees`` (``tests`` give it), ``possible``
    (McNemar's test gives it with some discordant images), ``other test`` than the stated one gives
    it, ``contradictory`` (no such discordant images), ``impossible`` (no test gives it) or
    ``unchecked``; ``computed`` are the least and largest p by test.
    """
    if test == "other":
        return _said("unchecked", "This test needs more than counts.")
    if stated and discordant and not {stated, stated[::-1]} & set(discordant):
        (b, c), known = stated, sorted({abs(b - c) for b, c in discordant})
        return _said("contradictory", f"Discordant images {b:,} and {c:,} do not fit the counts: "
                     f"they differ by {abs(b - c):,}, the images right by "
                     f"{known[0]:,} to {known[-1]:,}, or they are too many.")  # fmt: skip
    pairs = [stated] if stated else discordant
    computed: dict[str, NDArray[np.float64]] = {}
    if pairs:
        computed |= paired(*np.array(pairs).T)
    if counts and len(counts[0][0]) * len(counts[1][0]) <= _PAIRS:
        computed |= _unpaired_of_all(*counts)
    if not computed:
        return _said("unchecked", "The counts behind it are unknown, or too many fit their prints.")
    matching = [name for name, values in computed.items() if _fits(p, sign, values)]
    spans = {name: [float(v.min()), float(v.max())] for name, v in computed.items()}
    # The pooled z test is the chi-squared test.
    families = (test, "chi-squared") if test == "z" else (test,)
    asked = [name for name in computed if test is None or _family(name) in families]
    if not asked:
        return _said("unchecked", "What the stated test needs is unknown.", [], spans)
    fitting = _two_sided_first([name for name in matching if name in asked])
    sure = _two_sided_first(
        [n for n in matching if n in asked and (_family(n) != "mcnemar" or len(pairs or ()) == 1)]
    )
    if sure:
        return _said("agrees", f"By {_spans(spans, sure)}.", sure, spans)
    if fitting:
        few, many = (f(b + c for b, c in pairs or ()) for f in (min, max))
        note = ("McNemar's test gives it for some discordant images, of which there are "
                f"{few:,} to {many:,}: {_spans(spans, fitting)}.")  # fmt: skip
        return _said("possible", note, fitting, spans)
    two_sided = [name for name in asked if "one-sided" not in name]
    would = f"No {'such ' if test is None else ''}test gives it: {_spans(spans, two_sided)}."
    if matching:
        matching = _two_sided_first(matching)
        stated_one = _spans(spans, two_sided)
        note = f"{_spans(spans, matching)} would give it; the stated test gives {stated_one}."
        return _said("other test", note, matching, spans)
    return _said("impossible", would, [], spans)


def paired(b: ArrayLike, c: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return p of McNemar's test, by its form, for pairs of discordant counts."""
    b, c = np.atleast_1d(b).astype(float), np.atleast_1d(c).astype(float)
    total = np.maximum(b + c, 1)
    return _with_one_sided({
        "McNemar, exact": mcnemar.exact_p(b, c),
        "McNemar, mid-p": mcnemar.mid_p(b, c),
        "McNemar, uncorrected": _chi((b - c) ** 2 / total),
        "McNemar, corrected": np.where(b + c > 0, _chi((np.abs(b - c) - 1) ** 2 / total), 1.0),
    })  # fmt: skip


def unpaired(k1: ArrayLike, n1: int, k2: ArrayLike, n2: int) -> dict[str, NDArray[np.float64]]:
    """Return p of tests of two proportions, k1 of n1 and k2 of n2, by test; shape of ``k1``."""
    from scipy import stats

    k1, k2 = np.atleast_1d(k1).astype(float), np.atleast_1d(k2).astype(float)
    p1, p2, both = k1 / n1, k2 / n2, (k1 + k2) / (n1 + n2)
    pooled = both * (1 - both) * (1 / n1 + 1 / n2)
    own = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
    gap = np.abs(p1 - p2)
    less = np.maximum(gap - (1 / n1 + 1 / n2) / 2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain, yates, wald = (
            np.where(variance > 0, _chi(np.nan_to_num(d**2 / variance)), np.where(d > 0, 0.0, 1.0))
            for d, variance in ((gap, pooled), (less, pooled), (gap, own))
        )
    tables = [[[a, n1 - a], [b, n2 - b]] for a, b in zip(k1, k2, strict=True)]
    fisher = {
        side: np.array([stats.fisher_exact(np.array(t, dtype=int), side)[1] for t in tables])
        for side in ("two-sided", "less", "greater")
    }
    tests = _with_one_sided({
        "chi-squared, uncorrected": plain, "chi-squared, Yates": yates, "z, unpooled": wald,
    })  # fmt: skip
    return tests | {
        "Fisher, exact": fisher["two-sided"],
        "Fisher, exact, one-sided": np.minimum(fisher["less"], fisher["greater"]),
    }


def discordant_pairs(first: Count, second: Count, most: int = 200_000) -> list[tuple[int, int]]:
    """Return every pair of discordant counts of two proportions of the same images.

    Empty where they are too many to list.
    """
    n = first[1]
    if len(first[0]) * len(second[0]) * min(n, 10**6) > most:
        return []
    return [
        (a - both, b - both)
        for a in first[0]
        for b in second[0]
        for both in range(max(0, a + b - n), min(a, b) + 1)
    ]


def _unpaired_of_all(first: Count, second: Count) -> dict[str, NDArray[np.float64]]:
    k1, k2 = (grid.ravel() for grid in np.meshgrid(first[0], second[0], indexing="ij"))
    return unpaired(k1, first[1], k2, second[1])


def _with_one_sided(tests: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {**tests, **{f"{name}, one-sided": p / 2 for name, p in tests.items()}}


def _chi(statistic: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper tail of the chi-squared distribution with one degree of freedom."""
    return np.asarray(special.erfc(np.sqrt(statistic / 2)))


def _two_sided_first(names: list[str]) -> list[str]:
    return [name for name in names if "one-sided" not in name] or names


def _family(name: str) -> str:
    return name.partition(",")[0].lower()


def _fits(p: Printed, sign: str, values: NDArray[np.float64]) -> bool:
    low, high = p.span
    if sign == "<":
        return bool((values < p.value).any())
    if sign == ">":
        return bool((values > p.value).any())
    return bool(((values >= low) & (values <= high)).any())


def _spans(spans: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    def show(value: float) -> str:
        return f"{value:.3g}" if value >= 0.001 else f"{value:.1e}"

    return "; ".join(
        f"{name} {' to '.join(dict.fromkeys(map(show, spans[name])))}" for name in names
    )


def _said(
    verdict: str,
    note: str,
    tests: Sequence[str] = (),
    computed: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Any]:
    return {"verdict": verdict, "tests": list(tests), "computed": computed or {}, "note": note}
