"""Use: hand-computed net benefit and Bayes, general properties, and honest extremes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from covidcxr.figures import calibration as use_figures
from covidcxr.scores import curves, utility
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.proportions import wilson
from tests.scores.test_curves import FEW, both, images, of


def matrix(tp: int, fn: int, fp: int, tn: int) -> Predictions:
    return of(
        [True] * (tp + fn) + [False] * (fp + tn), [0.8] * tp + [0.2] * fn + [0.8] * fp + [0.2] * tn
    )


def test_a_table_by_threshold() -> None:
    p = of([True, True, False, False], [0.9, 0.4, 0.6, 0.1])
    rows = utility.thresholds(p, [0.5, 0.95])
    assert rows[["tp", "fn", "fp", "tn"]].to_numpy().tolist() == [[1, 1, 1, 1], [0, 2, 0, 2]]
    assert (rows.loc[0, "ppv_low"], rows.loc[0, "ppv_high"]) == pytest.approx(wilson(1, 2))
    assert np.isnan(rows["ppv"][1])
    assert rows["reason"].tolist() == ["", "PPV: no image called positive"]
    shown = utility.shown(rows)
    assert shown["sensitivity"][0].startswith("0.500 (")
    assert shown["PPV"][1] == "–"


def test_bayes_by_hand() -> None:
    # 90% and 80% at 1%: 9 of 207 calls are right, 792 of 793 clearances.
    rows = utility.at_prevalence(matrix(90, 10, 20, 80), [0.01], FEW)
    assert rows.loc[0, "ppv"] == pytest.approx(0.009 / (0.009 + 0.198))
    assert rows.loc[0, "npv"] == pytest.approx(0.792 / (0.792 + 0.001))
    assert rows.loc[0, "ppv_method"] == "bootstrap"
    assert rows["ppv_low"][0] < rows["ppv"][0] < rows["ppv_high"][0]
    assert rows.loc[0, "reason"] == ""


@given(
    *[st.integers(0, 30)] * 4,
    st.floats(0.001, 0.999),
)
def test_limits_hold_the_value_and_are_shares(
    tp: int, fn: int, fp: int, tn: int, at: float
) -> None:
    row = utility.at_prevalence(matrix(tp, fn, fp, tn), [at], Protocol(resamples=400)).iloc[0]
    for name in ("ppv", "npv"):
        value, low, high = (row[name + end] for end in ("", "_low", "_high"))
        if np.isnan(value):
            assert np.isnan(low)
            assert row["reason"]
            continue
        assert -1e-9 <= low <= value + 1e-9
        assert value - 1e-9 <= high <= 1 + 1e-9
        assert row[f"{name}_method"] in ("bootstrap", "Wilson")


def test_no_false_alarm_is_no_certainty() -> None:
    rows = utility.at_prevalence(matrix(50, 0, 0, 100), [0.01, 0.5], FEW)
    assert rows["ppv"].tolist() == [1, 1]
    assert set(rows["ppv_method"]) == {"Wilson"}
    # The limit of specificity alone, with a sensitivity of about 1
    spared = wilson(100, 100)[0]
    assert rows.loc[0, "ppv_low"] == pytest.approx(0.01 / (0.01 + 0.99 * (1 - spared)), rel=0.02)
    assert rows["ppv_high"].tolist() == [1, 1]
    assert (rows["npv_low"] < 1).all()


@pytest.mark.parametrize("rates", [(0.9, 0.8), (0.95, 0.99)])
def test_intervals_of_ppv_cover(rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    found, spared = rates
    truth = found * 0.05 / (found * 0.05 + (1 - spared) * 0.95)
    inside = 0
    for seed in range(1_000):
        few = Protocol(resamples=500, seed=seed)
        tp, tn = rng.binomial(80, found), rng.binomial(270, spared)
        row = utility.at_prevalence(matrix(tp, 80 - tp, 270 - tn, tn), [0.05], few).iloc[0]
        inside += row["ppv_low"] <= truth <= row["ppv_high"]
    assert inside / 1_000 >= 0.92


def test_a_statement_is_what_a_clinician_understands() -> None:
    row = {"prevalence": 0.01, "sensitivity": 0.9, "specificity": 0.9323, "reason": ""}
    table = pd.DataFrame([row | {"ppv_low": 0.08, "ppv_high": 0.17}])
    assert utility.statements(table) == [
        "Of 1,000 people screened of whom 10 have COVID-19, the network would call 76; 9 of these "
        "have it (95% interval of this share 8 to 17%), and miss 1 person with it."
    ]


@pytest.mark.parametrize(
    ("found", "spared", "share", "expected"),
    [
        (1, 1, 0.01, "call 10; all of these have it, and miss no one"),
        (0, 1, 0.01, "call no one, and miss 10 people"),
        (0, 0.99, 0.01, "call 10; none of these has it, and miss 10 people"),
        (0.1, 1, 0.01, "call 1, who has it, and miss 9 people"),
        (0, 0.999, 0.01, "call 1, who does not have it, and miss 10 people"),
        (0.1, 0.99, 0.01, "call 11; 1 of these has it, and miss 9 people"),
        (0.97, 0.9, 0.001, "of whom 1 has COVID-19, the network would call 101; 1 of these has it, "
         "and miss fewer than 1 person on average"),
        (np.nan, 1, 0.01, "nothing can be said: no positive image."),
    ],
)  # fmt: skip
def test_statements_have_their_grammar(
    found: float, spared: float, share: float, expected: str
) -> None:
    row = {"prevalence": share, "sensitivity": found, "specificity": spared}
    row |= {"ppv_low": np.nan, "ppv_high": np.nan}
    (told,) = utility.statements(pd.DataFrame([{**row, "reason": "no positive image"}]))
    assert expected in told


def test_net_benefit_by_hand() -> None:
    rows = utility.decision_curve(matrix(8, 2, 9, 81), [0.0, 0.2, 0.5], protocol=FEW)
    # 0.2 is reached by all scores, of 0.2 and of 0.8; 0.5 only by the upper ones.
    np.testing.assert_allclose(rows["model"], [0.1, 0.1 - 0.9 * 0.25, 8 / 100 - 9 / 100])
    np.testing.assert_allclose(rows["all"], [0.1, 0.1 - 0.9 * 0.25, 0.1 - 0.9])
    assert (rows["none"] == 0).all()
    assert rows.loc[0, "low"] == rows.loc[0, "high"] == pytest.approx(0.1)


def test_net_benefit_at_another_prevalence_by_hand() -> None:
    rows = utility.decision_curve(matrix(8, 2, 9, 81), [0.25], 0.5, FEW)
    assert rows.loc[0, "model"] == pytest.approx(0.8 * 0.5 - 0.1 * 0.5 / 3)
    assert rows.loc[0, "all"] == pytest.approx(0.5 - 0.5 / 3)


@given(both, st.floats(0.01, 0.99), st.floats(0, 0.99))
def test_treating_all_is_a_model_that_calls_all(
    drawn: list[tuple[bool, float]], share: float, at: float
) -> None:
    truth = [one for one, _ in drawn]
    row = utility.decision_curve(of(truth, [1.0] * len(truth)), [at], share, FEW).iloc[0]
    assert row["model"] == pytest.approx(row["all"])
    # It is worth nothing where the threshold is the prevalence.
    at_share = utility.decision_curve(of(truth, [1.0] * len(truth)), [share], share, FEW)
    assert at_share.loc[0, "all"] == pytest.approx(0, abs=1e-9)


@given(both, st.floats(0.01, 0.99))
def test_no_model_beats_perfection_and_limits_hold_the_value(
    drawn: list[tuple[bool, float]], share: float
) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    rows = utility.decision_curve(
        of(truth, score), np.linspace(0, 0.9, 7), share, Protocol(resamples=20), adjusted=True
    )
    assert (rows["model"] <= share + 1e-9).all()
    assert (rows["low"] <= rows["model"] + 1e-9).all()
    assert (rows["high"] >= rows["model"] - 1e-9).all()


def test_moving_scores_adds_to_their_logits() -> None:
    score = np.array([0.1, 0.5, 0.99])
    moved = utility.shifted(score, 0.25, 0.01)
    np.testing.assert_allclose(logit(moved) - logit(score), logit(0.01) - logit(0.25))
    np.testing.assert_allclose(utility.shifted([0, 1], 0.2, 0.1), [0, 1])
    np.testing.assert_allclose(utility.shifted(score, 0.3, 0.3), score)


def test_where_a_model_is_useful() -> None:
    curve = pd.DataFrame(
        {"threshold": [0.1, 0.2, 0.3, 0.4, 0.5], "low": [0.1, 0.3, 0.2, -0.1, 0.1],
         "all": [0.2, 0.1, 0.0, -0.3, -0.5], "model": 0.3, "reason": ""}
    )  # fmt: skip
    assert utility.useful(curve) == (0.2, 0.3)
    assert utility.useful_told(curve) == "from a threshold of 20% to one of 30%"
    assert utility.useful(curve.assign(low=-1.0)) is None


@given(images)
def test_nothing_warns_whatever_the_images(drawn: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*drawn, strict=True))
    p, few = of(truth, score), Protocol(resamples=10)
    with np.errstate(all="raise", under="ignore"):
        rows = utility.at_prevalence(p, [0.01, 0.5], few)
        utility.statements(rows)
        utility.told(rows)
        utility.shown(utility.thresholds(p, [0.0, 0.5, 1.0]))
        curve = utility.decision_curve(p, [0.0, 0.5], protocol=few)
        utility.useful_told(curve)
    if truth.all() or not truth.any():
        assert curve["model"].isna().all()
        assert curve["reason"].all()
        assert rows["reason"].all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_prevalence_of_none_or_all_is_refused(share: float) -> None:
    p = matrix(1, 1, 1, 1)
    with pytest.raises(ValueError, match="prevalence"):
        utility.at_prevalence(p, [share], FEW)
    with pytest.raises(ValueError, match="prevalence"):
        utility.decision_curve(p, [0.5], share, FEW)
    with pytest.raises(ValueError, match="threshold"):
        utility.decision_curve(p, [1.0], 0.5, FEW)


@pytest.mark.filterwarnings("error")
def test_pictures_tell_their_numbers() -> None:
    tested = {"good": matrix(49, 1, 1, 99), "poor": matrix(20, 30, 40, 60)}
    points = {name: curves.points(p) for name, p in tested.items()}
    bands = {name: curves.bands(p, FEW) for name, p in tested.items()}
    drawn = use_figures.discrimination(tested, points, bands)
    assert "good AUROC 0.985" in drawn.alt
    rows = {name: utility.at_prevalence(p, [0.01, 0.5], FEW) for name, p in tested.items()}
    assert "good: 0.50 at 1.0% and 0.99 at 50.0%" in use_figures.predictive_values(rows, 1 / 3).alt
    panel = {
        name: utility.decision_curve(p, [0.1, 0.2, 0.5], None, FEW) for name, p in tested.items()
    }
    assert "treating all 166.7" in use_figures.decision_curves({"as tested": panel}).alt
    only = {"good": tested["good"]}
    use_figures.discrimination(only, {"good": points["good"]}, {"good": bands["good"]})
