"""The ledger of claims reads without scripts and is the same in every format."""

import csv
import io
import json
import re

import pandas as pd
import pytest

from covidcxr.figures import claims as ledger
from covidcxr.paper import claims
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return claims.ledger(ROOT / "results")


def test_csv_and_json_hold_the_same_ledger(table: pd.DataFrame) -> None:
    rows = json.loads(ledger.as_json(table))
    assert rows == table.to_dict("records")
    assert list(csv.DictReader(io.StringIO(ledger.as_csv(table)))) == rows


def test_the_page_reads_without_scripts_and_asks_no_other_host(table: pd.DataFrame) -> None:
    text = ledger.as_html(table.assign(claim="a < b")).text
    plain = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert plain.count('id="claim-') == len(table)
    assert "a &lt; b" in plain
    assert "s43-accuracy" in plain
    assert not re.search(r'(src|href)="https?:', text)
    assert "paper.html#fusion" in plain
    assert 'href="audit.html#audit-margins"' in plain
    assert re.search(
        r'href="architecture.html#\S+">see architecture</a>, '
        r'<a class="pointer" href="variance.html#variance-open">see variance</a>',
        plain,
    )
    assert plain.count("<td>implied</td>") == (table["basis"] == "implied").sum() > 0


def test_text_ends_with_the_count(table: pd.DataFrame) -> None:
    text = ledger.as_text(table)
    own = table[table["of"] == "this paper"]
    implied = (own["basis"] == "implied").sum()
    counted = f"{len(own):>4}  claims on the paper's own work, {implied} of them implied"
    assert text.endswith(f"{counted}; {len(table) - len(own)} more retell other papers\n")
    assert "s43-accuracy (section 4.3): IMPOSSIBLE" in text
    assert "title-name (title, implied): CONTRADICTED" in text
