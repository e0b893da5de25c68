"""Reference pages say what is there: cards the records, lists what they are made from."""

import re
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from covidcxr.cli import sphinx_reference
from covidcxr.core import records, studies
from covidcxr.figures import cards
from covidcxr.validity import external

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "results/small"


@pytest.fixture(scope="module")
def tested() -> records.Record:
    return records.read(FOLDER / "external")


def test_the_data_card_counts_the_cohorts_of_the_records(tested: records.Record) -> None:
    counted = cards.cohorts(tested)
    assert counted["cohort"].tolist() == ["cohort"] * 2 + ["adults"] * 2 + ["holdout"] * 2
    own = counted[counted["cohort"] == "cohort"].set_index("label")["images"]
    assert own.to_dict() == records.read(FOLDER / "cohort")["images"]
    assert (counted["groups"] <= counted["images"]).all()
    assert (counted["distinct"] <= counted["images"]).all()
    assert counted.query("cohort == 'cohort'")["left_out"].sum() == 0


def test_the_model_card_shows_each_recorded_network_on_each_cohort(tested: records.Record) -> None:
    settings = studies.load(str(ROOT / "config/small.yaml"))
    runs = external.trainings(settings, FOLDER)
    shown = cards.performance(external.networks(runs, tested))
    assert shown["cohort"].tolist() == ["cohort", "adults", "holdout"] * len(runs)
    assert list(dict.fromkeys(shown["model"])) == list(runs)
    for name, run in runs.items():
        cells = run["metrics"]["test"]
        row = shown[(shown["model"] == name) & (shown["cohort"] == "cohort")].iloc[0]
        assert row["n"] == sum(cells[cell] for cell in ("tp", "fn", "fp", "tn"))
        assert row["sensitivity"].startswith(f"{cells['sensitivity']:.3f} (")
        assert row["specificity"].startswith(f"{cells['specificity']:.3f} (")


def test_every_command_is_for_readers_or_for_the_workflow() -> None:
    told = dict(sphinx_reference.commands())
    assert {"audit", "metrics", "compare", "duplicates", "overlap", "doctor", "claims"} <= set(told)
    assert not set(told) & sphinx_reference.INTERNAL
    for name, text in told.items():
        assert text.startswith(f"Usage: covidcxr {name}"), text[:80]
    from typer.main import get_command

    from covidcxr.cli import commands

    every = set(get_command(commands.app).commands)  # type: ignore[attr-defined]
    assert set(told) | sphinx_reference.INTERNAL == every


def test_targets_are_those_that_make_help_lists() -> None:
    found = sphinx_reference.targets("a: b ## does a\nb:\n\tx\n.c: d ## no\nlock: ## does lock\n")
    assert found == [("make a", "does a"), ("make lock", "does lock")]
    makefile = (ROOT / "Makefile").read_text()
    assert {"make book", "make test", "make pdf"} <= set(dict(sphinx_reference.targets(makefile)))


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


def test_the_glossary_defines_each_word_once_and_knows_the_scores() -> None:
    page = (ROOT / "book/glossary.md").read_text()
    words = re.findall(r"^(.+)\n: ", page, re.M)
    assert len(words) == len(set(words)) > 30
    for word in ("AUROC", "calibration", "leakage", "shortcut", "group", "record", "interval"):
        assert any(re.search(rf"\b{word}\b", one) for one in words), word


SIX = {
    "Is the 93% real?": ["Discussion and limits"],
    "Which data set was it?": ["Which images were these?"],
    "Are patients shared": ["Which images were these?", "Duplicates and overlap"],
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


def test_cards_have_the_sections_of_their_sources() -> None:
    def sections(name: str) -> set[str]:
        text = (ROOT / f"notebooks/reference/{name}.ipynb").read_text()
        soup = BeautifulSoup(text, "html.parser").get_text()
        return set(re.findall(r'"## ([^"\\]+)', soup))

    # Gebru 2021
    assert sections("datacard") == {
        "Motivation", "Composition", "Collection and labels", "Preprocessing", "Uses",
        "Distribution and maintenance",
    }  # fmt: skip
    # Mitchell 2019
    assert sections("modelcard") == {
        "Details", "Intended use", "Data", "Factors", "Scores", "Ethical considerations", "Caveats",
    }  # fmt: skip
