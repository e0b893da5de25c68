"""Notebooks are executed with known parameters, cleaned, and fail loudly."""

import copy
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from covidcxr.book import pages
from covidcxr.core.errors import Problem


def template(folder: Path, *sources: str) -> Path:
    parameters = new_code_cell("n = 1\n", metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# {{ n }} lungs"), parameters, *map(new_code_cell, sources)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = folder / "template.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def test_a_page_has_results_and_no_trace_of_the_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = "import os, sys\nprint('epoch 1', file=sys.stderr)\nprint(os.getcwd(), n + 1)"
    output = tmp_path / "made/page.ipynb"
    pages.execute(template(tmp_path, source), output, {"n": 2})
    text = output.read_text()
    page = nbformat.read(output, as_version=4)
    assert page.cells[0].source == "# 2 lungs"
    assert "".join(o.text for o in page.cells[-1].outputs) == ". 3\n"
    assert "papermill" not in page.metadata
    assert "start_time" not in text
    assert str(Path.cwd()) not in text
    assert "epoch 1" in capfd.readouterr().err
    assert [p.name for p in output.parent.iterdir()] == ["page.ipynb"]


def test_a_placeholder_becomes_text_that_markdown_takes_for_nothing() -> None:
    page = new_notebook(cells=[new_markdown_cell("# {{ n }} lungs")])
    pages.clean(page, {"n": "<b>\\n |`$é"}, Path("/somewhere"))
    assert page.cells[0].source == r"# \<b\>\\n \|\`\$é lungs"


def test_kernels_that_start_together_take_no_port_from_each_other(tmp_path: Path) -> None:
    source = "app = get_ipython().kernel.parent\nprint(app.transport, app.ip)"
    at = []
    for name in ("a.ipynb", "b.ipynb"):
        pages.execute(template(tmp_path, source), tmp_path / name, {"n": 1})
        cells = nbformat.read(tmp_path / name, as_version=4).cells
        at += [out.text.split() for cell in cells for out in cell.get("outputs", ())]
    assert [transport for transport, _ in at] == ["ipc", "ipc"]
    assert at[0] != at[1]
    assert not any(Path(place).parent.exists() for _, place in at)


def test_an_unknown_parameter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="has no parameter 'm'; it has n"):
        pages.execute(template(tmp_path), tmp_path / "page.ipynb", {"m": 2})


def test_a_failing_cell_shows_its_traceback_and_makes_no_page(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from papermill import PapermillExecutionError

    output = tmp_path / "page.ipynb"
    with pytest.raises(PapermillExecutionError, match="ZeroDivisionError"):
        pages.execute(template(tmp_path, "1 / (n - 2)"), output, {"n": 2})
    assert not output.exists()
    assert "page.failed.ipynb" in capfd.readouterr().err
    assert (tmp_path / "page.failed.ipynb").exists()


def test_a_problem_in_a_cell_is_one_sentence(tmp_path: Path) -> None:
    source = (
        "from covidcxr.core.errors import Problem\nraise Problem('x.png: is empty; remove it.')"
    )
    with pytest.raises(Problem) as caught:
        pages.execute(template(tmp_path, source), tmp_path / "page.ipynb", {})
    assert str(caught.value) == "x.png: is empty; remove it."


def test_a_kernel_that_is_killed_is_one_sentence(tmp_path: Path) -> None:
    source = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(Problem, match="the process that executes it was killed"):
        pages.execute(template(tmp_path, source), tmp_path / "page.ipynb", {})
    assert [path.name for path in tmp_path.iterdir()] == ["template.ipynb"]


def test_cleaning_keeps_standard_output_and_shortens_paths() -> None:
    cell = new_code_cell(
        "x",
        outputs=[
            new_output("stream", name="stderr", text="warning"),
            new_output("stream", name="stdout", text="/somewhere/project/data/a.png"),
            new_output("display_data", data={"text/html": "<b>/somewhere/project</b>"}),
        ],
        metadata={"papermill": {"duration": 1}, "tags": ["injected-parameters"]},
    )
    page = new_notebook(cells=[cell], metadata={"papermill": {}})
    pages.clean(page, {}, Path("/somewhere/project"))
    assert [o.get("text", o.get("data")) for o in page.cells[0].outputs] == [
        "data/a.png",
        {"text/html": "<b>.</b>"},
    ]
    assert page.cells[0].metadata == {"tags": ["injected-parameters", "remove-cell"]}


def test_a_placeholder_without_a_parameter_is_an_error() -> None:
    page = new_notebook(cells=[new_markdown_cell("{{ title }}")])
    with pytest.raises(Problem, match="'title'"):
        pages.clean(page, {"n": 1}, Path("/"))


def test_staging_replaces_what_another_study_left(tmp_path: Path) -> None:
    made = tmp_path / "one.ipynb"
    made.write_text("{}")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/stale.ipynb").write_text("{}")
    pages.stage({"page": made}, tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["page.ipynb"]


def test_contents_leave_out_pages_that_were_not_made() -> None:
    text = pages.table_of_contents(Path("_toc.yml"), {"metrics", "runs"})
    assert "book/run/metrics" in text
    assert "book/paper" in text
    assert "book/run/training" not in text


def test_a_demonstration_opens_with_itself_and_keeps_the_findings() -> None:
    own = yaml.safe_load(
        pages.table_of_contents(Path("_toc.yml"), {"metrics"}, "book/demo", findings=True)
    )
    assert own["root"] == "book/demo"
    assert own["parts"][0]["chapters"][0] == {"file": "book/index"}


def test_the_folder_of_the_data_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = new_code_cell('listing = "/private/images/list.csv"  # data')
    page = new_notebook(cells=[cell])
    for value, shown in (
        ("/private/images", '"$COVIDCXR_DATA/list.csv"'),
        ("data", '"/private/images/list.csv"'),
    ):
        monkeypatch.setenv("COVIDCXR_DATA", value)
        cleaned = copy.deepcopy(page)
        pages.clean(cleaned, {}, Path("/somewhere/project"))
        assert cleaned.cells[0].source == f"listing = {shown}  # data"
