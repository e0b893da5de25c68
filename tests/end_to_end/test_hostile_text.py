"""HTML, LaTeX and MyST in titles, ids and file names are text, on screen and on paper."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from covidcxr.book import latex_pdf, pages, provenance
from covidcxr.figures.common import GLUE_PREFIX
from tests.cli.test_commands import covidcxr
from tests.conftest import ROOT

HOSTILE = r"<script>alert(1)</script> $\input{x}$ {{ 1 }} | `code` &amp; *b* [l](x) %"
FILE = r"<script>alert(1)$\input{x}$|`c`{{ 1 }}.png"
STUDY = "hostile_text"
"""A study's name may hold none of these, but what LaTeX takes for a subscript."""

RECORD = {
    "path": f"results/{FILE}",
    "created": "2026-01-01",
    "commit": {"id": HOSTILE, "changed": True},
    "fingerprints": {"data": HOSTILE},
}
LANDING = ("own", "index", "demo")

PROBE = [
    "# {{ title }}\n\n| table | cell |\n| --- | --- |\n| {glue:text}`hostile:s` | {{ title }} |\n\n"
    "{{ title }}\n\n```{glue:figure} picture\n:name: fig-hostile\n\nA figure.\n```",
    'title = ""\nstudy = ""\nsamples = ""',
    "from pathlib import Path\nimport matplotlib.pyplot as plt\n"
    "import numpy as np\nimport pandas as pd\nfrom covidcxr import figures\n"
    "from covidcxr.figures import badges, common, explorer, ledger\n"
    "from covidcxr.figures import duplicates as copy_plots\n"
    "from covidcxr.cohorts import samples as gathered\nfrom covidcxr.validity import duplicates\n"
    "from covidcxr.core import studies\nfrom covidcxr.scores import threshold_table\n"
    "from covidcxr.scores.predictions import Predictions\nfigures.setup()\nprint(title)",
    "badges.badge(studies.load(study))",
    "copies = duplicates.record(\n    studies.load(study), results=Path('results'), "
    "samples=gathered.read(Path(samples))\n)\ncopy_plots.pairs(copies)",
    "figures.table(pd.DataFrame({title: [title]}), title)",
    "common.stack(common.heading(title), common.note(title), common.fold(title))",
    "two = np.arange(2)\nnet = Predictions('', two.astype(str), two == 1, two / 1.0, two)\n"
    "explorer.panel({title: threshold_table.curve(net)})",
    "common.Html(str(ledger.name(title, title, title) + ledger.pill(title, title)))",
    "figure, axis = plt.subplots()\naxis.set_title(title)\n"
    "figures.glue(hostile=title, picture=common.Picture(figure, title))",
]


def notebook(cells: list[str]) -> nbformat.NotebookNode:
    """A template: its text, its parameters, its code."""
    text, parameters, *code = cells
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(
        metadata={"kernelspec": kernel},
        cells=[
            new_markdown_cell(text),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *map(new_code_cell, code),
        ],
    )


