"""Tables of several classes: what each form is read as, found and said."""

import copy
import csv
import io
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from covidcxr.cli.commands import app
from covidcxr.core.errors import Problem
from covidcxr.paper import audit
from covidcxr.paper.audit import input_schema, result
from covidcxr.paper.audit.classes import names, scores
from tests.paper import malformed
from tests.paper.malformed import GONE

CLASSES = ["covid", "normal", "pneumonia"]
MATRIX = [[90, 5, 5], [2, 100, 8], [10, 10, 70]]

GOOD: dict[str, Any] = {
    "title": "Some paper",
    "classes": CLASSES,
    "test_set": {"covid": 100, "normal": 110, "pneumonia": 90},
    "tables": [
        {
            "name": "counts",
            "matrix": MATRIX,
            "rows": "true",
            "reported": {
                "covid": {"sensitivity": "90.0%", "precision": "88.2%"},
                "macro": {"f1": "0.864"},
                "accuracy": "0.867",
            },
        },
        {
            "name": "rest",
            "one_vs_rest": {
                "covid": {"TP": 90, "FN": 10, "FP": 12, "TN": 188},
                "normal": {"TP": 100, "FN": 10, "FP": 15, "TN": 175},
                "pneumonia": {"TP": 70, "FN": 20, "FP": 13, "TN": 197},
            },
        },
    ],
}

changed = partial(malformed.changed, GOOD)


def audited(*tables: dict[str, Any], **keys: Any) -> dict[str, Any]:
    named = [{"name": f"model {i}", **table} for i, table in enumerate(tables, 1)]
    content = {"title": "Some paper", "classes": CLASSES, "tables": named, **keys}
    return audit.audit(audit.parse(content, "paper.yaml"))


def verdicts(report: dict[str, Any], table: int = 0) -> dict[str, str]:
    return {score: row["verdict"] for score, row in report["tables"][table]["reported"].items()}


def counts(reported: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"matrix": MATRIX, "rows": "true", "reported": reported, **keys}


# --- what is read


def test_the_good_report_is_good() -> None:
    report = audit.audit(audit.parse(GOOD, "paper.yaml"))
    assert set(verdicts(report).values()) == {"exact"}
    assert report["tables"][1]["together"]["verdict"] == "consistent"
    assert report["headline"] == "4 printed scores in 2 tables: no fault."


T, M, R, V = "tables/0", "tables/0/matrix", "tables/0/reported", "tables/1/one_vs_rest"


