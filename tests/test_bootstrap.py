"""Drawing counts is drawing images; whole clusters stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covidcxr import bootstrap, metrics


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
