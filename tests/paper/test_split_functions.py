"""What common tools hold out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr.paper import split_functions


def test_tools_are_told_apart_by_what_they_hold_out() -> None:
    table = split_functions.table(460, 1341, 92, 268)
    rows = table[["kept", "held_out", "COVID19", "NORMAL"]].T.to_dict("list")
    assert rows["Keras ImageDataGenerator"] == [1441, 360, 92, 268]
    assert rows["scikit-learn train_test_split"][:2] == [1440, 361]
    assert rows["scikit-learn train_test_split, stratified"][:2] == [1440, 361]
    assert rows["Keras image_dataset_from_directory"][:2] == [1441, 360]
    chances = table["chance"].to_dict()
    assert chances["Keras ImageDataGenerator"] == 1
    assert chances["scikit-learn train_test_split, stratified"] == 0
    assert chances["scikit-learn train_test_split"] == 0
    assert chances["Keras image_dataset_from_directory"] == pytest.approx(0.054, abs=5e-4)
    # Rounding by class agrees as well, and so do four of five folds.
    assert chances["pandas groupby.sample"] == 1
    assert chances["scikit-learn StratifiedKFold, one fold"] == pytest.approx(0.8)


def test_the_chance_of_a_composition_is_that_of_draws() -> None:
    assert split_functions.chance(1, 1, 1, 0) == pytest.approx(0.5)
    assert split_functions.chance(3, 2, 2, 1) == pytest.approx(3 * 2 / 10)
    assert sum(split_functions.chance(5, 7, k, 4 - k) for k in range(5)) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 200), st.integers(5, 200))
def test_every_tool_divides_all_images(covid: int, normal: int) -> None:
    held = int(0.2 * covid), int(0.2 * normal)
    table = split_functions.table(covid, normal, *held)
    sizes = table[["kept", "held_out"]].dropna().astype(int)
    assert (sizes.sum(axis=1) == covid + normal).all()
    assert table["chance"].between(0, 1).all()
    assert table.loc["Keras ImageDataGenerator", "chance"] == 1
