"""Verdicts on all scores of a table together, with and without sizes.

Where a table is a published one, its source stands beside it; the right values were computed by
other code than the auditor's.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from covidcxr.paper import audit
from covidcxr.paper.audit import feasible, limits, scores
from covidcxr.paper.audit.printed import parse


def run(*tables: dict[str, Any], **paper: Any) -> dict[str, Any]:
    named = [{"name": f"table {i}"} | table for i, table in enumerate(tables, 1)]
    return audit.audit(audit.parse({"title": "Some paper", "tables": named} | paper, "paper.yaml"))


def verdicts(report: dict[str, Any], table: int = 0) -> dict[str, str]:
    return {score: row["verdict"] for score, row in report["tables"][table]["reported"].items()}


def values(**prints: str) -> list[feasible.Value]:
    return [(name, parse(text)) for name, text in prints.items()]


# --- contradictions


WANG = {"accuracy": "89.5%", "sensitivity": "0.88", "specificity": "0.87"}
"""Eur Radiol 2021, PMC7904034, internal validation on 95 + 360."""


@pytest.mark.parametrize("test_set", [None, {"positive": 95, "negative": 360}])
def test_accuracy_lies_between_sensitivity_and_specificity(test_set: Any) -> None:
    report = run({"reported": WANG}, test_set=test_set)
    (table,) = report["tables"]
    assert table["cells"] == {}
    assert table["together"]["verdict"] == "contradictory"
    assert "does not lie between sensitivity 0.88 and specificity 0.87" in table["together"]["note"]
    assert set(verdicts(report).values()) == {"contradictory"}


def test_no_matrix_is_named_for_contradictory_scores() -> None:
    # The same paper's external validation: by the rates the accuracy would be 0.71.
    prints = {"accuracy": "79.3%", "sensitivity": "0.83", "specificity": "0.67", "ppv": "0.55",
              "npv": "0.90", "kappa": "0.48", "f1": "0.63"}  # fmt: skip
    (table,) = run({"reported": prints}, test_set={"positive": 70, "negative": 220})["tables"]
    assert table["cells"] == {}
    assert "the accuracy is 70.3% to 71.9%" in table["together"]["note"]


def test_one_refuted_value_is_named_without_sizes() -> None:
    # PMC9301895, Table 2: the rates and ratios all say a specificity of 0.845.
    prints = {"accuracy": "0.818", "sensitivity": "0.792", "specificity": "0.850", "ppv": "0.850",
              "npv": "0.792", "false_positive_rate": "0.155", "false_negative_rate": "0.208",
              "lr_positive": "5.13", "lr_negative": "0.246"}  # fmt: skip
    report = run({"reported": prints})
    assert verdicts(report)["specificity"] == "contradictory"
    assert "which say 0.845" in report["tables"][0]["together"]["note"]
    assert set(verdicts(report).values()) == {"contradictory", "possible"}


def test_f1_follows_from_precision_and_recall() -> None:
    # PMC10366517, Table 2.
    report = run({"reported": {"precision": "0.671", "recall": "0.766", "f1": "0.488"}})
    assert "the F1 is 0.715 to 0.716" in report["tables"][0]["together"]["note"]


def test_sizes_make_a_contradiction() -> None:
    # CMMM 2015/419279: the scores need 56% of vessel pixels, ten times what the images have.
    prints = {"sensitivity": "93.60%", "specificity": "98.96%", "accuracy": "95.94%"}
    assert run({"reported": prints})["tables"][0]["together"]["verdict"] == "consistent"
    sizes = {"positive": 640_000, "negative": 5_800_000}
    found = run({"reported": prints}, test_set=sizes)["tables"][0]["together"]
    assert found["verdict"] == "contradictory"
    low, high = feasible.extremes(values(**prints), None, "prevalence") or (0, 0)
    assert 0.56 < low < high < 0.57


def test_true_scores_never_contradict_each_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        p, n = (int(10 ** rng.uniform(0.3, 4)) for _ in range(2))
        tp, tn = int(rng.binomial(p, rng.beta(5, 1))), int(rng.binomial(n, rng.beta(5, 1)))
        computed = {
            name: float(value)
            for name, value in scores.compute([tp, p - tp, n - tn, tn]).items()
            if np.isfinite(value)
        }
        digits = int(rng.integers(2, 5))
        names = rng.choice(sorted(computed), size=min(len(computed), 6), replace=False)
        prints = [(str(name), parse(f"{computed[name]:.{digits}f}")) for name in names]
        assert feasible.feasible(prints, None), (tp, p, tn, n, prints)
        assert feasible.feasible(prints, (p, n)), (tp, p, tn, n, prints)


def test_feasible_is_what_some_matrix_has() -> None:
    rng = np.random.default_rng(1)
    answers = set()
    for _ in range(200):
        p, n = (int(m) for m in rng.integers(3, 30, 2))
        tp, tn = (grid.ravel() for grid in np.indices((p + 1, n + 1)))
        computed = scores.compute(np.stack([tp, p - tp, n - tn, tn], axis=1))
        names = rng.choice(["accuracy", "sensitivity", "ppv", "f1", "kappa", "lr_negative",
                            "mcc", "balanced_accuracy"], 3, replace=False)  # fmt: skip
        # Of two true matrices or of one.
        one, other = rng.integers(len(tp), size=2)
        drawn = [computed[name][one if i else other] for i, name in enumerate(names)]
        prints = [
            (str(name), parse(f"{value:.2f}"))
            for name, value in zip(names, drawn, strict=True)
            if np.isfinite(value)
        ]
        some = np.ones(len(tp), dtype=bool)
        for name, printed in prints:
            some &= [printed.match(value) is not None for value in computed[name].tolist()]
        answers.add(bool(some.any()))
        assert feasible.feasible(prints, (p, n)) == some.any()
    assert answers == {True, False}


# --- one matrix


def test_the_one_matrix_of_a_test_set() -> None:
    # Diagnostics 2023, PMC10137942, Table 5: 146 of 148 is 98.6486%, then 98.65, then 98.7.
    prints = {"accuracy": "97.5%", "specificity": "96.6%", "sensitivity": "98.7%",
              "lr_positive": "29.2", "ppv": "95.4%", "npv": "99%"}  # fmt: skip
    report = run({"reported": prints}, test_set={"positive": 148, "negative": 207})
    cells = report["tables"][0]["cells"]["as_printed"]
    assert cells == {"tp": 146, "fn": 2, "fp": 7, "tn": 200}
    assert verdicts(report)["sensitivity"] == "rounded twice"
    assert report["headline"].endswith("no fault.")


def test_a_thousand_of_each_class_are_searched() -> None:
    prints = {"sensitivity": "80.0%", "specificity": "90.0%", "accuracy": "85.00%"}
    report = run({"reported": prints}, test_set={"positive": 1000, "negative": 1000})
    assert report["tables"][0]["cells"]["as_printed"]["tp"] == 800
    enormous = {"positive": 2 * 10**9, "negative": 2 * 10**9}
    assert run({"reported": prints}, test_set=enormous)["tables"][0]["together"]["verdict"] == (
        "consistent"
    )


def test_what_is_impossible_leaves_the_matrix_of_the_rest() -> None:
    # Sci Rep 2021, s41598-021-90991-0, Table 2.
    prints = {"sensitivity": ["97.52%", "99.12%"], "specificity": "65.85%", "npv": "98.45%",
              "ppv": "62.16%", "accuracy": "78.13%"}  # fmt: skip
    report = run({"reported": prints}, test_set={"positive": 23, "negative": 41})
    (table,) = report["tables"]
    assert list(table["cells"]["as_printed"].values()) == [23, 0, 14, 27]
    assert [row["verdict"] for row in table["reported"]["sensitivity"]] == ["impossible"] * 2
    assert table["reported"]["npv"]["verdict"] == "impossible"
    assert table["reported"]["accuracy"]["verdict"] == "exact"


def test_an_impossible_value_forbids_to_guess_a_matrix() -> None:
    # PLoS ONE 2013, PMC3810473: 96% is no number of 38.
    prints = {"sensitivity": "96%", "specificity": "90%", "error_rate": "8%"}
    report = run({"reported": prints}, test_set={"positive": 38, "negative": 262})
    assert report["tables"][0]["cells"] == {}
    assert verdicts(report)["sensitivity"] == "impossible"


def test_scores_of_another_test_set() -> None:
    # Comput Biol Med 2021, PMC8558149, Table 3, nCOVnet.
    prints = {"accuracy": "0.896731", "precision": "0.904323", "recall": "0.881279"}
    report = run({"reported": prints}, test_set={"positive": 168, "negative": 181})
    assert report["tables"][0]["together"]["verdict"] == "impossible"
    assert set(verdicts(report).values()) == {"impossible"}


def test_sizes_are_found_from_the_scores() -> None:
    prints = {"sensitivity": "0.928571", "specificity": "0.850829", "accuracy": "0.888252"}
    sizes = run({"reported": prints})["tables"][0]["together"]["sizes"]
    assert sizes["smallest"][0] == [168, 181]
    few = run({"reported": {"sensitivity": "0.9", "specificity": "0.8"}})
    assert few["tables"][0]["together"]["sizes"]["fit"] > 1000


def test_fractions_say_the_sizes() -> None:
    prints = {"sensitivity": "93.5% (86/92)", "specificity": "248/268", "accuracy": "92.78%"}
    (table,) = run({"reported": prints})["tables"]
    assert table["test_set"] == [92, 268]
    assert list(table["cells"]["as_printed"].values()) == [86, 6, 20, 248]


# --- other names


def test_exchanged_columns_are_one_exchange() -> None:
    # WCMC 2021/4430886, Table 3: the predictive values are exchanged in both columns.
    first = {"accuracy": "74.63%", "sensitivity": "83.65%", "specificity": "65.35%",
             "npv": "71.31%", "ppv": "79.52%", "precision": "71.31%"}  # fmt: skip
    second = {"accuracy": "78.54%", "sensitivity": "78.85%", "specificity": "78.22%",
              "npv": "78.85%", "ppv": "78.22%", "precision": "78.85%"}  # fmt: skip
    report = run(
        {"reported": first}, {"reported": second}, test_set={"positive": 104, "negative": 101}
    )
    assert [list(t["cells"]["as_printed"].values()) for t in report["tables"]] == [
        [87, 17, 35, 66], [82, 22, 22, 79],
    ]  # fmt: skip
    for table in report["tables"]:
        assert "with npv and ppv exchanged" in table["together"]["note"]
        assert (table["reported"]["npv"]["equals"], table["reported"]["ppv"]["equals"]) == (
            "ppv", "npv",
        )  # fmt: skip
        assert table["reported"]["precision"]["verdict"] == "exact"


def test_a_chance_match_does_not_outrank_impossibility() -> None:
    report = run({"matrix": [[5, 1], [0, 4]], "rows": "true", "reported": {"accuracy": "92%"}})
    assert verdicts(report) == {"accuracy": "impossible"}
    assert "100.0000%" in report["tables"][0]["reported"]["accuracy"]["note"]


def test_a_column_under_another_name() -> None:
    # PMC8894002, Table 5: specificity as TN / (TN + FN), and two accuracies exchanged.
    first = {"TP": 16, "TN": 30, "FP": 3, "FN": 1}
    second = {"TP": 5, "TN": 4, "FP": 0, "FN": 1}
    report = run(
        {"counts": first, "reported": {"specificity": "96%", "accuracy": "90%"}},
        {"counts": second, "reported": {"specificity": "80%", "accuracy": "92%"}},
    )
    for table in report["tables"]:
        assert table["reported"]["specificity"]["equals"] == "npv"
    assert verdicts(report)["accuracy"] == "inconsistent"
    assert verdicts(report, 1)["accuracy"] == "impossible"
    assert report["remarks"] == [
        "table 1 and table 2 print each other's accuracy: 90% and 92% are exchanged."
    ]
    # Alone, two digits are soon those of some score.
    alone = run({"counts": first, "reported": {"specificity": "96%"}})
    assert verdicts(alone)["specificity"] == "inconsistent"


@pytest.mark.parametrize(
    ("score", "printed", "equals"),
    [
        ("precision", ".8175", "macro_ppv"),
        ("precision", "0.8307", "weighted_ppv"),
        ("recall", "0.8333", "accuracy"),
        ("recall", "0.8000", "balanced_accuracy"),
    ],
)
def test_averages_are_recognised(score: str, printed: str, equals: str) -> None:
    table = {"matrix": [[70, 30], [20, 180]], "rows": "true", "reported": {score: printed}}
    row = run(table)["tables"][0]["reported"][score]
    assert (row["verdict"], row["equals"]) == ("mislabelled", equals)


def test_predictive_values_at_a_stated_prevalence() -> None:
    # Insights Imaging 2023, PMC10509085, Table 3.
    table = {"matrix": [[18, 7], [4, 25]], "rows": "predicted",
             "reported": {"sensitivity": "0.82", "ppv": "0.57", "npv": "0.93"}}  # fmt: skip
    report = run(table, prevalences=["26%"])
    assert verdicts(report) == {"sensitivity": "exact", "ppv": "adjusted", "npv": "adjusted"}
    assert set(verdicts(run(table)).values()) == {"exact", "inconsistent"}


def test_areas_that_are_balanced_accuracies() -> None:
    matrix = {"matrix": [[134, 34], [7, 174]], "rows": "true"}
    row = run(matrix | {"reported": {"auroc": "0.879473"}})["tables"][0]["reported"]["auroc"]
    assert (row["verdict"], row["equals"]) == ("mislabelled", "balanced_accuracy")
    assert verdicts(run(matrix | {"reported": {"auroc": "0.88"}})) == {"auroc": "possible"}
    perfect = {"matrix": [[50, 0], [0, 50]], "rows": "true", "reported": {"auroc": "1.00"}}
    assert verdicts(run(perfect)) == {"auroc": "exact"}


# --- digits


@pytest.mark.parametrize(
    ("matrix", "score", "printed", "verdict"),
    [
        ([[146, 2], [7, 200]], "sensitivity", "98.7%", "rounded twice"),
        ([[25, 7], [1, 1]], "sensitivity", "78.13%", "exact"),
        ([[25, 7], [1, 1]], "sensitivity", "78.12%", "exact"),
        ([[5, 3], [1, 1]], "sensitivity", "0.63", "exact"),
        ([[62, 38], [49, 51]], "npv", "0", "inconsistent"),
        ([[0, 10], [0, 90]], "precision", "0.00", "undefined"),
        ([[9, 0], [7, 3]], "mcc", "0.41", "exact"),
    ],
)
def test_digits(matrix: Any, score: str, printed: str, verdict: str) -> None:
    report = run({"matrix": matrix, "rows": "true", "reported": {score: printed}})
    row = report["tables"][0]["reported"][score]
    assert row["verdict"] == verdict
    if verdict == "exact" and printed == "78.13%":
        assert row["note"] == "The matrix gives 78.125%."


def test_images_without_an_answer_count_as_errors() -> None:
    # BMC MIDM 2016, s12911-016-0248-9, Table 2.
    table = {"matrix": [[290, 2], [2, 115]], "rows": "true", "reported": {"accuracy": "96.4%"}}
    said = run(table)["tables"][0]["reported"]["accuracy"]
    assert said["verdict"] == "impossible"
    assert "405 of 420 would print so: with 11 images more" in said["note"]
    assert verdicts(run(table | {"unclassified": 11})) == {"accuracy": "exact"}


# --- orientation of single tables


def of(*matrices: list[list[int]], **paper: Any) -> dict[str, Any]:
    return run(*({"matrix": m, "rows": "predicted"} for m in matrices), **paper)


def test_the_table_that_lacks_images_is_named() -> None:
    # PMC8088310, Table 2.
    report = of([[86, 40], [14, 60]], [[74, 21], [26, 79]], [[90, 17], [10, 83]],
                [[74, 23], [26, 71]], test_set={"positive": 100, "negative": 100})  # fmt: skip
    assert report["orientation"] == "as_printed"
    (remark,) = report["remarks"]
    assert remark.startswith("table 4 has 100 + 94 images: 6 negative fewer")


def test_the_table_that_is_transposed_is_named() -> None:
    report = of([[70, 22], [60, 208]], [[75, 17], [53, 215]], [[86, 20], [6, 248]])
    assert report["orientation"] == "mixed"
    assert [t["test_set"] for t in report["tables"]] == [[92, 268]] * 3
    assert report["remarks"][0].startswith("table 3 agrees with the 92 + 268 images")


def test_exclusions_are_no_other_test_set() -> None:
    # PMC7980088, Table 3: patients whose images could not be graded.
    tables = [[[87, 18], [74, 86]], [[87, 15], [83, 77]], [[66, 39], [43, 116]],
              [[70, 29], [48, 110]]]  # fmt: skip
    report = run(*({"matrix": m, "rows": "true"} for m in tables))
    assert report["orientation"] == "as_printed"
    assert "a few images of one test set" in report["reason"]
    assert "not tested on the same" not in audit.as_text(report, full=True)


def test_one_class_against_the_rest() -> None:
    # CIN 2022/7474304, Table 6.
    report = run(*({"matrix": m, "rows": "true"} for m in (
        [[243, 13], [2, 554]], [[295, 1], [30, 486]], [[238, 22], [4, 548]])))  # fmt: skip
    assert report["orientation"] == "as_printed"
    assert "one class against the rest" in report["reason"]


def test_a_table_may_have_its_own_test_set() -> None:
    report = run(
        {"reported": {"sensitivity": "76.09%"}, "test_set": "internal"},
        {"reported": {"sensitivity": "76.09%"}, "test_set": {"positive": 10, "negative": 10}},
        test_sets={"internal": {"positive": 92, "negative": 268}},
    )
    assert [verdicts(report, i)["sensitivity"] for i in (0, 1)] == ["possible", "impossible"]


def test_the_class_order_may_be_forgotten() -> None:
    prints = {"sensitivity": "92.54%", "specificity": "93.48%", "ppv": "97.64%"}
    report = run({"matrix": [[86, 6], [20, 248]], "rows": "true", "reported": prints})
    assert "first: negative" in report["remarks"][-1]


def test_more_than_two_true_classes_are_added_up() -> None:
    report = of([[86, 21, 19, 0], [14, 12, 14, 34]])
    assert list(report["tables"][0]["cells"]["as_printed"].values()) == [86, 14, 40, 60]


# --- intervals and averages


def test_an_interval_too_narrow_for_its_images() -> None:
    # PMC7415126, Table 3.
    table = {"matrix": [[92, 90], [9, 1831]], "rows": "predicted",
             "reported": {"sensitivity": "91.1% (88.3–93.3)"}}  # fmt: skip
    limits = run(table)["tables"][0]["reported"]["sensitivity"]["limits"]
    assert limits["verdict"] == "too narrow"
    assert "Wilson's is 83.9% to 95.2%" in limits["note"]


@pytest.mark.parametrize("method", ["normal", "wilson", "agresti_coull", "beta"])
def test_the_method_of_an_interval_is_named(method: str) -> None:
    names = {"normal": "Wald", "wilson": "Wilson", "agresti_coull": "Agresti-Coull",
             "beta": "Clopper-Pearson"}  # fmt: skip
    for k, n in ((86, 92), (1, 9), (0, 10), (30, 41), (248, 268)):
        low, high = proportion_confint(k, n, method=method)
        # statsmodels cuts Agresti and Coull's and Wald's limits to the scale.
        ours = limits.proportion_methods(k, n)[names[method]]
        assert np.clip(ours, 0, 1) == pytest.approx((low, high), abs=1e-12)
        value, *ends = (parse(f"{v:.4f}") for v in (k / n, *ours))
        judged = limits.of_proportion(value, (ends[0], ends[1]), k, n)
        assert names[method] in judged["methods"]
        assert judged["verdict"] in ("formula", "beyond")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        ("0.38", "0.36", "reversed"),
        ("0.95", "0.99", "outside"),
        ("0.85", "1.02", "beyond"),
        ("0.92", "0.95", "too narrow"),
        ("0.60", "0.99", "too wide"),
        ("0.880", "0.981", "other"),
    ],
)
def test_intervals_that_no_method_gives(low: str, high: str, verdict: str) -> None:
    value = parse("0.93") if verdict != "reversed" else parse("0.37")
    assert limits.of_proportion(value, (parse(low), parse(high)), 86, 92)["verdict"] == verdict
    assert limits.of_proportion(value, (parse(low), parse(high)), None, None)["verdict"] in (
        verdict, "unchecked",
    )  # fmt: skip


def test_averages_over_folds_are_no_matrix() -> None:
    prints = {"accuracy": "93.12%", "sensitivity": "91.5%", "specificity": "94.3%"}
    sizes = {"positive": 30, "negative": 30}
    assert "impossible" in verdicts(run({"reported": prints}, test_set=sizes)).values()
    report = run({"reported": prints}, test_set=sizes, folds=5)
    assert report["tables"][0]["together"]["verdict"] == "averages"
    assert set(verdicts(report).values()) == {"possible"}
    torn = run({"reported": WANG, "folds": 5})
    assert torn["tables"][0]["together"]["verdict"] == "contradictory"


def test_an_average_with_a_spread_need_be_no_matrix() -> None:
    table = {"matrix": [[70, 22], [60, 208]], "rows": "true",
             "reported": {"accuracy": "93.0 ± 1.2"}}  # fmt: skip
    assert verdicts(run(table)) == {"accuracy": "possible"}


def test_three_hundred_tables_take_less_than_two_seconds() -> None:
    tables = [
        {"matrix": [[70 + i, 30], [60, 200 + i]], "rows": "true", "reported": {"accuracy": "0.80"}}
        for i in range(300)
    ]
    run(*tables[:2])
    start = time.process_time()
    report = run(*tables)
    assert time.process_time() - start < 2
    assert len(audit.as_text(report).splitlines()) == 40
