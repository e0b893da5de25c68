"""Tables keep their columns, also where there is none to join."""

import pandas as pd

from covidcxr.core.tables import concatenate


def test_rows_are_numbered_anew_and_columns_chosen() -> None:
    one = pd.DataFrame({"a": [1], "b": [2]})
    joined = concatenate((table for table in (one, one)), ["b"])
    assert joined.to_dict("list") == {"b": [2, 2]}
    assert list(joined.index) == [0, 1]
    assert list(concatenate([], ["a", "b"]).columns) == ["a", "b"]
