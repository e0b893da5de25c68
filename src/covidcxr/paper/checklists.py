"""Reporting checklists: items, their statuses, and the evidence that they point to.

Each item is in our own words. Of the paper it says where the answer stands; of this edition
it points to pages, files, records and tests, and `follow` goes to each of them.

References
----------
REFORMS: Kapoor et al., Science Advances 10:eadk3452 (2024). CLAIM 2024: Tejani et al.,
Radiology: Artificial Intelligence 6:e240300 (2024).
"""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import nbformat
import pandas as pd
import yaml
from docutils.nodes import make_id
from pydantic import Field, TypeAdapter

from covidcxr.core import records, strict_yaml
from covidcxr.core.errors import Problem
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
    """What this edition reports, and pointers to it."""

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
        """The study's evidence and its test, for `follow`."""
        return [*self.study.evidence, *([self.check] if self.check else [])]


class Evidence(NamedTuple):
    """Target of a pointer: the page that it names, or the value that a JSON pointer finds."""

    pointer: str
    page: str | None = None
    value: str | None = None


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


def page_values(root: Path) -> dict[str, int]:
    """Numbers of pointers, tests and items in full, by glue key."""
    glued = {
        "checklists_followed": check(root),
        "checklists_tested": sum(item.check is not None for n in FILES for item in content(n)),
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


def check(root: Path) -> int:
    """Follow every pointer of both checklists and count them; one that leads nowhere is refused."""
    followed = 0
    for name in FILES:
        for item in content(name):
            for pointer in item.pointers:
                try:
                    follow(pointer, root)
                except Problem as problem:
                    raise Problem(f"{FILES[name]}: item {item.id}: {problem}") from problem
                followed += 1
    return followed


def follow(pointer: str, root: Path) -> Evidence:
    """Find what a pointer leads to.

    Parameters
    ----------
    pointer
        A page and perhaps an anchor on it, ``run/leakage#networks``; a file of the project,
        perhaps with a JSON pointer, ``results/s/r/record.json#/parameters/epochs``; or a
        test, ``tests/cohorts/test_splits.py::test_it``.
    root
        The project's folder.

    Raises
    ------
    Problem
        For a page that is not in the book, an anchor that its source does not have, a file,
        value or test that is not there.
    """
    path, _, place = pointer.partition("#")
    if "::" in path:
        _find_test(path, root)
        return Evidence(pointer)
    if path in _pages(root):
        if place and place not in anchors(_page_source(path, root)):
            raise Problem(
                f"{pointer}: page '{path}' has no heading or label '{place}'; correct it."
            )
        return Evidence(pointer, page=pointer)
    if not (root / path).exists():
        raise Problem(f"{pointer}: is neither a page of the book nor a file; correct it.")
    if not place:
        return Evidence(pointer)
    return Evidence(pointer, value=_shown(_value(root / path, place, pointer)))


def anchors(source: Path) -> set[str]:
    """List what can be linked to on a page: its headings, as Sphinx names them, and labels."""
    if source.suffix == ".ipynb":
        cells = nbformat.read(source, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = source.read_text("utf-8")
    labels = re.findall(r"^\(([\w-]+)\)=$|^:name: ([\w-]+)$", text, re.M)
    # A comment in a block of code is no heading.
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", prose, re.M)
    return {a or b for a, b in labels} | {make_id(heading) for heading in headings}


def _pages(root: Path) -> set[str]:
    """List the pages of the book by their path below ``book/``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return {name.removeprefix("book/") for name in (toc["root"], *chapters)}


def _page_source(page: str, root: Path) -> Path:
    """Find the file that a page is made from; the single networks' pages share a template."""
    if page.startswith("run/"):
        name = f"{Path(page).name.partition('_')[0]}.ipynb"
        places = sorted((root / "notebooks").rglob(name))
    else:
        name, places = f"{page}.md", sorted(root.glob(f"book/{page}.md"))
    if not places:
        raise Problem(f"{page}: {name} is not there; restore the page.")
    return places[0]


def _find_test(node: str, root: Path) -> None:
    path, _, name = node.partition("::")
    if not (root / path).is_file():
        raise Problem(f"{node}: there is no such file of tests; correct it.")
    tree = ast.parse((root / path).read_text("utf-8"))
    tests = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
    if not name.startswith("test_") or name not in tests:
        raise Problem(f"{node}: the file has no such test; correct it.")


def _value(path: Path, place: str, pointer: str) -> Any:
    """Find the value of a JSON pointer (RFC 6901) in a file."""
    # A record is read as one, so that the page notes that it rests on it.
    is_record = path.name == "record.json"
    value: Any = records.read(path.parent).content if is_record else json.loads(path.read_text())
    for part in place.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Problem(f"{pointer}: the file has no '{key}' there; correct it.") from error
    return value


def _shown(value: Any) -> str | None:
    """Write a single value as a reader gets it, a fingerprint by its beginning."""
    if isinstance(value, dict | list):
        return None
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{text[:12]}…" if re.fullmatch(r"[0-9a-f]{40,64}", text) else text
