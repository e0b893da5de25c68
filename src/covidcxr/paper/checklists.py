"""Reporting checklists: what the paper and this edition report, with evidence that is followed.

Each item is in our own words. Of the paper it says where the answer stands; of this edition
it points to pages, files, records and tests, and `check` goes to every one of them.

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
from typing import Annotated, Any, Literal, NamedTuple, get_args

import nbformat
import pandas as pd
import yaml
from docutils.nodes import make_id
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.studies import Strict, parse_yaml
from covidcxr.paper import publication

Status = Literal["reported", "partial", "absent", "not_applicable"]
STATUSES: tuple[Status, ...] = get_args(Status)

Name = Literal["REFORMS", "CLAIM"]
NAMES: tuple[Name, ...] = get_args(Name)

FILES: dict[Name, str] = {"REFORMS": "data/reforms.yaml", "CLAIM": "data/claim.yaml"}

IDS: dict[Name, tuple[str, ...]] = {
    # Eight modules, each with a letter an item.
    "REFORMS": tuple(
        f"{module}{letter}"
        for module, letters in enumerate(
            ("abc", "abcde", "abcdefg", "abc", "abcdef", "abc", "abc", "ab"), 1
        )
        for letter in letters
    ),
    "CLAIM": tuple(str(item) for item in range(1, 45)),
}
"""The items of each checklist, in its order."""

Text = Annotated[str, Field(min_length=1)]


# --- what the files say


class OfPaper(Strict):
    """What the paper reports, and at which of its places."""

    status: Status
    at: tuple[str, ...] = Field(default=(), strict=False)
    evidence: Text

    @model_validator(mode="after")
    def _placed(self) -> OfPaper:
        unknown = [place for place in self.at if place not in _places()]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is no place of the paper")
        if self.status in ("reported", "partial") and not self.at:
            raise ValueError(f"what is {self.status} stands at a place; name it under 'at'")
        return self


class OfStudy(Strict):
    """What this edition reports, and pointers to it."""

    status: Status
    evidence: tuple[Text, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _supported(self) -> OfStudy:
        if self.status in ("reported", "partial") and not self.evidence:
            raise ValueError(f"what is {self.status} needs evidence")
        return self


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
    requirement: Text
    paper: OfPaper
    study: OfStudy
    check: str | None = None
    note: Text | None = None
    claim: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _explained(self) -> Item:
        if "not_applicable" in (self.paper.status, self.study.status) and not self.note:
            raise ValueError("what is not applicable needs a note that says why")
        if self.study.status in ("partial", "absent") and not self.note:
            raise ValueError(f"what is {self.study.status} needs a note that says what is missing")
        unknown = [item for item in self.claim if item not in IDS["CLAIM"]]
        if unknown:
            raise ValueError(f"CLAIM has no item '{unknown[0]}'")
        return self

    @property
    def pointers(self) -> list[str]:
        """Everything that `follow` can be given: the study's evidence and its test."""
        return [*self.study.evidence, *([self.check] if self.check else [])]


