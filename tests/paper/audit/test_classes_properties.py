"""Random tables of several classes: clean ones are never blamed, planted errors are found."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from covidcxr.paper import audit
from covidcxr.paper.audit.classes import names, scores
from covidcxr.paper.audit.synthetic import show
from covidcxr.paper.audit.verdicts import FAULTS

Matrix = NDArray[np.int64]

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

BY_CLASS = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy")
OVERALL = ("accuracy", "kappa", "mcc", "macro f1", "weighted f1", "macro sensitivity", "f1",
           "weighted ppv", "macro ppv", "micro specificity", "balanced accuracy")  # fmt: skip


@st.composite
def matrices(draw: st.DrawFn, most: int = 6) -> Matrix:
    """Draw a matrix of true classes by decisions, each class with an image."""
    k = draw(st.integers(3, most))
    cells = st.integers(0, draw(st.sampled_from([3, 30, 400])))
    matrix = np.array(draw(st.lists(cells, min_size=k * k, max_size=k * k))).reshape(k, k)
    return matrix + np.diag([draw(st.integers(1, 300)) for _ in range(k)])


def labels(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Return the true and the decided class of each image."""
    i, j = np.indices(matrix.shape)
    return np.repeat(i.ravel(), matrix.ravel()), np.repeat(j.ravel(), matrix.ravel())


def prints(matrix: Matrix, digits: int, percent: bool) -> dict[str, Any]:
    """Print the scores of a matrix by scikit-learn, and those it lacks by their definitions."""
    truth, decided = labels(matrix)
    known = list(range(len(matrix)))
    ppv, sensitivity, f1, _ = metrics.precision_recall_fscore_support(
        truth, decided, labels=known, zero_division=0
    )
    cells = metrics.multilabel_confusion_matrix(truth, decided, labels=known)
    reported: dict[str, Any] = {}
    for i in known:
        (tn, fp), (fn, tp) = cells[i]
        values = {"sensitivity": sensitivity[i], "ppv": ppv[i], "f1": f1[i],
                  "specificity": tn / (tn + fp), "accuracy": (tp + tn) / len(truth),
                  "npv": tn / (tn + fn) if tn + fn else 0}  # fmt: skip
        reported[f"c{i}"] = {name: show(v, digits, percent) for name, v in values.items()}
    (tn, fp), _ = cells.sum(axis=0)
    overall = {
        "accuracy": metrics.accuracy_score(truth, decided),
        "kappa": metrics.cohen_kappa_score(truth, decided),
        "mcc": metrics.matthews_corrcoef(truth, decided),
        "macro f1": f1.mean(),
        "weighted f1": metrics.f1_score(truth, decided, average="weighted"),
        "macro sensitivity": sensitivity.mean(),
        "balanced accuracy": metrics.balanced_accuracy_score(truth, decided),
        "f1": f1.mean(),
        "weighted ppv": metrics.precision_score(
            truth, decided, average="weighted", zero_division=0
        ),
        "macro ppv": ppv.mean(),
        "micro specificity": tn / (tn + fp),
    }
    return reported | {name: show(float(v), digits, percent) for name, v in overall.items()}


