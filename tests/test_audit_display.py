"""An audit on a page: its figures tell what they show, its tables hold every value."""

import copy

import pytest

from covidcxr import audit, comparison, seedpaper
from covidcxr.audit import display

REPORT = audit.audit(audit.parse(seedpaper.reported(), "the paper"))


def test_matrices_stand_as_printed_with_their_totals() -> None:
    text = display.matrices(REPORT).text
    assert text.count('<td class="rows">92</td>') == 3
    assert '<td class="columns">130</td>' in text
    assert text.count("<td>360</td>") == 3


@pytest.mark.parametrize("draw", ["readings", "against_baseline", "discordance"])
def test_every_network_is_in_the_text_of_a_figure(draw: str) -> None:
    alt = getattr(display, draw)(REPORT).alt
    for table in REPORT["tables"]:
        assert table["name"] in alt
    assert "nan" not in alt


def test_a_figure_tells_the_numbers_it_shows() -> None:
    assert "sensitivity 0.54 to 0.76" in display.readings(REPORT).alt
    assert "ResNet50 0.772 (0.726 to 0.813), p = 0.430" in display.against_baseline(REPORT).alt
    assert "p 0.00049 to 0.37 for 12 to 152" in display.discordance(REPORT).alt


def test_the_curve_ends_where_the_bounds_do() -> None:
    pair = REPORT["pairs"][0]["all"]
    gap = abs(278 - 290)
    for count, p in zip(pair["discordant"], pair["p"], strict=True):
        assert float(comparison.mcnemar((count - gap) // 2, (count + gap) // 2)) == pytest.approx(p)


def test_prints_of_one_score_share_a_row_and_keep_their_verdicts() -> None:
    rows = display.prints(REPORT).set_index(["network", "score"])
    assert len(rows) == 18
    assert rows.loc[("ResNet50", "accuracy"), "printed"] == "0.77, 0.77, 77.22%"
    assert rows.loc[("ResNet50", "accuracy"), "rows as truth"] == "exact"
    assert rows.loc[("ResNet50", "precision"), "rows as truth"] == "mislabelled (sensitivity)"
    told = str(rows.loc[("ResNet252V2", "accuracy"), "as labelled"])
    assert "impossible: 92.81%" in told
    assert told.startswith("exact: 0.93, 93%, 92.8%")


def test_verdicts_are_counted_by_reading() -> None:
    labelled = display.verdict_counts(REPORT, "as_printed")
    assert (labelled["exact"], labelled["truncated"], labelled["impossible"]) == (33, 4, 1)
    assert sum(labelled.values()) == sum(display.verdict_counts(REPORT, "transposed").values())


def test_tables_hold_every_network_pair_and_part() -> None:
    assert len(display.pairs(REPORT)) == 9
    assert display.pairs(REPORT)["below 0.05"].to_list()[:2] == ["up to 30 discordant", "never"]
    assert display.beyond(REPORT)["PPV at 10%"].to_list() == ["0.274", "0.314", "0.582"]
    scores = display.recomputed(REPORT).set_index(["network", "score"])
    assert scores.loc[("ResNet252V2", "MCC"), "value"] == "0.8231"
    assert scores.loc[("ResNet252V2", "specificity"), "Clopper-Pearson"] == "0.8871 to 0.9538"


def test_an_undecided_report_is_shown_as_printed() -> None:
    alone = copy.deepcopy(seedpaper.reported())
    alone["tables"] = alone["tables"][:1]
    report = audit.audit(audit.parse(alone, "one table"))
    assert display.decided(report["tables"][0]) == report["tables"][0]["scores"]["as_printed"]
