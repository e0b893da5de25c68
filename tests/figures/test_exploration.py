"""The values of the page about the cohort."""

from pathlib import Path

import pytest

from covidcxr.core.records import Record
from covidcxr.figures import exploration


@pytest.mark.parametrize(
    ("view", "largest"),
    [("PA", "view (25%)"), ("unknown", "nothing that is known of both classes")],
)
def test_values_of_a_cohort_with_and_without_known_views(
    tmp_path: Path, view: str, largest: str
) -> None:
    tables = {
        "categories": f"variable,value,label,n\nview,{view},COVID19,4\nview,{view},NORMAL,3\n"
        f"view,{'AP' if view == 'PA' else view},NORMAL,1\n",
        "measures": "variable,label,low,high,n\n",
        "parts": "part,label,images,groups,groups_known,images_shared_with_train\n"
        "test,COVID19,2,2,1,0\ntest,NORMAL,3,2,3,2\ntrain,NORMAL,9,9,9,0\n",
    }
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text)
    record = Record(tmp_path, {"tables": {f"{name}.csv": "" for name in tables}})
    assert exploration.values(record) == {
        "exploration_largest": largest, "n_tested": 5, "n_known": 4, "n_shared": 2,
    }  # fmt: skip
