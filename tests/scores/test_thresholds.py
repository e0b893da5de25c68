"""Thresholds by rule: small tables by hand, and what each rule promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from covidcxr.core.errors import Unusable
from covidcxr.scores import thresholds
from covidcxr.scores.predictions import Predictions
from covidcxr.scores.thresholds import Rule


def table(positive: list[int], score: list[float]) -> Predictions:
    n = len(score)
    return Predictions(
        "m", np.arange(n).astype(str), np.array(positive, bool), np.array(score, float),
        np.arange(n),
    )  # fmt: skip


def test_youden_by_hand() -> None:
    # At 0.6: sensitivity 3/4, specificity 3/4, index 1/2; at 0.7: 2/4 and 3/4; at 0.3: 4/4 and 1/4.
    p = table([1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.7, 0.6, 0.3, 0.8, 0.5, 0.4, 0.2])
    assert thresholds.choose(Rule("youden"), p) == 0.6


def test_of_equal_indices_the_lowest_threshold_counts() -> None:
    # At 0.9 and at 0.5 the index is 1/2.
    p = table([1, 1, 0, 0], [0.9, 0.5, 0.7, 0.1])
    assert thresholds.choose(Rule("youden"), p) == 0.5


def test_a_least_share_is_just_reached() -> None:
    p = table([1] * 10 + [0] * 10, [*np.arange(0.5, 1, 0.05), *np.arange(0.02, 0.98, 0.096)])
    hit = thresholds.choose(Rule("sensitivity", 0.9), p)
    assert p.called(hit)[:10].sum() == 9
    clear = thresholds.choose(Rule("specificity", 0.7), p)
    assert (~p.called(clear))[10:].mean() >= 0.7
    assert clear == min(s for s in p.score if (p.score[10:] < s).mean() >= 0.7)


labels_and_scores = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60
).filter(lambda rows: len({truth for truth, _ in rows}) == 2)


@given(labels_and_scores, st.integers(0, 100))
def test_rules_do_what_scikit_learn_says(rows: list[tuple[int, int]], percent: int) -> None:
    p = table([truth for truth, _ in rows], [place / 20 for _, place in rows])
    alarms, hits, _ = roc_curve(p.positive, p.score, drop_intermediate=False)
    called = p.called(thresholds.choose(Rule("youden"), p))
    index = called[p.positive].mean() - called[~p.positive].mean()
    assert index == pytest.approx((hits - alarms)[1:].max())
    least = percent / 100
    called = p.called(thresholds.choose(Rule("sensitivity", least), p))
    assert called[p.positive].mean() >= least - 1e-9
    enough = hits[1:] >= least - 1e-9
    assert called[~p.positive].mean() == pytest.approx(alarms[1:][enough].min())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.3", 0.3),
        ("youden", Rule("youden")),
        ("specificity=0.95", Rule("specificity", 0.95)),
        ("sensitivity=1", Rule("sensitivity", 1.0)),
    ],
)
def test_a_number_or_a_rule_is_read(text: str, expected: float | Rule) -> None:
    assert thresholds.parse(text) == expected


@pytest.mark.parametrize("text", ["1.2", "nan", "best", "youden=1", "sensitivity", "ppv=0.9", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="neither a number from 0 to 1 nor a rule"):
        thresholds.parse(text)


def test_a_rule_without_its_class_is_refused() -> None:
    with pytest.raises(Unusable, match="no negative image"):
        thresholds.choose(Rule("youden"), table([1, 1], [0.2, 0.9]))
    with pytest.raises(Unusable, match="ask for a lower one"):
        thresholds.choose(Rule("specificity", 0.9), table([1, 0], [0.5, 0.5]))
