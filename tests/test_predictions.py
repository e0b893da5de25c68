"""Predictions are read strictly: what cannot be judged is named with its row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from covidcxr import predictions
from covidcxr.problems import Unusable

GOOD = pd.DataFrame(
    {
        "image_id": ["a", "b", "c", "d"],
        "part": ["test", "test", "test", "train"],
        "label": ["COVID19", "NORMAL", "NORMAL", "COVID19"],
        "score": ["0.9", "0.2", "1", "0"],
        "group_id": ["p", "q", "p", "r"],
    }
)


def complaint(table: pd.DataFrame, **options: str) -> str:
    with pytest.raises(Unusable) as caught:
        predictions.from_table(table, "here.csv", **options)
    assert caught.value.status == 2
    text = str(caught.value)
    assert text.startswith("here.csv")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def changed(row: int, column: str, value: str | None) -> pd.DataFrame:
    table = GOOD.astype(object).copy()
    table.loc[row, column] = value
    return table


def test_the_test_part_is_kept_in_its_order() -> None:
    p = predictions.from_table(GOOD, "here", group="group_id")
    assert p.image_id.tolist() == ["a", "b", "c"]
    assert p.positive.tolist() == [True, False, False]
    assert p.score.tolist() == [0.9, 0.2, 1.0]
    assert p.group.tolist() == [0, 1, 0]
    assert (len(p), p.units, p.unit) == (3, 2, "group_id")
    assert p.prevalence == pytest.approx(1 / 3)
    assert p.called(0.9).tolist() == [True, False, True]
    whole = predictions.from_table(GOOD.drop(columns="part"), "here")
    assert (len(whole), whole.units, whole.unit) == (4, 4, "image")


def test_another_positive_class_can_be_named() -> None:
    table = GOOD.replace({"COVID19": "sick", "NORMAL": "well"})
    assert predictions.from_table(table, "x", positive="sick").positive.tolist() == [
        True, False, False,
    ]  # fmt: skip
    assert "no label is 'COVID19'" in complaint(table)
    assert "--positive" in complaint(table)


@pytest.mark.parametrize("value", ["1.2", "-0.1", "high", "nan", "inf"])
def test_a_score_is_a_probability(value: str) -> None:
    assert f"row 3: score '{value}' is not a number from 0 to 1" in complaint(
        changed(1, "score", value)
    )


def test_every_other_fault_is_named_with_its_row() -> None:
    assert "column 'score' is missing" in complaint(GOOD.drop(columns="score"))
    assert "column 'patient' is missing" in complaint(GOOD, group="patient")
    assert "row 4: column 'score' is empty" in complaint(changed(2, "score", None))
    assert "row 2: column 'label' is empty" in complaint(changed(0, "label", None))
    assert "row 3: image_id 'a' stands twice" in complaint(changed(1, "image_id", "a"))
    assert "row 4: label 'FLU' is a third class" in complaint(changed(2, "label", "FLU"))
    assert "no row is of part 'validation' (there are: test, train)" in complaint(
        GOOD, part="validation"
    )
    assert "holds no prediction" in complaint(GOOD.drop(columns="part")[:0])


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "is empty"), ('a,b\n"', "cannot be read as CSV"), (None, "cannot be read as CSV")],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "mine.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=said) as caught:
        predictions.read(path)
    assert str(path) in str(caught.value)


def test_groups_may_be_called_na(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    GOOD.assign(group_id=["NA", "001", "NA", "1"]).to_csv(path, index=False)
    assert predictions.read(path, group="group_id").group.tolist() == [0, 1, 0]


def test_two_models_are_brought_into_one_order() -> None:
    one = predictions.from_table(GOOD, "one", group="group_id")
    other = predictions.from_table(GOOD[::-1], "other", group="group_id")
    first, second = predictions.align(one, other)
    assert second.image_id.tolist() == first.image_id.tolist()
    np.testing.assert_array_equal(second.score, first.score)


def test_models_that_saw_other_images_labels_or_groups_are_not_paired() -> None:
    one = predictions.from_table(GOOD, "one", group="group_id")
    for column, value, said in (
        ("image_id", "z", "image 'b' of one is missing"),
        ("label", "COVID19", "image 'b' has another label"),
        ("group_id", "p", "groups the images otherwise"),
    ):
        other = predictions.from_table(changed(1, column, value), "other", group="group_id")
        with pytest.raises(Unusable, match=said):
            predictions.align(one, other)
