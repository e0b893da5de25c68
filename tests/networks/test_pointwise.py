"""The argument about the 1x1 convolution, and its limits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from covidcxr.networks import pointwise

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


def normal(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


# --- the two forms


def test_one_place_one_channel_by_hand() -> None:
    # 3 * (2 x + 1) + 4 = 6 x + 7
    one = pointwise.collapse([[2.0]], [1.0], [[[3.0]]], [4.0])
    assert one.head.tolist() == [[[6.0]]]
    assert one.bias.tolist() == [7.0]


def test_an_identity_convolution_changes_nothing() -> None:
    head, bias = normal(0, 4, 3, 2), normal(1, 2)
    one = pointwise.collapse(np.eye(3), np.zeros(3), head, bias)
    np.testing.assert_array_equal(one.head, head)
    np.testing.assert_array_equal(one.bias, bias)


@given(sizes, sizes, sizes, sizes, seeds)
def test_convolution_and_head_are_one_head(
    places: int, channels: int, filters: int, classes: int, seed: int
) -> None:
    maps, kernel = normal(seed, 5, places, channels), normal(seed + 1, channels, filters)
    bias, head = normal(seed + 2, filters), normal(seed + 3, places, filters, classes)
    head_bias = normal(seed + 4, classes)
    two = pointwise.logits(pointwise.convolve(maps, kernel, bias), head, head_bias)
    one = pointwise.collapse(kernel, bias, head, head_bias)
    np.testing.assert_allclose(pointwise.logits(maps, *one), two, atol=1e-10)
    assert np.linalg.matrix_rank(pointwise.matrix(one.head)) <= filters


@given(sizes, sizes, sizes, seeds)
def test_a_head_splits_exactly_with_as_many_filters_as_its_rank(
    places: int, channels: int, classes: int, seed: int
) -> None:
    head, maps = normal(seed, places, channels, classes), normal(seed + 1, 5, places, channels)
    enough = min(channels, pointwise.rank_bound(places, classes))
    for filters in (enough, enough + 3):
        kernel, reduced = pointwise.factorise(head, filters)
        assert kernel.shape == (channels, filters)
        assert reduced.shape == (places, filters, classes)
        two = pointwise.logits(pointwise.convolve(maps, kernel), reduced)
        np.testing.assert_allclose(two, pointwise.logits(maps, head), atol=1e-10)


@given(st.integers(2, 5), st.integers(2, 8), st.integers(1, 3), seeds)
def test_with_fewer_filters_the_error_is_the_tail_of_the_singular_values(
    places: int, channels: int, classes: int, seed: int
) -> None:
    head = normal(seed, places, channels, classes)
    predicted = pointwise.truncation_errors(head)
    assert predicted[0] == pytest.approx(1)
    assert predicted[-1] == 0
    for filters in range(1, len(predicted)):
        kernel, reduced = pointwise.factorise(head, filters)
        missed = np.linalg.norm(kernel @ reduced - head) / np.linalg.norm(head)
        assert missed == pytest.approx(predicted[filters], abs=1e-12)


def test_random_maps_show_the_predicted_error() -> None:
    head, maps = normal(0, 6, 20, 2), normal(1, 4000, 6, 20)
    predicted, one = pointwise.truncation_errors(head), pointwise.logits(maps, head)
    for filters in (1, 4, 8, 12, 30):
        kernel, reduced = pointwise.factorise(head, filters)
        missed = pointwise.logits(pointwise.convolve(maps, kernel), reduced) - one
        error = np.sqrt(np.sum(missed**2) / np.sum(one**2))
        assert error == pytest.approx(predicted[min(filters, 12)], abs=0.02)


def test_no_other_filters_come_nearer() -> None:
    head = normal(0, 4, 6, 2)
    rows = pointwise.matrix(head)
    best = pointwise.truncation_errors(head)[3]
    for seed in range(200):
        patterns, _ = np.linalg.qr(normal(seed, 6, 3))
        missed = rows - rows @ patterns @ patterns.T
        assert np.linalg.norm(missed) / np.linalg.norm(rows) > best


# --- how many filters are needed


def test_bounds_of_the_papers_case() -> None:
    assert pointwise.rank_bound(64, 2) == 128
    assert pointwise.rank_bound(64, 2, differences=True) == 64
    assert pointwise.rank_bound(64, 2, pooled=True) == 2
    assert pointwise.rank_bound(64, 2, pooled=True, differences=True) == 1


@given(sizes, st.integers(2, 4), st.booleans(), st.booleans(), seeds)
def test_bounds_are_reached_and_not_exceeded(
    places: int, classes: int, pooled: bool, differences: bool, seed: int
) -> None:
    head = normal(seed, places, 40, classes)
    if pooled:
        head = pointwise.average(head[0], places)
    if differences:
        head = pointwise.contrasts(head)
    bound = pointwise.rank_bound(places, classes, pooled, differences)
    assert np.linalg.matrix_rank(pointwise.matrix(head)) == bound


def test_an_averaged_head_is_a_head_on_averages() -> None:
    maps, head = normal(0, 5, 9, 4), normal(1, 4, 2)
    np.testing.assert_allclose(
        pointwise.logits(maps, pointwise.average(head, 9)), maps.mean(axis=1) @ head
    )


def test_differences_keep_the_probabilities() -> None:
    maps, head = normal(0, 5, 3, 4), normal(1, 3, 4, 3)
    differences = pointwise.logits(maps, pointwise.contrasts(head))
    padded = np.column_stack([differences, np.zeros(5)])
    np.testing.assert_allclose(
        special.softmax(padded, axis=1), special.softmax(pointwise.logits(maps, head), axis=1)
    )


@pytest.mark.parametrize(
    ("filters", "pooled", "exact"),
    [(8, False, True), (7, False, False), (2, True, True), (1, True, False)],
)
def test_the_check_passes_and_fails_where_it_must(filters: int, pooled: bool, exact: bool) -> None:
    found = pointwise.check(4, 30, filters, 2, pooled=pooled)
    assert found.collapsed < 1e-12
    assert (found.factorised < 1e-12) == exact
    if not exact:
        assert found.factorised > 0.01


def test_no_more_filters_than_channels_are_ever_needed() -> None:
    assert pointwise.check(20, 5, 5, 2).factorised < 1e-12


def test_the_check_finds_a_planted_error(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., pointwise.Linear] = pointwise.collapse

    def without_the_convolutions_bias(*arrays: Any) -> pointwise.Linear:
        return pointwise.Linear(right(*arrays).head, arrays[3])

    monkeypatch.setattr(pointwise, "collapse", without_the_convolutions_bias)
    assert pointwise.check(4, 30, 8).collapsed > 0.01


# --- what the argument does not say


def test_with_an_activation_two_filters_make_what_no_linear_head_can() -> None:
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(5, 1, 1)
    both = pointwise.convolve(values, [[1.0, -1.0]])
    add = np.ones((1, 2, 1))
    assert pointwise.logits(both, add).ravel().tolist() == [0, 0, 0, 0, 0]
    assert pointwise.logits(np.maximum(both, 0), add).ravel().tolist() == [2, 1, 0, 1, 2]


def test_dropouts_variance_is_that_of_drawn_dropout() -> None:
    maps, head = normal(0, 1, 3, 4), normal(1, 3, 4, 2)
    kept = np.random.default_rng(2).random((200_000, 3, 4)) >= 0.3
    drawn = pointwise.logits(maps * kept / 0.7, head)
    expected = pointwise.dropout_variance(maps, head, 0.3)[0]
    np.testing.assert_allclose(drawn.var(axis=0), expected, rtol=0.03)
    np.testing.assert_allclose(drawn.mean(axis=0), pointwise.logits(maps, head)[0], atol=0.05)


def test_dropout_tells_apart_two_forms_of_one_classifier() -> None:
    # The mean of ten equal channels: dropped one by one, or all at once.
    maps, head = np.ones((1, 1, 10)), np.full((1, 10, 1), 0.1)
    once = pointwise.dropout_variance(maps, head, 0.5)
    mixed = pointwise.convolve(maps, np.full((10, 1), 0.1))
    assert pointwise.logits(mixed, np.ones((1, 1, 1))) == pytest.approx(
        pointwise.logits(maps, head)
    )
    assert pointwise.dropout_variance(mixed, np.ones((1, 1, 1)), 0.5) == pytest.approx(10 * once)
