"""One line for each step of the workflow: which it was, how many are done, how long the rest takes.

Snakemake's own log takes five lines a step and no account of time.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TYPICAL = {"cohort": 10.0, "samples": 10.0, "split": 3.0, "page": 8.0, "book": 30.0, "pdf": 60.0}
"""Seconds of a step on two processor cores, until one of its kind was timed here."""

TAIL = 25
"""Lines of its log that are shown of a step that failed."""

ROOM = 2**16
"""Bytes; with fewer left a disk is full."""


class Steps(logging.Handler):
    """Prints a line for each finished step; ``planned`` counts the steps by rule."""

    def __init__(self, planned: Mapping[str, int]) -> None:
        super().__init__()
        self.left = Counter(planned)
        self.running: dict[int, tuple[str, str, float]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.start = time.monotonic()
        self.line = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an event of Snakemake's, by its name."""
        facts: dict[str, Any] = vars(record)
        match facts.get("event"):
            case "job_info":
                name = step(facts["rule_name"], facts.get("wildcards") or {})
                self.running[facts["jobid"]] = facts["rule_name"], name, time.monotonic()
            case "job_finished":
                self.line = self.finish(facts["job_id"])
            case "progress" if self.line:
                left = remaining(self.left, self.seconds, time.monotonic() - self.start)
                print(f"[{facts['done']}/{facts['total']}] {self.line}{left}", file=sys.stderr)
                self.line = ""
            case "job_error":
                print(failure(self.running[facts["jobid"]][1], facts["log"]), file=sys.stderr)

    def finish(self, job: int) -> str:
        """Time a step and return its name and duration."""
        rule, name, began = self.running.pop(job)
        took = time.monotonic() - began
        self.left[rule] -= 1
        self.seconds.setdefault(rule, []).append(took)
        return f"{name}, {duration(took)}"


def attach(log: logging.Logger, planned: Mapping[str, int]) -> None:
    """Have Snakemake's log say a line a step, beside warnings and errors."""
    for handler in log.handlers:
        handler.addFilter(lambda record: record.levelno >= logging.WARNING)
    log.addHandler(Steps(planned))


def step(rule: str, wildcards: Mapping[str, str]) -> str:
    """Name of a step, by its rule and wildcards."""
    names = ("study", "page", "model", "split", "seed")
    return " ".join([rule, *(wildcards[name] for name in names if name in wildcards)])


def remaining(left: Mapping[str, int], seconds: Mapping[str, list[float]], elapsed: float) -> str:
    """Say how long the steps that are left take, where steps of their kind were timed."""
    mean = TYPICAL | {rule: sum(took) / len(took) for rule, took in seconds.items()}
    todo = {rule: n for rule, n in left.items() if n > 0 and rule != "all"}
    if not todo:
        return ""
    unknown = sorted(f"{n} of {rule}" for rule, n in todo.items() if rule not in mean)
    # Steps run side by side: so many at a time on average.
    beside = max(1.0, sum(map(sum, seconds.values())) / max(elapsed, 1e-9))
    rest = sum(n * mean[rule] for rule, n in todo.items() if rule in mean) / beside
    more = f", and {', '.join(unknown)}" if unknown else ""
    return f"; about {duration(rest)} left{more}"


def duration(seconds: float) -> str:
    """Duration in words, coarse as an estimate is."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def failure(name: str, logs: list[str]) -> str:
    """Say which step failed, with the end of its log and the log's place.

    On a full disk a log ends before its reason.
    """
    ends = []
    for path in map(Path, logs):
        if path.is_file():
            ends += path.read_text("utf-8", "replace").splitlines()[-TAIL:]
            if shutil.disk_usage(path.parent).free < ROOM:
                ends.append(f"{path.parent}: the disk is full; make room, and run again.")
            ends.append(f"Its log: {path}")
    return "\n".join([f"{name} failed.", *ends])