def stand_ins(folder: Path) -> None:
    """Write pages that glue what the landing pages ask of pages not made here, texts hostile."""
    wanted: dict[str, dict[str, Any]] = {}
    for name in LANDING:
        text = (ROOT / f"book/{name}.md").read_text("utf-8")
        for linked in re.findall(r"run/(\w+)\.ipynb", text):
            wanted.setdefault(linked, {})
        for key, page in re.findall(r"\{glue\} (\w+)\n:doc: run/(\w+)\.ipynb", text):
            wanted[page][key] = HOSTILE
        for page, key in provenance.references(text):
            assert page is not None
            is_text = f"{page}::{key}:s`" in text
            wanted[Path(page).stem][key] = HOSTILE if is_text else 1
    for name, values in wanted.items():
        outputs = [
            new_output(
                "display_data",
                data={f"{GLUE_PREFIX}text/plain": repr(value)},
                metadata={"scrapbook": {"name": key, "mime_prefix": GLUE_PREFIX}},
            )
            for key, value in values.items()
        ]
        page = new_notebook(
            cells=[new_markdown_cell(f"# {name}"), new_code_cell("", outputs=outputs)]
        )
        page.metadata[provenance.KEY] = {
            "template": f"notebooks/{name}.ipynb",
            "parameters": {"study": f"build/{STUDY}/study.yaml", "title": HOSTILE},
            "records": [RECORD],
            "commit": {"id": HOSTILE, "changed": False},
            **dict.fromkeys(("code", "environment"), ""),
            "files": {},
        }
        nbformat.write(page, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the executed pages of a study on eight images with hostile names."""
    root = tmp_path_factory.mktemp("project")
    for name in ("book", "_config.yml", "src", "notebooks", "requirements.lock"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, root / name)
    shutil.rmtree(root / "book/run", ignore_errors=True)
    data, build = root / "data", root / "build" / STUDY
    rng = np.random.default_rng(0)
    rows = []
    for label in ("COVID19", "NORMAL"):
        (data / label).mkdir(parents=True)
        for k in range(12):
            path = data / label / f"{k}{FILE}"
            Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
            if k == 1:  # a copy, for the table of pairs
                shutil.copy2(data / label / f"0{FILE}", path)
            texts = {"patient_id": f"{HOSTILE}{k}", "source": HOSTILE}
            rows.append({"file": f"{label}/{path.name}", "label": label, "age": 40 + k, **texts})
    pd.DataFrame(rows).to_csv(data / "cohort.csv", index=False)
    study = build / "study.yaml"
    study.parent.mkdir(parents=True)
    content = {"name": STUDY, "title": HOSTILE, "image_size": 32,
               "cohort": {"source": "folder", "path": str(data)}}  # fmt: skip
    study.write_text(yaml.safe_dump(content))
    with contextlib.chdir(root):
        for command in (
            ["cohort", study, build / "cohort"],
            ["samples", study, build / "samples"],
            ["split", study, build / "cohort/manifest.csv", "keras", "0", build / "split.csv"],
        ):
            done = covidcxr(*map(str, command))
            assert done.returncode == 0, done.stderr
        given = {"study": str(study.relative_to(root)), "results": f"results/{STUDY}"}
        run = root / "book/run"
        nbformat.write(notebook(PROBE), root / "notebooks/probe.ipynb")
        run.mkdir()
        stand_ins(run)
        pages.execute(
            root / "notebooks/reproduction/exploration.ipynb", run / "exploration.ipynb",
            given | {"cohort": str(build / "cohort"), "split": str(build / "split.csv")},
        )  # fmt: skip
        pages.execute(
            root / "notebooks/probe.ipynb", run / "probe.ipynb",
            {"title": HOSTILE, "study": given["study"], "samples": str(build / "samples")},
        )  # fmt: skip
    return root


def rendered(root: Path, builder: str) -> Path:
    first, *others = (f"book/{name}" for name in LANDING)
    chapters = [f"book/run/{path.stem}" for path in sorted((root / "book/run").glob("*.ipynb"))]
    toc = {
        "format": "jb-book", "root": first,
        "parts": [{"caption": "Odds & ends", "chapters": [
            {"file": name} for name in (*others, *chapters, "book/glossary")
        ]}],
    }  # fmt: skip
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", ".", "--path-output", builder, "--builder", builder]
    done = subprocess.run(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return root / builder / "_build" / builder


def flat(text: str) -> str:
    return " ".join(text.split())


def test_no_page_on_screen_obeys_what_it_shows(root: Path) -> None:
    html = rendered(root, "html")
    shown = {}
    for path in html.rglob("*.html"):
        text = path.read_text("utf-8")
        assert "<script>alert" not in text, path
        shown[path.stem] = BeautifulSoup(text, "html.parser")
    words = {name: flat(page.get_text()) for name, page in shown.items()}
    for name in (*LANDING, "probe"):
        assert HOSTILE in words[name], name
    assert FILE in words["probe"]
    assert words["own"].count(HOSTILE) >= 4
    probe = shown["probe"]
    for place in ("h1", "td", "th", "caption", "h3.within", "p.remark", "summary", ".verdict",
                  "option", "figcaption", "div.output.stream", "span.pasted-text"):  # fmt: skip
        assert any(HOSTILE in flat(one.get_text()) for one in probe.select(place)), place
    assert any(HOSTILE in str(one["alt"]) for one in probe.select("img[alt]"))
    (data,) = probe.select('.explorer script[type="application/json"]')
    assert json.loads(data.get_text())["networks"][0]["name"] == HOSTILE


def test_no_page_on_paper_obeys_what_it_shows(root: Path) -> None:
    tex = next(rendered(root, "latex").glob("book.tex"))
    text = tex.read_text("utf-8")
    assert r"\input{x}" not in text
    assert r"\textbackslash{}input\{x\}" in text
    assert r"Study hostile\_text" in text
    assert r"\part{Odds \& ends}" in text
    if not all(map(shutil.which, (*latex_pdf.TOOLS, "pdftotext"))):
        pytest.skip("a PDF needs LaTeX")
    latex_pdf.write(tex, root / "book.pdf")
    read = subprocess.run(
        ["pdftotext", root / "book.pdf", "-"], capture_output=True, text=True, check=True
    )
    bare = re.sub(r"\s", "", read.stdout)
    assert bare.count(re.sub(r"\s", "", HOSTILE)) > 10
