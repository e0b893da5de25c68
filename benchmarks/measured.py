"""What all benchmarks share: how a time is taken, and how a result is kept."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from covidcxr.core import atomic, machine

RESULTS = Path(__file__).parent / "results"


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of some runs, which other load on the machine disturbs least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return round(min(times), 6)


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
        **content,
    }
    target = RESULTS / f"{name}.json"
    with atomic.file(target) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(target)


def by_size(found: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Write a mapping by number as rows, since JSON has no numbers as keys."""
    return [{"n": n, "value": value} for n, value in found.items()]
