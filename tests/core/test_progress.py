"""Progress of long computations: silent where short, sparse where long."""

import logging

import pytest

from covidcxr.core import progress


def test_a_long_computation_logs_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr("covidcxr.core.progress.time.monotonic", lambda: next(clock))
    caplog.set_level(logging.INFO)
    steps = progress.Progress("bootstrap", "resamples", 6000)
    for _ in range(6):
        steps.add(1000)
    # Every 4 s a piece, at most one line in 10 s, and none for the last.
    assert [record.getMessage() for record in caplog.records] == [
        "bootstrap: 3,000 of 6,000 resamples, about 12 s left"
    ]


def test_a_short_computation_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    progress.Progress("bootstrap", "resamples", 10).add(5)
    assert not caplog.records
