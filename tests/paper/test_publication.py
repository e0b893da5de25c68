"""What the paper prints is kept as it prints it, is complete, and is read rightly."""

import copy
import re
from collections import Counter
from decimal import Decimal
from importlib.resources import files
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from covidcxr.core import strict_yaml
from covidcxr.core.studies import LABELS, TITLES, ModelName
from covidcxr.paper import publication
from covidcxr.paper.publication import Number

PAPER = publication.paper()
SECTION = {"4.1": "resnet50", "4.2": "resnet152v2", "4.3": "resnet252v2"}
"""The network of each section of results."""


def number(printed: str, unit: str | None = None) -> Number:
    """Return a number of which nothing but its print is known."""
    return Number(id="x", printed=printed, place="abstract", says="something", unit=unit)


# --- one number ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "unit", "value"),
    [
        ("15,602", "images", 15602.0),
        ("1441", "images", 1441.0),
        ("76.09", "percent", 0.7609),
        ("88.10", "percent", 0.881),
        ("93", "percent", 0.93),
        ("0.88095", "fraction", 0.88095),
        ("3.8", "billion operations", 3.8e9),
        ("256×256", "pixels", 256.0),
        ("(256,256)", "pixels", 256.0),
        ("1×1", None, 1.0),
        ("six", "layers", 6.0),
    ],
)
def test_a_print_is_read(printed: str, unit: str | None, value: float) -> None:
    assert number(printed, unit).value == value


@pytest.mark.parametrize(
    "printed", ["", "many", "256×128", "(1,2)", "15,60", "1.2.3", "-1", "1 441", "77%", "٣", "²"]
)
def test_what_is_no_number_of_the_paper_is_refused(printed: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        number(printed).value


@given(st.integers(0, 10**9))
def test_whole_numbers_come_back(n: int) -> None:
    assert number(f"{n:,}").value == number(str(n)).value == n
    assert number(f"{n}×{n}").value == number(f"({n},{n})").value == n


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_fractions_and_percentages_come_back(digits: int, decimals: int) -> None:
    exact = Decimal(digits).scaleb(-decimals)
    for unit, scale in ((None, 1), ("percent", Decimal("0.01")), ("billion operations", 10**9)):
        read = number(f"{exact:f}", unit)
        assert read.value == float(exact * scale)
        assert f"{read.value / float(scale):.{decimals}f}" == read.printed


# --- the file ------------------------------------------------------------------------------


def test_every_value_is_text_and_survives_unchanged() -> None:
    raw = publication.load()
    assert [n["printed"] for n in raw["numbers"]] == [n.printed for n in PAPER.numbers]
    assert all(type(n["printed"]) is str for n in raw["numbers"])
    for table, kept in zip(raw["tables"], PAPER.tables, strict=True):
        assert table["printed"] == kept.printed
        assert all(type(text) is str for text in table["printed"].values())
    assert publication.numbers()["s2-ncovnet-accuracy"].printed == "88.10"
    assert publication.tables()["resnet152v2"].printed["npv"] == "0.80"


def test_no_key_stands_twice() -> None:
    text = files("covidcxr").joinpath("data/seedpaper.yaml").read_text("utf-8")
    # The loader of studies refuses doubled keys, of which plain YAML would keep the last.
    assert strict_yaml.parse(text, "it is") == publication.load()


def broken(path: list[Any], value: object) -> dict[str, Any]:
    """Return the file with one value planted in it."""
    content = copy.deepcopy(publication.load())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["numbers", 1, "printed"], 15602),
        (["numbers", 1, "printed"], None),
        (["numbers", 1, "colour"], "red"),
        (["numbers", 1, "of"], "resnet101"),
        (["numbers", 1, "score"], "mcc"),
        (["tables", 0, "printed", "accuracy"], 0.77),
        (["tables", 0, "matrix"], [[70, 22, 1], [60, 208]]),
        (["tables", 0, "matrix"], [["70", 22], [60, 208]]),
        (["tables", 0, "rows"], "columns"),
        (["references", 0, "year"], 2020),
        (["appendix"], []),
    ],
)
def test_a_planted_defect_is_refused(path: list[Any], value: object) -> None:
    with pytest.raises(ValidationError):
        publication.parse(broken(path, value))


def test_a_caller_cannot_change_the_paper() -> None:
    publication.tables()["resnet50"].printed["accuracy"] = "0.99"
    publication.numbers().clear()
    assert publication.tables()["resnet50"].printed["accuracy"] == "0.77"
    assert publication.numbers()


# --- its parts agree with one another ------------------------------------------------------