@pytest.mark.parametrize(
    ("path", "value", "place", "said"),
    [
        ("classes", "covid", "classes", "list of names"),
        ("classes", ["covid", "normal"], "classes", "give 3 to 20"),
        ("classes", [f"c{i}" for i in range(21)], "classes", "give 3 to 20"),
        ("classes", ["covid", "normal", "covid"], "classes", "two are named 'covid'"),
        ("classes", ["covid", "normal", 3], "classes, item 3", "no text"),
        ("classes", ["covid", "normal", False], "classes, item 3", "no text"),
        ("classes", ["covid", "normal", "Mean"], "classes", "name of an average"),
        ("classes", ["covid", "normal", "flu"], "test_set", "key 'pneumonia' is unknown"),
        (M, [[90, 10], [2, 118]], "matrix", "give 3 rows of 3 counts"),
        (M, [[90, 5, 5], [2, 100], [1, 1, 1]], "matrix", "give 3 rows of 3 counts"),
        (M, [*MATRIX, [0, 0, 0]], "matrix", "a further column"),
        (M, "90 5 5", "matrix", "no rows of counts"),
        (M, [90, 5, 5], "matrix", "no rows of counts"),
        (M, [[90, 5, 5], [2, -1, 8], [1, 1, 1]], "matrix, row 2, column 2", "negative"),
        (M, [[90, 5, 5], [2, True, 8], [1, 1, 1]], "matrix, row 2, column 2", "no whole number"),
        (M, [[0.9, 0.1, 0.0]] * 3, "matrix, row 1, column 1", "in quotes"),
        (M, [["90%", "5%", 5]] * 3, "matrix, row 1, column 3", "among shares"),
        (M, [["90%", "5%", "five"]] * 3, "matrix, row 1, column 3", "no number"),
        (M, [["190%", "5%", "5%"]] * 3, "matrix, row 1, column 1", "no share"),
        (M, [["0.9", "-0.1", "0.2"]] * 3, "matrix, row 1, column 2", "no share"),
        (M, [["90%", "5%", "5%", "0%"]] * 3, "matrix", "shares are read of 3 rows of 3"),
        (M, [[0, 0, 0]] * 3, "item 1", "no image"),
        (f"{T}/rows", GONE, "item 1", "'rows' is missing"),
        (f"{T}/rows", "columns", "rows", "predicted nor true"),
        (f"{T}/normalised", "diagonal", "normalised", "rows nor columns nor all"),
        (f"{T}/counts", {}, "item 1", "'counts' is unknown"),
        (f"{T}/folds", 0, "folds", "no number of folds"),
        (R, ["0.9"], "reported", "lines such as"),
        (f"{R}/covid", "0.9", "reported, covid", "lines such as"),
        (f"{R}/covid", {"auc2": "0.9"}, "reported, covid, auc2", "unknown score"),
        (f"{R}/covid", {"macro_f1": "0.9"}, "reported, covid, macro_f1", "unknown score"),
        (f"{R}/covid", {"sensitivity": 0.9}, "reported, covid, sensitivity", "quotes"),
        (f"{R}/flu", {"sensitivity": "0.9"}, "reported, flu", "unknown score, class"),
        (f"{R}/macro", {"prevalence": "0.9"}, "reported, macro, prevalence", "unknown score"),
        (f"{R}/macro f1", "0.9", "reported", "stands there twice"),
        (f"{R}/accuracy", "190%", "reported, accuracy", "above 100%"),
        (f"{R}/accuracy", [], "reported, accuracy", "no value"),
        (f"{R}/youden", "0.9", "reported, youden", "unknown score"),
        (f"{V}/covid", {"TP": 90}, "one_vs_rest, covid", "'FN' is missing"),
        (f"{V}/covid/TP", "90", "one_vs_rest, covid, TP", "no whole number"),
        (f"{V}/covid", GONE, "one_vs_rest", "'covid' is missing"),
        (V, [[90, 10, 12, 188]], "one_vs_rest", "key: value"),
        (V, GONE, "item 2", "neither a matrix nor reported"),
        ("test_set/covid", GONE, "test_set", "'covid' is missing"),
        ("test_set/covid", 0, "test_set", "without images"),
        ("test_set/covid", "100", "test_set, covid", "no whole number"),
        (f"{T}/test_set", "internal", "test_set", "not among test_sets"),
        (f"{T}/test_set", {"positive": 9, "negative": 9}, "test_set", "'positive' is unknown"),
        ("tables/1/name", "counts", "tables", "two are named 'counts'"),
    ],
)
def test_a_mistake_is_one_sentence(path: str, value: Any, place: str, said: str) -> None:
    with pytest.raises(Problem) as raised:
        audit.parse(changed(path, value), "paper.yaml")
    sentence = str(raised.value)
    assert raised.value.status == 2
    assert sentence.startswith("paper.yaml: ") and sentence.endswith(".")
    assert place in sentence and said in sentence and "\n" not in sentence


