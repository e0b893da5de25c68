"""RO-Crate metadata of a rendered book: its files, and what each page was computed from.

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


def write(html: Path, book: Mapping[str, Any]) -> None:
    """Write the crate into a folder of rendered pages; ``book`` is as in ``provenance.json``."""
    rendered = {str(path.relative_to(html)) for path in html.rglob("*.html")}
    text = json.dumps(describe(book, rendered), indent=1)
    with atomic.file(html / FILE) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def describe(book: Mapping[str, Any], rendered: set[str]) -> dict[str, Any]:
    """JSON-LD of a book; ``rendered`` are the paths of its pages within its folder."""
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

    def add(kind: str, key: str, **properties: Any) -> dict[str, str]:
        """Add an entity that is not a file of the crate, and return a reference to it."""
        crate.add(ContextEntity(crate, key, properties={"@type": kind, **properties}))
        return {"@id": key}

    environment = add(
        "CreativeWork", f"#{provenance.ENVIRONMENT}", name=provenance.ENVIRONMENT,
        sha256=build["environment"],
    )  # fmt: skip
    add(
        "SoftwareSourceCode", _PACKAGE, name="covidcxr",
        version=build["commit"]["id"] or "no commit", sha256=build["code"],
        softwareRequirements=environment,
    )  # fmt: skip
    inputs: dict[str, dict[str, str]] = {}
    for path in sorted(rendered | {"provenance.json"}):
        kind = "application/json" if path.endswith(".json") else "text/html"
        crate.add(File(crate, dest_path=path, properties={"name": path, "encodingFormat": kind}))
        page = book["pages"].get(path.removesuffix(".html"), {})
        if "template" not in page:
            continue
        for name, digest in page["files"].items():
            if name not in inputs:
                inputs[name] = add("CreativeWork", f"#{name}", name=name, sha256=digest)
        add(
            "CreateAction", f"#make-{path}", name=f"Execution of {page['template']}",
            instrument={"@id": _PACKAGE}, result={"@id": path},
            object=[inputs[name] for name in page["files"]],
        )  # fmt: skip
    described: dict[str, Any] = crate.metadata.generate()
    return described