def test_ids_are_unique_and_speak_of_their_place() -> None:
    every = publication.numbers()
    assert len(every) == 87 + 3 * (4 + 6)  # no id stands twice
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", id) for id in every)
    for n in PAPER.numbers:
        assert n.id.startswith(n.place.replace("section ", "s").replace(".", "") + "-")
    assert list(every)[: len(PAPER.numbers)] == [n.id for n in PAPER.numbers]


def test_every_place_is_a_section_or_stands_before_them() -> None:
    known = {"title", "abstract"} | {f"section {s.number}" for s in PAPER.sections}
    lists: list[tuple[Any, ...]] = [PAPER.numbers, PAPER.cells, PAPER.equations]
    lists += [PAPER.metric_lists, PAPER.cross_references, PAPER.citations]
    assert {item.place for items in lists for item in items} <= known
    sections = {s.number for s in PAPER.sections}
    assert {t.section for t in PAPER.tables} | {f.section for f in PAPER.figures} <= sections


def test_numbers_stand_in_the_order_of_their_places() -> None:
    order = ["title", "abstract", *(f"section {s.number}" for s in PAPER.sections)]
    lists: list[tuple[Any, ...]] = [PAPER.numbers, PAPER.cross_references, PAPER.citations]
    for items in lists:
        ranks = [order.index(item.place) for item in items]
        assert ranks == sorted(ranks)


def test_a_score_is_a_fraction_of_a_network_and_a_result_is_of_its_sections_network() -> None:
    for n in publication.numbers().values():
        assert n.value >= 0
        if n.unit in ("percent", "fraction"):
            assert n.value <= 1
        if n.score:
            assert n.of in get_args(ModelName)
            assert n.unit in ("percent", "fraction")
    said = [(item.place, item.of) for item in PAPER.numbers]
    said += [(item.place, item.of) for item in PAPER.cross_references]
    for place, network in said:
        section = place.removeprefix("section ")
        assert section not in SECTION or network == SECTION[section]


def test_each_place_has_as_many_numbers_as_it_prints() -> None:
    assert Counter(n.place for n in PAPER.numbers) == {
        "title": 1,
        "abstract": 3,
        "section 1": 1,
        "section 2": 28,
        "section 3.1": 14,
        "section 3.2": 6,
        "section 3.3": 2,
        "section 4.1": 10,
        "section 4.2": 10,
        "section 4.3": 10,
        "section 5": 2,
    }


def test_the_three_sections_of_results_are_built_alike() -> None:
    kinds = {
        place: [
            (n.id.partition("-")[2], n.unit, n.score)
            for n in PAPER.numbers
            if n.place == f"section {place}"
        ]
        for place in SECTION
    }
    assert kinds["4.1"] == kinds["4.2"] == kinds["4.3"]


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("abstract-images", 15602),
        ("abstract-accuracy", 0.93),
        ("s31-image-size", 256),
        ("s31-kernel", 1),
        ("s31-filters", 1024),
        ("s31-flops", 3.8e9),
        ("s32-image-size", 256),
        ("s32-train-images", 1441),
        ("s32-test-images", 360),
        ("s41-evaluated-share", 0.8),
        ("s41-accuracy-fraction", 0.77),
        ("s41-accuracy", 0.7722),
        ("s42-f1", 0.6818),
        ("s42-epochs", 35),
        ("s43-batch-size", 16),
        ("s43-specificity", 0.9764),
        ("s5-accuracy", 0.928),
        ("table1-covid19-normal", 22),
        ("table1-normal-covid19", 60),
        ("table3-recall", 0.81),
    ],
)
def test_a_number_is_found_by_its_id(id: str, expected: float) -> None:
    assert publication.value(id) == expected


def test_an_unknown_id_is_no_number() -> None:
    with pytest.raises(KeyError):
        publication.value("s41-auc")


# --- tables --------------------------------------------------------------------------------


def test_the_matrices_are_the_printed_ones() -> None:
    matrices = {model: table.matrix for model, table in publication.tables().items()}
    assert matrices == {
        "resnet50": ((70, 22), (60, 208)),
        "resnet152v2": ((75, 17), (53, 215)),
        "resnet252v2": ((86, 6), (20, 248)),
    }
    for table in publication.tables().values():
        assert table.rows == "predicted"
        assert SECTION[table.section] == table.model
        assert set(table.printed) == set(publication.SCORES)


def test_cells_follow_the_reading_of_the_rows() -> None:
    table = publication.tables()["resnet50"]
    assert np.array_equal(table.cells("predicted"), [70, 60, 22, 208])
    assert np.array_equal(table.cells("true"), [70, 22, 60, 208])
    assert publication.row_totals() == {(92, 268)}


