"""The page of an audit: complete, escaped, self-contained, written once."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from covidcxr.cli.commands import app
from covidcxr.core.errors import Unusable
from covidcxr.paper import audit

BAD = '<script>alert("1")</script>\x1b[31m&'


class Page(HTMLParser):
    """Tags, addresses and text of a page; refuses tags that close another."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(content: Any, *, corroborate: bool = True) -> tuple[Page, dict[str, Any]]:
    report = audit.audit(audit.parse(content, "x"), corroborate=corroborate)
    return Page(audit.html.as_html(report)), report


@pytest.mark.parametrize("name", audit.examples())
def test_every_value_of_every_example_stands_on_its_page(name: str) -> None:
    shown, report = page(audit.example(name), corroborate=False)
    text = " ".join(shown.text.split())
    said = [report["title"], report["headline"], *report["remarks"]]
    for table in report["tables"]:
        said.append(table["name"])
        for rows in table["reported"].values():
            for row in rows if isinstance(rows, list) else [rows]:
                said += [row["printed"], row["verdict"], row["note"]]
    for sentence in said:
        assert " ".join(sentence.split()) in text


def test_faults_stand_first_and_what_would_be_right_beside_them() -> None:
    text = page(audit.example("two-studies"))[0].text
    faults = text[text.index("Faults") : text.index("The paper as a whole")]
    assert re.search(r"accuracy\s*92%\s*90%\s*impossible", faults)
    assert "exact" not in faults
    assert "recall (sensitivity)" in page(audit.example("seedpaper"))[0].text
    assert "Faults" not in page(audit.example("melanoma"))[0].text


def test_a_page_needs_nothing_else() -> None:
    shown, _ = page(audit.example("seedpaper"))
    assert {"script", "link", "img", "iframe"}.isdisjoint(shown.tags)
    assert all(address.startswith("#table-") for address in shown.addresses)
    assert "Pairs of models" in shown.text


def test_what_a_file_says_is_text() -> None:
    table = {"name": BAD, "matrix": [[7, 3], [4, 6]], "rows": "true", "reported": {"acc": "0.6"}}
    content = {"title": BAD, "source": BAD, "tables": [table, {**table, "name": f"{BAD}2"}]}
    shown, report = page(content)
    assert "script" not in shown.tags
    assert shown.text.count('<script>alert("1")</script>\\x1b[31m&') >= 5
    assert "\x1b" not in audit.html.as_html(report)


def test_a_page_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.html"
    done = CliRunner().invoke(app, ["audit", "panwar", "--html", str(path)])
    assert done.exit_code == 0
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert done.stdout == CliRunner().invoke(app, ["audit", "panwar"]).stdout
    again = CliRunner().invoke(app, ["audit", "panwar", "--html", str(path)])
    assert isinstance(again.exception, Unusable)
    assert "exists already" in str(again.exception)
    assert list(tmp_path.iterdir()) == [path]
    folder = CliRunner().invoke(app, ["audit", str(tmp_path), "--html", str(tmp_path / "b.html")])
    assert isinstance(folder.exception, Unusable)
