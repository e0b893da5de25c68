"""Figures of calibration and use hold their numbers in their alt texts."""

import warnings

import pytest

from covidcxr.figures import calibration as plots
from covidcxr.scores import calibration, curves, net_benefit, predictive_values
from tests.scores.test_curves import FEW, of
from tests.scores.test_predictive_values import matrix


def test_the_reliability_picture_says_how_many_bins_are_off() -> None:
    p = of([False] * 20 + [True] * 20, [0.9] * 20 + [0.1] * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = plots.reliability({"upside down": p}, {"upside down": calibration.reliability(p)})
    assert "upside down: 2 bins, 2 with the diagonal outside" in picture.alt


@pytest.mark.filterwarnings("error")
def test_alt_texts_hold_the_numbers() -> None:
    tested = {"good": matrix(49, 1, 1, 99), "poor": matrix(20, 30, 40, 60)}
    points = {name: curves.points(p) for name, p in tested.items()}
    bands = {name: curves.bands(p, FEW) for name, p in tested.items()}
    drawn = plots.discrimination(tested, points, bands)
    assert "good AUROC 0.985" in drawn.alt
    rows = {
        name: predictive_values.at_prevalence(p, [0.01, 0.5], FEW) for name, p in tested.items()
    }
    assert "good: 0.50 at 1.0% and 0.99 at 50.0%" in plots.predictive_values(rows, 1 / 3).alt
    panel = {
        name: net_benefit.decision_curve(p, [0.1, 0.2, 0.5], None, FEW)
        for name, p in tested.items()
    }
    assert "treating all 166.7" in plots.decision_curves({"as tested": panel}).alt
    only = {"good": tested["good"]}
    plots.discrimination(only, {"good": points["good"]}, {"good": bands["good"]})
