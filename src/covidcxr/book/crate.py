"""A build of the book as a research object (RO-Crate): what it holds, and what made what.

The crate says in the vocabulary of schema.org what ``provenance.json`` says in ours: each
page is the result of an action, whose objects are a notebook and records, and whose
instrument is the package at a commit, in an environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covidcxr.book import provenance
from covidcxr.core import atomic

FILE = "ro-crate-metadata.json"

_PACKAGE = "#package"

Facts = Mapping[str, Any]


def write(html: Path, book: Facts) -> None:
    """Write the crate of a rendered book into its folder.

    Parameters
    ----------
    html
        The folder of the rendered pages.
    book
        As ``provenance.json`` holds it: ``build`` and ``pages``.
    """
    there = {str(path.relative_to(html)) for path in html.rglob("*.html")}
    text = json.dumps(of_book(book, there), indent=1)
    with atomic.file(html / FILE) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def of_book(book: Facts, there: set[str]) -> dict[str, Any]:
    """Describe a rendered book.

    Parameters
    ----------
    book
        As for `write`.
    there
        The rendered pages, relative to the book's folder.

    Returns
    -------
    dict
        JSON-LD.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.file import File
    from rocrate.rocrate import ROCrate

    crate, build = ROCrate(), book["build"]
    crate.name = f"ResNet252V2, re-executed: study {build['study']}"
    crate.description = (
        "The rendered book of an executable, auditable edition of a paper on COVID-19 detection "
        "from chest X-rays. Synthetic studies hold no finding."
    )
    crate.license = "https://spdx.org/licenses/MIT"

    def about(kind: str, key: str, **properties: Any) -> dict[str, str]:
        """Add a thing that is not part of the crate, and refer to it."""
        crate.add(ContextEntity(crate, key, properties={"@type": kind, **properties}))
        return {"@id": key}

    about(
        "SoftwareSourceCode", _PACKAGE, name="covidcxr",
        version=build["commit"]["id"] or "no commit", sha256=build["code"],
        softwareRequirements=about(
            "CreativeWork", f"#{provenance.ENVIRONMENT}", name=provenance.ENVIRONMENT,
            sha256=build["environment"],
        ),
    )  # fmt: skip
    made = {f"{name}.html": page for name, page in book["pages"].items()}
    known: dict[str, dict[str, str]] = {}
    for path in sorted(there | {"provenance.json"}):
        kind = "application/json" if path.endswith(".json") else "text/html"
        crate.add(File(crate, dest_path=path, properties={"name": path, "encodingFormat": kind}))
        page = made.get(path, {})
        if "template" not in page:
            continue
        for used, digest in page["files"].items():
            if used not in known:
                known[used] = about("CreativeWork", f"#{used}", name=used, sha256=digest)
        about(
            "CreateAction", f"#make-{path}", name=f"Execution of {page['template']}",
            instrument={"@id": _PACKAGE}, result={"@id": path},
            object=[known[used] for used in page["files"]],
        )  # fmt: skip
    described: dict[str, Any] = crate.metadata.generate()
    return described
