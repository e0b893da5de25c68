"""The explorer: hand-counted cells, the package's own scores, and a browser that says the same."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from covidcxr.book import sphinx_provenance
from covidcxr.figures import explorer as explorer_figures
from covidcxr.scores import intervals, metrics, proportions, threshold_table, utility
from tests.scores.test_curves import images, of

ROOT = Path(__file__).parents[2]
THRESHOLDS = (0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
PREVALENCES = (0.001, 0.0123, 0.05, 0.22, 0.5, 0.875, 0.999)

FEW = of([True, True, False, False], [0.9, 0.4, 0.4, 0.1])
rng = np.random.default_rng(0)
TRUTH = rng.random(120) < 0.3
CASES = {
    "overlapping": of(TRUTH, np.clip(rng.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1)),
    "of patients": of(
        TRUTH, np.round(np.clip(rng.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1), 2),
        (np.arange(120) // 4).tolist(),
    ),
    "tied": of(TRUTH, np.round(rng.random(120), 1)),
    "all equal": of([True, True, False], [0.5, 0.5, 0.5]),
    "perfect": of([True] * 4 + [False] * 12, [1.0] * 4 + [0.0] * 12),
    "sixteenths": of([True] * 16 + [False] * 16, np.tile(np.arange(16) / 15, 2)),
    "no patient": of([False, False], [0.2, 0.6]),
    "<i>few</i> & </script>": FEW,
}  # fmt: skip
COUNTS = {name: threshold_table.curve(p) for name, p in CASES.items()}


def test_four_images_with_a_tie() -> None:
    counts = threshold_table.curve(FEW)
    assert counts["threshold"].tolist() == [0.1, 0.4, 0.9, np.inf]
    assert counts[["tp", "fn", "fp", "tn"]].to_numpy().tolist() == [
        [2, 0, 2, 0], [2, 0, 1, 1], [1, 1, 0, 2], [0, 2, 0, 2],
    ]  # fmt: skip
    assert counts[["sensitivity_worth", "accuracy_worth"]].to_numpy().tolist() == [[2, 4]] * 4


def test_a_reading_by_hand() -> None:
    # Half the patients found, no false alarm: whoever is called is sick, at any prevalence.
    found = threshold_table.at(threshold_table.curve(FEW), 0.5, 0.1)
    assert found.cells == (1, 1, 0, 2)
    assert found.shares["sensitivity"] == (0.5, *proportions.wilson(1, 2))
    assert found.carried == {"ppv": 1, "npv": pytest.approx(0.9 / (0.9 + 0.1 * 0.5))}
    assert found.observed == {"ppv": 1, "npv": pytest.approx(2 / 3)}


def test_a_score_at_the_threshold_is_called() -> None:
    counts = threshold_table.curve(FEW)
    assert threshold_table.at(counts, 0.4, 0.5).cells == (2, 0, 1, 1)
    assert threshold_table.at(counts, np.nextafter(0.4, 1), 0.5).cells == (1, 1, 0, 2)
    assert threshold_table.at(counts, 0, 0.5).cells == (2, 0, 2, 0)


@given(images, st.one_of(st.floats(0, 1), st.integers(0, 6).map(lambda k: k / 6)))
def test_counts_are_the_cells_at_any_threshold(
    rows: list[tuple[bool, float]], threshold: float
) -> None:
    p = of([truth for truth, _ in rows], [score for _, score in rows])
    cells = metrics.cells(p.positive, p.called(threshold))
    assert threshold_table.at(threshold_table.curve(p), threshold, 0.5).cells == tuple(cells)


@pytest.mark.parametrize("name", CASES)
def test_a_reading_is_what_the_other_pages_say(name: str) -> None:
    p, counts = CASES[name], COUNTS[name]
    for threshold in THRESHOLDS:
        found = threshold_table.at(counts, threshold, threshold_table.prevalence(counts))
        row = utility.thresholds(p, [threshold]).iloc[0]
        for share in ("sensitivity", "specificity"):
            expected = [row[share + end] for end in ("", "_low", "_high")]
            np.testing.assert_allclose(found.shares[share], expected)
        right = p.called(threshold) == p.positive
        worth, _ = proportions.effective_sample_size(right, p.group)
        expected = [right.mean(), *proportions.wilson(right.mean() * worth, worth)]
        np.testing.assert_allclose(found.shares["accuracy"], expected)
        assert found.observed == pytest.approx({k: row[k] for k in ("ppv", "npv")}, nan_ok=True)


@given(images, st.floats(0, 1))
def test_at_the_own_prevalence_predictive_values_are_the_observed_ones(
    rows: list[tuple[bool, float]], threshold: float
) -> None:
    p = of([truth for truth, _ in rows], [score for _, score in rows])
    counts = threshold_table.curve(p)
    found = threshold_table.at(counts, threshold, threshold_table.prevalence(counts))
    if 0 < p.prevalence < 1:
        assert found.carried == pytest.approx(found.observed, nan_ok=True)
    else:
        assert np.isnan(list(found.carried.values())).all()


def test_predictive_values_are_those_of_the_page_on_calibration() -> None:
    protocol = intervals.Protocol(threshold=0.3, resamples=10)
    rows = utility.at_prevalence(CASES["overlapping"], PREVALENCES, protocol)
    for row, share in zip(rows.to_dict("records"), PREVALENCES, strict=True):
        found = threshold_table.at(COUNTS["overlapping"], 0.3, share)
        assert found.carried == pytest.approx({"ppv": row["ppv"], "npv": row["npv"]})


def test_a_share_of_nothing_is_undefined() -> None:
    told = threshold_table.texts(threshold_table.at(COUNTS["no patient"], 0.9, 0.5))
    assert told["sensitivity"] == told["ppv"] == told["npv"] == "undefined"
    assert told["ppv-observed"] == "undefined"
    assert told["npv-observed"] == told["specificity"] == "1.000"
    assert told["sensitivity-interval"] == "–"
    assert "nan" not in str(told)


def test_the_table_for_whoever_has_no_script() -> None:
    table = threshold_table.fallback(threshold_table.curve(FEW), [0.3, 0.95], 0.5)
    assert table["threshold"].tolist() == ["0.3", "0.95"]
    cells = table["tp, fn, fp, tn"].str.replace("\N{NO-BREAK SPACE}", " ")
    assert cells.tolist() == ["2, 0, 1, 1", "0, 2, 0, 2"]
    assert table["sensitivity"][0].startswith("1.000 (0.3")
    assert table["PPV"].tolist() == ["0.667", "undefined"]
    assert threshold_table.fallback(COUNTS["no patient"])["sensitivity"][0] == "undefined"


def test_an_answer_counts_images() -> None:
    told = threshold_table.answer("A", threshold_table.curve(FEW), 0.4, (0.1, 0.9))
    assert "A finds 2 of 2 images with COVID-19 and calls 1 of 2 normal ones COVID-19" in told
    assert "goes from 2 to 1, the latter from 2 to 0" in told


def test_the_payload_is_plain_and_ends_no_script() -> None:
    text = threshold_table.as_json(threshold_table.payload(COUNTS))
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
    drawn = explorer_figures.plot("A <b>", threshold_table.curve(FEW), 0.5)
    # All found up to 0.4, half up to 0.9, none above it.
    assert 'd="M0 0.0H120.0V85.0H270.0V170.0H300"' in drawn
    assert "A &lt;b&gt; by threshold. At 0.5: sensitivity 0.500, specificity 1.000." in drawn
    lacking = explorer_figures.plot("B", COUNTS["no patient"], 0.5)
    assert "sensitivity undefined" in lacking
    assert "nan" not in lacking


# --- in the browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write the smallest page that holds the explorer, as the book's extension leaves it."""
    folder = tmp_path_factory.mktemp("explorer")
    for name in ("explorer.js", "book.css"):
        shutil.copy(ROOT / "book/_static" / name, folder)
    body = sphinx_provenance.linked(explorer_figures.panel(COUNTS).text)
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
    return threshold_table.texts(threshold_table.at(counts, threshold, prevalence))


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
    for (threshold, percent), told in zip(pairs, found, strict=True):
        assert told == expected(counts, threshold, percent / 100), (threshold, percent)


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
    told = shown(page)
    assert told == expected(counts, 0.6125, threshold_table.prevalence(counts))
    assert (told["ppv"], told["npv"]) == (told["ppv-observed"], told["npv-observed"])

    live = page.locator("output[aria-live=polite]")
    page.wait_for_function("/0.6125/.test(document.querySelector('output').textContent)")
    assert f"PPV {told['ppv']}, NPV {told['npv']}." in live.inner_text()


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
