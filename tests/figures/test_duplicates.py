"""Bars of copies, pictures of planted ones, and shares with their range."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from covidcxr import figures
from covidcxr.core import records, studies
from covidcxr.figures import common
from covidcxr.figures import duplicates as plots
from covidcxr.validity import duplicates, overlap
from covidcxr.validity.duplicates import EXACT, NEAR
from tests.validity.planted import cohort, sample


class Table(records.Record):
    """A record of one table."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__(Path(), {"limits": {"similarity": 0.95}})
        object.__setattr__(self, "rows", table)

    def table(self, name: str) -> pd.DataFrame:
        return self.rows  # type: ignore[attr-defined]


def test_bars_have_the_colour_of_their_legend_and_none_hides_a_lower_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(common, "Picture", lambda figure, alt: drawn.append(figure))
    rows = [(EXACT, 0.99, 1.0, 8), (NEAR, 0.99, 1.0, 80), (NEAR, 0.98, 0.99, 1)]
    counts = pd.DataFrame(rows, columns=["kind", "low", "high", "n"])
    plots.similarities(Table(counts))
    (figure,) = drawn
    exact, near, _ = figure.axes[0].containers
    handles = figure.legends[0].legend_handles
    for bars, handle in zip((exact, near), handles, strict=False):
        assert {bar.get_facecolor() for bar in bars} == {handle.get_facecolor()}  # type: ignore[union-attr]
        assert all(bar.get_facecolor()[3] == 1 for bar in bars)
    assert exact[0].get_zorder() > max(bar.get_zorder() for bar in near if bar.get_height() == 80)
    plt.close(figure)


def test_a_page_shows_planted_copies_and_the_shares_of_splits(tmp_path: Path) -> None:
    study = studies.load("config/demo.yaml")
    samples = {"cohort": sample("cohort", cohort(exact_duplicates=1, near_duplicates=5))}
    copies = duplicates.record(study, results=tmp_path, samples=samples)
    shared = overlap.record(study, results=tmp_path, samples=samples, copies=copies)
    assert "near copies: 5" in plots.similarities(copies).alt
    shown = plots.couples(samples, copies)
    assert isinstance(shown, figures.Picture)
    assert "mirrored" in shown.alt
    assert "at random, COVID19" in plots.shares(shared).alt
    assert "mirrored" in str(plots.pairs(copies)._repr_html_())
    assert "by group and copies" in str(plots.shares_table(shared)._repr_html_())
    assert "no external cohort" in str(plots.external(shared)._repr_html_())
    values = overlap.values(copies, shared)
    assert values["duplicates_planted"] == values["duplicates_detected"] == 6
    assert values["duplicates_split_grouped_copies"] == 0
    plt.close("all")


def test_a_mean_lies_within_its_range_as_it_is_written() -> None:
    few = {"share": 0.0007, "low": 0.0, "high": 0.0037}
    assert plots._range(few) == "0.1% (0.0 to 0.4)"
    assert plots._range({"share": 0.2, "low": 0.2, "high": 0.2}) == "20.0%"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_no_mean_leaves_its_range(shares: list[float]) -> None:
    row = {"share": float(np.mean(shares)), "low": min(shares), "high": max(shares)}
    numbers = [float(n) for n in re.findall(r"[\d.]+", plots._range(row))]
    if len(numbers) == 3:
        assert numbers[1] <= numbers[0] <= numbers[2]
