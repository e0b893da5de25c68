"""Log of the epochs of a training: history, messages, checkpoints and a check of the loss."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from covidcxr.core.errors import Problem

log = logging.getLogger(__name__)

Scores = dict[str, float]
"""``loss`` and ``accuracy``."""


class EpochLog:
    """Callbacks of a training: history, messages, checkpoints and a check of the loss.

    ``evaluate`` returns the scores of each held-out part; ``save`` writes a checkpoint;
    ``state`` is that of the last checkpoint, None at the beginning.
    """

    def __init__(
        self,
        name: str,
        epochs: int,
        evaluate: Callable[[], dict[str, Scores]],
        save: Callable[[Mapping[str, Any]], None],
        state: Mapping[str, Any] | None,
    ) -> None:
        self.name, self.epochs, self.evaluate, self.save = name, epochs, evaluate, save
        self.started = time.monotonic()
        state = state or {"epoch": 0, "rows": [], "updating": [], "stretches": 0, "seconds": 0.0}
        self.epoch: int = state["epoch"]
        self.rows: list[dict[str, Any]] = list(state["rows"])
        self.updating: list[float] = list(state["updating"])
        self.stretches: int = state["stretches"] + 1
        self.earlier_seconds: float = state["seconds"]
        if self.epoch:
            log.info("%s: goes on after epoch %d of %d", name, self.epoch, epochs)

    def progress(self, images: int) -> dict[str, Any]:
        """Stretches, their seconds, and training images a second in the median epoch."""
        # The first epoch includes the start.
        speed = round(images / float(np.median(self.updating)), 2)
        return {
            "stretches": self.stretches,
            "earlier_seconds": self.earlier_seconds,
            "images_per_second": speed,
        }

    def begin(self, epoch: int) -> None:
        """Start the clock of an epoch."""
        self.epoch_started = time.monotonic()

    def check_loss(self, batch: int, logs: Scores) -> None:
        """Stop where the loss is no longer a number."""
        if not np.isfinite(logs["loss"]):
            raise Problem(
                f"{self.name}: the loss is no longer a number in epoch {self.epoch + 1}, "
                f"batch {batch + 1}; lower learning_rate or check the images; no record was "
                "written."
            )

    def end(self, epoch: int, logs: Scores) -> None:
        """Add an epoch to the history and write a checkpoint."""
        self.updating.append(round(time.monotonic() - self.epoch_started, 3))
        held_out = self.evaluate()
        by_part = {"train": logs, **held_out}
        seconds = round(time.monotonic() - self.epoch_started, 2)
        self.rows += [
            {
                "epoch": epoch + 1,
                "part": part,
                "loss": float(scores["loss"]),
                "accuracy": float(scores["accuracy"]),
                "seconds": seconds,
            }
            for part, scores in by_part.items()
        ]
        self.epoch = epoch + 1
        self.save(
            {
                "epoch": self.epoch,
                "rows": self.rows,
                "updating": self.updating,
                "stretches": self.stretches,
                "seconds": round(self.earlier_seconds + time.monotonic() - self.started, 1),
            }
        )
        left = float(np.mean(self.updating[-3:])) * (self.epochs - self.epoch)
        log.info(
            "%s: epoch %d of %d, loss %.3f, accuracy %.3f, %s, %.0f s left",
            self.name, self.epoch, self.epochs, logs["loss"], logs["accuracy"],
            ", ".join(f"{part} accuracy {held_out[part]['accuracy']:.3f}" for part in held_out),
            left,
        )  # fmt: skip
