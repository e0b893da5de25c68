"""Where what stands on a page came from, and whether it still comes from there.

A page carries, in its notebook's metadata, the template and parameters it was made with,
the records it read or made, and the state of code and environment. When a book is
rendered these are compared with what lies there now, shown at the foot of each page, and
written out as ``provenance.json``.
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
"""Where a notebook's metadata hold it."""

ENVIRONMENT = "requirements.lock"

_REFERENCE = re.compile(r"\{glue:[a-z]*\}`(?:(?P<page>[\w/.-]+\.ipynb)::)?(?P<key>\w+)[^`]*`")

Facts = dict[str, Any]


def of_page(
    template: Path, parameters: Mapping[str, Any], used: Iterable[Path], root: Path
) -> Facts:
    """Say what a page is made from.

    Parameters
    ----------
    template
        The notebook that was executed.
    parameters
        What it was given.
    used
        Files that it read results from, as `covidcxr.core.records.used` notes them.
    root
        The project's folder, relative to which paths are given.

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
    """Return the state of the project: ``code``, ``environment`` and ``commit``.

    The code is all of the package, or what a template needs.
    """
    return {
        "code": code(root, template),
        "environment": _digest(root / ENVIRONMENT),
        "commit": machine.commit(),
    }


def code(root: Path, template: Path | None = None) -> str:
    """Return the sha256 of the whole package or of what a template needs, data included."""
    if template is None:
        package = (root / "src" / imports.PACKAGE).rglob("*")
        files = sorted(path for path in package if path.suffix in (".py", ".yaml"))
    else:
        files = imports.of_template(template, root) if template.is_file() else []
    digest = hashlib.sha256()
    for path in files:
        digest.update(_relative(path, root).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def stale(page: Facts, root: Path) -> list[str]:
    """Name what has changed since a page was made; nothing for a fresh one.

    Parameters
    ----------
    page
        As `of_page` returned it.
    root
        The project's folder as it is now.
    """
    found = [
        f"{path} {'has changed' if (root / path).is_file() else 'is gone'}"
        for path, digest in page["files"].items()
        if _digest(root / path) != digest
    ]
    if page["code"] != code(root, root / page["template"]):
        found.append("code that it needs has changed")
    if page["environment"] != _digest(root / ENVIRONMENT):
        found.append(f"{ENVIRONMENT} has changed")
    return found


def check(pages: Mapping[str, Path], root: Path) -> None:
    """Refuse to render pages that were made from something else than what lies there now.

    Parameters
    ----------
    pages
        Executed notebooks by the name of their page.
    root
        The project's folder.

    Raises
    ------
    Problem
        For the first page that says nothing of its making, or something that is no longer so.
    """
    for name, path in pages.items():
        page = read(path)
        if page is None:
            raise Problem(f"{path}: says nothing of how it was made; delete it and build again.")
        changed = stale(page, root)
        if changed:
            raise Problem(
                f"{path}: the page '{name}' is older than what it shows ({'; '.join(changed)}); "
                "delete it and build again."
            )


def read(path: Path) -> Facts | None:
    """Return what a page says of its making, or None where it says nothing."""
    facts: Facts | None = nbformat.read(path, as_version=4).metadata.get(KEY)
    return json.loads(json.dumps(facts)) if facts else None


def keys(page: nbformat.NotebookNode) -> list[str]:
    """Return the names under which a page keeps values for prose."""
    return sorted(
        {
            output["metadata"]["scrapbook"]["name"]
            for cell in page.cells
            for output in cell.get("outputs", [])
            if "scrapbook" in output.get("metadata", {})
        }
    )


def references(text: str) -> list[tuple[str | None, str]]:
    """Return the glued values that a text asks for: the page they are of, if another, and key."""
    return [(match["page"], match["key"]) for match in _REFERENCE.finditer(text)]


def of_book(folder: Path, prose: Path) -> Facts:
    """Gather what all pages of a book say.

    Parameters
    ----------
    folder
        The executed pages.
    prose
        The pages that were written.

    Returns
    -------
    dict
        ``pages``: of each executed page what `of_page` says, and the ``keys`` of the values
        it keeps; of every page that ``shows`` values of others those, by the page they are of.
    """
    pages: Facts = {}
    for path in sorted(folder.glob("*.ipynb")):
        page = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
        pages[f"{prose.name}/{folder.name}/{path.stem}"] = {
            **(read(path) or {}),
            "keys": keys(page),
            **_borrowed(text, f"{prose.name}/{folder.name}"),
        }
    for path in sorted(prose.glob("*.md")):
        pages[f"{prose.name}/{path.stem}"] = _borrowed(path.read_text("utf-8"), prose.name)
    return {"pages": pages}


def _borrowed(text: str, folder: str) -> Facts:
    """Return the values of other pages that a text in a folder shows, if any."""
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
        "created": content["created"],
        "commit": content["commit"],
        "fingerprints": content["fingerprints"],
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
    told = path.stat()
    return _digest_of(path, told.st_size, told.st_mtime_ns)


@cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
