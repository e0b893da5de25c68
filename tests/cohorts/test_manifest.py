"""A manifest is typed and whole, or one sentence about the first thing that is not."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr.cohorts import manifest
from covidcxr.core.errors import Problem

SHA = "0123456789abcdef" * 4


def rows(**changes: list[object]) -> pd.DataFrame:
    """Return two images of which nearly nothing is known."""
    known: dict[str, list[object]] = {
        "image_id": ["COVID19/a.png", "NORMAL/b.png"],
        "path": ["COVID19/a.png", "NORMAL/b.png"],
        "label": ["COVID19", "NORMAL"],
        "source": ["here", "here"],
        "group_id": ["a", "b"],
        "sha256": [SHA, SHA],
    }
    columns = [name for name, column in manifest.MANIFEST.columns.items() if column.required]
    return pd.DataFrame({**{name: [pd.NA, pd.NA] for name in columns}, **known, **changes})


def test_columns_come_typed_and_in_order() -> None:
    shuffled = rows(age=[40, pd.NA])[sorted(rows().columns)]
    valid = manifest.validate(shuffled, "here")
    assert list(valid.columns) == list(rows().columns)
    assert valid["age"].dtype == "Float64"
    assert valid["original_width"].dtype == "Int64"
    assert valid["patient_id"].isna().all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": ["grey", "grey"]}, "'colour' is unknown"),
        ({"image_id": ["a", "a"]}, "'image_id' fails 'field_uniqueness' with 'a'"),
        ({"path": ["a", "a"]}, "'path' fails"),
        ({"label": ["COVID19", "TUBERCULOSIS"]}, "'label' fails"),
        ({"label": ["COVID19", pd.NA]}, "'label' fails"),
        ({"group_id": ["a", pd.NA]}, "'group_id' fails"),
        ({"age": [40, 121]}, "'age' fails 'in_range(0, 120)' with '121.0'"),
        ({"age": [40, -1]}, "'age' fails 'in_range(0, 120)' with '-1.0'"),
        ({"age": [40, "old"]}, "'age' fails"),
        ({"sex": ["F", "female"]}, "'sex' fails"),
        ({"original_width": [0, 9]}, "'original_width' fails 'greater_than(0)' with '0'"),
        ({"original_width": [1.5, 9]}, "'original_width' fails"),
        ({"sha256": [SHA, SHA.upper()]}, "'sha256' fails"),
        ({"planted_severity": [0.5, 1.5]}, "'planted_severity' fails"),
        ({"planted_acquisition": ["adult", "child"]}, "'planted_acquisition' fails"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, list[object]], told: str) -> None:
    with pytest.raises(Problem) as caught:
        manifest.validate(rows(**changes), "here.csv")
    message = str(caught.value)
    assert message.startswith("here.csv: column ")
    assert told in message
    assert "\n" not in message


def test_a_missing_column_is_named() -> None:
    with pytest.raises(Problem, match=r"here.csv: column 'sha256' is missing; add it\."):
        manifest.validate(rows().drop(columns="sha256"), "here.csv")


@settings(max_examples=40, deadline=None)
@given(
    ages=st.lists(st.none() | st.floats(0, 120), min_size=2, max_size=2),
    severities=st.lists(st.floats(0, 1), min_size=2, max_size=2),
    patients=st.lists(
        st.sampled_from(["NA", "null", "nan", "007", "a,b", 'a"b', "ä b"]), min_size=2, max_size=2
    ),
    sizes=st.lists(st.none() | st.integers(1, 2**40), min_size=2, max_size=2),
)
def test_a_written_manifest_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    ages: list[float | None],
    severities: list[float],
    patients: list[str],
    sizes: list[int | None],
) -> None:
    changes = {"age": ages, "planted_severity": severities, "original_bytes": sizes}
    valid = manifest.validate(rows(patient_id=patients, group_id=patients, **changes), "here")  # type: ignore[arg-type]
    path = tmp_path_factory.getbasetemp() / "manifest.csv"
    manifest.write(valid, path)
    pd.testing.assert_frame_equal(manifest.read(path), valid, check_exact=True)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    manifest.write(manifest.validate(rows(), "here").drop(columns="label"), path)
    with pytest.raises(Problem, match="'label' is missing") as caught:
        manifest.read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"], ids=["empty", "no text"])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        manifest.read(path)
    assert str(caught.value).startswith(f"{path}: cannot be read as a manifest")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read as a manifest"):
        manifest.read(tmp_path / "manifest.csv")
