"""Ways to run the edition: links, copies for Colab, a container, a sentence for each fault."""

import os
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from covidcxr.book import launch_links
from covidcxr.core.errors import Problem

ROOT = Path(__file__).parents[2]
PAGE = {"template": "notebooks/reproduction/metrics.ipynb"}


def test_the_addresses_are_those_that_binder_and_colab_document() -> None:
    links = {b["text"]: b["url"] for b in launch_links.buttons("someone/edition", PAGE, "abc")}
    assert links == {
        "Binder": "https://mybinder.org/v2/gh/someone/edition/abc?urlpath=lab/tree/notebooks/reproduction/metrics.ipynb",
        "Colab": "https://colab.research.google.com/github/someone/edition/blob/colab/metrics.ipynb",
    }


@pytest.mark.parametrize(
    ("repository", "page", "commit"),
    [("", PAGE, "abc"), ("a/b", {"shows": {}}, "abc"), ("a/b", {}, "abc"), ("a/b", PAGE, "")],
)
def test_no_button_leads_nowhere(repository: str, page: dict[str, object], commit: str) -> None:
    assert launch_links.buttons(repository, page, commit) == []


@pytest.mark.parametrize("name", ["", "edition", "https://github.com/a/b", "a/b/c", "a b/c"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(Problem, match="write owner/name"):
        launch_links.repository(name)


def test_a_copy_fetches_the_edition_and_runs_outside_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Colab would run it: in a folder that holds nothing else."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    launch_links.write_colab_copies(
        ROOT / "notebooks", tmp_path / "copies", "someone/edition", head
    )
    assert {p.name for p in (tmp_path / "copies").iterdir()} == {
        p.name for p in (ROOT / "notebooks").glob("*/*.ipynb")
    }
    copy = nbformat.read(tmp_path / "copies/auditing.ipynb", as_version=4)
    template = nbformat.read(ROOT / "notebooks/paper/auditing.ipynb", as_version=4)
    assert copy.cells[1:] == template.cells
    # Git takes the address for this checkout, and the packages are here already.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{ROOT.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/someone/edition.git")
    lines = copy.cells[0].source.splitlines()
    installed = [line for line in lines if line.startswith("%pip")]
    assert installed == [
        "%pip install --quiet -r requirements.lock",
        "%pip install --quiet --no-deps -e .",
    ]
    copy.cells[0].source = "\n".join(line for line in lines if line not in installed)
    NotebookClient(copy, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "edition/_toc.yml").is_file()
    assert any("text/html" in o.get("data", {}) for c in copy.cells for o in c.get("outputs", []))


def test_a_notebook_opened_by_hand_shows_committed_records() -> None:
    """In the folder in which it lies, as JupyterLab runs it, and without any parameter given."""
    page = nbformat.read(ROOT / "notebooks/reproduction/metrics.ipynb", as_version=4)
    resources = {"metadata": {"path": str(ROOT / "notebooks/reproduction")}}
    NotebookClient(page, timeout=120, resources=resources).execute()
    assert "REAL IMAGES" in str(page.cells)


def test_the_container_is_made_from_what_is_there() -> None:
    lines = (ROOT / "docker/Dockerfile").read_text().replace("\\\n", " ").splitlines()
    orders = [line.split() for line in lines if line and line[0] != "#"]
    assert orders[0][0] == "FROM"
    for order in orders:
        if order[0] == "COPY":
            assert all((ROOT / word).exists() for word in order[2:-1])
    targets = re.findall(r"^([a-z./]+):", (ROOT / "Makefile").read_text(), re.M)
    asked = [o[2] for o in orders if o[:2] == ["RUN", "make"]] + ["lab"]
    assert set(asked) <= set(targets)
    assert "$$LAB" in (ROOT / "Makefile").read_text()


def test_binder_is_given_an_environment_and_the_package() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.lock"]} in environment["dependencies"]
    # Binder takes a Dockerfile or a folder of its own before an environment.
    assert not any((ROOT / name).exists() for name in ("Dockerfile", "binder", ".binder"))
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert "pip install --no-deps --editable ." in (ROOT / "postBuild").read_text()
    subprocess.run(["bash", "-n", ROOT / "postBuild"], check=True)


def test_every_sentence_on_the_page_of_troubles_is_one_that_the_project_says() -> None:
    page = (ROOT / "book/troubleshooting.md").read_text()
    said = [
        row.split("|")[1].strip().strip("`") for row in page.splitlines() if row.startswith("| `")
    ]
    assert len(said) > 15
    source = " ".join(path.read_text() for path in (ROOT / "src/covidcxr").rglob("*.py"))
    # A sentence that runs over several lines of code is one sentence.
    source += "".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    not_ours = {"No matching distribution found", "Directory cannot be locked"}
    assert {sentence for sentence in said if sentence not in source} == not_ours
