"""Figures of calibration and use hold their numbers in alt texts; tables count people."""

import warnings

import numpy as np
import pandas as pd
import pytest

from covidcxr.core import edition
from covidcxr.figures import calibration as page
from covidcxr.scores import calibration, net_benefit, predictive_values
from covidcxr.scores.intervals import Interval, Protocol
from tests.scores.test_curves import FEW, of
from tests.scores.test_predictive_values import matrix


def test_the_reliability_picture_says_how_many_bins_are_off() -> None:
    p = of([False] * 20 + [True] * 20, [0.9] * 20 + [0.1] * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = page.reliability({"upside down": p}, {"upside down": calibration.reliability(p)})
    assert "upside down: 2 bins, 2 with the diagonal outside" in picture.alt


@pytest.mark.filterwarnings("error")
def test_alt_texts_hold_the_numbers() -> None:
    tested = {"good": matrix(49, 1, 1, 99), "poor": matrix(20, 30, 40, 60)}
    drawn = page.discrimination(tested, {"good": tested["poor"]})
    assert "good at home: AUROC 0.985, average precision" in drawn.alt
    assert "good elsewhere: AUROC 0.500" in drawn.alt
    assert "poor elsewhere" not in drawn.alt
    cohorts = {"home": tested, "elsewhere": {"good": tested["poor"]}}
    shares = page.score_histograms(cohorts, 0.5).alt
    assert "good, home: at or above the threshold 98% of COVID19 and 1% of NORMAL" in shares
    assert "good, elsewhere: at or above the threshold 40% of COVID19 and 40% of NORMAL" in shares
    rows = {
        name: predictive_values.at_prevalence(p, [0.01, 0.5], FEW) for name, p in tested.items()
    }
    assert "good: 0.50 at 1.0% and 0.99 at 50.0%" in page.predictive_values(rows, 1 / 3).alt
    panel = {
        name: net_benefit.decision_curve(p, [0.1, 0.2, 0.5], None, FEW)
        for name, p in tested.items()
    }
    assert "treating all 166.7" in page.decision_curves({"as tested": panel}).alt


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
    shown = page.people(pd.DataFrame([row])).iloc[0]
    assert (
        shown[["with COVID-19", "called", "of these with COVID-19", "missed"]].tolist() == expected
    )
    assert shown["PPV"] == ("–" if np.isnan(sensitivity) else "12% (8 to 17%)")


def test_small_predictive_values_have_a_decimal() -> None:
    row = {"ppv": 0.043, "ppv_low": 0.0211, "ppv_high": 0.09}
    assert page.ppv_text(row) == "4.3% (2.1 to 9.0%)"
    assert page.ppv_text(dict.fromkeys(row, np.nan)) == "–"


def test_alarms_are_counted_among_the_normal_or_not_tested() -> None:
    p = of([True, False, False, False, False], [0.1, 0.9, 0.9, 0.9, 0.2])
    assert page.alarms_text(p, Protocol()) == "75% (30 to 95%) of 4"
    assert page.alarms_text(None, Protocol()) == "not tested"
    assert page.alarms_text(of([True], [0.9]), Protocol()) == "not tested"


def test_the_range_of_a_useful_model() -> None:
    curve = pd.DataFrame({"threshold": [0.1, 0.2, 0.3], "low": [0, 0.3, 0.2], "all": 0.1})
    assert page.useful_text(curve) == "20% to 30%"
    assert page.useful_text(curve.assign(low=-1.0)) == "none"


def test_a_coefficient_has_limits_or_a_reason() -> None:
    one = Interval(1.234, 0.9, 1.5, "Wald", "image", 9)
    assert page.coefficient_text(one) == "1.23 (0.90 to 1.50)"
    none = Interval(np.nan, np.nan, np.nan, "none", "image", 9, reason="no image")
    assert page.coefficient_text(none) == "none: no image"


def test_few_images_withhold_the_headline_and_net_benefit() -> None:
    p = of([True, True, False, False], [0.9, 0.4, 0.6, 0.1])
    rows = predictive_values.at_prevalence(p, [0.01], Protocol(resamples=10))
    curves = [net_benefit.decision_curve(p, [0.1, 0.5], protocol=Protocol(resamples=10))] * 3
    whole, few = (page.use_values(rows, rows, curves, why) for why in ("", "too few"))
    assert (whole["calibration_called"], whole["calibration_useful_here"]) == ("500", "none")
    withheld = {key for key, value in few.items() if value == edition.WITHHELD}
    assert withheld == {
        f"calibration_{name}"
        for name in (
            "called",
            "missed",
            "ppv",
            "useful_here",
            "useful_there",
            "useful_moved",
        )
    }
