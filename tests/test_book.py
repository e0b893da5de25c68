"""The demo study end to end: workflow, pages, and what a reader's browser sees."""

import functools
import http.server
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Project
from playwright.sync_api import Browser, Page, sync_playwright

from covidcxr import sphinx_provenance

PAGES = (
    "index",
    "paper",
    "reproduce",
    "studies",
    "records",
    "clusters",
    "bibliography",
    "run/audit",
    "run/claims",
    "run/forensics",
    "run/architecture",
    "run/auditing",
    "run/exploration",
    "run/training_resnet50",
    "run/training_resnet152v2",
    "run/training_resnet252v2",
    "run/metrics",
    "run/comparison",
    "run/progress",
    "run/variance",
    "run/calibration",
    "run/explorer",
    "run/sensitivity",
    "run/runs",
    "run/performance",
    "run/duplicates",
    "run/leakage",
    "run/shortcuts",
    "run/saliency",
    "run/external",
    "run/controls",
    "run/discussion",
    "run/judgement",
    "run/checklists",
)
PAGE = "build/demo/pages/resnet50-keras-s0.ipynb"
ANY_STUDY = {f"run/{p}" for p in (
    "audit", "claims", "forensics", "architecture", "auditing", "variance", "runs", "controls",
    "sensitivity", "performance", "discussion", "checklists",
)}  # fmt: skip
EXECUTED = [p for p in PAGES if p.startswith("run/")]


def jobs(output: str) -> set[str]:
    """Return the rules that a dry run would run."""
    table = re.search(r"^job\s+count\n-+\s+-+\n(.*?)^total", output, re.M | re.S)
    return {line.split()[0] for line in table[1].splitlines()} - {"all"} if table else set()


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
            "maps.csv",
        }  # fmt: skip


def test_a_second_build_runs_nothing(demo: Project) -> None:
    assert "Nothing to be done" in demo.make("demo").stdout


def test_a_touched_metrics_notebook_runs_itself_and_the_book_alone(demo: Project) -> None:
    os.utime(demo.root / "notebooks/metrics.ipynb")
    assert jobs(demo.make("demo", "--dry-run").stdout) == {"metrics", "book"}


def test_a_touched_template_is_executed_again_but_trains_nothing(demo: Project) -> None:
    record = demo.root / "results/demo/resnet50-keras-s0/record.json"
    page = demo.root / PAGE
    before, made = record.read_text(), page.stat().st_mtime_ns
    os.utime(demo.root / "notebooks/training.ipynb")
    done = demo.make("demo", target=PAGE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert page.stat().st_mtime_ns > made
    assert "not made again" in done.stdout
    assert record.read_text() == before


def test_a_page_that_fails_after_its_training_keeps_the_record(demo: Project) -> None:
    template = demo.root / "notebooks/training.ipynb"
    record = demo.root / "results/demo/resnet50-keras-s0/record.json"
    original, before = template.read_text(), record.read_text()
    template.write_text(original.replace("figures.learning_curves", "figures.no_such_thing"))
    try:
        done = demo.make("demo", target=PAGE)
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
        for fact in ("DEMO", "<dd>demo</dd>", "60 COVID19", "Page built"):
            assert fact in text, f"{page}: {fact}"


def test_every_page_of_the_demonstration_says_that_it_is_one(demo: Project) -> None:
    for page in PAGES:
        text = (demo.html("demo") / "book" / f"{page}.html").read_text()
        assert sphinx_provenance.DEMONSTRATION in text, page


def test_numbers_in_prose_are_the_records_numbers(demo: Project) -> None:
    record = json.loads((demo.root / "results/demo/resnet50-keras-s0/record.json").read_text())
    text = (demo.html("demo") / "book/run/training_resnet50.html").read_text()
    prose = re.sub(r"<[^>]+>", "", text)
    assert f"is right on {record['metrics']['test']['accuracy']:.3f} of the test" in " ".join(
        prose.split()
    )


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


# --- in the browser


@pytest.fixture(scope="module")
def site(demo: Project) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(demo.html("demo")))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        if os.environ.get("CI"):
            pytest.fail("no Chromium; install it, as .ci/run does")
        pytest.skip("no Chromium on this machine; install it to test the pages as a reader")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=found, args=options)
        yield launched
        launched.close()


def visit(browser: Browser, url: str, width: int, scheme: str) -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.removeprefix("blob:").startswith((url.split("/book")[0], "data:"))
            else faults.append(f"external: {r.url}")
        ),
    )
    page.goto(url, wait_until="load")
    return page, faults


WIDTHS = (390, 820, 1280)

