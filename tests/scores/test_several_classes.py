"""Several classes: scikit-learn's averages, intervals, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

from covidcxr.core.errors import Unusable
from covidcxr.scores import several_classes
from covidcxr.scores.intervals import Protocol

NAMES = ["COVID19", "NORMAL", "TB"]
QUICK = Protocol(resamples=200)


def table(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    truth = np.arange(n) % 3
    logit = rng.normal(0, 1, (n, 3)) + 1.5 * np.eye(3)[truth]
    share = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return pd.DataFrame(share, columns=NAMES).assign(
        image_id=[f"i{k}" for k in range(n)], label=np.array(NAMES)[truth]
    )


def read(folder: Path, rows: pd.DataFrame, group: str | None = None) -> several_classes.Classes:
    path = folder / "p.csv"
    rows.to_csv(path, index=False)
    return several_classes.read(path, NAMES, group=group)


def test_averages_are_scikit_learns(tmp_path: Path) -> None:
    rows = table()
    scores = several_classes.overall(read(tmp_path, rows), QUICK)
    truth, share = rows["label"].to_numpy(), rows[NAMES].to_numpy()
    called = np.array(NAMES)[share.argmax(axis=1)]
    expected = {
        "accuracy": theirs.accuracy_score(truth, called),
        "macro_sensitivity": theirs.recall_score(truth, called, average="macro"),
        "macro_ppv": theirs.precision_score(truth, called, average="macro"),
        "macro_f1": theirs.f1_score(truth, called, average="macro"),
        "macro_auroc": theirs.roc_auc_score(truth, share, multi_class="ovr", labels=NAMES),
    }
    for name, value in expected.items():
        assert scores[name].value == pytest.approx(value)
        assert scores[name].low < value < scores[name].high


def test_each_class_is_scored_against_the_rest(tmp_path: Path) -> None:
    rows = table()
    scores = several_classes.by_class(read(tmp_path, rows), QUICK)
    called = np.array(NAMES)[rows[NAMES].to_numpy().argmax(axis=1)]
    report = theirs.classification_report(rows["label"], called, output_dict=True)
    for name in NAMES:
        assert scores[name]["sensitivity"].value == pytest.approx(report[name]["recall"])
        assert scores[name]["ppv"].value == pytest.approx(report[name]["precision"])
        area = theirs.roc_auc_score(rows["label"] == name, rows[name])
        assert scores[name]["auroc"].value == pytest.approx(area)


def test_copies_within_a_patient_are_no_evidence(tmp_path: Path) -> None:
    rows = table(60).assign(patient=np.arange(60).astype(str))
    twice = pd.concat([rows, rows.assign(image_id=rows["image_id"] + "b")])
    alone, grouped, single = (
        several_classes.overall(read(tmp_path, data, group), QUICK)["macro_f1"]
        for data, group in ((twice, None), (twice, "patient"), (rows, None))
    )
    assert grouped.high - grouped.low > 1.2 * (alone.high - alone.low)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, rel=0.1)


def test_a_tie_goes_to_the_first_class_and_is_counted(tmp_path: Path) -> None:
    rows = table()
    rows.loc[1, NAMES] = [0.4, 0.4, 0.2]
    c = read(tmp_path, rows)
    assert (c.ties, c.called[1]) == (1, 0)


def test_without_the_bootstrap_averages_have_a_reason(tmp_path: Path) -> None:
    scores = several_classes.overall(read(tmp_path, table()), Protocol(resamples=0))
    assert np.isnan(scores["macro_f1"].low)
    assert "switched off" in str(scores["macro_f1"].reason)
    assert np.isfinite(scores["accuracy"].low)


def test_a_class_without_an_image_has_no_average(tmp_path: Path) -> None:
    rows = table()
    scores = several_classes.overall(read(tmp_path, rows[rows["label"] != "TB"]), QUICK)
    assert "one of the classes" in str(scores["macro_sensitivity"].reason)
    assert np.isnan(scores["macro_sensitivity"].value)


@pytest.mark.parametrize(
    ("row", "column", "value", "complaint"),
    [
        (1, "TB", 0.95, "row 3: sum of probabilities .* is not 1; give the softmax"),
        (1, "TB", 1.5, "column 'TB', row 3: score '1.5' is not a number from 0 to 1"),
        (2, "label", "FLU", "row 4: label 'FLU' has no column of probabilities"),
        (2, "image_id", "i0", "row 4: image_id 'i0' stands twice"),
    ],
)
def test_bad_rows_are_named(
    tmp_path: Path, row: int, column: str, value: str | float, complaint: str
) -> None:
    rows = table().astype(object)
    rows.loc[row, column] = value
    with pytest.raises(Unusable, match=complaint):
        read(tmp_path, rows)


def test_two_classes_are_the_fewest(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="two classes or more"):
        several_classes.read(tmp_path / "p.csv", ["TB", "TB"])
