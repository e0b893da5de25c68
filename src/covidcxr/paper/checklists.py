"""Reporting checklists: items, their statuses, and the evidence that they point to.

REFORMS: Kapoor et al., Science Advances 10:eadk3452 (2024). CLAIM 2024: Tejani et al.,
Radiology: Artificial Intelligence 6:e240300 (2024). Items are in our own words.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field, TypeAdapter

from covidcxr.core import records, strict_yaml
from covidcxr.core.errors import Problem
from covidcxr.core.record_content import Damaged
from covidcxr.core.studies import Strict

Status = Literal["reported", "partial", "absent", "not_applicable"]
STATUSES: tuple[Status, ...] = get_args(Status)

Name = Literal["REFORMS", "CLAIM"]
FILES: dict[Name, str] = {"REFORMS": "data/reforms.yaml", "CLAIM": "data/claim.yaml"}


class OfPaper(Strict):
    """What the paper reports, and at which of its places."""

    status: Status
    at: tuple[str, ...] = Field(default=(), strict=False)
    evidence: str


class OfStudy(Strict):
    """What this edition reports, and pointers to it.

    A pointer is a page, perhaps with an anchor (``run/leakage#networks``); a file of the project,
    perhaps with a JSON pointer (``results/s/r/record.json#/parameters/epochs``); or a test
    (``tests/cohorts/test_splits.py::test_it``).
    """

    status: Status
    evidence: tuple[str, ...] = Field(default=(), strict=False)


class Item(Strict):
    """One item of a checklist.

    Attributes
    ----------
    check
        The test that fails where the study's evidence stops being true, if there is one.
    note
        Why the item does not apply, or what is missing.
    claim
        Items of CLAIM that ask about the same.
    """

    id: str
    requirement: str
    paper: OfPaper
    study: OfStudy
    check: str | None = None
    note: str | None = None
    claim: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def pointers(self) -> list[str]:
        """The study's evidence and its test."""
        return [*self.study.evidence, *([self.check] if self.check else [])]


@cache
def content(name: Name) -> tuple[Item, ...]:
    """Read a checklist with the package's own answers."""
    text = files("covidcxr").joinpath(FILES[name]).read_text("utf-8")
    items = strict_yaml.parse(text, f"{FILES[name]}: is")
    return TypeAdapter(tuple[Item, ...]).validate_python(tuple(items))


def counts(name: Name) -> pd.DataFrame:
    """Count the statuses: a row for the paper and one for this edition, a column a status."""
    statuses = {
        "the paper": [item.paper.status for item in content(name)],
        "this edition": [item.study.status for item in content(name)],
    }
    rows = {of: [each.count(status) for status in STATUSES] for of, each in statuses.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STATUSES))


def page_values() -> dict[str, int]:
    """Count pointers, tests and items in full, by glue key."""
    items = [item for name in FILES for item in content(name)]
    glued = {
        "checklists_followed": sum(len(item.pointers) for item in items),
        "checklists_tested": sum(item.check is not None for item in items),
    }
    for name in FILES:
        full = counts(name)["reported"]
        key = f"checklists_{name.lower()}"
        glued |= {f"{key}_items": len(content(name))}
        glued |= {f"{key}_paper": full["the paper"], f"{key}_edition": full["this edition"]}
    return glued


def values() -> list[str]:
    """List the JSON files whose values the checklists show."""
    pointers = (p for name in FILES for item in content(name) for p in item.study.evidence)
    return sorted({p.partition("#")[0] for p in pointers if "#/" in p})


def is_page(pointer: str, root: Path) -> bool:
    """Return whether a pointer names a page of the book, and no file and no test."""
    return "::" not in pointer and not (root / pointer.partition("#")[0]).exists()


def value(pointer: str, root: Path) -> str | None:
    """Find a single value by its file and JSON pointer (RFC 6901); a fingerprint is cut short.

    Raises
    ------
    Problem
        For a file that has no such value.
    """
    name, _, place = pointer.partition("#/")
    if not place:
        return None
    path = root / name
    # A record is read as one, so that the page notes that it rests on it.
    is_record = path.name == "record.json"
    node: Any = records.read(path.parent).content if is_record else json.loads(path.read_text())
    for part in place.split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, TypeError, ValueError, Damaged) as error:
            raise Problem(f"{pointer}: the file has no '{key}' there; correct it.") from error
    return _shown(node)


def _shown(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return None
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{text[:12]}…" if re.fullmatch(r"[0-9a-f]{40,64}", text) else text
