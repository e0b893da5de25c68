"""Times are medians, and none is taken beside other work."""

import itertools
import time

import measured
import psutil
import pytest

from covidcxr.core.errors import Problem


@pytest.mark.parametrize(("percent", "cores"), [(30.0, 2), (10.0, 8), (60.0, 1)])
def test_a_busy_machine_is_refused(
    percent: float, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent)
    monkeypatch.setattr(psutil, "cpu_count", lambda: cores)
    with pytest.raises(Problem, match=r"Other processes take 0\.[68] processors"):
        measured.refuse_a_busy_machine()
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: 40.0 / cores)
    measured.refuse_a_busy_machine()


def test_a_time_is_the_median_and_its_range_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting = [1.0, 5.0, 2.0, 3.0, 4.0]
    ticks = itertools.chain.from_iterable((0.0, end) for end in lasting)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(measured, "_ranges", [])
    assert measured.seconds(lambda: None) == 3.0
    assert measured._ranges == [pytest.approx(4 / 3)]