def paper(k: int, *tables: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    named = [{"name": f"model {i}", **table} for i, table in enumerate(tables)]
    return {"title": "Some paper", "classes": [f"c{i}" for i in range(k)], "tables": named, **keys}


def audited(content: Mapping[str, Any]) -> dict[str, Any]:
    report = audit.audit(audit.parse(content, "paper.yaml"))
    audit.as_text(report, full=True)
    return report


def blamed(report: Mapping[str, Any]) -> list[Any]:
    return [
        (table["name"], score, row)
        for table in report["tables"]
        for score, rows in table["reported"].items()
        for row in (rows if isinstance(rows, list) else [rows])
        if row["verdict"] in FAULTS
    ] + [table for table in report["tables"] if (table["together"] or {}).get("verdict") ==
         "contradictory"]  # fmt: skip


def sizes(matrix: Matrix) -> dict[str, int]:
    return {f"c{i}": int(n) for i, n in enumerate(matrix.sum(axis=1))}


@FEW
@given(matrix=matrices(), digits=st.integers(1, 5), percent=st.booleans(), stated=st.booleans())
def test_a_clean_matrix_is_never_blamed(
    matrix: Matrix, digits: int, percent: bool, stated: bool
) -> None:
    table = {"matrix": matrix.tolist(), "rows": "true", "reported": prints(matrix, digits, percent)}
    keys = {"test_set": sizes(matrix)} if stated else {}
    report = audited(paper(len(matrix), table, **keys))
    assert not blamed(report)
    assert report["orientation"] in ("as_printed", "undecidable")
    assert not report["remarks"]


@FEW
@given(
    matrix=matrices(4),
    digits=st.integers(2, 4),
    kind=st.sampled_from(["true", "columns", "all"]),
    stated=st.booleans(),
    named=st.booleans(),
)
def test_a_clean_matrix_of_shares_is_never_blamed(
    matrix: Matrix, digits: int, kind: str, stated: bool, named: bool
) -> None:
    total = {
        "true": matrix.sum(axis=1, keepdims=True),
        "columns": np.maximum(matrix.sum(axis=0, keepdims=True), 1),
        "all": matrix.sum(),
    }[kind]
    shares = [[show(v, digits, True) for v in row] for row in (matrix / total).tolist()]
    table = {"matrix": shares, "rows": "true", "reported": prints(matrix, digits, True)}
    if named:
        table["normalised"] = {"true": "rows"}.get(kind, kind)
    keys = {"test_set": sizes(matrix)} if stated else {}
    assert not blamed(audited(paper(len(matrix), table, **keys)))


@FEW
@given(matrix=matrices(5), digits=st.integers(2, 4), stated=st.booleans())
def test_clean_rows_against_the_rest_are_never_blamed(
    matrix: Matrix, digits: int, stated: bool
) -> None:
    cells = scores.one_against_rest(matrix)
    rows = {
        f"c{i}": dict(zip(("TP", "FN", "FP", "TN"), row, strict=True))
        for i, row in enumerate(cells.tolist())
    }
    reported = prints(matrix, digits, False)
    keys = {"test_set": sizes(matrix)} if stated else {}
    tables = [{"one_vs_rest": rows, "reported": reported}, {"reported": reported}]
    assert not blamed(audited(paper(len(matrix), *tables, **keys)))


@FEW
@given(matrix=matrices(5), none=st.lists(st.integers(0, 9), min_size=5, max_size=5),
       digits=st.integers(2, 4), errors=st.booleans())  # fmt: skip
def test_images_without_a_decision_count_either_way(
    matrix: Matrix, none: list[int], digits: int, errors: bool
) -> None:
    k = len(matrix)
    wide = np.column_stack([matrix, none[:k]])
    square = np.vstack([wide, np.zeros(k + 1, dtype=int)]) if errors else matrix
    reported = prints(square, digits, False)
    kept = {name: reported[name] for name in ("accuracy", "kappa", "mcc")}
    for i in range(k):
        kept[f"c{i}"] = reported[f"c{i}"]
    table = {"matrix": wide.tolist(), "rows": "true", "reported": kept}
    turned = table | {"matrix": wide.T.tolist(), "rows": "predicted"}
    for one in (table, turned):
        assert not blamed(audited(paper(k, one)))


@FEW
@given(matrix=matrices())
def test_a_transposed_matrix_is_found_by_a_stated_test_set(matrix: Matrix) -> None:
    if (matrix.sum(axis=0) == matrix.sum(axis=1)).all():
        return
    table = {"matrix": matrix.T.tolist(), "rows": "true", "reported": prints(matrix, 4, False)}
    report = audited(paper(len(matrix), table, test_set=sizes(matrix)))
    assert report["orientation"] == "transposed"
    assert not blamed(report)


@FEW
@given(matrix=matrices())
def test_scores_agree_with_scikit_learn(matrix: Matrix) -> None:
    computed = scores.overall(scores.one_against_rest(matrix), matrix)
    for name, text in prints(matrix, 9, False).items():
        if name not in ("f1", *(f"c{i}" for i in range(len(matrix)))):
            value = computed[str(names.of_table(name))][0][1]
            assert value == pytest.approx(float(text), abs=1e-8), name
    truth, decided = labels(matrix)
    for said, value in computed["kappa"][1:]:
        weights = "quadratic" if "quadratic" in said else "linear"
        theirs = metrics.cohen_kappa_score(truth, decided, weights=weights)
        assert value == pytest.approx(theirs)


MATRIX = np.array([[243, 9, 4], [1, 280, 15], [6, 41, 213]])


@pytest.mark.parametrize("seed", range(40))
def test_a_typing_error_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reported = prints(MATRIX, 4, False)
    of = reported[f"c{rng.integers(3)}"] if rng.random() < 0.5 else reported
    plain = [name for name in of if isinstance(of[name], str)]
    name = plain[int(rng.integers(len(plain)))]
    digit = (int(of[name][4]) + int(rng.integers(2, 9))) % 10
    of[name] = of[name][:4] + str(digit) + of[name][5:]
    table = {"matrix": MATRIX.tolist(), "rows": "true", "reported": reported}
    found = blamed(audited(paper(3, table)))
    assert len(found) == 1 and found[0][1].endswith(name)


@pytest.mark.parametrize("seed", range(40))
def test_a_count_that_does_not_close_is_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = {
        f"c{i}": dict(zip(("TP", "FN", "FP", "TN"), row, strict=True))
        for i, row in enumerate(scores.one_against_rest(MATRIX).tolist())
    }
    row, cell = f"c{rng.integers(3)}", ("TP", "FN", "FP", "TN")[rng.integers(4)]
    right = rows[row][cell]
    rows[row][cell] += int(rng.integers(1, 9))
    whole = audited(paper(3, {"one_vs_rest": rows}))["tables"][0]
    assert whole["together"]["verdict"] == "contradictory"
    assert f"{row} has {cell} {right} instead of {rows[row][cell]}" in whole["together"]["note"]
    assert whole["one_vs_rest"]["as_printed"][row][cell.lower()] == right
