"""Optimism of choosing an epoch by the test part."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from covidcxr.paper import publication
from covidcxr.scores import optimism


def curves(test: list[float], validation: list[float] | None, draw: str = "d") -> pd.DataFrame:
    parts = {"test": test} | ({"validation": validation} if validation else {})
    return pd.DataFrame(
        [
            {"model": "m", "split": draw, "seed": 0, "draw": draw, "epoch": e, "part": part}
            | {"accuracy": value}
            for part, values in parts.items()
            for e, value in enumerate(values, 1)
        ]
    )


def test_a_run_that_ends_at_its_best_is_not_optimistic() -> None:
    found = optimism.choices(curves([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])).iloc[0]
    assert found["over_last"] == found["over_validation"] == 0
    assert found["test_epoch"] == found["validation_epoch"] == found["epochs"] == 3


def test_of_equally_good_epochs_the_earliest_counts() -> None:
    found = optimism.choices(curves([0.9, 0.6, 0.9], [0.5, 0.7, 0.7])).iloc[0]
    assert (found["test_epoch"], found["validation_epoch"]) == (1, 2)
    assert found["by_validation"] == 0.6
    assert found["over_validation"] == pytest.approx(0.3)


def test_without_a_validation_part_only_the_last_epoch_is_compared() -> None:
    chosen = optimism.choices(
        pd.concat([curves([0.9, 0.8], None, "d"), curves([0.7, 0.7], None, "e")])
    )
    assert chosen["by_validation"].isna().all()
    found = optimism.mean_optimism(chosen)
    assert list(found.index) == ["last"]
    assert found.loc["last", "value"] == pytest.approx(5)
    assert found.loc["last", "df"] == 1


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_choosing_by_the_test_part_never_looks_worse(pairs: list[tuple[float, float]]) -> None:
    test, validation = (list(values) for values in zip(*pairs, strict=True))
    found = optimism.choices(curves(test, validation)).iloc[0]
    assert found["over_last"] >= 0
    assert found["over_validation"] >= 0


def test_the_best_of_independent_epochs_is_the_maximum_of_binomials() -> None:
    p, n, epochs = 0.9, 60, 10
    found = optimism.expected_maximum(p, n, epochs)
    below = stats.binom.cdf(np.arange(n), n, p)
    for m in (1, 4, 10):
        exact = (n - (below**m).sum()) / n
        assert found[m - 1] == pytest.approx(exact, abs=3e-3)
    assert (np.diff(found) >= 0).all()


def test_epochs_that_agree_leave_less_to_choose() -> None:
    free, bound, same = (
        optimism.expected_maximum(0.8, 100, 12, c, resamples=1500) for c in (0.0, 0.9, 0.9999)
    )
    assert free[-1] > bound[-1] > same[-1] > 0.795
    assert bound[0] == pytest.approx(0.8, abs=5e-3)
    with pytest.raises(ValueError, match="correlation"):
        optimism.expected_maximum(0.8, 10, 2, 1.0)


def test_the_best_epoch_of_a_coin_looks_better_than_a_coin() -> None:
    n = int(publication.tables()["resnet252v2"].cells("true").sum())
    found = optimism.expected_maximum(0.5, n, int(publication.value("s43-epochs")), resamples=1000)
    # By extreme values: 35 normals have a mean maximum of 2.1 standard deviations.
    assert found[-1] == pytest.approx(0.5 + 2.1 * 0.5 / np.sqrt(n), abs=4e-3)
