"""Drawing counts is drawing images; whole clusters stay whole."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from covidcxr.scores import bootstrap, metrics


def sample(seed: int, n: int = 60, models: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(n) < 0.4, rng.random((models, n)) < 0.5


def slow(
    positive: np.ndarray, called: np.ndarray, unit: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Draw units one by one within their stratum, the way a textbook does."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(unit == u) for u in range(unit.max() + 1)]
    kind = np.array([positive[m].any() + 2 * (~positive[m]).any() for m in members])
    found = []
    for _ in range(resamples):
        drawn: list[int] = []
        for k in np.unique(kind):
            inside = np.flatnonzero(kind == k)
            for u in rng.choice(inside, len(inside)):
                drawn += list(members[u])
        found.append([metrics.cells(positive[drawn], c[drawn]) for c in called])
    return np.array(found)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_the_observed_matrices_are_those_of_the_images(seed: int, groups: int) -> None:
    positive, called = sample(seed)
    expected = [metrics.cells(positive, c).tolist() for c in called]
    group = np.arange(len(positive)) % groups
    assert bootstrap.units(positive, called).observed.tolist() == expected
    assert bootstrap.units(positive, called, group).observed.tolist() == expected


@given(st.integers(0, 10_000))
def test_classes_keep_their_sizes_when_stratified(seed: int) -> None:
    positive, called = sample(seed)
    drawn = bootstrap.matrices(bootstrap.units(positive, called), 50, np.random.default_rng(seed))
    assert drawn.shape == (50, 2, 4)
    assert (drawn[..., :2].sum(axis=-1) == positive.sum()).all()
    assert (drawn.sum(axis=-1) == len(positive)).all()
    free = bootstrap.matrices(
        bootstrap.units(positive, called, stratified=False), 50, np.random.default_rng(seed)
    )
    assert (free.sum(axis=-1) == len(positive)).all()
    assert len(set(free[:, 0, :2].sum(axis=-1))) > 1


@pytest.mark.parametrize("groups", [60, 20])
def test_counts_have_the_distribution_of_a_textbook_bootstrap(groups: int) -> None:
    positive, called = sample(3)
    unit = np.arange(60) % groups
    ours = bootstrap.matrices(
        bootstrap.units(positive, called, unit), 20_000, np.random.default_rng(0)
    )
    theirs = slow(positive, called, unit, 1_500, 1)
    for ours_cell, their_cell in zip(ours.reshape(-1, 8).T, theirs.reshape(-1, 8).T, strict=True):
        spread = their_cell.std()
        assert abs(ours_cell.mean() - their_cell.mean()) < 4 * spread / np.sqrt(1_500)
        assert ours_cell.std() == pytest.approx(spread, rel=0.1)
    # Two models of one resample saw the same images.
    one, other = (np.corrcoef(d[:, 0, 0], d[:, 1, 0])[0, 1] for d in (ours, theirs))
    assert one == pytest.approx(other, abs=0.08)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 25), st.booleans())
def test_a_group_is_drawn_as_a_whole(seed: int, groups: int, stratified: bool) -> None:
    positive, _ = sample(seed)
    group = np.random.default_rng(seed).integers(0, groups, 60)
    _, group = np.unique(group, return_inverse=True)
    drawn = np.concatenate(
        list(
            bootstrap.weights(
                positive, group, 30, np.random.default_rng(seed), stratified=stratified
            )
        )
    )
    assert drawn.shape == (30, 60)
    first = np.array([np.flatnonzero(group == g)[0] for g in range(group.max() + 1)])
    assert (drawn == drawn[:, first][:, group]).all()
    assert (drawn[:, first].sum(axis=1) == group.max() + 1).all()


def test_pieces_of_weights_are_together_as_many_as_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "CHUNK", 700)
    positive, _ = sample(0)
    pieces = list(bootstrap.weights(positive, None, 25, np.random.default_rng(0)))
    assert [len(piece) for piece in pieces] == [11, 11, 3]
    assert (np.concatenate(pieces).sum(axis=1) == 60).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_weights_count_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, _ = sample(seed, 40)
    score = np.round(rng.random(40), 1)
    weights = rng.integers(0, 4, (3, 40))
    for name in metrics.GRADED:
        function = getattr(metrics, name)
        by_weight = function(positive, score, weights)
        for one, row in zip(by_weight, weights, strict=True):
            repeated = np.repeat(np.arange(40), row)
            np.testing.assert_allclose(one, function(positive[repeated], score[repeated]))


def test_the_percentiles_and_their_mirror() -> None:
    drawn = np.arange(1001) / 1000
    assert bootstrap.percentile(drawn, 0.9) == pytest.approx((0.05, 0.95))
    assert bootstrap.basic(0.4, drawn, 0.9) == pytest.approx((-0.15, 0.75))
    # No bias and no acceleration leave the percentiles.
    assert bootstrap.bca(0.5, drawn, 0.0, 0.9) == pytest.approx((0.05, 0.95), abs=0.002)
    assert np.isnan(bootstrap.bca(2.0, drawn, 0.0, 0.9)).all()


def test_the_acceleration_of_a_mean_is_a_sixth_of_its_skewness() -> None:
    # Efron, J Am Stat Assoc 82:171-185 (1987): a = skewness / (6 sqrt(n)).
    number = np.array([90, 10])
    n = number.sum()
    left = np.array([[(10 - 0) / (n - 1)], [(10 - 1) / (n - 1)]])
    values = np.repeat([0.0, 1.0], number)
    skewness = ((values - values.mean()) ** 3).mean() / values.std() ** 3
    found = bootstrap.accelerate(left, number, np.zeros(2, np.int64))
    assert found[0] == pytest.approx(skewness / 6 / np.sqrt(n))


# --- against scipy.stats.bootstrap


def from_cells(cells: list[int], *, stratified: bool) -> bootstrap.Units:
    truth = np.repeat([True, True, False, False], cells)
    called = np.repeat([True, False, True, False], cells)
    return bootstrap.units(truth, called[None], stratified=stratified)


def limits(
    drawn: bootstrap.Units, name: str, resamples: int
) -> tuple[tuple[float, float], tuple[float, float], np.ndarray]:
    """Return the percentile and the BCa interval, and the resampled values."""
    values = metrics.score(bootstrap.matrices(drawn, resamples, np.random.default_rng(0)))[name]
    speed = bootstrap.acceleration(drawn, lambda m: metrics.score(m[..., 0, :])[name][..., None])
    value = float(metrics.score(drawn.observed)[name][0])
    return (
        bootstrap.percentile(values[:, 0], 0.95),
        bootstrap.bca(value, values[:, 0], float(speed[0]), 0.95),
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
    speed = bootstrap.accelerate(left, np.ones(40, np.int64), np.zeros(40, np.int64))
    ours = bootstrap.bca(float(values.mean()), drawn, float(speed[0]), 0.95)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=rng, batch=5_000
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.02)


# --- acceleration


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([None, 12, 40]))
def test_the_acceleration_is_that_of_leaving_out_unit_by_unit(
    seed: int, stratified: bool, groups: int | None
) -> None:
    positive, called = sample(seed, 40, 1)
    unit = np.arange(40) % (groups or 40)
    drawn = bootstrap.units(
        positive, called, None if groups is None else unit, stratified=stratified
    )
    found = bootstrap.acceleration(
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
        bootstrap.acceleration(drawn, lambda m: metrics.score(m[..., 0, :])["mcc"][..., None])


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
    low, high = bootstrap.bca(below, drawn, speed, confidence)
    assert np.isnan(low) or low <= high


# --- counts and weights are two ways to draw the same


@pytest.mark.parametrize("groups", [None, 25])
@pytest.mark.parametrize("stratified", [True, False])
def test_counts_and_weights_have_one_distribution(groups: int | None, stratified: bool) -> None:
    positive, called = sample(5, 80, 1)
    group = None if groups is None else np.arange(80) % groups
    drawn = bootstrap.units(positive, called, group, stratified=stratified)
    by_count = bootstrap.matrices(drawn, 20_000, np.random.default_rng(0))[:, 0]
    w = np.concatenate(
        list(
            bootstrap.weights(
                positive, group, 20_000, np.random.default_rng(1), stratified=stratified
            )
        )
    )
    cells = np.stack([positive & called[0], positive & ~called[0], ~positive & called[0]], axis=1)
    by_weight = w @ cells
    for at in range(3):
        one, other = by_count[:, at], by_weight[:, at]
        error = one.std() * np.sqrt(2 / 20_000)
        assert abs(one.mean() - other.mean()) < 4 * error
        assert one.std() == pytest.approx(other.std(), rel=0.03)
        points = [2.5, 25, 50, 75, 97.5]
        assert np.percentile(one, points) == pytest.approx(np.percentile(other, points), abs=1.01)


@given(st.integers(0, 10_000), st.booleans())
def test_weights_keep_the_sizes_of_classes_when_stratified(seed: int, stratified: bool) -> None:
    positive, _ = sample(seed)
    (w,) = bootstrap.weights(positive, None, 40, np.random.default_rng(seed), stratified=stratified)
    assert (w.sum(axis=1) == 60).all()
    sizes = set((w @ positive).tolist())
    assert (sizes == {positive.sum()}) == stratified


def test_the_order_of_images_does_not_change_the_draw_of_counts() -> None:
    positive, called = sample(2)
    group = np.arange(60) % 17
    order = np.random.default_rng(0).permutation(60)
    for unit in (None, group):
        there, moved = (
            bootstrap.matrices(drawn, 30, np.random.default_rng(1))
            for drawn in (
                bootstrap.units(positive, called, unit),
                bootstrap.units(
                    positive[order], called[:, order], None if unit is None else unit[order]
                ),
            )
        )
        np.testing.assert_array_equal(there, moved)


def test_weighted_auroc_of_a_resample_is_that_of_the_images_drawn() -> None:
    positive, _ = sample(4)
    score = np.random.default_rng(4).normal(positive, 1)
    w = np.concatenate(list(bootstrap.weights(positive, None, 3_000, np.random.default_rng(0))))
    weighted = metrics.auroc(positive, score, w)
    # Drawn block by block: ranks of repeated images, none of them by weights.
    rng = np.random.default_rng(1)
    hits, alarms = score[positive], score[~positive]
    block = np.array(
        [
            (h[:, None] > a).mean() + 0.5 * (h[:, None] == a).mean()
            for h, a in (
                (rng.choice(hits, len(hits)), rng.choice(alarms, len(alarms))) for _ in range(3_000)
            )
        ]
    )
    assert stats.ks_2samp(weighted, block).pvalue > 0.001
    assert weighted.mean() == pytest.approx(block.mean(), abs=4 * block.std() / np.sqrt(1_500))


def test_bca_takes_values_that_differ_by_rounding_for_equal() -> None:
    # 57/60 - 50/60 and 56/60 - 49/60 are one difference, but not by their last digits.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        right = rng.binomial(60, [[57 / 60, 50 / 60]], (4_000, 2))
        shares = right / 60
        whole = bootstrap.bca(7.0, (right[:, 0] - right[:, 1]).astype(float), 0.0, 0.95)
        found = bootstrap.bca(57 / 60 - 50 / 60, shares[:, 0] - shares[:, 1], 0.0, 0.95)
        assert found == pytest.approx((whole[0] / 60, whole[1] / 60)), seed