# What the theme and docutils make, and no configuration changes.
NOT_OURS = [
    ".citation-list",  # docutils gives entries a role that axe no longer takes for a list's item
]


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_well_at_every_width_in_light_and_dark(
    browser: Browser, site: str, axe: Axe, name: str
) -> None:
    for scheme in ("light", "dark"):
        page, faults = visit(browser, f"{site}/book/{name}.html", WIDTHS[0], scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            where = f"{name} at {width} px, {scheme}"
            overflow = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow == 0, f"{where}: {overflow} px wider than the screen"
        where = f"{name}, {scheme}"
        images = page.evaluate(
            "[...document.images].map(i => [i.src.slice(0, 60), i.naturalWidth, i.alt])"
        )
        for source, loaded, alt in images:
            assert loaded > 0, f"{where}: {source} is missing"
            assert alt.strip(), f"{where}: {source} has no text alternative"
        text = page.inner_text("main")
        for mark in ("Traceback", "{{", "glue:", "nan%", "WARNING"):
            assert mark not in text, f"{where}: {mark}"
        assert page.locator("main h1:visible").count() == 1, where
        titles = page.locator("main h2:visible").all_inner_texts()
        assert len(titles) == len(set(titles)), f"{where}: {titles}"
        # It would fetch style sheets anew, one of them from the wrong folder.
        options = {"resultTypes": ["violations"], "preload": False}
        found = axe.run(page, context={"exclude": NOT_OURS}, options=options).response["violations"]
        assert not [
            (fault["id"], node["target"], node["failureSummary"])
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ], where
        assert not faults, f"{where}: {faults}"
        page.context.close()


def test_computed_markup_is_legible_in_the_dark(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/metrics.html", 1280, "dark")
    for selector in (".badge-page dd", ".table-wrap td"):
        ratio = page.evaluate(
            """selector => {
                const luminance = colour => {
                    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(v => {
                        v /= 255;
                        return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
                    });
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                let node = document.querySelector(selector);
                const ink = luminance(getComputedStyle(node).color);
                let paper = 'rgba(0, 0, 0, 0)';
                while (node && /, 0\\)$|transparent/.test(paper)) {
                    paper = getComputedStyle(node).backgroundColor;
                    node = node.parentElement;
                }
                const ground = luminance(paper);
                return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
            }""",
            selector,
        )
        assert ratio >= 4.5, f"{selector}: contrast {ratio:.1f}"
    page.context.close()


def test_search_finds_a_word(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/search.html?q=bootstrap", 1280, "light")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert page.locator("#search-results li a", has_text="Metrics").count() >= 1
    page.context.close()


def test_the_ledger_is_searched_and_filtered(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/claims.html", 1280, "light")
    rows = page.locator("table#ledger tbody tr:visible")
    page.wait_for_selector("div.dtsp-searchPane")
    everything = rows.count()
    assert everything >= 60
    page.fill("div.dt-search input", "92.81")
    found = rows.all_inner_texts()
    assert 0 < len(found) < 10
    assert all("92.81" in text for text in found)
    page.fill("div.dt-search input", "")
    assert rows.count() == everything
    page.get_by_role("button", name="Show All").click()
    page.locator("div.dtsp-searchPane td", has_text="impossible").first.click()
    page.wait_for_function(f"document.querySelectorAll('#ledger tbody tr').length < {everything}")
    assert all("impossible" in text for text in rows.all_inner_texts())
    page.context.close()


def test_the_ledger_reads_without_scripts(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/book/run/claims.html")
    assert page.locator("table#ledger tbody tr:visible").count() >= 60
    assert "Loading" not in page.inner_text("main")
    context.close()


def test_the_explorer_answers_in_the_book(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/explorer.html", 390, "light")
    page.fill("#explorer-threshold-field", "0")
    # Every score is at least 0: all 40 test images are called COVID-19.
    cells = [int(page.inner_text(f"[data-shown={cell}]")) for cell in ("tp", "fn", "fp", "tn")]
    assert cells == [12, 0, 28, 0]
    assert page.inner_text("[data-shown=npv]") == "undefined"
    page.context.close()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("claims", r'class="evidence">.*?href="([^"]+)"'),
        ("checklists", r'class="pointer" href="([^"]+)"'),
    ],
)
def test_every_evidence_is_where_its_link_leads(demo: Project, name: str, pattern: str) -> None:
    pages = demo.html("demo") / "book/run"
    links = set(re.findall(pattern, (pages / f"{name}.html").read_text()))
    assert len(links) > 10
    for link in links:
        page, _, label = link.partition("#")
        text = (pages / page).read_text()
        assert not label or f'id="{label}"' in text, link


# --- last, because it takes the rendered book away


def test_a_deleted_record_is_made_again(demo: Project) -> None:
    folder = demo.root / "results/demo/resnet50-keras-s0"
    aside = folder.rename(demo.root / "aside")
    try:
        assert "training" in jobs(demo.make("demo", "--dry-run").stdout)
    finally:
        aside.rename(folder)


# --- on real images, where there are any


@pytest.mark.skipif(not os.environ.get("COVIDCXR_DATA"), reason="COVIDCXR_DATA is not set")
def test_real_images_are_trained_on_recorded_and_shown_again_without_them(
    project: Project, demo: Project
) -> None:
    changes = "cohort.images_per_class=20 image_size=32 epochs=1 models=[resnet50] splits=[grouped]"
    # Two more cohorts of 1,326 images are the records' matter, not this way's.
    changes += " external={}"
    done = project.make("paper-scratch", changes=changes, data=os.environ["COVIDCXR_DATA"])
    assert done.returncode == 0, done.stdout[-6000:]
    (folder,) = (project.root / "results").glob("paper-scratch+*images_per_class=20*")
    record = json.loads((folder / "resnet50-grouped-s0/record.json").read_text())
    counts = [sum(part.values()) for part in record["images"].values()]
    assert sum(counts) == 40
    page = project.html(folder.name) / "book/run/exploration.html"
    assert "may not be redistributed" in page.read_text()
    assert "REAL IMAGES" in page.read_text()
    assert sphinx_provenance.DEMONSTRATION not in page.read_text()

    assert (
        "Nothing to be done"
        in project.make("paper-scratch", changes=changes, data=os.environ["COVIDCXR_DATA"]).stdout
    )

    # another reader, who has the records and not the images
    shutil.rmtree(project.root / "build" / folder.name)
    again = project.make("paper-scratch", changes=changes)
    assert again.returncode == 0, again.stdout[-6000:]
    assert json.loads((folder / "resnet50-grouped-s0/record.json").read_text()) == record
    text = (project.html(folder.name) / "book/run/training_resnet50.html").read_text()
    assert f"{record['metrics']['test']['accuracy']:.3f}" in text
