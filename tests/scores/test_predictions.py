"""Predictions are read strictly: what cannot be judged is named with its row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr.core.errors import Unusable
from covidcxr.scores import predictions

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
    assert "no row is of part 'validation' (there are: 'test', 'train')" in complaint(
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


@pytest.mark.parametrize("unknown", ["NA", "nan", "Unknown", "-", "", " ", "None"])
def test_each_unknown_group_is_a_group_of_its_own(
    tmp_path: Path, unknown: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mine.csv"
    table = GOOD.drop(columns="part").assign(group_id=[unknown, "7", unknown, "007"])
    table.to_csv(path, index=False)
    p = predictions.read(path, group="group_id")
    assert p.group.tolist() == [0, 1, 2, 1]
    assert "2 of 4 images have no known group" in caplog.text
    assert "('007', '7'); they count as one" in caplog.text


def test_columns_may_be_called_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    table = GOOD.rename(columns={"image_id": "file", "label": "truth"}).assign(prob=["1"] * 4)
    table.to_csv(path, index=False)
    columns = {"image_id": "file", "label": "truth", "score": "prob"}
    assert predictions.read(path, columns=columns).score.tolist() == [1, 1, 1]
    with pytest.raises(Unusable, match=r"column 'p' is missing \(there are: 'file', 'part'"):
        predictions.read(path, columns=columns | {"score": "p"})


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


def test_the_sentence_names_the_file_and_the_row_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    changed(2, "score", "1.2").to_csv(path, index=False)
    with pytest.raises(Unusable) as caught:
        predictions.read(path)
    assert str(caught.value).startswith(f"{path}, row 4: score '1.2' is not a number from 0 to 1;")
    assert path.read_text().splitlines()[4 - 1].startswith("c,")


def test_a_blank_line_does_not_shift_the_rows_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id,label,score\na,COVID19,0.1\n\nb,NORMAL,1.2\n")
    with pytest.raises(Unusable, match=r"row (3.*empty|4: score)"):
        predictions.read(path)


def test_a_row_with_a_cell_too_many_is_refused_and_not_shifted(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id,label,score\nx,a,COVID19,0.1\ny,b,NORMAL,0.2\n")
    with pytest.raises(Unusable):
        predictions.read(path)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id,label,score,score\na,COVID19,0.1,0.9\nb,NORMAL,0.2,0.8\n")
    with pytest.raises(Unusable, match="score"):
        predictions.read(path)


def test_an_empty_cell_in_part_is_no_reason_to_drop_an_image_silently() -> None:
    assert "row 3: column 'part' is empty" in complaint(changed(1, "part", None))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\xff", b"image_id\n", b"\x00\x00"])
def test_whatever_a_file_holds_the_fault_is_said_in_a_sentence(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(Unusable) as caught:
        predictions.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["zip", "gz", "xz", "zst"])
def test_a_file_that_is_called_compressed_and_is_not_is_said_in_a_sentence(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"mine.{ending}"
    path.write_text("image_id\n")
    with pytest.raises(Unusable):
        predictions.read(path)


def test_a_folder_and_a_file_that_is_not_there_are_said_in_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(Unusable, match=r"cannot be read as CSV \([^\n]+\); check the file\.$"):
            predictions.read(path)


def test_another_separator_shows_in_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id;label;score\na;COVID19;0.1\n")
    with pytest.raises(Unusable, match=r"separated by semicolons, not by ','; .*--delimiter"):
        predictions.read(path)
    path.write_text("image_id;label;score\na;COVID19;0.1\nb;NORMAL;0.2\n")
    assert predictions.read(path, delimiter=";").score.tolist() == [0.1, 0.2]


def test_a_header_alone_is_no_prediction(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image_id,label,score\n")
    with pytest.raises(Unusable, match="holds no prediction"):
        predictions.read(path)


def test_a_byte_order_mark_and_other_columns_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("\ufeffimage_id,label,score,note\na,COVID19,1e-3,\nb,NORMAL,0,x\n")
    assert predictions.read(path).score.tolist() == [0.001, 0.0]


def test_one_class_alone_is_read_if_it_is_known_which() -> None:
    table = GOOD.drop(columns="part")
    for label, positive in (("COVID19", True), ("NORMAL", False)):
        p = predictions.from_table(table.assign(label=label), "x")
        assert (p.positive == positive).all()
    assert "no label is 'COVID19' (there are: 'FLU')" in complaint(table.assign(label="FLU"))


def test_an_image_may_stand_in_two_parts_once_each() -> None:
    p = predictions.from_table(changed(3, "image_id", "a"), "x")
    assert p.image_id.tolist() == ["a", "b", "c"]


def test_a_group_column_may_have_any_name_and_groups_all_the_same() -> None:
    # A column called like the unit that is drawn where no group is named.
    table = GOOD.rename(columns={"group_id": "image"})
    p = predictions.from_table(table, "x", group="image")
    assert p.units == 2
    assert p.clusters is not None
    assert p.clusters.tolist() == [0, 1, 0]


@pytest.mark.parametrize("column", ["image_id", "label", "score"])
def test_an_empty_cell_is_named_with_column_and_row(column: str) -> None:
    assert f"row 3: column '{column}' is empty; fill it in." in complaint(
        changed(1, column, None), group="group_id"
    )


def test_what_is_wrong_in_another_part_is_not_looked_at() -> None:
    assert len(predictions.from_table(changed(3, "score", "1.2"), "x")) == 3
    assert "row 5: score '1.2'" in complaint(changed(3, "score", "1.2"), part="train")


def test_images_that_only_one_model_saw_are_counted() -> None:
    one = predictions.from_table(GOOD.drop(columns="part"), "one")
    few = predictions.from_table(GOOD.drop(columns="part")[:2], "few")
    for first, second in ((one, few), (few, one)):
        with pytest.raises(Unusable, match="few: image 'c' of one is missing; in all, 2") as caught:
            predictions.align(first, second)
        assert caught.value.status == 2


def test_names_that_differ_by_a_folder_or_by_composed_accents(tmp_path: Path) -> None:
    tables = {"nfc": "\u00dcnal", "nfd": "U\u0308nal", "folder": "test/\u00dcnal"}
    for name, image in tables.items():
        text = f"image_id,label,score\n{image},COVID19,0.5\n"
        (tmp_path / f"{name}.csv").write_text(text)
    nfc, nfd, folder = (predictions.read(tmp_path / f"{name}.csv") for name in tables)
    assert len(predictions.align(nfc, nfd)[1]) == 1
    with pytest.raises(Unusable, match="their names agree without the folders"):
        predictions.align(nfc, folder)


@settings(max_examples=40)
@given(st.permutations(range(12)), st.permutations(range(12)))
def test_alignment_is_the_same_from_any_order(first: list[int], second: list[int]) -> None:
    table = pd.DataFrame(
        {
            "image_id": [f"{i}" for i in range(12)],
            "label": ["COVID19", "NORMAL"] * 6,
            "score": np.arange(12) / 12,
            "patient": [f"p{i % 5}" for i in range(12)],
        }
    )
    one = predictions.from_table(table.iloc[first], "one", group="patient")
    other = predictions.from_table(
        table.assign(score=1 - table["score"]).iloc[second], "other", group="patient"
    )
    a, b = predictions.align(one, other)
    assert a.image_id.tolist() == b.image_id.tolist() == [f"{i}" for i in first]
    np.testing.assert_array_equal(a.positive, b.positive)
    np.testing.assert_allclose(a.score, 1 - b.score)


def test_groups_are_compared_by_who_is_together_not_by_their_names() -> None:
    table = GOOD.drop(columns="part")
    one = predictions.from_table(table, "one", group="group_id")
    renamed = table.assign(group_id=["x", "y", "x", "z"])
    predictions.align(one, predictions.from_table(renamed[::-1], "other", group="group_id"))
    for groups in (["p", "p", "p", "r"], ["p", "q", "s", "r"], ["p", "q", "r", "p"]):
        other = predictions.from_table(table.assign(group_id=groups), "other", group="group_id")
        with pytest.raises(Unusable, match="column 'group_id' groups the images otherwise"):
            predictions.align(one, other)
