"""Check of numbers in prose: each is glued from what computed it, or allowed with a reason.

Code, roles, mathematics, links, tables and directives' options are no prose; names may hold
digits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import nbformat

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem

ALLOWED = Path("book/numbers.yaml")
"""Which numbers may stand in prose as they are, and why."""

_NOT_PROSE = [
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"^```.*?^```", re.S | re.M),
        (r"\{[a-z:]+\}`[^`]*`", 0),
        (r"`[^`]*`", 0),
        (r"\$[^$]*\$", 0),
        (r"\]\([^)]*\)", 0),
        (r"<[^>]+>", 0),
        (r"https?://\S+", 0),
        (r"^:::+.*$", re.M),
        (r"^\s*:[a-z-]+:.*$", re.M),
        (r"^\s*\|.*$", re.M),
    )
]

_NAMES = re.compile(
    r"ResNet\d+\w*|COVID-?19|SARS-CoV-2|1 ?[x×] ?1|F1|SHA-?256|Python \d[\d.]*|"
    r"(?:CLAIM|REFORMS|TRIPOD|STARD)[\w+-]* 20\d\d|"
    r"(?:[Ff]igures?|[Tt]ables?|[Ss]ections?|[Ii]tems?)\s+[\d.]*\d"
    r"(?:(?:, | and | to |–|-)[\d.]*\d)*"
)

_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*")


class TypedNumber(NamedTuple):
    """A number in prose: where, which, and the words around it."""

    page: str
    number: str
    around: str


def numbers(page: str, text: str) -> list[TypedNumber]:
    """Typed numbers of a text in MyST Markdown; ``page`` is its name."""
    for pattern in _NOT_PROSE:
        text = pattern.sub(" ", text)
    text = " ".join(_NAMES.sub(" ", text).split())
    return [
        TypedNumber(
            page, match[0].rstrip(".,"), text[max(0, match.start() - 40) : match.end() + 40]
        )
        for match in _NUMBER.finditer(text)
    ]


def of_project(root: Path = Path()) -> list[TypedNumber]:
    """Typed numbers in the prose of all pages and notebooks of a project."""
    texts = {
        f"book/{path.name}": path.read_text("utf-8")
        for path in sorted((root / "book").glob("*.md"))
    }
    for path in sorted((root / "notebooks").glob("*/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        texts[path.relative_to(root).as_posix()] = prose
    return [number for page, text in texts.items() for number in numbers(page, text)]


def check(root: Path = Path()) -> None:
    """Refuse numbers that are neither glued nor allowed, and allowances that nothing needs."""
    path = root / ALLOWED
    allowed = [
        (str(page), str(phrase), str(why))
        for page, phrases in strict_yaml.parse(path.read_text("utf-8"), f"{path}: is").items()
        for phrase, why in phrases.items()
    ]
    needed = set()
    for typed in of_project(root):
        fitting = {one for one in allowed if one[0] == typed.page and one[1] in typed.around}
        if not fitting:
            raise Problem(
                f"{typed.page}: the number {typed.number} is typed into prose "
                f"('… {typed.around} …'); glue it from what computes it, or allow the words around "
                f"it in {ALLOWED} with a reason."
            )
        needed |= fitting
    for page, phrase, why in allowed:
        if (page, phrase, why) not in needed:
            raise Problem(f"{path}: no number of {page} needs '{phrase}'; remove it.")
        if not why.strip() or why == "None":
            raise Problem(f"{path}: '{phrase}' of {page} is allowed for no reason; state one.")
