"""The printed p values in a paper's file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from covidcxr.core.errors import Unusable
from covidcxr.core.words import quoted, shown
from covidcxr.paper.audit import checks, printed
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.printed import Printed
from covidcxr.scores.metrics import PROPORTIONS

TESTS = ("mcnemar", "chi-squared", "fisher", "z", "other")
"""What a paper may say its test is; ``other`` needs more than counts."""

_P = re.compile(r"^(?:[pP]\s*)?([<>≤≥=]?)\s*([0-9.,·]+)$")

MOST = 500
"""Comparisons of a paper that are read."""


@dataclass(frozen=True)
class Comparison:
    """A printed p value: names of two tables, or fractions, and what is said of the test."""

    a: str | tuple[int, int]
    b: str | tuple[int, int]
    score: str
    p: Printed
    sign: str
    test: str | None = None
    discordant: tuple[int, int] | None = None


def read(content: Any, where: str, names: Iterable[str]) -> tuple[Comparison, ...]:
    """Read p values of tables with these names."""
    content = [] if content is None else content
    if not isinstance(content, list) or len(content) > MOST:
        raise Unusable(f"{where}: should be a list of at most {MOST} lines such as "
                       "{a: ResNet50, b: '86/92', p: '0.03'}.")  # fmt: skip
    listed = []
    for i, one in enumerate(content, 1):
        at = f"{where}, item {i}"
        checks.keys(one, at, {"a", "b", "p"}, {"score", "test", "discordant"})
        text = str(one["p"]).strip()
        match = _P.match(text)
        try:
            p = printed.parse(match[2] if match else text)
        except ValueError:
            p = None
        if not isinstance(one["p"], str) or not match or p is None or p.value > 1:
            raise Unusable(f"{at}, p: {checks.quote(one['p'])} is no p value from 0 to 1; write it "
                           "in quotes as printed, such as '0.03' or '<0.001'.")  # fmt: skip
        test = one.get("test")
        score = canonical(str(one.get("score", "accuracy")))
        if score not in PROPORTIONS:
            raise Unusable(f"{at}, score: {checks.quote(one['score'])} is no proportion; known are "
                           f"{quoted(PROPORTIONS)}.")  # fmt: skip
        pair = one.get("discordant")
        listed.append(
            Comparison(
                _side(one["a"], f"{at}, a", names),
                _side(one["b"], f"{at}, b", names),
                score,
                p,
                {"≤": "<", "≥": ">", "=": ""}.get(match[1], match[1]),
                None if test is None else checks.choice(test, f"{at}, test", TESTS),
                None if pair is None else _discordant(pair, f"{at}, discordant"),
            )
        )
    return tuple(listed)


def _discordant(value: Any, where: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise Unusable(f"{where}: should be two counts, as in [12, 5]: images that only the first, "
                       "and only the second gets right.")  # fmt: skip
    return checks.count(value[0], where), checks.count(value[1], where)


def _side(value: Any, where: str, names: Iterable[str]) -> str | tuple[int, int]:
    """Read one side of a comparison: a table's name, or a fraction."""
    name = checks.text(value, where)
    if name in names:
        return name
    try:
        fraction = printed.entry(name).fraction
    except ValueError:
        fraction = None
    if not fraction or fraction[0] > fraction[1]:
        raise Unusable(f"{where}: '{shown(name)}' is neither a table's name nor a fraction such as "
                       "'86/92'; correct it.")  # fmt: skip
    return fraction