def test_classes_and_sizes_of_one_table_among_tables_of_two_classes() -> None:
    content = {
        "title": "Some paper",
        "test_set": {"positive": 10, "negative": 10},
        "test_sets": {"three": GOOD["test_set"]},
        "tables": [
            {"name": "two", "matrix": [[7, 3], [4, 6]], "rows": "true"},
            {"name": "three", "classes": CLASSES, "matrix": MATRIX, "rows": "predicted",
             "test_set": "three", "reported": {"accuracy": "0.867"}},
        ],
    }  # fmt: skip
    report = audit.audit(audit.parse(content, "paper.yaml"))
    two, three = report["tables"]
    assert report["orientation"] == "mixed"
    assert two["test_set"] == [10, 10]
    assert (three["reading"], three["test_set"]) == ("transposed", GOOD["test_set"])
    for said in (audit.as_text(report), audit.as_text(report, full=True)):
        assert "two: " in said or "two\n---" in said


def test_more_true_classes_without_names_are_added_up() -> None:
    content = {"title": "x", "tables": [{"name": "a", "matrix": [[9, 1], [2, 8], [3, 7]],
                                         "rows": "true"}]}  # fmt: skip
    report = audit.audit(audit.parse(content, "paper.yaml"))
    assert report["tables"][0]["cells"]["as_printed"] == {"tp": 9, "fn": 1, "fp": 5, "tn": 15}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Macro-averaged F1", "macro_f1"),
        ("macro avg precision", "macro_ppv"),
        ("weighted recall", "weighted_sensitivity"),
        ("micro F1-score", "micro_f1"),
        ("overall accuracy", "accuracy"),
        ("average accuracy", "macro_accuracy"),
        ("balanced accuracy", "macro_sensitivity"),
        ("mean recall", "sensitivity"),
        ("weighted kappa", "kappa"),
        ("Cohen's kappa", "kappa"),
        ("macro prevalence", None),
        ("odds ratio", None),
    ],
)
def test_names_of_averages(text: str, name: str | None) -> None:
    assert names.of_table(text) == name


def test_the_forms_that_the_page_teaches_can_be_audited() -> None:
    page = json.loads(Path("notebooks/paper/auditing.ipynb").read_text())
    texts = ["".join(cell["source"]) for cell in page["cells"]]
    (section,) = (text for text in texts if text.startswith("(auditing-classes)="))
    content = yaml.safe_load(section.split("```yaml")[1].split("```")[0].replace("true", '"true"'))
    report = audit.audit(audit.parse(content, "page"))
    assert len(report["tables"]) == 5
    assert set(report["verdicts"]) == {"exact"}
    assert {(table["together"] or {}).get("verdict") for table in report["tables"]} == {
        None, "consistent",
    }  # fmt: skip
    assert all(table["one_vs_rest"] for table in report["tables"])


# --- counts


def test_scores_by_hand() -> None:
    cells = scores.one_against_rest(MATRIX)
    assert cells.tolist() == [[90, 10, 12, 188], [100, 10, 15, 175], [70, 20, 13, 197]]
    by = scores.first(scores.overall(cells))
    assert by["accuracy"] == 260 / 300
    assert by["macro_sensitivity"] == pytest.approx((90 / 100 + 100 / 110 + 70 / 90) / 3)
    assert by["weighted_ppv"] == pytest.approx(
        (90 / 102 * 100 + 100 / 115 * 110 + 70 / 83 * 90) / 300
    )
    assert by["micro_specificity"] == pytest.approx(560 / 600)
    assert by["kappa"] == pytest.approx((300 * 260 - 30320) / (90000 - 30320))


def test_verdicts_of_whole_tables() -> None:
    reported = {"accuracy": "0.8667", "error_rate": "0.133", "macro f1": "0.864", "kappa": "0.90",
                "weighted f1": "0.87", "mcc": "0.7995", "auroc": "0.95", "f1": "86%"}  # fmt: skip
    assert verdicts(audited(counts(reported))) == {
        "accuracy": "exact",
        "error_rate": "exact",
        "macro f1": "exact",
        "kappa": "inconsistent",
        "weighted f1": "exact",
        "mcc": "exact",
        "auroc": "possible",
        "f1": "exact",
    }


