"""The interval of a mean counts groups."""

import numpy as np
import pytest
from scipy import stats

from covidcxr.scores.means import clustered_mean


def test_independent_values_have_students_interval() -> None:
    values = np.array([0.0, 0, 0, 1, 1, 1, 0.5, 0.5])
    mean, *limits = clustered_mean(values)
    assert mean == 0.5
    assert limits == pytest.approx(stats.t.interval(0.95, 7, 0.5, stats.sem(values)))
    assert clustered_mean(values, np.arange(8)) == clustered_mean(values)


def test_groups_of_like_values_widen_it() -> None:
    values = np.array([0.0, 0, 0, 1, 1, 1, 0.5, 0.5])
    mean, low, high = clustered_mean(values, list("aaabbbcc"))
    _, least, most = clustered_mean(values)
    assert mean == 0.5
    assert high - low > most - least


def test_one_group_has_no_limits_and_no_values_no_mean() -> None:
    mean, low, high = clustered_mean([0.2, 0.4], ["a", "a"])
    assert mean == pytest.approx(0.3)
    assert np.isnan([low, high]).all()
    assert np.isnan(clustered_mean([])).all()
