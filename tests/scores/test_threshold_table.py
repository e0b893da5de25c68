"""Counts at every threshold: hand-counted cells, and the package's other scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.scores import intervals, metrics, predictive_values, proportions, threshold_table
from tests.scores.test_curves import images, of

THRESHOLDS = (0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
PREVALENCES = (0.001, 0.0123, 0.05, 0.22, 0.5, 0.875, 0.999)

FEW = of([True, True, False, False], [0.9, 0.4, 0.4, 0.1])
rng = np.random.default_rng(0)
TRUTH = rng.random(120) < 0.3
CASES = {
    "overlapping": of(TRUTH, np.clip(rng.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1)),
    "of patients": of(
        TRUTH, np.round(np.clip(rng.normal(0.4 + 0.2 * TRUTH, 0.2), 0, 1), 2),
        (np.arange(120) // 4).tolist(),
    ),
    "tied": of(TRUTH, np.round(rng.random(120), 1)),
    "all equal": of([True, True, False], [0.5, 0.5, 0.5]),
    "perfect": of([True] * 4 + [False] * 12, [1.0] * 4 + [0.0] * 12),
    "sixteenths": of([True] * 16 + [False] * 16, np.tile(np.arange(16) / 15, 2)),
    "no patient": of([False, False], [0.2, 0.6]),
    "<i>few</i> & </script>": FEW,
}  # fmt: skip
COUNTS = {name: threshold_table.curve(p) for name, p in CASES.items()}


def test_four_images_with_a_tie() -> None:
    counts = threshold_table.curve(FEW)
    assert counts["threshold"].tolist() == [0.1, 0.4, 0.9, np.inf]
    assert counts[["tp", "fn", "fp", "tn"]].to_numpy().tolist() == [
        [2, 0, 2, 0], [2, 0, 1, 1], [1, 1, 0, 2], [0, 2, 0, 2],
    ]  # fmt: skip
    assert (
        counts[["sensitivity_effective_n", "accuracy_effective_n"]].to_numpy().tolist()
        == [[2, 4]] * 4
    )


def test_a_reading_by_hand() -> None:
    # Half the patients detected, no false alarm: whoever is called is sick, at any prevalence.
    reading = threshold_table.at(threshold_table.curve(FEW), 0.5, 0.1)
    assert reading.cells == (1, 1, 0, 2)
    assert reading.shares["sensitivity"] == (0.5, *proportions.wilson(1, 2))
    assert reading.carried == {"ppv": 1, "npv": pytest.approx(0.9 / (0.9 + 0.1 * 0.5))}
    assert reading.observed == {"ppv": 1, "npv": pytest.approx(2 / 3)}


def test_a_score_at_the_threshold_is_called() -> None:
    counts = threshold_table.curve(FEW)
    assert threshold_table.at(counts, 0.4, 0.5).cells == (2, 0, 1, 1)
    assert threshold_table.at(counts, np.nextafter(0.4, 1), 0.5).cells == (1, 1, 0, 2)
    assert threshold_table.at(counts, 0, 0.5).cells == (2, 0, 2, 0)


@given(images, st.one_of(st.floats(0, 1), st.integers(0, 6).map(lambda k: k / 6)))
def test_counts_are_the_cells_at_any_threshold(
    rows: list[tuple[bool, float]], threshold: float
) -> None:
    p = of([truth for truth, _ in rows], [score for _, score in rows])
    cells = metrics.cells(p.positive, p.called(threshold))
    assert threshold_table.at(threshold_table.curve(p), threshold, 0.5).cells == tuple(cells)


@pytest.mark.parametrize("name", CASES)
def test_a_reading_is_what_the_other_pages_say(name: str) -> None:
    p, counts = CASES[name], COUNTS[name]
    for threshold in THRESHOLDS:
        reading = threshold_table.at(counts, threshold, threshold_table.prevalence(counts))
        called = p.called(threshold)
        theirs = predictive_values.shares(p, called, 0.95)
        for share in ("sensitivity", "specificity"):
            np.testing.assert_allclose(reading.shares[share], theirs[share])
        right = called == p.positive
        size, _ = proportions.effective_sample_size(right, p.group)
        expected = [right.mean(), *proportions.wilson(right.mean() * size, size)]
        np.testing.assert_allclose(reading.shares["accuracy"], expected)
        assert reading.observed == pytest.approx(
            {k: theirs[k].value for k in ("ppv", "npv")}, nan_ok=True
        )


@given(images, st.floats(0, 1))
def test_at_the_own_prevalence_predictive_values_are_the_observed_ones(
    rows: list[tuple[bool, float]], threshold: float
) -> None:
    p = of([truth for truth, _ in rows], [score for _, score in rows])
    counts = threshold_table.curve(p)
    reading = threshold_table.at(counts, threshold, threshold_table.prevalence(counts))
    if 0 < p.prevalence < 1:
        assert reading.carried == pytest.approx(reading.observed, nan_ok=True)
    else:
        assert np.isnan(list(reading.carried.values())).all()


def test_predictive_values_are_those_of_the_page_on_calibration() -> None:
    protocol = intervals.Protocol(threshold=0.3, resamples=10)
    rows = predictive_values.at_prevalence(CASES["overlapping"], PREVALENCES, protocol)
    for row, share in zip(rows.to_dict("records"), PREVALENCES, strict=True):
        reading = threshold_table.at(COUNTS["overlapping"], 0.3, share)
        assert reading.carried == pytest.approx({"ppv": row["ppv"], "npv": row["npv"]})