def parse(text: str, name: Name, file: str | None = None) -> tuple[Item, ...]:
    """Read a checklist strictly.

    Parameters
    ----------
    text
        The YAML: a list of items.
    name
        Which checklist it is.
    file
        What to call it where it is wrong.

    Raises
    ------
    Problem
        For an item that is missing, unknown or stands twice, an unknown key, status or
        place, evidence or a note that is missing.
    """
    file = file or FILES[name]
    content = parse_yaml(text, f"{file}: is")
    if not isinstance(content, list):
        raise Problem(f"{file}: is no list of items; write one.")
    try:
        items = TypeAdapter(tuple[Item, ...]).validate_python(tuple(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the whole item"
        which = _id(content[int(first["loc"][0])])
        reason = first["msg"].removeprefix("Value error, ")
        raise Problem(f"{file}: item {which}, {place}: {reason}; correct it.") from error
    there = [item.id for item in items]
    for id in there:
        if id not in IDS[name]:
            raise Problem(f"{file}: {name} has no item '{id}'; remove it.")
        if there.count(id) > 1:
            raise Problem(f"{file}: item {id} stands twice; keep one.")
    for id in IDS[name]:
        if id not in there:
            raise Problem(f"{file}: item {id} is missing; add it.")
    return items


@cache
def content(name: Name) -> tuple[Item, ...]:
    """Return the package's own answers to a checklist."""
    return parse(files("covidcxr").joinpath(FILES[name]).read_text("utf-8"), name)


@cache
def _places() -> frozenset[str]:
    numbers = (section.number for section in publication.paper().sections)
    return frozenset({"title", "abstract", *(f"section {number}" for number in numbers)})


def _id(item: Any) -> str:
    return str(item.get("id", "without id")) if isinstance(item, dict) else "that is no mapping"


# --- where the evidence is


class Evidence(NamedTuple):
    """What a pointer leads to.

    Attributes
    ----------
    pointer
        As it was given.
    page
        The page of the book that it names, with its anchor; None for anything else.
    value
        What a JSON pointer finds, where that is a single value.
    """

    pointer: str
    page: str | None = None
    value: str | None = None


def follow(pointer: str, root: Path) -> Evidence:
    """Go where a pointer leads.

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
    if path in pages(root):
        if not _source(path, root).is_file():
            raise Problem(f"{pointer}: {_source(path, root)} is not there; restore the page.")
        if place and place not in anchors(_source(path, root)):
            raise Problem(
                f"{pointer}: page '{path}' has no heading or label '{place}'; correct it."
            )
        return Evidence(pointer, page=pointer)
    if not (root / path).exists():
        raise Problem(f"{pointer}: is neither a page of the book nor a file; correct it.")
    if not place:
        return Evidence(pointer)
    return Evidence(pointer, value=_told(_value(root / path, place, pointer)))


def check(root: Path) -> int:
    """Follow every pointer of both checklists and return how many there are.

    Raises
    ------
    Problem
        For the first one that leads nowhere.
    """
    followed = 0
    for name in NAMES:
        for item in content(name):
            for pointer in item.pointers:
                try:
                    follow(pointer, root)
                except Problem as problem:
                    raise Problem(f"{FILES[name]}: item {item.id}: {problem}") from problem
                followed += 1
    return followed


def tested() -> int:
    """Return how many items of both checklists have a test."""
    return sum(item.check is not None for name in NAMES for item in content(name))


def values() -> list[str]:
    """Return the JSON files whose values the checklists show."""
    pointers = (p for name in NAMES for item in content(name) for p in item.study.evidence)
    return sorted({p.partition("#")[0] for p in pointers if "#/" in p})


def pages(root: Path) -> set[str]:
    """Return the pages of the book by their path below ``book/``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return {name.removeprefix("book/") for name in (toc["root"], *chapters)}


def anchors(source: Path) -> set[str]:
    """Return what can be linked to on a page: its headings, as Sphinx names them, and labels."""
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


def _source(page: str, root: Path) -> Path:
    if not page.startswith("run/"):
        return root / "book" / f"{page}.md"
    # The pages of the single networks are one template.
    name = page.removeprefix("run/").partition("_")[0]
    return next((root / "notebooks").glob(f"*/{name}.ipynb"), root / "notebooks" / name)


def _find_test(node: str, root: Path) -> None:
    path, _, name = node.partition("::")
    if not (root / path).is_file():
        raise Problem(f"{node}: there is no such file of tests; correct it.")
    tree = ast.parse((root / path).read_text("utf-8"))
    tests = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
    if not name.startswith("test_") or name not in tests:
        raise Problem(f"{node}: the file has no such test; correct it.")


def _value(path: Path, place: str, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) finds in a file."""
    # A record is read as one, so that the page notes that it rests on it.
    if path.name == "record.json":
        found: Any = records.read(path.parent).content
    else:
        found = json.loads(path.read_text("utf-8"))
    for part in place.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Problem(f"{pointer}: the file has no '{key}' there; correct it.") from error
    return found


def _told(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return None
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    # A fingerprint is told by its beginning.
    return f"{text[:12]}…" if re.fullmatch(r"[0-9a-f]{40,64}", text) else text


# --- what they come to


def counts(name: Name) -> pd.DataFrame:
    """Count the statuses: a row for the paper and one for this edition, a column a status."""
    given = {
        "the paper": [item.paper.status for item in content(name)],
        "this edition": [item.study.status for item in content(name)],
    }
    rows = {of: [each.count(status) for status in STATUSES] for of, each in given.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(STATUSES))


def answer(name: Name) -> str:
    """Say in a sentence how many items are answered; no share, for coverage is not quality."""
    told = [
        f"{of} reports {row['reported']} in full, {row['partial']} in part and {row['absent']} not "
        "at all" + (f" ({row['not_applicable']} do not apply)" if row["not_applicable"] else "")
        for of, row in counts(name).to_dict("index").items()
    ]
    return f"Of the {len(IDS[name])} items of {name}, {'; '.join(told)}."
