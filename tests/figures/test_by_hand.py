"""A notebook opened by hand says where its text's numbers are, and a page of the book does not."""

from pathlib import Path

import nbclient
import nbformat
import pytest

from covidcxr.core import records

TEMPLATES = sorted(Path("notebooks").glob("*/*.ipynb"))
SOURCE = "from covidcxr import figures\nfigures.setup()\nfigures.glue(leak_share=0.25)"


def shown() -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    return "\n".join(o.get("data", {}).get("text/html", "") for o in notebook.cells[0].outputs)


def test_by_hand_the_numbers_are_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(records.TRACE, raising=False)
    text = shown()
    assert "Opened by hand" in text
    assert "leak_share: 0.25" in text


def test_a_page_of_the_book_has_neither(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(records.TRACE, str(tmp_path / "used"))
    assert shown().strip() == ""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_sets_itself_up(path: Path) -> None:
    source = "".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code")
    assert 0 <= source.find("figures.setup()") < source.find("figures.glue(") % 10**9
