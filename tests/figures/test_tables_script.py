"""Tables in the browser: planted rows sort by what they say, and a search hides the others."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).parents[2] / "book" / "_static" / "tables.js"


def opened(browser: Browser, columns: dict[str, list[str]]) -> Page:
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = zip(*columns.values(), strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    page = browser.new_page()
    page.set_content(
        '<div class="table-wrap"><table class="dataframe numbers"><caption>Planted</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    page.add_script_tag(path=SCRIPT)
    return page


def column(page: Page, number: int = 0) -> list[str]:
    return page.locator(f"tbody tr:visible td:nth-child({number + 1})").all_inner_texts()


@pytest.mark.parametrize(
    "rising",
    [
        ["−17.7", "-3", "0", "2e-1", "1.5", "93", "1,341"],
        ["< 0.001", "0.03", "0.2", "1.000"],
        ["80.1% (75.0 to 84.9)", "81.3% (76.1 to 85.2)", "100.0% (98.9 to 100.0)"] * 2,
        ["2020-03-01", "2020-11-30", "2021-01-01", "2021-01-02"],
        ["ResNet50", "ResNet152V2", "ResNet252V2", "VGG16"],
        ["5 of 10", "9 of 10", "10 of 10", "many"],
    ],
)
def test_a_column_rises_falls_and_is_as_it_was(browser: Browser, rising: list[str]) -> None:
    planted = rising[1::2] + rising[::2]
    page = opened(browser, {"value": planted, "row": [str(i) for i in range(len(planted))]})
    head = page.get_by_role("columnheader", name="value")
    button = page.get_by_role("button", name="value")
    button.focus()
    states = []
    for _ in range(3):
        page.keyboard.press("Enter")
        states.append((head.get_attribute("aria-sort"), column(page)))
    assert states == [
        ("ascending", sorted(rising, key=rising.index)),
        ("descending", sorted(rising, key=rising.index)[::-1]),
        (None, planted),
    ]
    page.close()


def test_what_is_missing_comes_last_whichever_way(browser: Browser) -> None:
    page = opened(browser, {"value": ["–", "2", "", "10", "nan", "1"]})
    button = page.get_by_role("button")
    button.click()
    assert column(page)[:3] == ["1", "2", "10"]
    button.click()
    assert column(page)[:3] == ["10", "2", "1"]
    page.close()


def test_equal_cells_keep_their_order_and_one_column_sorts_at_a_time(browser: Browser) -> None:
    page = opened(browser, {"class": ["b", "a", "b", "a"], "n": ["1", "2", "3", "4"]})
    page.get_by_role("button", name="class").click()
    assert column(page, 1) == ["2", "4", "1", "3"]
    page.get_by_role("button", name="n").click()
    assert column(page, 1) == ["1", "2", "3", "4"]
    assert page.locator("th[aria-sort]").all_inner_texts() == ["n"]
    page.close()


def test_a_long_table_is_searched_by_all_words(browser: Browser) -> None:
    words = [f"row {i} {'even' if i % 2 == 0 else 'odd'}" for i in range(12)]
    page = opened(browser, {"text": words})
    field = page.get_by_role("searchbox", name="Search the table: Planted")
    assert page.locator(".table-search output").inner_text() == "12 of 12 rows"
    field.fill("EVEN 1")
    assert column(page) == ["row 10 even"]
    assert page.locator(".table-search output").inner_text() == "1 of 12 rows"
    field.fill("")
    assert column(page) == words
    page.close()


def test_a_short_table_stays_as_it_is(browser: Browser) -> None:
    page = opened(browser, {"value": ["3", "1", "2"]})
    assert page.get_by_role("button").count() == 0
    assert page.get_by_role("searchbox").count() == 0
    page.close()


def test_a_heading_without_a_name_gets_no_button(browser: Browser) -> None:
    page = opened(browser, {"": ["3", "1", "2", "0"], "n": ["1", "2", "3", "4"]})
    assert page.get_by_role("button").all_inner_texts() == ["n"]
    page.close()