def test_an_average_that_is_not_named_may_be_any() -> None:
    by = scores.first(scores.overall(scores.one_against_rest(MATRIX)))
    for average in names.AVERAGES:
        row = audited(counts({"ppv": f"{by[f'{average}_ppv']:.4f}"}))["tables"][0]["reported"][
            "ppv"
        ]
        assert row["verdict"] == "exact"
        assert f"as the {average} average" in row["note"]
    assert verdicts(audited(counts({"ppv": "0.9012"}))) == {"ppv": "inconsistent"}


def test_an_average_under_the_name_of_another() -> None:
    by = scores.first(scores.overall(scores.one_against_rest(MATRIX)))
    reported = {"macro ppv": f"{by['weighted_ppv']:.5f}", "accuracy": f"{by['macro_accuracy']:.4f}"}
    table = audited(counts(reported))["tables"][0]
    assert table["reported"]["macro ppv"]["equals"] == "weighted_ppv"
    assert table["reported"]["accuracy"]["equals"] == "macro_accuracy"
    assert "average of the accuracy" in table["reported"]["accuracy"]["note"]


def test_an_accuracy_of_so_many_images_is_impossible() -> None:
    row = audited(counts({"accuracy": "0.8650"}))["tables"][0]["reported"]["accuracy"]
    assert row["verdict"] == "impossible"
    assert "No share of 300 images" in row["note"] and "0.866667" in row["note"]
    assert verdicts(audited(counts({"accuracy": "0.8633"}))) == {"accuracy": "inconsistent"}


def test_the_values_of_two_classes_are_exchanged() -> None:
    reported = {"covid": {"sensitivity": "0.9091"}, "normal": {"sensitivity": "0.9000"}}
    report = audited(counts(reported))
    assert any("model 1, covid and model 1, normal print each other's" in remark
               for remark in report["remarks"])  # fmt: skip


def test_recall_is_called_the_accuracy_of_a_class() -> None:
    recalls = {"covid": "0.9000", "normal": "0.9091", "pneumonia": "0.7778"}
    report = audited(counts({name: {"accuracy": text} for name, text in recalls.items()}))
    assert set(verdicts(report).values()) == {"mislabelled"}
    assert {r["equals"] for r in report["tables"][0]["reported"].values()} == {"sensitivity"}


def test_margins_decide_the_orientation() -> None:
    first, second = MATRIX, [[80, 12, 8], [0, 109, 1], [20, 10, 60]]
    columns = [np.transpose(m).tolist() for m in (first, second)]
    upright = audited(*({"matrix": m, "rows": "true"} for m in (first, second)))
    turned = audited(*({"matrix": m, "rows": "true"} for m in columns))
    assert (upright["orientation"], turned["orientation"]) == ("as_printed", "transposed")
    assert "100 + 110 + 90 covid, normal and pneumonia images" in turned["reason"]
    mixed = audited(
        *({"matrix": m, "rows": "true"} for m in (first, second, columns[0])),
        test_set=GOOD["test_set"],
    )
    assert mixed["orientation"] == "mixed"
    assert [table["reading"] for table in mixed["tables"]] == ["as_printed"] * 2 + ["transposed"]
    alone = audited({"matrix": columns[0], "rows": "true"})
    assert alone["orientation"] == "undecidable"


def test_scores_that_fit_the_other_reading_are_a_remark() -> None:
    reported = {"covid": {"sensitivity": "0.8824", "ppv": "0.9000"}, "accuracy": "0.8667"}
    (remark,) = audited(counts(reported))["remarks"]
    assert "right with rows and columns exchanged" in remark


