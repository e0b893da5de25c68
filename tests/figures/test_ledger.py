"""Cells of a ledger are escaped once, and links lead from run/ to any page."""

import pandas as pd
import pytest

from covidcxr.figures import ledger


def test_text_is_escaped_and_markup_is_not() -> None:
    cells = pd.DataFrame({"A": ["a < b"], "B": [ledger.pill("holds & more", "not reproduced")]})
    shown = ledger.table(cells, "rows", "1 < 2").text
    assert shown.count('id="rows"') == 1
    assert "<td>a &lt; b</td>" in shown
    assert '<td><span class="verdict not-reproduced">holds &amp; more</span></td>' in shown
    assert "<caption>1 &lt; 2</caption>" in shown
    assert shown.count('<th scope="col">') == 2


def test_long_cells_are_not_cut() -> None:
    text = "word " * 100
    assert text.strip() in ledger.table(pd.DataFrame({"A": [text]}), "rows", "").text


@pytest.mark.parametrize(
    ("pointer", "href"),
    [
        ("run/leakage", "leakage.html"),
        ("run/leakage#networks", "leakage.html#networks"),
        ("paper#fusion", "../paper.html#fusion"),
    ],
)
def test_a_link_leads_from_a_computed_page(pointer: str, href: str) -> None:
    assert f'href="{href}"' in ledger.page_link(pointer, "see")
