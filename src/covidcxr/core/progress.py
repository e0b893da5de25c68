"""Progress of a long computation, as sparse lines of a log."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

EVERY = 10.0  # seconds between two lines; what takes less says nothing


class Progress:
    """Logs how many of ``total`` steps of ``task`` are done, and about how long the rest takes."""

    def __init__(self, task: str, steps: str, total: int) -> None:
        self.task, self.steps, self.total, self.done = task, steps, total, 0
        self.start = self.last = time.monotonic()

    def add(self, steps: int) -> None:
        """Count steps that are done."""
        self.done += steps
        now = time.monotonic()
        if now - self.last < EVERY or self.done >= self.total:
            return
        self.last = now
        left = (now - self.start) * (self.total - self.done) / self.done
        log.info(
            "%s: %s of %s %s, about %s left",
            self.task,
            f"{self.done:,}",
            f"{self.total:,}",
            self.steps,
            f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min",
        )
