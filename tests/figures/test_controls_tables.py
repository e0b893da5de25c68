"""Tables and values of the page on controls, on the committed record."""

from pathlib import Path

from covidcxr.figures import controls as plots
from covidcxr.figures import controls_tables as tables
from covidcxr.validity import controls

RECORD = controls.record(Path("results"))
MEASURES = RECORD.table("measures")


def test_the_values_of_the_committed_record() -> None:
    values = tables.values(RECORD)
    assert (values["controls_passed"], values["controls_methods"]) == (9, 10)
    assert values["controls_failed"] == "Metadata probe"
    assert values["controls_current"] == "yes"
    assert (values["controls_null_above"], values["controls_null_below"]) == (13, 20)
    assert values["controls_null_n"] == 260


def test_the_summary_shows_the_worst_row_of_each_method() -> None:
    table = tables.summary(MEASURES, controls.passed(RECORD)).set_index("method")
    assert (table["verdict"] == "failed").sum() == 1
    found = table.loc["Search for copies"]
    assert found["if planted"] == "1.000 (0.987 to 1.000)"
    assert found["if not"] == "0.00000 (0.00000 to 0.00003)"
    gain = table.loc["Random labels on two kinds of split"]
    assert gain["if planted"] == "0.398 (0.273 to 0.523)"
    overlap = tables.summary(MEASURES[MEASURES["method"] == "overlap"], set())
    assert overlap["verdict"].tolist() == ["failed"]


def test_demands_are_counted_by_method() -> None:
    table = tables.demands(RECORD.table("criteria"))
    met = table.set_index(["method", "demand"])["met"].to_dict()
    assert met["Shortcut probes", "false alarms at 0 as by chance"] == "11 of 13"
    assert met["Search for copies", "recall at least 0.95"] == "6 of 6"
    assert set(table["failed"]) == {"–", "Metadata probe"}
    counts = table["met"].str.split(" of ", expand=True).astype(int).sum()
    assert counts.tolist() == [68, 70]


def test_a_listing_selects_rows() -> None:
    maps = tables.listing(MEASURES, "method == 'saliency' and planted == 'weighted place'")
    assert maps["variant"].tolist()[0] == "Grad-CAM, corner"
    assert maps["value"].tolist()[0] == "0.659 (0.620 to 0.698)"
    assert len(tables.disease(MEASURES)) == 11


def test_the_figure_says_what_it_shows() -> None:
    assert "5% at 0, 17% at 0.25, 97% at 0.5, 100% at 0.75" in plots.power(MEASURES).alt
