"""The demo study end to end: the workflow and the pages that it leaves."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from covidcxr.book import latex_pdf, sphinx_print, sphinx_provenance
from covidcxr.core import studies
from tests.conftest import PAGES, Project

PAGE = "build/demo/pages/resnet50-keras-s0.ipynb"
ANY_STUDY = {f"run/{p}" for p in (
    "five_minutes", "audit", "claims", "forensics", "architecture", "auditing",
    "variance", "runs", "controls", "discussion", "cards",
)}  # fmt: skip
EXECUTED = [p for p in PAGES if p.startswith("run/")]


def jobs(output: str) -> dict[str, int]:
    """Return the rules that a dry run would run, and how many times."""
    table = re.search(r"^job\s+count\n-+\s+-+\n(.*?)^total", output, re.M | re.S)
    rows = (line.split() for line in table[1].splitlines()) if table else ()
    return {rule: int(count) for rule, count in rows if rule != "all"}


def test_every_training_left_a_whole_record(demo: Project) -> None:
    folders = sorted((demo.root / "results/demo").glob("*-keras-s0"))
    assert [f.name for f in folders] == [
        "resnet152v2-keras-s0", "resnet252v2-keras-s0", "resnet50-keras-s0",
    ]  # fmt: skip
    for folder in folders:
        record = json.loads((folder / "record.json").read_text())
        assert record["parameters"]["weights"] == "none"
        assert sum(record["images"]["test"].values()) == 40
        assert set(record["tables"]) == {
            "history.csv", "predictions.csv", "external.csv", "saliency.csv", "attribution.csv",
            "maps.csv", "gallery.csv",
        }  # fmt: skip


PAPER = (*latex_pdf.TOOLS, "pdftotext")


@pytest.mark.skipif(not all(map(shutil.which, PAPER)), reason=f"needs {', '.join(PAPER)}")
def test_the_book_is_set_for_paper(demo: Project) -> None:
    done = demo.make("demo", targets=["build/demo/book.pdf"])
    assert done.returncode == 0, done.stdout[-6000:]
    read = subprocess.run(
        ["pdftotext", "-layout", demo.root / "build/demo/book.pdf", "-"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    sheets = [" ".join(sheet.split()) for sheet in read.stdout.split("\f")]
    assert "Study demo, commit" in sheets[0]
    assert all(sphinx_print.NOTICE in sheet for sheet in sheets[:-1])
    whole = " ".join(sheets)
    for page in PAGES[1:]:
        html = (demo.html("demo") / "book" / f"{page}.html").read_text()
        title = BeautifulSoup(html, "html.parser").h1
        assert title is not None
        assert title.get_text().removesuffix("#").strip() in whole, page
    assert "Made by notebooks/reproduction/metrics.ipynb" in whole
    record = json.loads((demo.root / "results/demo/resnet50-keras-s0/record.json").read_text())
    assert f"{record['metrics']['test']['accuracy']:.3f}" in whole
    for rest in ("<div", "<img", "glue:", "Traceback", "??"):
        assert rest not in whole, rest


# --- these touch what the book is made from


def test_a_second_build_runs_nothing(demo: Project) -> None:
    assert "Nothing to be done" in demo.make("demo").stdout


def test_a_touched_metrics_notebook_runs_itself_and_the_book_alone(demo: Project) -> None:
    os.utime(demo.root / "notebooks/reproduction/metrics.ipynb")
    assert jobs(demo.make("demo", "--dry-run").stdout) == {"page": 1, "book": 1}


def test_a_touched_template_is_executed_again_but_trains_nothing(demo: Project) -> None:
    record = demo.root / "results/demo/resnet50-keras-s0/record.json"
    page = demo.root / PAGE
    before, made = record.read_text(), page.stat().st_mtime_ns
    os.utime(demo.root / "notebooks/reproduction/train.ipynb")
    done = demo.make("demo", targets=[PAGE])
    assert done.returncode == 0, done.stdout[-3000:]
    assert page.stat().st_mtime_ns > made
    assert "not made again" in done.stdout
    assert record.read_text() == before


def test_a_page_that_fails_after_its_training_keeps_the_record(demo: Project) -> None:
    template = demo.root / "notebooks/reproduction/train.ipynb"
    record = demo.root / "results/demo/resnet50-keras-s0/record.json"
    original, before = template.read_text(), record.read_text()
    template.write_text(original.replace("learning_curves", "no_such_thing"))
    try:
        done = demo.make("demo", targets=[PAGE])
    finally:
        template.write_text(original)
    assert done.returncode != 0
    assert "has no attribute 'no_such_thing'" in done.stdout
    assert record.read_text() == before


def test_executed_pages_hold_no_trace_of_the_machine(demo: Project) -> None:
    for path in (demo.root / "book/run").glob("*.ipynb"):
        text = path.read_text()
        assert str(demo.root) not in text
        assert str(Path.home()) + "/" not in text
        page = nbformat.read(path, as_version=4)
        outputs = [o for c in page.cells if c.cell_type == "code" for o in c.outputs]
        assert outputs
        assert not [o for o in outputs if o.get("name") == "stderr" or o.output_type == "error"]


def test_every_executed_page_wears_its_badge(demo: Project) -> None:
    for page in EXECUTED:
        if page in ANY_STUDY:
            continue
        text = (demo.html("demo") / "book" / f"{page}.html").read_text()
        assert text.count('class="badge-page demo"') == 1
        for fact in ("DEMO", "study demo", "60 COVID19", "recorded 20"):
            assert fact in text, f"{page}: {fact}"


def test_every_page_of_the_demonstration_says_that_it_is_one(demo: Project) -> None:
    for page in PAGES:
        text = (demo.html("demo") / "book" / f"{page}.html").read_text()
        assert sphinx_provenance.DEMONSTRATION in text, page
        assert re.search(r'class="study-mark"><span class="mark">DEMO</span>', text), page


def test_numbers_in_prose_are_the_records_numbers(demo: Project) -> None:
    record = json.loads((demo.root / "results/demo/resnet50-keras-s0/record.json").read_text())
    text = (demo.html("demo") / "book/run/training.html").read_text()
    accuracy = record["metrics"]["test"]["accuracy"]
    assert f">{accuracy:.3f} (" in text


def test_an_unknown_key_stops_the_workflow_with_one_sentence(project: Project) -> None:
    done = project.make("demo", changes="epoch=1")
    assert done.returncode != 0
    assert "key 'epoch' is unknown" in done.stdout
    assert "Traceback" not in done.stdout


def test_no_data_and_no_record_stops_with_one_sentence(project: Project) -> None:
    done = project.make("paper", changes="epochs=33")
    assert done.returncode != 0
    assert "no such record and no data to make it" in done.stdout
    assert "COVIDCXR_DATA" in done.stdout
    assert "Traceback" not in done.stdout


# --- last, because it takes the rendered book away


def test_a_deleted_record_is_made_again(demo: Project) -> None:
    folder = demo.root / "results/demo/resnet50-keras-s0"
    aside = folder.rename(demo.root / "aside")
    try:
        assert "training" in jobs(demo.make("demo", "--dry-run").stdout)
    finally:
        aside.rename(folder)


# --- on real images, where there are any


def outputs(project: Project, study: str, page: str) -> list[str]:
    """Return what the cells of an executed page show, without badges, which name their study."""
    executed = nbformat.read(project.root / f"build/{study}/pages/{page}.ipynb", as_version=4)
    shown = [output for cell in executed.cells for output in cell.get("outputs", [])]
    for output in shown:  # as text, an object is shown by its address
        if "text/html" in output.get("data", {}):
            output["data"].pop("text/plain", None)
    return [text for text in map(json.dumps, shown) if "badge-page" not in text]


def text_of(page: Path) -> str:
    """Return the text of a rendered page."""
    return BeautifulSoup(page.read_text(), "html.parser").get_text()


@pytest.mark.skipif(not os.environ.get("COVIDCXR_DATA"), reason="COVIDCXR_DATA is not set")
def test_real_images_are_trained_on_recorded_and_shown_again_without_them(
    project: Project, demo: Project
) -> None:
    data = os.environ["COVIDCXR_DATA"]
    changes = "cohort.images_per_class=20 image_size=32 epochs=1 models=[resnet50] splits=[grouped]"
    # Two more cohorts of 1,326 images are the records' matter, not this way's.
    changes += " external={}"
    name = studies.load("small", changes).name
    build, folder = project.root / "build" / name, project.root / "results" / name
    done = project.make("small", changes=changes, data=data)
    assert done.returncode == 0, done.stdout[-6000:]
    record = json.loads((folder / "resnet50-grouped-s0/record.json").read_text())
    counts = [sum(part.values()) for part in record["images"].values()]
    assert sum(counts) == 40
    exploration = (project.html(name) / "book/run/exploration.html").read_text()
    assert "may not be redistributed" in exploration
    assert "REAL IMAGES" in exploration
    assert sphinx_provenance.DEMONSTRATION not in exploration

    # what is said of the paper is what the book of another study says
    for page in ("five_minutes", "claims", "runs", "discussion", "cards"):
        assert outputs(project, name, page) == outputs(project, "demo", page), page
    # the book opens with its own numbers, and judges nothing by eight test images
    landing = " ".join(text_of(project.html(name) / "book/own.html").split())
    accuracy = record["metrics"]["test"]["accuracy"]
    assert "A study of your own" in landing
    assert name in landing
    assert f"{accuracy:.1%}" in landing
    assert "fewer than 30 of a class" in landing
    assert not (project.html(name) / "book/index.html").exists()
    comparison = project.html(name) / "book/run/metrics.html"
    assert "fewer than 30 of a class" in text_of(comparison)
    headers = {
        th.get_text() for th in BeautifulSoup(comparison.read_text(), "html.parser").select("th")
    }
    assert "points" in headers
    assert not headers & {"p", "verdict"}
    again = project.make("small", changes=changes, data=data)
    assert "Nothing to be done" in again.stdout

    # another reader, who has the records and not the images
    shutil.rmtree(build)
    pages = [f"build/{name}/pages/{page}.ipynb" for page in ("exploration", "resnet50-grouped-s0")]
    done = project.make("small", changes=changes, targets=pages)
    assert done.returncode == 0, done.stdout[-6000:]
    assert json.loads((folder / "resnet50-grouped-s0/record.json").read_text()) == record
    text = (project.root / pages[1]).read_text()
    assert f"{record['metrics']['test']['accuracy']:.3f}" in text


def test_the_published_book_needs_no_images(project: Project) -> None:
    planned = set(jobs(project.make("small", "--dry-run").stdout))
    assert {"training", "page", "book"} <= planned
    assert not planned & {"cohort", "samples", "split"}
