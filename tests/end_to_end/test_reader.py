"""The demonstration as a reader's browser shows it: every page, at every width, light and dark."""

import functools
import gzip
import http.server
import re
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page

from tests.conftest import PAGES, REPOSITORY


@pytest.fixture(scope="module")
def html(site_files: Path) -> Path:
    return site_files


@pytest.fixture(scope="module")
def site(html: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def visit(
    browser: Browser, url: str, width: int, scheme: str, weights: dict[str, int] | None = None
) -> tuple[Page, list[str]]:
    """Open a page; what goes wrong on it is listed, and what was sent for it is weighed."""
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
    if weights is not None:
        page.on("response", lambda r: weights.update({r.url: len(r.body())}))
    page.goto(url, wait_until="load" if weights is None else "networkidle")
    return page, faults


ROOT = Path(__file__).parents[2]
WIDTHS = (390, 820, 1280)

# What the theme and docutils make, and no configuration changes.
NOT_OURS = [
    ".citation-list",  # docutils gives entries a role that axe no longer takes for a list's item
]


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_and_reads_well_at_every_width_in_light_and_dark(
    browser: Browser, site: str, axe: Axe, name: str
) -> None:
    weights: dict[str, int] = {}
    page, faults = visit(browser, f"{site}/book/{name}.html", WIDTHS[0], "light", weights)
    for scheme in ("light", "dark"):
        if scheme == "dark":
            page.emulate_media(color_scheme=scheme)
            page.reload(wait_until="load")
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
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
        options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
        if scheme == "dark":  # the same page in other colours
            rules = ["color-contrast", "link-in-text-block"]
            options["runOnly"] = {"type": "rule", "values": rules}
        found = axe.run(page, context={"exclude": NOT_OURS}, options=options).response["violations"]
        assert not [
            (fault["id"], node["target"], node["failureSummary"])
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ], where
        assert not faults, f"{where}: {faults}"
    page.context.close()
    sent = sum(size for url, size in weights.items() if url.startswith(site))
    assert 100_000 < sent < 3_000_000, sorted(weights.items(), key=lambda item: -item[1])[:5]


def test_computed_markup_is_legible_in_the_dark(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/metrics.html", 1280, "dark")
    for selector in (".badge-page p", ".table-wrap td"):
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


def test_the_findings_answer_on_one_screen(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/index.html", 1280, "light")
    lines = page.locator(".verdict-row strong")
    assert lines.all_inner_texts() == [
        "The tables are transposed.", "Was the protocol run?", "Not for clinical use."
    ]  # fmt: skip
    cards = page.locator(".strip .sd-card-title").all()
    assert [re.fullmatch(r"\d+%", card.inner_text()) is not None for card in cards] == [True] * 3
    picture = page.locator(".verdict-row img.figure")
    for shown in (*lines.all(), *cards, picture):
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800
    # Each accuracy has its number of images, interval, size and weights beside it.
    for text in page.locator(".strip .sd-card").all_inner_texts():
        assert re.search(r"\d+ of \d+", text)
        assert re.search(r"\d+\.\d% to \d+\.\d%", text)
        assert re.search(r"\d+ px, \w+ weights", text)
    page.context.close()


def test_the_demonstration_opens_with_its_own_numbers_and_leads_to_the_findings(
    browser: Browser, site: str
) -> None:
    page, _ = visit(browser, f"{site}/index.html", 1280, "light")
    page.wait_for_url("**/book/demo.html")
    assert page.locator("main h1:visible").inner_text().startswith("How such a book works")
    assert page.locator(".numbers-row .sd-card-title").count() == 3
    page.get_by_role("link", name="the findings").click()
    assert page.url.endswith("book/index.html")
    page.context.close()


def test_a_number_leads_to_the_foot_which_opens(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/discussion.html", 1280, "light")
    foot = page.locator("#how-this-page-was-made")
    assert not foot.is_visible()
    page.locator("a.glued").first.click()
    foot.wait_for(state="visible")
    assert "results/small/" in foot.inner_text()
    # and to the pages of which it shows values
    foot.get_by_role("link", name="book/run/runs").click()
    assert page.url.endswith("run/runs.html#how-this-page-was-made")
    page.context.close()


def test_search_finds_a_word(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/search.html?q=bootstrap", 1280, "light")
    # results come one after the other
    page.locator("#search-results li a", has_text="Metrics").first.wait_for(timeout=10_000)
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
    page, _ = visit(browser, f"{site}/book/run/calibration.html", 390, "light")
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
        ("judgement", r'class="pointer" href="([^"]+)"'),
    ],
)
def test_every_evidence_is_where_its_link_leads(html: Path, name: str, pattern: str) -> None:
    pages = html / "book/run"
    links = set(re.findall(pattern, (pages / f"{name}.html").read_text()))
    assert len(links) > 10
    for link in links:
        page, _, label = link.partition("#")
        text = (pages / page).read_text()
        assert not label or f'id="{label}"' in text, link


def test_every_link_within_the_book_leads_somewhere(html: Path) -> None:
    pages = {file: BeautifulSoup(file.read_bytes(), "html.parser") for file in html.rglob("*.html")}
    anchors = {file: {tag["id"] for tag in page.select("[id]")} for file, page in pages.items()}
    broken, followed, cited = [], 0, 0
    for file, page in pages.items():
        for tag in page.select("a[href]"):
            link = urllib.parse.urlsplit(str(tag["href"]))
            if link.scheme or link.netloc:
                continue
            target = (
                (file.parent / urllib.parse.unquote(link.path)).resolve() if link.path else file
            )
            anchor = urllib.parse.unquote(link.fragment)
            there = target.is_file() and (
                not anchor or target not in anchors or anchor in anchors[target]
            )
            if not there:
                broken.append((file.name, tag["href"]))
            followed += 1
            cited += "glossary.html#id" in tag["href"]
    assert not broken
    assert followed > 2000
    assert cited > 50


def test_executed_pages_and_no_others_have_doors(html: Path) -> None:
    for name in PAGES:
        page = BeautifulSoup((html / f"book/{name}.html").read_bytes(), "html.parser")
        doors = [
            str(tag["href"])
            for tag in page.select("a[href]")
            if re.search(r"mybinder|colab", str(tag["href"]))
        ]
        if not name.startswith("run/"):
            assert not doors, name
            continue
        binder, colab = doors
        template = binder.rpartition("/")[2]
        assert list((ROOT / "notebooks").glob(f"*/{template}"))
        assert f"/gh/{REPOSITORY}/" in binder
        assert colab.endswith(f"/{REPOSITORY}/blob/colab/{template}")


def test_every_outward_link_names_a_whole_address(html: Path) -> None:
    for file in html.rglob("*.html"):
        for tag in BeautifulSoup(file.read_bytes(), "html.parser").select("a[href^=http]"):
            address = urllib.parse.urlsplit(str(tag["href"]))
            assert address.scheme == "https", tag["href"]
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", address.netloc), tag["href"]


def test_the_landing_page_reads_in_a_second_on_a_slow_line(html: Path) -> None:
    file = html / "book/index.html"
    page = BeautifulSoup(file.read_bytes(), "html.parser")
    # What has to be there before a word is drawn, packed as servers send it.
    waited = [file] + [
        file.parent / str(tag[key]).partition("?")[0]
        for key, tag in (
            *(("href", sheet) for sheet in page.select("head link[rel=stylesheet]")),
            *(("src", script) for script in page.select("head script[src]:not([defer])")),
        )
    ]
    packed = sum(len(gzip.compress(one.read_bytes())) for one in waited)
    assert packed < 200_000  # a second at 1.6 Mbit/s


def test_tables_sort_and_are_searched_in_the_book(browser: Browser, site: str) -> None:
    page, faults = visit(browser, f"{site}/book/run/metrics.html", 1280, "light")
    table = page.locator("table.numbers:has(button.sort)").first
    names = table.locator("tbody tr > :first-child")
    before = names.all_inner_texts()
    table.get_by_role("button", name="printed").click()
    printed = [float(cell) for cell in table.locator("tbody td:nth-of-type(2)").all_inner_texts()]
    assert printed == sorted(printed)
    assert names.all_inner_texts() != before
    assert sorted(names.all_inner_texts()) == sorted(before)
    page.locator("details.folded > summary", has_text="All scores").click()
    long = page.locator("details[open] .table-search + .table-wrap").first
    page.locator("details[open] .table-search input").first.fill("wilson")
    shown = long.locator("tbody tr:visible").all_inner_texts()
    assert 0 < len(shown) < long.locator("tbody tr").count()
    assert all("wilson" in row.lower() for row in shown)
    assert not faults
    page.context.close()


@pytest.mark.parametrize("name", ["index", "run/metrics", "run/claims", "run/judgement"])
def test_a_printed_page_is_light_and_whole(browser: Browser, site: str, name: str) -> None:
    page, _ = visit(browser, f"{site}/book/{name}.html", 680, "dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.locator("details.folded:not([open]), details.sd-dropdown:not([open])").count()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate(
        "getComputedStyle(document.querySelector('.bd-main')).backgroundColor"
    ) in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    for hidden in (".bd-header-article", ".bd-sidebar-primary", ".dt-search", ".table-search"):
        assert not page.locator(f"{hidden}:visible").count(), hidden
    cut = page.evaluate(
        """[...document.querySelectorAll('.table-wrap table')]
        .filter(t => t.getBoundingClientRect().right > innerWidth + 1).map(t => t.className)"""
    )
    assert not cut
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.context.close()


def test_a_keyboard_reaches_what_a_pointer_does(browser: Browser, site: str) -> None:
    page, _ = visit(browser, f"{site}/book/run/metrics.html", 1280, "light")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.locator("button.sort").first.focus()
    page.keyboard.press("Space")
    assert page.locator("th[aria-sort=ascending]").count() == 1
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    summary = page.locator("details.provenance > summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#how-this-page-was-made").is_visible()
    page.context.close()
