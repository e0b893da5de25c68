"""Checks of the paper's formulas, definitions, cross-references and citations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.core.studies import POSITIVE, TITLES
from covidcxr.paper import publication
from covidcxr.paper.audit.names import word
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict, judge
from covidcxr.scores import metrics


def formula(evidence: Evidence, score: str) -> Finding:
    """Compare a printed formula with the score's definition, on random matrices."""
    (equation,) = (e for e in publication.paper().equations if e.score == score)
    cells = np.random.default_rng(0).integers(1, 500, size=(1000, 4))
    tp, fn, fp, tn = cells.T
    known = metrics.score(cells)
    columns = {"TP": tp, "FN": fn, "FP": fp, "TN": tn, "Precision": known["ppv"],
               "Recall": known["sensitivity"]}  # fmt: skip
    printed = np.asarray(pd.DataFrame(columns, dtype=float).eval(equation.formula), dtype=float)
    name = {"precision": "ppv", "recall": "sensitivity"}.get(score, score)
    equal = bool(np.allclose(printed, known[name]))
    return judge(
        equal and equation.label in (None, score.capitalize(), word(score)),
        Verdict.CORRECTED if equal else Verdict.CONTRADICTED,
        score=word(score),
        equal="yes" if equal else "no",
        n=len(cells),
        label=equation.label or "none",
    )


def equation_numbers(evidence: Evidence) -> Finding:
    """Check that the equations are numbered without a gap."""
    numbers = {int(e.number) for e in publication.paper().equations if e.number}
    gaps = sorted(set(range(1, max(numbers) + 1)) - numbers)
    return judge(not gaps, missing=[f"({n})" for n in gaps])


def defined_scores(evidence: Evidence) -> Finding:
    """Check that every reported score is defined."""
    defined = {e.score for e in publication.paper().equations}
    reported = {score for table in publication.tables().values() for score in table.printed}
    missing = [word(score) for score in sorted(reported - defined)]
    return judge(not missing, missing=missing)


def cell_definitions(evidence: Evidence) -> Finding:
    """Compare the words for the four cells with their names."""
    wrong = [
        c.name
        for c in publication.paper().cells
        if (c.name[1] == "P") != (c.predicted == POSITIVE)
        or (c.name[0] == "T") != (c.predicted == c.actual)
    ]
    return judge(not wrong, wrong=wrong)


def f1_maximum(evidence: Evidence, number: str) -> Finding:
    """Check that F1 is at most the printed value, and reaches it only without an error."""
    value = publication.value(number)
    tp, fn, fp = np.meshgrid(np.arange(1, 31), np.arange(31), np.arange(31))
    f1 = metrics.score(np.stack([tp, fn, fp, tp], axis=-1))["f1"]
    perfect = (fn == 0) & (fp == 0)
    only_perfect = bool(((f1 == value) == perfect).all())
    return judge(f1.max() == value and only_perfect, maximum=f1.max())


def metric_list(evidence: Evidence, place: str) -> Finding:
    """Compare the scores that a section announces with those of its table."""
    (listed,) = (m for m in publication.paper().metric_lists if m.place == place)
    (table,) = (t for t in publication.tables().values() if t.place == listed.table)
    twice = _repeated(listed.scores)
    missing = [word(score) for score in table.printed if score not in listed.scores]
    return judge(not (twice or missing), Verdict.CORRECTED, twice=twice, missing=missing)


# --- cross-references


def section_reference(evidence: Evidence, place: str, printed: str, meant: str) -> Finding:
    """Check that a named section exists under that number."""
    pointer = _pointer(place, printed)
    numbers = [section.number for section in publication.paper().sections]
    last = "final" in printed and meant == numbers[-1]
    otherwise = Verdict.CORRECTED if meant in numbers else Verdict.CONTRADICTED
    return judge(pointer.number == meant or last, otherwise, meant=meant)


def table_reference(evidence: Evidence, place: str, printed: str) -> Finding:
    """Check that a named table reports the section's network."""
    pointer = _pointer(place, printed)
    named = f"Table {pointer.number}"
    of = [table.model for table in publication.tables().values() if table.place == named]
    return judge(of == [pointer.of], table=named)


def figure_reference(evidence: Evidence, place: str, printed: str) -> Finding:
    """Check that the panels that are named exist and are about the same network."""
    pointer = _pointer(place, printed)
    panels: dict[str, str | None] = {
        figure.number + panel: figure.of
        for figure in publication.paper().figures
        for panel in figure.panels or ("",)
    }
    of = {panel: panels.get(panel, "missing") for panel in pointer.panels}
    fitting = all(n != "missing" and pointer.of in (None, n) for n in of.values())
    twice = _repeated(pointer.panels)
    titles: dict[Any, str] = {None: "no single network", "missing": "missing", **TITLES}
    return judge(
        bool(of) and fitting and not twice,
        Verdict.CORRECTED if of else Verdict.CONTRADICTED,
        captions=[f"{panel} ({titles[network]})" for panel, network in of.items()],
        twice=twice,
    )


def _pointer(place: str, printed: str) -> publication.Pointer:
    return next(
        pointer
        for pointer in publication.paper().cross_references
        if (pointer.place, pointer.printed) == (place, printed)
    )


# --- citations


def citation_order(evidence: Evidence) -> Finding:
    """Check that references are numbered in the order of their first citation."""
    cited = [int(c.reference) for c in publication.paper().citations if c.reference]
    order = list(dict.fromkeys(cited))
    return judge(order == sorted(order), order=", ".join(map(str, order)))


def every_reference_cited(evidence: Evidence) -> Finding:
    """Check that every entry of the reference list is cited."""
    paper = publication.paper()
    cited = {citation.reference for citation in paper.citations}
    uncited = [f"[{r.number}]" for r in paper.references if r.number not in cited]
    unnumbered = [citation.place for citation in paper.citations if not citation.reference]
    return judge(not uncited, uncited=uncited, unnumbered=unnumbered)


def repeated_authors(evidence: Evidence) -> Finding:
    """Check that no reference names an author twice."""
    twice = [
        f"[{r.number}] {name}"
        for r in publication.paper().references
        for name in _repeated(r.authors)
    ]
    return judge(not twice, Verdict.UNVERIFIABLE, twice=twice)


def findable_references(evidence: Evidence) -> Finding:
    """Check that every article's entry gives volume and pages."""
    # A web site has neither volume nor pages.
    articles = [r for r in publication.paper().references if not r.url]
    bare = [f"[{r.number}]" for r in articles if not (r.volume and r.pages)]
    return judge(not bare, Verdict.CORRECTED, bare=bare)


def _repeated(names: tuple[str, ...]) -> list[str]:
    return [name for name, n in Counter(names).items() if n > 1]
