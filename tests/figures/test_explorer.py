"""The explorer: its texts, table and markup, and a browser that says the same."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from covidcxr.book import sphinx_provenance
from covidcxr.figures import explorer
from covidcxr.scores import threshold_table
from tests.scores.test_threshold_table import CASES, COUNTS, FEW, PREVALENCES, THRESHOLDS

ROOT = Path(__file__).parents[2]


def test_a_share_of_nothing_is_undefined() -> None:
    texts = explorer.texts(threshold_table.at(COUNTS["no patient"], 0.9, 0.5))
    assert texts["sensitivity"] == texts["ppv"] == texts["npv"] == "undefined"
    assert texts["ppv-observed"] == "undefined"
    assert texts["npv-observed"] == texts["specificity"] == "1.000"
    assert texts["sensitivity-interval"] == "–"
    assert "nan" not in str(texts)


def test_the_table_for_whoever_has_no_script() -> None:
    table = explorer.fallback(threshold_table.curve(FEW), [0.3, 0.95], 0.5)
    assert table["threshold"].tolist() == ["0.3", "0.95"]
    cells = table["tp, fn, fp, tn"].str.replace("\N{NO-BREAK SPACE}", " ")
    assert cells.tolist() == ["2, 0, 1, 1", "0, 2, 0, 2"]
    assert table["sensitivity"][0].startswith("1.000 (0.3")
    assert table["PPV"].tolist() == ["0.667", "undefined"]
    assert explorer.fallback(COUNTS["no patient"])["sensitivity"][0] == "undefined"


def test_the_payload_is_plain_and_ends_no_script() -> None:
    text = explorer.as_json(explorer.payload(COUNTS))
    assert "<" not in text
    content = json.loads(text)
    assert content["z"] == pytest.approx(1.96, abs=1e-3)
    assert [one["name"] for one in content["networks"]] == list(CASES)
    first = content["networks"][-1]
    assert (first["scores"], first["tp"], first["fp"]) == (
        [0.1, 0.4, 0.9],
        [2, 2, 1, 0],
        [2, 1, 0, 0],
    )
    assert (first["positives"], first["negatives"], first["prevalence"]) == (2, 2, 0.5)


def test_a_plot_steps_where_the_scores_are() -> None:
    drawn = explorer.panel({"A <b>": threshold_table.curve(FEW)}).text
    # All found up to 0.4, half up to 0.9, none above it.
    assert 'd="M0 0.0H120.0V85.0H270.0V170.0H300"' in drawn
    assert "A &lt;b&gt; by threshold. At 0.5: sensitivity 0.500, specificity 1.000." in drawn
    lacking = explorer.panel({"B": COUNTS["no patient"]}).text
    assert "sensitivity undefined" in lacking
    assert "nan" not in lacking


# --- in the browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the smallest page that holds the explorer, as the book's extension leaves it."""
    folder = tmp_path_factory.mktemp("explorer")
    for name in ("explorer.js", "book.css"):
        shutil.copy(ROOT / "book/_static" / name, folder)
    body = sphinx_provenance.linked(explorer.panel(COUNTS).text)
    (folder / "page.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorer</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<link rel="stylesheet" href="book.css"><script src="explorer.js"></script>{body}</html>',
        encoding="utf-8",
    )
    return (folder / "page.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 390, "height": 900})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    opened.on("request", lambda r: None if r.url.startswith("file:") else faults.append(r.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert not faults


def shown(page: Page) -> dict[str, str]:
    """Return what stands in the explorer's tables, by place."""
    found: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-shown]')]"
        ".map(one => [one.dataset.shown, one.textContent]))"
    )
    return found


def expected(counts: pd.DataFrame, threshold: float, prevalence: float) -> dict[str, str]:
    return explorer.texts(threshold_table.at(counts, threshold, prevalence))


@pytest.mark.parametrize("name", CASES)
def test_the_browser_says_what_python_says(page: Page, name: str) -> None:
    page.get_by_label("Network").select_option(name)
    counts = COUNTS[name]
    between = [*THRESHOLDS, *counts["threshold"][:-1:5]]
    pairs = [(t, 100 * share) for t, share in itertools.product(between, PREVALENCES)]
    found = page.evaluate(
        """pairs => pairs.map(pair => {
            ["threshold", "prevalence"].forEach((name, k) => {
                const field = document.getElementById(`explorer-${name}-field`);
                field.value = pair[k];
                field.dispatchEvent(new Event("input"));
            });
            return Object.fromEntries([...document.querySelectorAll("[data-shown]")]
                .map(one => [one.dataset.shown, one.textContent]));
        })""",
        pairs,
    )
    for (threshold, percent), texts in zip(pairs, found, strict=True):
        assert texts == expected(counts, threshold, percent / 100), (threshold, percent)


