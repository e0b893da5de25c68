"""A page says what it was made from, and is refused when that is no longer so."""

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from covidcxr.book import pages, provenance, sphinx_provenance
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem

ROOT = Path(__file__).parents[2]

STUDY = studies.load("config/demo.yaml")


def written(folder: Path) -> Path:
    """Write a record."""
    return records.write(
        folder, study=STUDY, parameters={"cohort": {"source": "phantom"}},
        fingerprints={"data": "d" * 64}, method=1,
        commit={"id": "c" * 40, "changed": False}, tables={},
    ).folder / "record.json"  # fmt: skip


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out the parts of a project that a page rests on, and execute the page."""
    tmp_path = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / provenance.ENVIRONMENT).write_text("numpy==2\n")
    (tmp_path / "study.yaml").write_text("a: 1\n")
    written(tmp_path / "results/demo/run")
    cells = [
        nbformat.v4.new_code_cell(
            "study = ''\nresults = ''", metadata={"tags": ["parameters"]}, id="one"
        ),
        nbformat.v4.new_code_cell(
            "from pathlib import Path\n"
            "from covidcxr import figures\n"
            "from covidcxr.core import records\n"
            "run = records.read(Path(results))\n"
            "figures.glue(answer=42)",
            id="two",
        ),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    (tmp_path / "notebooks").mkdir()
    template = tmp_path / "notebooks/page.ipynb"
    nbformat.write(notebook, template)
    parameters = {"study": "study.yaml", "results": str(tmp_path / "results/demo/run")}
    with contextlib.chdir(tmp_path):
        pages.execute(template, executed(tmp_path), parameters)
    return tmp_path


@pytest.fixture
def project(laid_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of it."""
    copy = shutil.copytree(laid_out, tmp_path / "copy")
    monkeypatch.chdir(copy)
    return copy


def executed(project: Path) -> Path:
    """Return the executed page of a project."""
    return project / "book/run/page.ipynb"


def test_a_page_carries_its_template_parameters_records_and_state(project: Path) -> None:
    facts = provenance.read(executed(project))
    assert facts is not None
    assert facts["template"] == "notebooks/page.ipynb"
    assert facts["parameters"] == {"study": "study.yaml", "results": "results/demo/run"}
    assert set(facts["files"]) == {
        "notebooks/page.ipynb", "study.yaml", "results/demo/run/record.json",
    }  # fmt: skip
    (record,) = facts["records"]
    assert record["path"] == "results/demo/run"
    assert record["fingerprints"] == {"data": "d" * 64}
    assert str(project) not in json.dumps(facts)
    provenance.check({"page": project / "book/run/page.ipynb"}, project)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("notebooks/page.ipynb", "notebooks/page.ipynb has changed"),
        ("study.yaml", "study.yaml has changed"),
        ("results/demo/run/record.json", "results/demo/run/record.json has changed"),
        ("src/covidcxr/figures/common.py", "code that it needs has changed"),
        (provenance.ENVIRONMENT, "requirements.lock has changed"),
    ],
)
def test_a_page_older_than_what_it_shows_is_refused(
    project: Path, path: str, sentence: str
) -> None:
    page = executed(project)
    changed = project / path
    changed.write_text(changed.read_text() + "\n")
    with pytest.raises(Problem, match=f"the page 'p' is older .*{sentence}.*build again"):
        provenance.check({"p": page}, project)


def test_what_a_page_does_not_need_makes_it_no_older(project: Path) -> None:
    page = executed(project)
    for name in ("figures/leakage.py", "figures/audit.py", "data/reforms.yaml"):
        changed = project / "src/covidcxr" / name
        changed.write_text(changed.read_text() + "\n")
    provenance.check({"p": page}, project)


def test_a_touched_file_of_the_same_content_is_no_change(project: Path) -> None:
    page = executed(project)
    for path in project.rglob("*"):
        os.utime(path)
    provenance.check({"p": page}, project)


