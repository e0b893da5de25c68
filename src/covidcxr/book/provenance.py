"""Provenance of pages: what each was made from, and whether that still lies there.

A page carries, in its notebook's metadata, its template and parameters, the records it read or
made, and the state of code and environment. Snakemake decides by time what is executed again.
Before a book is rendered, `check` compares contents, which also covers files that no rule names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from covidcxr.book import imports
from covidcxr.core import machine
from covidcxr.core.errors import Problem

KEY = "covidcxr"
"""The key in a notebook's metadata."""

ENVIRONMENT = "requirements.lock"

_REFERENCE = re.compile(r"\{glue:[a-z]*\}`(?:(?P<page>[\w/.-]+\.ipynb)::)?(?P<key>\w+)[^`]*`")

Facts = dict[str, Any]


def of_page(
    template: Path, parameters: Mapping[str, Any], used: Iterable[Path], root: Path
) -> Facts:
    """Provenance of an executed page, with paths relative to the project's folder.

    ``used`` are the files that it read results from, as `covidcxr.core.records.used` notes them.

    Returns
    -------
    dict
        ``template``, ``parameters``, ``files`` (sha256 of the template, of the study and of
        what was used, by path), ``records`` (of each: path, commit, day, fingerprints),
        ``code`` (of what the template needs), ``environment`` and ``commit``.
    """
    inside = sorted({path.resolve() for path in used if _within(path, root)})
    study = [
        Path(str(value))
        for value in parameters.values()
        if str(value).endswith(".yaml") and _within(Path(str(value)), root)
    ]
    return {
        "template": _relative(template, root),
        "parameters": {name: _shown(value, root) for name, value in sorted(parameters.items())},
        "files": {_relative(path, root): _digest(path) for path in (template, *study, *inside)},
        "records": [_of_record(path, root) for path in inside if path.name == "record.json"],
        **state(root, template),
    }


def state(root: Path, template: Path | None = None) -> Facts:
    """State of the project: ``code`` (of all or a template), ``environment``, ``commit``."""
    return {
        "code": code(root, template),
        "environment": _digest(root / ENVIRONMENT),
        "commit": machine.commit(),
    }


def code(root: Path, template: Path | None = None) -> str:
    """Return the sha256 of the whole package or of what a template needs, data included."""
    if template is None:
        package = (root / "src" / imports.PACKAGE).rglob("*")
        files = sorted(path for path in package if path.suffix in (".py", *imports.DATA))
    else:
        files = imports.of_template(template, root) if template.is_file() else []
    digest = hashlib.sha256()
    for path in files:
        digest.update(_relative(path, root).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def changes(page: Facts, root: Path) -> list[str]:
    """List what has changed since a page was made; ``page`` is as `of_page` returned it."""
    changed = [
        f"{path} {'has changed' if (root / path).is_file() else 'is gone'}"
        for path, digest in page["files"].items()
        if _digest(root / path) != digest
    ]
    if page["code"] != code(root, root / page["template"]):
        changed.append("code that it needs has changed")
    if page["environment"] != _digest(root / ENVIRONMENT):
        changed.append(f"{ENVIRONMENT} has changed")
    return changed


def check(pages: Mapping[str, Path], root: Path) -> None:
    """Refuse the first of the executed pages, by name, that is older than what it shows."""
    for name, path in pages.items():
        page = read(path)
        if page is None:
            raise Problem(f"{path}: says nothing of how it was made; delete it and build again.")
        if changed := changes(page, root):
            raise Problem(
                f"{path}: the page '{name}' is older than what it shows ({'; '.join(changed)}); "
                "delete it and build again."
            )


def read(path: Path) -> Facts | None:
    """Return a page's provenance; None where it has none."""
    facts: Facts | None = nbformat.read(path, as_version=4).metadata.get(KEY)
    return json.loads(json.dumps(facts)) if facts else None


def references(text: str) -> list[tuple[str | None, str]]:
    """Return the glued values that a text asks for: the page they are of, if another, and key."""
    return [(match["page"], match["key"]) for match in _REFERENCE.finditer(text)]


def of_book(folder: Path, prose: Path) -> Facts:
    """Provenance of all pages of a book, by page.

    Of each executed page in ``folder`` what `of_page` says, and the ``keys`` of the values that it
    glues; of every page, those in the folder ``prose`` too, the values of other pages that it
    ``shows``, by page.
    """
    pages: Facts = {}
    for path in sorted(folder.glob("*.ipynb")):
        page = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
        pages[f"{prose.name}/{folder.name}/{path.stem}"] = {
            **(read(path) or {}),
            "keys": _glued(page),
            **_shows(text, f"{prose.name}/{folder.name}"),
        }
    for path in sorted(prose.glob("*.md")):
        pages[f"{prose.name}/{path.stem}"] = _shows(path.read_text("utf-8"), prose.name)
    return pages


def _glued(page: nbformat.NotebookNode) -> list[str]:
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    glued = (output.get("metadata", {}).get("scrapbook") for output in outputs)
    return sorted({value["name"] for value in glued if value})


def _shows(text: str, folder: str) -> Facts:
    shown: dict[str, list[str]] = {}
    for source, key in references(text):
        if source:
            shown.setdefault(f"{folder}/{source.removesuffix('.ipynb')}", []).append(key)
    return {"shows": shown} if shown else {}


def _of_record(path: Path, root: Path) -> Facts:
    content = json.loads(path.read_text("utf-8"))
    return {
        "path": _relative(path.parent, root),
        "sha256": _digest(path),
        **{key: content[key] for key in ("created", "commit", "fingerprints")},
    }


def _within(path: Path, root: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _shown(value: Any, root: Path) -> Any:
    """Cut this machine's folders from a parameter."""
    if not isinstance(value, str | Path):
        return value
    path = Path(value)
    return _relative(path, root) if path.is_absolute() else str(value)


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
