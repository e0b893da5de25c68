"""A rendered book as a research object: all is named once, and nothing refers to nothing."""

import json
from pathlib import Path
from typing import Any

from covidcxr.book import crate

BOOK: dict[str, Any] = {
    "build": {
        "study": "demo", "code": "a" * 64, "environment": "b" * 64,
        "commit": {"id": "c" * 40, "changed": False},
    },
    "pages": {
        "book/index": {"shows": {}},
        "book/run/one": {
            "template": "notebooks/one.ipynb",
            "files": {"notebooks/one.ipynb": "1", "results/demo/run/record.json": "2"},
        },
        "book/run/two": {
            "template": "notebooks/two.ipynb",
            "files": {"notebooks/two.ipynb": "3", "results/demo/run/record.json": "2"},
        },
        "book/run/left_out": {"template": "notebooks/three.ipynb", "files": {}},
    },
}  # fmt: skip


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["@id"]] if set(value) == {"@id"} else []
        return own + [one for v in value.values() for one in references(v)]
    return [one for v in value for one in references(v)] if isinstance(value, list) else []


def test_every_page_is_made_by_an_action_from_its_notebook_and_records(tmp_path: Path) -> None:
    pages = ["index.html", "book/index.html", "book/run/one.html", "book/run/two.html"]
    for page in pages:
        path = tmp_path / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    crate.write(tmp_path, BOOK)
    described = json.loads((tmp_path / crate.FILE).read_text())
    graph = {one["@id"]: one for one in described["@graph"]}

    assert len(graph) == len(described["@graph"])
    outside = ("https://", "http://")
    assert {r for r in references(described["@graph"]) if not r.startswith(outside)} <= set(graph)
    assert {part["@id"] for part in graph["./"]["hasPart"]} == {*pages, "provenance.json"}
    action = graph["#make-book/run/one.html"]
    assert action["result"] == {"@id": "book/run/one.html"}
    assert {one["@id"] for one in action["object"]} == {
        "#notebooks/one.ipynb", "#results/demo/run/record.json",
    }  # fmt: skip
    assert graph["#package"]["version"] == "c" * 40
    assert "#make-book/run/left_out.html" not in graph
