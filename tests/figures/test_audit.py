"""An audit on a page: its figures tell what they show, its tables hold every value."""

import copy

import pytest

from covidcxr.figures import audit as page
from covidcxr.paper import audit, publication
from covidcxr.paper.audit import text
from covidcxr.scores import mcnemar

REPORT = audit.audit(audit.parse(publication.reported(), "the paper"))


def test_matrices_stand_as_printed_with_their_totals() -> None:
    shown = page.matrices(REPORT).text
    assert shown.count('<td class="rows">92</td>') == 3
    assert '<td class="columns">130</td>' in shown
    assert shown.count("<td>360</td>") == 3


@pytest.mark.parametrize("draw", ["readings", "against_baseline", "discordance"])
def test_every_network_is_in_the_text_of_a_figure(draw: str) -> None:
    alt = getattr(page, draw)(REPORT).alt
    for table in REPORT["tables"]:
        assert table["name"] in alt
    assert "nan" not in alt


def test_a_figure_tells_the_numbers_it_shows() -> None:
    assert "sensitivity 0.54 to 0.76" in page.readings(REPORT).alt
    shown = page.against_baseline(REPORT).alt
    assert "beside 0.744" in shown
    assert "ResNet50 0.772 (0.726 to 0.813); ResNet152V2 0.806 (0.762 to 0.843)" in shown
    assert "p < 0.001 to 0.372 for 12 to 152" in page.discordance(REPORT).alt


def test_both_tests_against_the_constant_answer_stand_side_by_side() -> None:
    rows = page.baselines(REPORT).set_index("network")
    assert rows.T["ResNet152V2"].to_list() == [
        "290 of 360", "268 of 360", "75, 53", "p = 0.063", "p = 0.004"
    ]  # fmt: skip
    assert rows["McNemar, two-sided"].to_list()[::2] == ["p = 0.430", "p < 0.001"]
    assert rows["binomial, one-sided"].to_list()[::2] == ["p = 0.125", "p < 0.001"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.43, "= 0.430"),
        (0.001, "= 0.001"),
        (0.00099, "< 0.001"),
        (6e-11, "< 0.001"),
        (1, "= 1.000"),
    ],
)
def test_a_p_reads_like_prose(value: float, shown: str) -> None:
    assert text.p_value(value) == shown


def test_a_range_of_p_reads_like_prose() -> None:
    assert text.p_range(0.062, 0.522) == "0.062 to 0.522"
    assert text.p_range(4.9e-4, 0.372) == "< 0.001 to 0.372"
    assert text.p_range(2.8e-17, 6.1e-8) == "< 0.001"


def test_the_curve_ends_where_the_bounds_do() -> None:
    pair = REPORT["pairs"][0]["all"]
    gap = abs(278 - 290)
    for count, p in zip(pair["discordant"], pair["p"], strict=True):
        assert float(mcnemar.exact_p((count - gap) // 2, (count + gap) // 2)) == pytest.approx(p)


def test_prints_of_one_score_share_a_row_and_keep_their_verdicts() -> None:
    rows = page.prints(REPORT).set_index(["network", "score"])
    assert len(rows) == 18
    assert rows.loc[("ResNet50", "accuracy"), "printed"] == "0.77, 0.77, 77.22%"
    assert rows.loc[("ResNet50", "accuracy"), "rows as truth"] == "exact"
    assert rows.loc[("ResNet50", "precision"), "rows as truth"] == "mislabelled (sensitivity)"
    shown = str(rows.loc[("ResNet252V2", "accuracy"), "as labelled"])
    assert "impossible: 92.81%" in shown
    assert shown.startswith("exact: 0.93, 93%, 92.8%")


def test_verdicts_are_counted_by_reading() -> None:
    labelled = page.verdict_counts(REPORT, "as_printed")
    assert (labelled["exact"], labelled["truncated"], labelled["impossible"]) == (33, 4, 1)
    assert sum(labelled.values()) == sum(page.verdict_counts(REPORT, "transposed").values())


def test_tables_hold_every_network_pair_and_part() -> None:
    assert len(page.pairs(REPORT)) == 9
    assert page.pairs(REPORT)["below 0.05"].to_list()[:2] == ["up to 30 discordant", "never"]
    assert page.beyond(REPORT)["PPV at 10%"].to_list() == ["0.274", "0.314", "0.582"]
    scores = page.recomputed(REPORT).set_index(["network", "score"])
    assert scores.loc[("ResNet252V2", "MCC"), "value"] == "0.8231"
    assert scores.loc[("ResNet252V2", "LR+"), "value"] == "12.53"  # no interval, few digits
    assert scores.loc[("ResNet252V2", "specificity"), "Clopper-Pearson"] == "0.8871 to 0.9538"


def test_glued_values_are_those_of_the_tables() -> None:
    glued = page.values(REPORT, largest_test_set=400)
    assert (glued["audit_positive"], glued["audit_n"], glued["audit_prints"]) == (92, 360, 38)
    assert glued["audit_mislabelled"] == 21
    assert glued["audit_impossible_print"] == "92.81%"
    assert glued["audit_denominators"].startswith("129/139, ")
    assert "/360" not in glued["audit_denominators"]
    assert glued["audit_sens_up"] == pytest.approx(22.93, abs=0.005)
    assert glued["audit_sens"] == pytest.approx(86 / 92)


def test_an_undecided_report_is_shown_as_printed() -> None:
    alone = copy.deepcopy(publication.reported())
    alone["tables"] = alone["tables"][:1]
    report = audit.audit(audit.parse(alone, "one table"))
    printed = report["tables"][0]["scores"]["as_printed"]["sensitivity"]
    rows = page.recomputed(report).set_index("score")
    assert rows.loc["sensitivity", "value"] == f"{printed:.4f}"
