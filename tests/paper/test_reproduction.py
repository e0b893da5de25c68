"""What the records of a cohort say about its classes."""

from pathlib import Path

import pandas as pd
import pytest

from covidcxr.core.records import Record
from covidcxr.paper import reproduction


def cohort(tmp_path: Path, categories: str, measures: str) -> Record:
    (tmp_path / "categories.csv").write_text("variable,value,label,n\n" + categories)
    (tmp_path / "measures.csv").write_text("variable,label,low,high,n\n" + measures)
    return Record(tmp_path, {"tables": {"categories.csv": "", "measures.csv": ""}})


def test_classes_differ_by_what_would_have_to_change(tmp_path: Path) -> None:
    made = cohort(
        tmp_path,
        "source,a,COVID19,10\nsource,b,NORMAL,40\n"  # nothing in common
        "view,PA,COVID19,5\nview,AP,COVID19,5\nview,PA,NORMAL,40\n"  # a half
        "sex,F,COVID19,3\nsex,F,NORMAL,9\nsex,unknown,NORMAL,31\n"  # nothing that is known
        "mode,L,COVID19,10\nmode,unknown,NORMAL,40\n",  # known of one class alone
        "age,COVID19,0,10,1\nage,COVID19,10,20,3\nage,NORMAL,0,10,2\nage,NORMAL,10,20,2\n",
    )
    found = reproduction.differences(made)
    assert found.to_dict() == pytest.approx({"source": 1, "view": 0.5, "age": 0.25, "sex": 0})
    assert list(found.index) == ["source", "view", "age", "sex"]
    told = reproduction.differences_told(found)
    assert told.startswith("They differ most in source (100%), view (50%) and age (25%):")


def test_nothing_known_of_both_classes_is_said(tmp_path: Path) -> None:
    made = cohort(tmp_path, "source,unknown,COVID19,10\nsource,unknown,NORMAL,4\n", "")
    assert "Nothing is known" in reproduction.differences_told(reproduction.differences(made))
    assert isinstance(reproduction.differences(made), pd.Series)
