"""Tables and values of the page on calibration and use: counts of people, limits, net benefit."""

import numpy as np
import pandas as pd
import pytest

from covidcxr.figures import calibration_tables as tables
from covidcxr.scores import predictive_values
from covidcxr.scores.intervals import Interval
from tests.scores.test_curves import of


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "share", "expected"),
    [
        (0.9, 0.9323, 0.01, ["10", "76", "9", "1"]),
        (1, 1, 0.01, ["10", "10", "10", "0"]),
        (0, 1, 0.01, ["10", "0", "0", "10"]),
        (0, 0.99, 0.01, ["10", "10", "0", "10"]),
        (0.1, 0.99, 0.01, ["10", "11", "1", "9"]),
        (0.97, 0.9, 0.001, ["1", "101", "1", "fewer than 1"]),
        (np.nan, 1, 0.01, ["10", "–", "–", "–"]),
    ],
)
def test_people_are_counted_so_that_a_row_adds_up(
    sensitivity: float, specificity: float, share: float, expected: list[str]
) -> None:
    row = {"prevalence": share, "sensitivity": sensitivity, "specificity": specificity}
    row |= {"ppv": 0.12, "ppv_low": 0.08, "ppv_high": 0.17}
    shown = tables.people(pd.DataFrame([row])).iloc[0]
    assert (
        shown[["with COVID-19", "called", "of these with COVID-19", "missed"]].tolist() == expected
    )
    assert shown["PPV"] == ("–" if np.isnan(sensitivity) else "12% (8 to 17%)")


def test_small_predictive_values_have_a_decimal() -> None:
    row = {"ppv": 0.043, "ppv_low": 0.0211, "ppv_high": 0.09}
    assert tables.ppv_text(row) == "4.3% (2.1 to 9.0%)"
    assert tables.ppv_text(dict.fromkeys(row, np.nan)) == "–"


def test_a_table_by_threshold() -> None:
    p = of([True, True, False, False], [0.9, 0.4, 0.6, 0.1])
    shown = tables.threshold_rows(predictive_values.thresholds(p, [0.5, 0.95]))
    assert shown["tp, fn, fp, tn"].tolist() == ["1, 1, 1, 1", "0, 2, 0, 2"]
    assert shown["sensitivity"][0].startswith("0.50 (")
    assert shown["PPV"][1] == "–"


def test_the_range_of_a_useful_model() -> None:
    curve = pd.DataFrame({"threshold": [0.1, 0.2, 0.3], "low": [0, 0.3, 0.2], "all": 0.1})
    assert tables.useful_text(curve) == "20% to 30%"
    assert tables.useful_text(curve.assign(low=-1.0)) == "none"


def test_a_coefficient_has_limits_or_a_reason() -> None:
    one = Interval(1.234, 0.9, 1.5, "Wald", "image", 9)
    assert tables.coefficient_text(one) == "1.23 (0.90 to 1.50)"
    none = Interval(np.nan, np.nan, np.nan, "none", "image", 9, reason="no image")
    assert tables.coefficient_text(none) == "none: no image"