def test_images_without_a_decision() -> None:
    wide = [[90, 5, 3, 2], [2, 100, 8, 0], [9, 10, 70, 1]]
    reported = {"covid": {"sensitivity": "0.9184"}, "normal": {"sensitivity": "0.9091"},
                "accuracy": ["0.8667", "0.8754"],
                "pneumonia": {"sensitivity": "0.7778"}}  # fmt: skip
    report = audited({"matrix": wide, "rows": "true", "reported": reported})
    assert report["orientation"] == "as_printed"
    table = report["tables"][0]
    notes = [row["note"] for row in table["reported"]["accuracy"]]
    assert "as errors" in notes[0] and "without the 3 images" in notes[1]
    assert set(report["verdicts"]) == {"exact"}
    wrong = audited({"matrix": wide, "rows": "true"}, test_set=GOOD["test_set"] | {"normal": 99})
    assert "the paper states 100 + 99 + 90" in wrong["remarks"][0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "matrix",
    [
        [[0, 0, 0], [0, 0, 0], [0, 0, 5]],
        [[0, 0, 0, 3], [0, 0, 0, 2], [0, 0, 0, 5]],
        [[10**12] * 3] * 3,
    ],
)
def test_empty_classes_and_vast_ones(matrix: list[list[int]]) -> None:
    reported = {"covid": {"recall": "0", "ppv": "0.9"}, "kappa": "0", "macro f1": "0.33"}
    report = audited({"matrix": matrix, "rows": "true", "reported": reported})
    assert sum(report["verdicts"].values()) == 4
    assert "nan" not in audit.as_text(report, full=True)


# --- shares


SHARES = [["90.0%", "5.0%", "5.0%"], ["1.8%", "90.9%", "7.3%"], ["11.1%", "11.1%", "77.8%"]]


def test_shares_with_stated_sizes_leave_one_matrix() -> None:
    reported = {"covid": {"ppv": "0.8824"}, "accuracy": "0.8667", "mcc": "0.799", "kappa": "0.70"}
    table = {"matrix": SHARES, "rows": "true", "reported": reported}
    report = audited(table, test_set=GOOD["test_set"])
    assert "One matrix" in report["tables"][0]["together"]["note"]
    assert list(verdicts(report).values()) == ["exact"] * 3 + ["inconsistent"]
    assert report["tables"][0]["one_vs_rest"]["as_printed"]["covid"]["fp"] == 12


def test_shares_without_sizes_bound_what_needs_none() -> None:
    reported = {"covid": {"sensitivity": "0.90", "specificity": "0.91"}, "accuracy": "0.95",
                "normal": {"sensitivity": "0.93", "ppv": "0.3"},
                "macro": {"recall": "0.862"}}  # fmt: skip
    report = audited({"matrix": SHARES, "rows": "true", "reported": reported})
    assert verdicts(report) == {
        "covid sensitivity": "exact",
        "covid specificity": "possible",
        "normal sensitivity": "inconsistent",
        "normal ppv": "possible",
        "accuracy": "inconsistent",
        "macro recall": "exact",
    }
    assert (
        "the smallest that print so are 20 + 55 + 9 images"
        in (report["tables"][0]["together"]["note"])
    )


def test_the_smallest_sizes_are_searched_class_by_class() -> None:
    shares = [["0.9268", "0.0488", "0.0244"], ["0.05", "0.90", "0.05"], ["0", "0", "1"]]
    table = {"matrix": shares, "rows": "true", "reported": {"accuracy": "0.9194"}}
    report = audited(table)["tables"][0]
    assert "41 + 20 + 1 images" in report["together"]["note"]
    assert "right with the smallest sizes" in report["reported"]["accuracy"]["note"]


def test_columns_that_add_up_hold_ppvs() -> None:
    shares = [["88.2%", "4.3%", "6.0%"], ["2.0%", "87.0%", "9.6%"], ["9.8%", "8.7%", "84.3%"]]
    table = {"matrix": shares, "rows": "true",
             "reported": {"covid": {"ppv": ["0.882", "0.90"]}, "accuracy": "0.90"}}  # fmt: skip
    (report,) = audited(table)["tables"]
    assert [row["verdict"] for row in report["reported"]["covid ppv"]] == ["exact", "inconsistent"]
    assert report["reported"]["accuracy"]["verdict"] == "inconsistent"
    sized = audited(table, test_set=GOOD["test_set"])["tables"][0]["together"]["note"]
    assert "numbers of decisions are not stated" in sized


