"""Reference pages list what they are made from."""

import ast
import re
from pathlib import Path

import yaml

from covidcxr.cli import sphinx_reference

ROOT = Path(__file__).parents[2]


def test_every_command_is_for_readers_or_for_the_workflow() -> None:
    shown = dict(sphinx_reference.commands())
    assert {"audit", "metrics", "compare", "duplicates", "overlap", "doctor", "claims"} <= set(
        shown
    )
    assert not set(shown) & sphinx_reference.INTERNAL
    for name, text in shown.items():
        assert text.startswith(f"Usage: covidcxr {name}"), text[:80]
    from typer.main import get_command

    from covidcxr.cli import commands

    every = set(get_command(commands.app).commands)  # type: ignore[attr-defined]
    assert set(shown) | sphinx_reference.INTERNAL == every


def test_targets_are_those_that_make_help_lists() -> None:
    listed = sphinx_reference.targets("a: b ## does a\nb:\n\tx\n.c: d ## no\nlock: ## does lock\n")
    assert listed == [("make a", "does a"), ("make lock", "does lock")]
    makefile = (ROOT / "Makefile").read_text()
    assert {"make book", "make test", "make clean-all"} <= set(
        dict(sphinx_reference.targets(makefile))
    )


def test_modules_are_read_without_being_imported(tmp_path: Path) -> None:
    package = tmp_path / "some"
    package.mkdir()
    (package / "shapes.py").write_text(
        '"""Shapes.\n\nMore."""\nimport nosuchmodule\n'
        'def area(width, *, height=1):\n    """Return\n    the area."""\n'
        'def _hidden():\n    """Hidden."""\n'
        'class Square:\n    """A square."""\n'
    )
    (package / "_private.py").write_text('"""Private."""\ndef f():\n    """F."""\n')
    assert sphinx_reference.modules(package) == [
        ("some.shapes", "Shapes.",
         [("area(width, *, height)", "Return the area."), ("class Square", "A square.")]),
    ]  # fmt: skip


def test_every_room_has_modules_and_says_what_it_is_for() -> None:
    package = ROOT / "src/covidcxr"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert {name.split(".")[1] for name, *_ in sphinx_reference.modules(package)} == rooms
    for room in rooms:
        assert ast.get_docstring(ast.parse((package / room / "__init__.py").read_text())), room


def test_the_glossary_defines_each_word_once_and_knows_the_scores() -> None:
    page = (ROOT / "book/glossary.md").read_text()
    words = re.findall(r"^(.+)\n: ", page, re.M)
    assert len(words) == len(set(words)) > 30
    for word in ("AUROC", "calibration", "leakage", "shortcut", "group", "record", "interval"):
        assert any(re.search(rf"\b{word}\b", one) for one in words), word


SIX = {
    "Is the 93% real?": ["Discussion and limits"],
    "Which data set was it?": ["Which images were these?"],
    "Are patients shared": ["Which images were these?", "Copies, shared patients and leakage"],
    "What would happen in a hospital?": ["Discussion and limits", "External testing"],
    "How do I run it on my data?": ["Reproduce this book"],
    "Who computed this number": [],
}


def test_the_landing_page_answers_each_question_within_two_clicks() -> None:
    page = (ROOT / "book/index.md").read_text()
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| ")}
    for question, titles in SIX.items():
        (row,) = (row for asked, row in rows.items() if asked.startswith(question))
        targets = re.findall(r"\]\(([\w/.]+)\)", row)
        if not titles:
            assert "foot of its page" in row
            continue
        for title, target in zip(titles, targets[: len(titles)], strict=True):
            file = ROOT / "book" / target
            if target.startswith("run/"):
                (file,) = (ROOT / "notebooks").glob(f"*/{file.name}")
            assert re.search(rf"# {re.escape(title)}", file.read_text()), (question, file)


def test_the_citation_file_says_what_the_package_says() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cited["version"] == project["version"]
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "license"} <= set(cited)
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changes or f"## [{cited['version']}]" in changes