def test_sliders_and_fields_are_driven_by_the_keyboard_alone(page: Page) -> None:
    threshold, prevalence = (
        page.locator(f"#explorer-{name}-field") for name in ("threshold", "prevalence")
    )
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", order[-1]
    names = ("network", "threshold", "threshold-field", "prevalence", "prevalence-field")
    assert order == [*(f"explorer-{name}" for name in names), "BUTTON"]

    # The last network comes first. Another one keeps what is chosen.
    assert shown(page) == expected(COUNTS[list(CASES)[-1]], 0.5, 0.5)
    counts = COUNTS["overlapping"]
    page.locator("#explorer-network").focus()
    page.keyboard.press("Home")
    assert shown(page) == expected(counts, 0.5, 0.5)
    page.keyboard.press("Tab")
    for key in ("ArrowLeft", "ArrowLeft", "PageDown", "ArrowRight"):
        page.keyboard.press(key)
    at = float(threshold.input_value())
    assert at == 0.395
    assert shown(page) == expected(counts, at, 0.5)

    page.keyboard.press("Tab")
    page.keyboard.type("0.6125")
    assert shown(page) == expected(counts, 0.6125, 0.5)
    marker = page.locator("figure:visible .marker")
    assert float((marker.get_attribute("x1") or "").removesuffix("%")) == pytest.approx(61.25)

    page.keyboard.press("Tab")
    seen = []
    for key in ("Home", "PageUp", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(float(prevalence.input_value()))
        assert shown(page) == expected(counts, 0.6125, seen[-1] / 100)
        assert page.locator("[data-prevalence]").inner_text() == f"{seen[-1]:g}%"
        spoken = page.locator("#explorer-prevalence").get_attribute("aria-valuetext")
        assert spoken == f"{seen[-1]:g}%"
    assert (seen[0], seen[3]) == (0.1, 99.9)
    assert seen[0] < seen[1] < seen[2]

    page.keyboard.press("Tab")
    page.keyboard.type("4.25")
    assert shown(page) == expected(counts, 0.6125, 0.0425)
    page.keyboard.press("Tab")
    assert prevalence.input_value() == "4.25"
    page.keyboard.press("Enter")
    texts = shown(page)
    assert texts == expected(counts, 0.6125, threshold_table.prevalence(counts))
    assert (texts["ppv"], texts["npv"]) == (texts["ppv-observed"], texts["npv-observed"])

    live = page.locator("output[aria-live=polite]")
    page.wait_for_function("/0.6125/.test(document.querySelector('output').textContent)")
    assert f"PPV {texts['ppv']}, NPV {texts['npv']}." in live.inner_text()


@pytest.mark.parametrize("typed", ["", "1.5", "-1"])
def test_what_is_no_threshold_changes_nothing(page: Page, typed: str) -> None:
    before = shown(page)
    field = page.locator("#explorer-threshold-field")
    field.fill(typed)
    assert field.get_attribute("aria-invalid") == "true"
    assert shown(page) == before
    page.keyboard.press("Tab")
    assert field.input_value() == "0.5"
    assert field.get_attribute("aria-invalid") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_explorer_fits_and_every_control_has_a_name(page: Page, width: int, theme: str) -> None:
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for control in page.locator(".explorer :is(input, select)").all():
        assert (
            control.get_attribute("aria-label")
            or page.locator(f"label[for={control.get_attribute('id')}]").is_visible()
        )
    assert page.locator("figure:visible").count() == 1
    assert page.locator("a.source").inner_text() == "source"


def test_without_scripts_the_plots_stand_and_lead_to_the_table(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert "the table below" in page.inner_text("noscript")
    assert page.locator("figure:visible").count() == len(CASES)
    assert page.locator("fieldset:visible, .explorer table:visible").count() == 0
    context.close()


def test_the_script_asks_for_nothing_and_evaluates_nothing() -> None:
    script = (ROOT / "book/_static/explorer.js").read_text("utf-8")
    assert not re.search(
        r"\b(eval|Function|fetch|XMLHttpRequest|import|innerHTML)\b|https?:", script
    )


def test_values_count_images() -> None:
    values = explorer.values("A", threshold_table.curve(FEW), 0.4)
    assert (values["explorer_detected"], values["explorer_positives"]) == (2, 2)
    assert (values["explorer_alarms"], values["explorer_negatives"]) == (1, 2)
    assert (values["explorer_detected_least"], values["explorer_detected_most"]) == (2, 1)
    assert (values["explorer_alarms_least"], values["explorer_alarms_most"]) == (2, 0)