def test_shares_of_all_images() -> None:
    shares = [[f"{n / 3:.2f}%" for n in row] for row in MATRIX]
    table = {"matrix": shares, "rows": "true",
             "reported": {"accuracy": ["0.867", "0.90"], "covid": {"ppv": "0.88"}}}  # fmt: skip
    (report,) = audited(table)["tables"]
    assert "Shares of all images" in report["together"]["note"]
    assert [row["verdict"] for row in report["reported"]["accuracy"]] == ["exact", "inconsistent"]
    assert report["reported"]["covid ppv"]["verdict"] == "exact"


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        ("70.0%", None, "those of each true class come to 80.0%, 100.0%"),
        ("70.0%", "all", "all to 280.0%"),
        ("90.0%", "columns", "those of each decision to 102.9%"),
    ],
)
def test_shares_that_do_not_add_up(cell: str, kind: str | None, said: str) -> None:
    shares = [[cell, *SHARES[0][1:]], *SHARES[1:]]
    table = {"matrix": shares, "rows": "true", "normalised": kind, "reported": {"accuracy": "0.9"}}
    report = audited(table)
    assert report["tables"][0]["together"]["verdict"] == "contradictory"
    assert said in report["tables"][0]["together"]["note"]
    assert verdicts(report) == {"accuracy": "possible"}
    assert "1 table of several classes contradicts itself" in report["headline"]


def test_shares_that_no_such_class_has() -> None:
    report = audited({"matrix": SHARES, "rows": "true"}, test_set=GOOD["test_set"] | {"normal": 7})
    assert "No counts of 7 images" in report["tables"][0]["together"]["note"]


def test_whole_percentages_need_no_sign() -> None:
    shares = [["90", "5", "5"], ["2", "91", "7"], ["11", "11", "78"]]
    table = {"matrix": shares, "rows": "true", "reported": {"covid": {"sensitivity": "0.90"}}}
    assert verdicts(audited(table)) == {"covid sensitivity": "exact"}


# --- one against the rest: Hindawi CIN 2022/7474304, Table 6


PUBLISHED = {
    "CNN 80-20": ([[243, 13, 2, 554], [295, 1, 30, 486], [238, 22, 4, 548]], 776, 812),
    "CNN 70-30": ([[355, 29, 2, 832], [407, 37, 14, 760], [382, 8, 58, 770]], 1144, 1218),
    "VGG16 80-20": ([[243, 13, 1, 555], [296, 0, 47, 469], [220, 40, 5, 547]], 759, 812),
    "VGG16 70-30": ([[361, 23, 6, 828], [440, 4, 60, 714], [341, 49, 10, 818]], 1142, 1218),
    "Xception 80-20": ([[244, 12, 2, 554], [295, 1, 25, 491], [237, 23, 9, 543]], 776, 812),
}


def rest(cells: list[list[int]]) -> dict[str, dict[str, int]]:
    return {name: dict(zip(("TP", "FN", "FP", "TN"), row, strict=True))
            for name, row in zip(CLASSES, cells, strict=True)}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_close(name: str) -> None:
    cells, right, n = PUBLISHED[name]
    reported = {"accuracy": [f"{right / n:.4f}", "0.90"]}
    (table,) = audited({"one_vs_rest": rest(cells), "reported": reported})["tables"]
    assert table["together"]["verdict"] == "consistent"
    assert f"{right:,} of {n:,} are right" in table["together"]["note"]
    verdict = [row["verdict"] for row in table["reported"]["accuracy"]]
    assert verdict == ["exact", "inconsistent"]


