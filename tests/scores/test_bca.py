"""BCa intervals: against scipy, and accelerations by leaving out unit by unit."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from covidcxr.scores import bca, bootstrap, metrics


def sample(seed: int, n: int = 60, models: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(n) < 0.4, rng.random((models, n)) < 0.5


def test_no_bias_and_no_acceleration_leave_the_percentiles() -> None:
    drawn = np.arange(1001) / 1000
    assert bca.interval(0.5, drawn, 0.0, 0.9) == pytest.approx((0.05, 0.95), abs=0.002)
    assert np.isnan(bca.interval(2.0, drawn, 0.0, 0.9)).all()


def test_the_acceleration_of_a_mean_is_a_sixth_of_its_skewness() -> None:
    # Efron, J Am Stat Assoc 82:171-185 (1987): a = skewness / (6 sqrt(n)).
    number = np.array([90, 10])
    n = number.sum()
    left = np.array([[(10 - 0) / (n - 1)], [(10 - 1) / (n - 1)]])
    values = np.repeat([0.0, 1.0], number)
    skewness = ((values - values.mean()) ** 3).mean() / values.std() ** 3
    found = bca.acceleration(left, number, np.zeros(2, np.int64))
    assert found[0] == pytest.approx(skewness / 6 / np.sqrt(n))


def from_cells(cells: list[int], *, stratified: bool) -> bootstrap.Units:
    truth = np.repeat([True, True, False, False], cells)
    called = np.repeat([True, False, True, False], cells)
    return bootstrap.units(truth, called[None], stratified=stratified)


def limits(
    drawn: bootstrap.Units, name: str, resamples: int
) -> tuple[tuple[float, float], tuple[float, float], np.ndarray]:
    """Return the percentile and the BCa interval, and the resampled values."""
    values = metrics.score(bootstrap.matrices(drawn, resamples, np.random.default_rng(0)))[name]
    speed = bca.acceleration_of_counts(
        drawn, lambda m: metrics.score(m[..., 0, :])[name][..., None]
    )
    value = float(metrics.score(drawn.observed)[name][0])
    return (
        bootstrap.percentile(values[:, 0], 0.95),
        bca.interval(value, values[:, 0], float(speed[0]), 0.95),
        values[:, 0],
    )


@pytest.mark.parametrize("cells", [[70, 22, 60, 208], [30, 4, 2, 40], [12, 3, 9, 20]])
def test_stratified_limits_are_scipys_of_two_samples(cells: list[int]) -> None:
    tp, fn, fp, tn = cells
    p, q = tp + fn, fp + tn

    def f1(hit: np.ndarray, alarm: np.ndarray, axis: int = -1) -> np.ndarray:
        found, false = hit.mean(axis) * p, alarm.mean(axis) * q
        return np.asarray(2 * found / (p + found + false))

    samples = (np.repeat([1.0, 0.0], [tp, fn]), np.repeat([1.0, 0.0], [fp, tn]))
    plain, corrected, values = limits(from_cells(cells, stratified=True), "f1", 20_000)
    # The limits lie on a grid of about one image.
    grid = 1 / min(p, q)
    theirs = None
    for method, ours in (("percentile", plain), ("BCa", corrected)):
        theirs = stats.bootstrap(
            samples, f1, vectorized=True, n_resamples=0 if theirs else 4_000, method=method,
            bootstrap_result=theirs, rng=np.random.default_rng(1), batch=1_000,
        )  # fmt: skip
        wanted = theirs.confidence_interval
        assert ours == pytest.approx((wanted.low, wanted.high), abs=grid), method
    assert theirs is not None
    assert values.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.05)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_limits_of_one_sample_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = (rng.random(150) < 0.9).astype(float)
    drawn = bootstrap.units(np.ones(150, bool), right[None] == 1, stratified=False)
    plain, corrected, _ = limits(drawn, "accuracy", 20_000)
    theirs = None
    for method, ours in (("percentile", plain), ("BCa", corrected)):
        theirs = stats.bootstrap(
            (right,), np.mean, n_resamples=0 if theirs else 9_999, method=method,
            bootstrap_result=theirs, rng=np.random.default_rng(1),
        )  # fmt: skip
        wanted = theirs.confidence_interval
        assert ours == pytest.approx((wanted.low, wanted.high), abs=1.01 / 150), method


def test_bca_of_continuous_values_is_scipys() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(1, 40)
    drawn = (rng.multinomial(40, np.full(40, 1 / 40), 40_000) @ values) / 40
    left = (values.sum() - values)[:, None] / 39
    speed = bca.acceleration(left, np.ones(40, np.int64), np.zeros(40, np.int64))
    ours = bca.interval(float(values.mean()), drawn, float(speed[0]), 0.95)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=rng, batch=5_000
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.02)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([None, 12, 40]))
def test_the_acceleration_is_that_of_leaving_out_unit_by_unit(
    seed: int, stratified: bool, groups: int | None
) -> None:
    positive, called = sample(seed, 40, 1)
    unit = np.arange(40) % (groups or 40)
    drawn = bootstrap.units(
        positive, called, None if groups is None else unit, stratified=stratified
    )
    found = bca.acceleration_of_counts(
        drawn, lambda m: metrics.score(m[..., 0, :])["accuracy"][..., None]
    )
    right = called[0] == positive
    kind = np.zeros(unit.max() + 1, int)
    if stratified:
        for u in range(len(kind)):
            kind[u] = positive[unit == u].any() + 2 * (~positive[unit == u]).any()
    top = bottom = 0.0
    for k in np.unique(kind):
        units = np.flatnonzero(kind == k)
        left = np.array([right[unit != u].mean() for u in units])
        away = (len(units) - 1) * (left.mean() - left)
        top += (away**3).sum() / len(units) ** 3
        bottom += (away**2).sum() / len(units) ** 2
    if bottom > 1e-20:
        assert found[0] == pytest.approx(top / 6 / bottom**1.5, abs=1e-9)


def test_kinds_of_which_there_is_none_cost_no_warning() -> None:
    drawn = bootstrap.Units(
        np.eye(4, dtype=np.int64), np.array([1, 2, 0, 5]), np.array([1, 1, 2, 2]),
        np.arange(4)[None],
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bca.acceleration_of_counts(drawn, lambda m: metrics.score(m[..., 0, :])["mcc"][..., None])


@given(
    st.floats(0.001, 0.999),
    st.floats(-1 / 6, 1 / 6),
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]),
)
@example(0.001, -1 / 6, 0.999)
@example(0.999, 1 / 6, 0.999)
def test_bca_limits_never_change_places(below: float, speed: float, confidence: float) -> None:
    # No acceleration of one sample is beyond 1/6, where one unit decides all.
    drawn = (np.arange(2000) + 0.5) / 2000
    low, high = bca.interval(below, drawn, speed, confidence)
    assert np.isnan(low) or low <= high


def test_bca_takes_values_that_differ_by_rounding_for_equal() -> None:
    # 57/60 - 50/60 and 56/60 - 49/60 are one difference, but not by their last digits.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        right = rng.binomial(60, [[57 / 60, 50 / 60]], (4_000, 2))
        shares = right / 60
        whole = bca.interval(7.0, (right[:, 0] - right[:, 1]).astype(float), 0.0, 0.95)
        found = bca.interval(57 / 60 - 50 / 60, shares[:, 0] - shares[:, 1], 0.0, 0.95)
        assert found == pytest.approx((whole[0] / 60, whole[1] / 60)), seed