def test_a_tables_numbers_say_where_they_stand() -> None:
    numbers = publication.numbers()
    assert numbers["table1-precision"].place == "Table 1, precision"
    assert numbers["table2-covid19-normal"].place == "Table 2, row COVID19, column NORMAL"
    assert numbers["table3-npv"] == Number(
        id="table3-npv",
        printed="0.93",
        place="Table 3, npv",
        says="npv beside the matrix",
        unit="fraction",
        of="resnet252v2",
        score="npv",
    )


def test_the_report_lists_every_print_of_every_score() -> None:
    report = publication.reported()
    assert list(report) == ["title", "tables"]
    assert [t["name"] for t in report["tables"]] == list(TITLES.values())
    first, second, third = (t["reported"] for t in report["tables"])
    assert first["accuracy"] == ["0.77", "0.77", "77.22%"]
    assert first["f1"] == ["0.63", "63.06%"]
    assert first["npv"] == ["0.78"]
    assert second["precision"] == ["0.81", "81.52%"]
    assert third["accuracy"] == ["0.93", "93%", "0.93", "92.81%", "92.8%"]
    listed = sum(len(v) for t in report["tables"] for v in t["reported"].values())
    assert listed == sum(n.score is not None for n in publication.numbers().values())
    assert report["tables"][2]["matrix"] == [[86, 6], [20, 248]]
    assert yaml.safe_load(yaml.safe_dump(report)) == report


# --- equations, references and the rest ----------------------------------------------------


def test_equations_give_the_textbook_scores() -> None:
    assert [e.number for e in PAPER.equations] == ["1", "2", None, "4"]
    assert [e.label for e in PAPER.equations] == ["Accuracy", "Precision", None, "Precision"]
    known: dict[str, float] = {"TP": 3, "TN": 4, "FP": 1, "FN": 2}
    found = {}
    for equation in PAPER.equations:
        found[equation.score] = float(pd.eval(equation.formula, local_dict=known))  # type: ignore[arg-type]
        known[equation.score.capitalize()] = found[equation.score]
    assert found == pytest.approx({"accuracy": 0.7, "precision": 0.75, "recall": 0.6, "f1": 2 / 3})


def test_the_four_cells_are_the_usual_ones() -> None:
    covid, normal = LABELS
    assert {(c.predicted, c.actual): c.name for c in PAPER.cells} == {
        (covid, covid): "TP",
        (normal, normal): "TN",
        (covid, normal): "FP",
        (normal, covid): "FN",
    }


def test_citations_and_studies_name_references_that_exist() -> None:
    listed = [r.number for r in PAPER.references]
    assert listed == [str(n) for n in range(1, 14)]
    cited = [c.reference for c in PAPER.citations if c.reference]
    assert " ".join(cited) == "1 2 3 5 6 9 10 11 12 13 7 8"
    assert set(listed) - set(cited) == {"4"}
    for study in PAPER.literature:
        assert study.reference in cited
    told = [id for study in PAPER.literature for id in study.numbers]
    assert told == [n.id for n in PAPER.numbers if n.place == "section 2"]


def test_references_are_kept_as_printed() -> None:
    by_number = {r.number: r for r in PAPER.references}
    assert by_number["13"].authors.count("Xia, J.") == 2
    assert (by_number["5"].volume, by_number["5"].pages) == ("138", "109944")
    assert by_number["2"].year is None and by_number["2"].accessed == "12 Jan 2023"
    assert by_number["11"].pages is None
    assert [len(r.authors) for r in PAPER.references] == [6, 1, 7, 17, 5, 3, 4, 2, 11, 7, 3, 3, 18]


def test_cross_references_name_what_they_print() -> None:
    known = {f.number for f in PAPER.figures}
    known |= {f.number + panel for f in PAPER.figures for panel in f.panels}
    for reference in PAPER.cross_references:
        if reference.kind == "figure":
            assert set(reference.panels) <= known
            assert re.findall(r"\d[a-z]?", reference.printed) == list(reference.panels)
        elif reference.number:
            assert reference.printed.endswith(f" {reference.number}")
    bare = [r.place for r in PAPER.cross_references if r.kind == "figure" and not r.panels]
    assert bare == ["section 4.1", "section 4.2", "section 4.3"]
    tables = [r.printed for r in PAPER.cross_references if r.kind == "table"]
    assert tables == [t.place for t in PAPER.tables] == [m.table for m in PAPER.metric_lists]


def test_announced_scores_are_the_printed_list() -> None:
    lists = {m.scores for m in PAPER.metric_lists}
    assert lists == {("recall", "specificity", "recall", "accuracy", "f1")}
