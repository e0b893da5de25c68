"""Drawing counts is drawing images; whole clusters stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
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
    for name in metrics.PROBABILITY_SCORES:
        function = getattr(metrics, name)
        by_weight = function(positive, score, weights)
        for one, row in zip(by_weight, weights, strict=True):
            repeated = np.repeat(np.arange(40), row)
            np.testing.assert_allclose(one, function(positive[repeated], score[repeated]))


def test_the_percentiles() -> None:
    drawn = np.arange(1001) / 1000
    assert bootstrap.percentile(drawn, 0.9) == pytest.approx((0.05, 0.95))


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