@pytest.mark.parametrize(
    ("row", "cells", "said"),
    [
        (0, [243, 13, 2, 553], "covid has TN 554 instead of 553"),
        (1, [295, 1, 31, 486], "normal has FP 30 instead of 31"),
        (2, [238, 23, 4, 548], "pneumonia has FN 22 instead of 23"),
        (2, [238, 4, 22, 548], "pneumonia has FN and FP exchanged"),
        (0, [554, 13, 2, 243], "covid has TP and TN exchanged"),
    ],
)
def test_the_row_that_does_not_close_is_named(row: int, cells: list[int], said: str) -> None:
    rows = copy.deepcopy(PUBLISHED["CNN 80-20"][0])
    rows[row] = cells
    table = audited({"one_vs_rest": rest(rows), "reported": {"accuracy": "0.9557"}})["tables"][0]
    assert table["together"]["verdict"] == "contradictory"
    assert said in table["together"]["note"]
    assert table["reported"]["accuracy"]["verdict"] == "exact"


def test_rows_that_no_one_count_mends() -> None:
    rows = copy.deepcopy(PUBLISHED["CNN 80-20"][0])
    rows[0][1] += 3
    rows[1][2] += 5
    table = audited({"one_vs_rest": rest(rows), "reported": {"accuracy": "0.9557"}})["tables"][0]
    assert "FN add up to 39, FP to 41" in table["together"]["note"]
    assert table["reported"]["accuracy"]["verdict"] == "possible"


def test_rows_of_another_test_set() -> None:
    rows = rest(PUBLISHED["CNN 80-20"][0])
    sizes = {"covid": 256, "normal": 290, "pneumonia": 266}
    (table,) = audited({"one_vs_rest": rows}, test_set=sizes)["tables"]
    assert "normal 296 instead of 290" in table["together"]["note"]


def test_true_negatives_of_the_diagonal() -> None:
    rows = copy.deepcopy(PUBLISHED["CNN 80-20"][0])
    for row in rows:
        row[3] = 776 - row[0]
    (table,) = audited({"one_vs_rest": rest(rows)})["tables"]
    assert "counted on the diagonal only" in table["together"]["note"]
    assert "533 instead of 554 for covid" in table["together"]["note"]
    assert table["one_vs_rest"]["as_printed"]["covid"]["tn"] == 554


# --- scores alone: PMC7202857, Table 6

FUZZY = {
    "covid": {"f1": "99.43%", "sensitivity": "100%", "specificity": "97.72%",
              "precision": "98.87%", "accuracy": "99.24%"},
    "normal": {"f1": "89.47%", "sensitivity": "89.47%", "specificity": "98.27%",
               "precision": "89.47%", "accuracy": "97.03%"},
    "pneumonia": {"f1": "91.22%", "sensitivity": "89.65%", "specificity": "98.13%",
                  "precision": "92.85%", "accuracy": "96.32%"},
}  # fmt: skip
SIZES = {"covid": 88, "normal": 19, "pneumonia": 29}


def test_published_scores_of_classes_leave_their_counts() -> None:
    report = audited({"reported": FUZZY | {"accuracy": "96.32%"}}, test_set=SIZES)
    table = report["tables"][0]
    assert {name: list(c.values()) for name, c in table["one_vs_rest"]["as_printed"].items()} == {
        "covid": [88, 0, 1, 47], "normal": [17, 2, 2, 115], "pneumonia": [26, 3, 2, 105],
    }  # fmt: skip
    wrong = {score for score, verdict in verdicts(report).items() if verdict == "impossible"}
    assert wrong == {f"{name} {score}" for name in ("covid", "normal")
                     for score in ("specificity", "accuracy")}  # fmt: skip
    assert set(report["verdicts"]) == {"exact", "truncated", "impossible"}
    assert table["reported"]["accuracy"]["verdict"] == "exact"
    assert "43 instead of 47 true negatives" in table["reported"]["covid specificity"]["note"]
    (remark,) = report["remarks"]
    assert "specificity and accuracy of covid and normal take for true negatives only" in remark