def test_a_record_that_is_gone_and_a_page_that_says_nothing_are_refused(project: Path) -> None:
    page = executed(project)
    (project / "results/demo/run/record.json").unlink()
    with pytest.raises(Problem, match=r"record\.json is gone"):
        provenance.check({"p": page}, project)
    nbformat.write(nbformat.v4.new_notebook(), page)
    with pytest.raises(Problem, match="says nothing of how it was made"):
        provenance.check({"p": page}, project)


def test_a_book_names_the_pages_that_its_prose_takes_values_from(project: Path) -> None:
    asking = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("{glue:text}`page.ipynb::answer:.0f`")]
    )
    nbformat.write(asking, project / "book/run/asking.ipynb")
    (project / "book/index.md").write_text(
        "{glue:text}`run/page.ipynb::answer:.0f` and {glue:text}`local:s`\n"
    )
    described = provenance.of_book(project / "book/run", project / "book")
    assert described["book/run/page"]["keys"] == ["answer"]
    assert "shows" not in described["book/run/page"]
    for page in ("book/index", "book/run/asking"):
        assert described[page]["shows"] == {"book/run/page": ["answer"]}


@pytest.mark.parametrize(("study", "synthetic"), [("demo", True), ("small", False)])
def test_a_book_says_which_it_is(project: Path, study: str, synthetic: bool) -> None:
    resolved = project / f"build/{study}/study.yaml"
    resolved.parent.mkdir(parents=True)
    resolved.write_text(studies.dump(studies.load(f"{ROOT}/config/{study}.yaml")))
    page = nbformat.read(executed(project), as_version=4)
    page.metadata[provenance.KEY]["parameters"]["study"] = f"build/{study}/study.yaml"
    nbformat.write(page, project / "book/run/metrics.ipynb")
    app: Any = SimpleNamespace(srcdir=str(project))
    configured: Any = SimpleNamespace(html_theme_options={}, html_context={}, html_title="A")
    sphinx_provenance._gather(app, configured)
    assert configured.html_context["study"] == {"name": study, "synthetic": synthetic}
    announced = configured.html_theme_options.get("announcement")
    assert announced == (sphinx_provenance.DEMONSTRATION if synthetic else None)
    assert configured.html_title == ("A (demonstration)" if synthetic else "A")


def test_references_are_found_in_all_their_forms() -> None:
    text = "{glue:text}`run/a.ipynb::x_1:.3f` {glue:}`y` {glue:text}`z:s`"
    assert provenance.references(text) == [("run/a.ipynb", "x_1"), (None, "y"), (None, "z")]


def test_every_figure_table_and_value_links_to_the_foot_and_links_are_not_nested() -> None:
    body = sphinx_provenance.linked(
        '<p><span class="pasted-text">1</span> <a href="x"><span class="pasted-text">2</span></a>'
        '</p><img class="figure" alt="a"/><div class="table-wrap"></div>'
    )
    link = f'href="#{sphinx_provenance.ANCHOR}"'
    assert body.count(link) == 3
    assert f'<a class="glued" {link}>' in body or f'<a {link} class="glued">' in body
    assert '<a href="x"><span class="pasted-text">2</span></a>' in body


def test_the_foot_shows_records_and_escapes_what_it_is_given(project: Path) -> None:
    facts: Any = provenance.read(executed(project))
    built = {"study": "demo", "day": "2026-01-01", "at": "commit abc"}
    shown = sphinx_provenance.foot(facts, built, "../../")
    assert 'href="../../provenance.json"' in shown
    assert "results/demo/run" in shown and "dddddddddd" in shown and "cccccccccc" in shown
    facts["parameters"]["title"] = "<script>"
    facts["records"][0]["fingerprints"]["data"] = facts["commit"]["id"] = '"><script>'
    assert "<script>" not in sphinx_provenance.foot(facts, built, "")
    prose = {"shows": {"book/run/page": ["a", "b"]}}
    assert "book/run/page.html#" in sphinx_provenance.foot(prose, built, "../")


def test_values_of_other_pages_have_a_format() -> None:
    """MyST-NB reads what follows the first colon as one, and finds no page where there is none."""
    for path in [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").rglob("*.ipynb")]:
        assert not re.findall(r"\{glue:text\}`[^`]*::\w+`", path.read_text()), path
