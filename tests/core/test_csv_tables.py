"""CSV files are read strictly, and each fault is named with its row."""

import codecs
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import csv_tables
from covidcxr.core.errors import Unusable


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def complaint(folder: Path, content: str | bytes) -> str:
    path = written(folder, content)
    with pytest.raises(Unusable) as caught:
        csv_tables.read(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.endswith(".")
    assert text.isprintable()
    return text.removeprefix(str(path))


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n,y\n",
        "a,b\r\n1,x\r\n,y\r\n",
        "a,b\r1,x\r,y\r",
        "\ufeffa,b\n1,x\n,y",
        "sep=;\na;b\n1;x\n;y\n",
        " a , b\n 1,x \n  ,y\n",
        'a,b\n"1","x"\n"",y\n',
        "a,b,,\n1,x,,\n,y,,\n,,,\n",
        codecs.BOM_UTF16_LE + "a,b\n1,x\n,y\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a,b\n1,x\n,y\n".encode("utf-16-be"),
    ],
)
def test_the_same_table_from_each_program(tmp_path: Path, content: str | bytes) -> None:
    table = csv_tables.read(written(tmp_path, content)).reset_index(drop=True)
    expected = pd.DataFrame({"a": ["1", pd.NA], "b": ["x", "y"]}, dtype="string")
    pd.testing.assert_frame_equal(table, expected)


def test_rows_keep_their_numbers_over_empty_ones(tmp_path: Path) -> None:
    table = csv_tables.read(written(tmp_path, "\na,b\n1,x\n\n,\n2,y\n,\n\n"))
    assert table["a"].to_dict() == {3: "1", 6: "2"}
    assert [csv_tables.row_of(table, k) for k in range(2)] == [3, 6]
    assert csv_tables.row_of(table.reset_index(drop=True), 1) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n,,\n", "is empty"),
        ("# a comment\na,b\n", "row 1: begins with '#'"),
        ("a;b\n1;2\n", "separated by semicolons, not by ','"),
        ("a\tb\n", "separated by tabs"),
        ("a,a\n1,2\n", "column 'a' stands twice"),
        ("a,b\n1,2\n1,2,3\n", "row 3: has 3 cells where the header has 2"),
        ("a,b\n1,2,\n", "remove the ',' at its end"),
        ("a,b\n\n1\n", "row 3: has 1 cell where the header has 2"),
        ("a,b\n1,2\nK\u00f6ln,1\n".encode("latin-1"), "row 3: is not UTF-8 text"),
        ("a,b\n1,2\n\0,1\n", "row 3: holds a NUL character"),
        ("a,b\n1,2\n", ""),
        ('a,b\n1,"2\n', "near row 1: unexpected end of data"),
        ("a,b\n" + "x" * 200_000 + ",1\n", "field larger than field limit"),
        ("a" * 5000 + "," + "a" * 5000 + "\n", "stands twice"),
        ("\x1b[31m,\x1b[31m\n", "stands twice"),
    ],
)
def test_each_fault_is_one_sentence_with_its_row(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    if words:
        text = complaint(tmp_path, content)
        assert words in text
        assert len(text) < 300
    else:
        assert len(csv_tables.read(written(tmp_path, content))) == 1


@given(st.binary(max_size=60))
def test_whatever_bytes_are_a_table_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        table = csv_tables.read(path)
    except Unusable as error:
        assert str(error).isprintable()
    else:
        assert not table.isna().all(axis=1).any()
