"""Figures of calibration and use hold their numbers in their alt texts."""

import warnings

import pytest

from covidcxr.figures import calibration as plots
from covidcxr.scores import calibration, net_benefit, predictive_values
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
    drawn = plots.discrimination(tested, {"good": tested["poor"]})
    assert "good at home: AUROC 0.985, average precision" in drawn.alt
    assert "good elsewhere: AUROC 0.500" in drawn.alt
    assert "poor elsewhere" not in drawn.alt
    cohorts = {"home": tested, "elsewhere": {"good": tested["poor"]}}
    shares = plots.score_histograms(cohorts, 0.5).alt
    assert "good, home: at or above the threshold 98% of COVID19 and 1% of NORMAL" in shares
    assert "good, elsewhere: at or above the threshold 40% of COVID19 and 40% of NORMAL" in shares
    rows = {
        name: predictive_values.at_prevalence(p, [0.01, 0.5], FEW) for name, p in tested.items()
    }
    assert "good: 0.50 at 1.0% and 0.99 at 50.0%" in plots.predictive_values(rows, 1 / 3).alt
    panel = {
        name: net_benefit.decision_curve(p, [0.1, 0.2, 0.5], None, FEW)
        for name, p in tested.items()
    }
    assert "treating all 166.7" in plots.decision_curves({"as tested": panel}).alt