def test_averages_are_held_against_the_classes_without_sizes() -> None:
    of = {
        name: {"recall": text} for name, text in zip(CLASSES, ("0.90", "0.80", "0.70"), strict=True)
    }
    good = of | {"macro recall": "0.80", "accuracy": "0.89"}
    assert set(verdicts(audited({"reported": good})).values()) <= {"exact", "possible"}
    wrong = of | {"macro recall": "0.83", "accuracy": "0.93"}
    found = verdicts(audited({"reported": wrong}))
    assert found["macro recall"] == found["accuracy"] == "inconsistent"


def test_averages_over_folds_are_not_blamed_for_no_matrix() -> None:
    of = {name: {"recall": "0.9012"} for name in CLASSES}
    report = audited({"reported": of, "folds": 5}, test_set=SIZES)
    assert set(report["verdicts"]) == {"possible"}


# --- what is said


def test_every_way_out(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    for more in ([], ["--full"]):
        done = CliRunner().invoke(app, ["audit", str(path), *more])
        assert done.exit_code == 0
        assert "no fault" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert "macro" in done.stdout and "kappa 0.7989" in done.stdout
    report = json.loads(CliRunner().invoke(app, ["audit", str(path), "--json"]).stdout)
    assert report["tables"][0]["scores"]["as_printed"]["by_class"]["covid"]["sensitivity"] == 0.9
    assert report["test_set"] == GOOD["test_set"]
    rows = CliRunner().invoke(app, ["audit", str(path), "--csv"]).stdout
    (row,) = csv.DictReader(io.StringIO(rows))
    assert (row["tables"], row["values"], row["exact"]) == ("2", "4", "4")
    lines = CliRunner().invoke(app, ["audit", str(tmp_path)]).stdout
    assert lines == "paper.yaml: 4 printed scores in 2 tables: no fault.\n"


def test_schemas_hold_what_is_read_and_said() -> None:
    schema = input_schema.schema()
    of_input, of_output = map(jsonschema.Draft202012Validator, (schema, result.schema()))
    own = copy.deepcopy(GOOD)
    del own["classes"]
    own["tables"][0]["classes"] = CLASSES
    for content in (GOOD, own, changed(M, SHARES), changed(R, {"covid": {"recall": ["0.9"]}})):
        assert not list(of_input.iter_errors(content))
        report = audit.audit(audit.parse(content, "paper.yaml"))
        assert not list(of_output.iter_errors(json.loads(audit.as_json(report))))
    for bad in (changed("classes", ["a", "b"]), changed(f"{T}/counts", {}), changed(R, {"f1": 1}),
                changed(f"{V}/covid/TP", "9"), changed(f"{T}/rows", GONE)):  # fmt: skip
        assert list(of_input.iter_errors(bad))
    known = schema["$defs"]["class_table"]
    with pytest.raises(Problem) as raised:
        audit.parse(changed(f"{T}/unknown", 1), "paper.yaml")
    listed = str(raised.value).split("known are ")[1].rstrip(".").split(", ")
    assert set(listed) == set(known["properties"])


def test_a_page_of_several_classes() -> None:
    reported = {"covid": {"sensitivity": "0.80", "odds_ratio": "141"}, "macro": {"recall": "0.862"}}
    page = audit.html.as_html(audited(counts(reported)))
    assert "sensitivity of covid" in page and "the balanced accuracy" in page
    assert "<td>90</td><td>10</td><td>12</td><td>188</td>" in page
    assert "141.0%" not in page


def test_twenty_classes_take_no_time() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 6, (20, 20)) + np.diag(rng.integers(20, 200, 20))
    classes = [f"class {i}" for i in range(20)]
    table = {"matrix": matrix.tolist(), "rows": "true"}
    by = audited(table, classes=classes)["tables"][0]["scores"]["as_printed"]["by_class"]
    reported = {
        name: {s: f"{of[s] - 0.01:.3f}" for s in ("sensitivity", "ppv", "f1", "accuracy")}
        for name, of in by.items()
    }
    start = time.process_time()
    report = audited(table | {"reported": reported}, classes=classes)
    assert time.process_time() - start < 1
    assert sum(report["verdicts"].values()) == 80
