"""What is killed: a training, the preparation of a cohort and the rendering of a book, all small.

Each is a command of the project, run in a folder of its own, and what must come out of it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from covidcxr.core import records
from tests.conftest import ROOT, give_environment

COVIDCXR = (sys.executable, "-m", "covidcxr")
Finals = Mapping[str, str]


@dataclass(frozen=True)
class Work:
    """A command, the folder it writes, what it needs, and its final tables or pages by name."""

    name: str
    command: Sequence[str]
    output: str
    prepare: Callable[[Path], None]
    finals: Callable[[Path], Finals]


SMALL = """
from covidcxr.core import studies
from covidcxr.networks import architecture

# in place of the paper's: what is tested is what happens around it
def build(model, study, seed):
    import keras
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(pixels / 255)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(3, 1, name="pointwise")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten(name="flatten")(x))
    return keras.Model(pixels, keras.layers.Dense(2, activation="softmax", name="probabilities")(x))

architecture.build = build
study = studies.load(
    "demo", ["trainable=true", "image_size=32", "epochs=60", "batch_size=4"]
)
"""

PAPER = """
from covidcxr.core import studies

# the paper's protocol, but for the size of the images and the number of epochs
study = studies.load(
    "paper",
    ["weights=none", "precision=mixed_bfloat16", "image_size=32", "epochs=4",
     "explained_per_class=2"],
)
"""

TRAIN = """
import logging
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from covidcxr.cohorts import splits
from covidcxr.networks import training
from covidcxr.cohorts.cohort import Cohort

logging.basicConfig(level="INFO", stream=sys.stderr, format="%(message)s")
n = 48
rng = np.random.default_rng(0)
manifest = pd.DataFrame({
    "image_id": [f"image-{i:02d}" for i in range(n)],
    "label": np.where(np.arange(n) % 2, "COVID19", "NORMAL"),
    "group_id": [f"group-{i}" for i in range(n)],
    "sha256": [f"{i:064x}" for i in range(n)],
}).astype("string")
cohort = Cohort(manifest, rng.integers(0, 255, (n, 32, 32, 3), dtype=np.uint8))
record = training.record(
    study, "resnet50", "random", 0, results=Path("results"), cohort=cohort,
    split=splits.make(manifest, "random", 0.25), scratch=Path("scratch"),
)
record["metrics"]
"""


def template(path: Path, *cells: str, title: str = "A page") -> None:
    """Write a notebook whose cells hold code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parameters = new_code_cell("", metadata={"tags": ["parameters"]})
    code = [new_code_cell(cell.strip()) for cell in cells]
    page = new_notebook(cells=[new_markdown_cell(f"# {title}"), parameters, *code])
    page.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    page.metadata.language_info = {"name": "python"}
    nbformat.write(page, path)


def outputs(page: Path) -> str:
    """Return what the cells of a page show."""
    cells = nbformat.read(page, as_version=4).cells
    return json.dumps([cell.outputs for cell in cells if cell.cell_type == "code"])


def training(network: str = SMALL) -> Work:
    """Return a training in the kernel of its page, as the workflow runs it."""

    def prepare(place: Path) -> None:
        shutil.copytree(ROOT / "config", place / "config")
        template(place / "training.ipynb", network + TRAIN)

    def finals(place: Path) -> Finals:
        result = {
            path.name: outputs(path) for path in (place / "page").glob("[!.]*.ipynb")
            if not path.match("*.failed.ipynb")
        }  # fmt: skip
        for path in records.paths(place / "results"):
            record = records.read(path.parent)
            result["metrics"] = json.dumps(record["metrics"])
            for name in ("predictions", "saliency", "attribution"):
                result[name] = (path.parent / f"{name}.csv").read_text()
        return result

    command = (*COVIDCXR, "page", "training.ipynb", "page/training.ipynb")
    return Work("training", command, "results", prepare, finals)


def cohort() -> Work:
    """Return the preparation of a dozen synthetic radiographs."""
    study = {
        "title": "A dozen",
        "cohort": {
            "source": "phantom", "covid19": 6, "normal": 6, "exact_duplicates": 1,
            "near_duplicates": 1,
        },
        "image_size": 32,
        "weights": "none",
    }  # fmt: skip

    def prepare(place: Path) -> None:
        (place / "study.yaml").write_text(yaml.safe_dump(study))

    def finals(place: Path) -> Finals:
        files = sorted(path for path in (place / "made/cohort").rglob("*") if path.is_file())
        return {str(p.relative_to(place)): p.read_bytes().hex() for p in files}

    return Work(
        "cohort", (*COVIDCXR, "cohort", "study.yaml", "made/cohort"), "made", prepare, finals
    )


BOOK = """
import shlex
import sys
from collections import Counter
from pathlib import Path

from covidcxr.book import provenance, steps
from covidcxr.core import atomic, edition, studies

STUDY = studies.load("small")  # its book opens with the first page
BUILD, TRAINED, PAGES = Path("build/demo"), [], ["one", "two", "three"]
COVIDCXR = f"{shlex.quote(sys.executable)} -m covidcxr"

def page_file(page):
    return str(BUILD / "pages" / f"{page}.ipynb")

onstart:
    steps.attach(logger, Counter(job.rule.name for job in workflow.dag.needrun_jobs()))

rule all:
    input: BUILD / "_build/html/index.html"

include: "rules/book.smk"

rule page:
    input: "notebooks/{page}.ipynb"
    output: "build/demo/pages/{page}.ipynb"
    shell: "{COVIDCXR} page {input:q} {output:q}"
"""
"""The project's own way from executed pages to a book, with three pages that cost nothing."""


def book() -> Work:
    """Return the execution and rendering of a book of four pages."""

    def prepare(place: Path) -> None:
        for name in ("config", "workflow", "book/_static", "book/_templates"):
            shutil.copytree(ROOT / name, place / name)
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "book/references.bib"):
            shutil.copy(ROOT / name, place / name)
        (place / "src").symlink_to(ROOT / "src")
        (place / "workflow/Snakefile").write_text(BOOK)
        settings = yaml.safe_load((ROOT / "_config.yml").read_text())
        settings["sphinx"]["config"]["redirects"] = {}
        (place / "_config.yml").write_text(yaml.safe_dump(settings))
        chapters = [{"file": f"book/run/{page}"} for page in ("one", "two", "three")]
        toc = {"format": "jb-book", "root": "book/index", "parts": [{"chapters": chapters}]}
        (place / "_toc.yml").write_text(yaml.safe_dump(toc))
        (place / "book/index.md").write_text("# A book\n\n{doc}`run/one` and {doc}`run/two`.\n")
        for name in ("one", "two", "three"):
            cells = (f"sum(range({len(name)}))", "import time\ntime.sleep(1)")
            template(place / "notebooks" / f"{name}.ipynb", *cells, title=name)
        give_environment(place)  # last, so that make finds it newer than what it rests on

    def finals(place: Path) -> Finals:
        pages = {p.name: outputs(p) for p in (place / "build/demo/pages").glob("[!.]*.ipynb")
                 if not p.match("*.failed.ipynb")}  # fmt: skip
        built = place / "build/demo/_build/html"
        html = {str(p.relative_to(built)): shown(p) for p in built.rglob("*.html")}
        return pages | html

    return Work("book", ("make", "book"), "build", prepare, finals)


def shown(page: Path) -> str:
    """Return what a rendered page says, without the time that it took."""
    article = BeautifulSoup(page.read_text(), "html.parser").find("article")
    return article.get_text() if article else ""
