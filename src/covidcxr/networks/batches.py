"""Batches of inputs for a network, reproducible by seed and epoch."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Inputs, and codes of shape (n, 2)."""


def make(
    inputs: Any,
    labels: NDArray[Any],
    rows: NDArray[Any],
    batch_size: int,
    seed: int | None = None,
    weights: NDArray[np.float32] | None = None,
) -> keras.utils.PyDataset:
    """Serve rows of the inputs as float batches, each made while the one before is used.

    ``labels`` (n,) are 1 for COVID19, 0 for NORMAL. A ``seed`` shuffles the rows after each
    ``start`` of an epoch, by seed and epoch alone, so that a resumed training continues with the
    same batches; without it, rows keep their order. One-hot codes, and with them the cross
    entropy, are multiplied by the ``weights`` of their classes, shape (2,).
    """
    import keras

    codes = np.eye(2, dtype="float32") * (1 if weights is None else weights)
    pool = ThreadPoolExecutor(max_workers=1)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.start(0)

        def start(self, epoch: int) -> None:
            self.ahead: dict[int, Future[Batch]] = {}
            self.order: NDArray[Any] = rows
            if seed is not None:
                self.order = np.random.default_rng([seed, epoch]).permutation(rows)

        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, index: int) -> Batch:
            due = self.ahead.pop(index, None) or pool.submit(self.load, self.order, index)
            if index + 1 < len(self):
                self.ahead = {index + 1: pool.submit(self.load, self.order, index + 1)}
            return due.result()

        def load(self, order: NDArray[Any], index: int) -> Batch:
            chosen = order[index * batch_size : (index + 1) * batch_size]
            return inputs[chosen].astype("float32"), codes[labels[chosen]]

    return Batches()


def class_weights(labels: NDArray[Any], kind: str) -> NDArray[np.float32]:
    """Weights of the two classes in the loss: ``none`` or ``balanced``, with mean 1 over images."""
    if kind == "none":
        return np.ones(2, dtype=np.float32)
    counts = np.bincount(labels, minlength=2)
    return (len(labels) / (2 * counts)).astype(np.float32)


def load_if_fits(pixels: Any) -> Any:
    """Load a memory-mapped array if twice its size is free; else batches read from the disk."""
    if not isinstance(pixels, np.memmap):
        return pixels
    if 2 * pixels.nbytes < psutil.virtual_memory().available:
        return np.array(pixels)
    log.info("%.1f GB of images do not fit into memory: read from the disk", pixels.nbytes / 1e9)
    return pixels
