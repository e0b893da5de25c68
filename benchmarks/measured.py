"""What all benchmarks share: how a time is taken, and how a result is kept."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from covidcxr.core import atomic, machine
from covidcxr.core.errors import Problem

BUSY = 0.5
"""Processors that others may take while times are measured."""

RESULTS = Path(__file__).parent / "results"


_ranges: list[float] = []


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the median time of some runs; their range becomes part of what is kept."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    middle = statistics.median(times)
    _ranges.append((max(times) - min(times)) / middle)
    return round(middle, 6)


def refuse_a_busy_machine() -> None:
    """Refuse to measure beside other work, which takes a share of the processor."""
    share = psutil.cpu_percent(interval=3) / 100 * (psutil.cpu_count() or 1)
    if share > BUSY:
        raise Problem(
            f"Other processes take {share:.1f} processors, more than {BUSY}: times would not be "
            "this project's. Wait until they are done."
        )


def keep(name: str, content: Mapping[str, Any]) -> None:
    """Write what was measured, with the day, the code, its packages and the machine.

    ``report.py`` computes its ratios from these files.
    """
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "packages": machine.packages(),
        "hardware": machine.hardware(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "widest_range": round(max(_ranges, default=0.0), 3),
        **content,
    }
    target = RESULTS / f"{name}.json"
    with atomic.file(target) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(target)


def by_size(found: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Write a mapping by number as rows, since JSON has no numbers as keys."""
    return [{"n": n, "value": value} for n, value in found.items()]
