"""Features of frozen backbones, computed once and shared by all heads.

A backbone that is not trained gives an image the same features in every epoch, for every
seed, split and network it is part of. So each backbone processes each image once, its
features are kept on disk in single precision, and only heads are trained. Where global
average pooling follows, a vector is kept instead of a map: a 1x1 convolution without
activation may be applied after the pooling, since both are linear, and one acts on
channels, the other on places.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core import atomic, machine
from covidcxr.core.studies import ModelName, Study
from covidcxr.networks import architecture, complexity, devices

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

METHOD = 1
"""Raised when the features of frozen backbones change; older ones are then made anew."""

_HEAD_LAYERS = ("pointwise", "probabilities")


class Features:
    """Features of n images, (n, height, width, channels) a backbone, joined along channels.

    Rows are read from the disk when they are indexed.
    """

    def __init__(self, parts: Sequence[NDArray[np.float32]]) -> None:
        self.parts = parts
        *places, _ = parts[0].shape
        self.shape = (*places, sum(part.shape[-1] for part in parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        return np.concatenate([part[rows] for part in self.parts], axis=-1)


def can_train_on_features(study: Study) -> bool:
    """Whether nothing before the head changes in training."""
    return not study.trainable and study.augmentation == "none"


def pooled(study: Study) -> bool:
    """Whether features may be averaged before the head instead of within it."""
    return study.head == "gap" and study.pointwise != "relu"


class Backbones:
    """Frozen backbones of a network, built only when features are missing on disk.

    ``folder`` receives the features, a file for each backbone, weights and set of images, named by
    everything that decides its content.
    """

    def __init__(self, model: ModelName, study: Study, seed: int, folder: Path) -> None:
        self.study, self.seed, self.folder = study, seed, folder
        self.names = architecture.backbones_by_layer(model, study)
        self.extractors: dict[str, devices.Forward] = {}

    def features(self, pixels: NDArray[np.uint8]) -> Features:
        """Return the features of pixels (n, size, size, 3), computed where they are not on disk.

        Where the disk is full, what was computed stays for the next run.
        """
        content = _digest(pixels)
        return Features([self._of(layer, pixels, content) for layer in self.names])

    def _of(self, layer: str, pixels: NDArray[np.uint8], content: str) -> NDArray[np.float32]:
        """Features of one backbone, memory-mapped; ``content`` is the digest of the images."""
        name = self.names[layer]
        side = 1 if pooled(self.study) else complexity.final_side(self.study.image_size)
        return _cached(
            self.folder / f"{name}-{_short(self._key(layer), content)}.f32",
            self.folder / name,
            pixels,
            (len(pixels), side, side, complexity.FINAL_CHANNELS),
            lambda batch: _extract(self._extractor(layer), batch),
            self.study.batch_size,
        )

    def _extractor(self, layer: str) -> devices.Forward:
        """Forward pass of a backbone from pixels to features, built once."""
        import keras

        if layer not in self.extractors:
            architecture.seed_initial_weights(layer, self.seed)
            backbone = architecture.backbone(self.names[layer], self.study, layer)
            pixels = keras.Input(backbone.input_shape[1:])
            scaled = architecture.normalise(pixels, self.names[layer], self.study.preprocessing)
            maps = backbone(scaled, training=False)
            if pooled(self.study):
                maps = keras.layers.GlobalAveragePooling2D(keepdims=True)(maps)
            self.extractors[layer] = devices.forward(keras.Model(pixels, maps))
        return self.extractors[layer]

    def _key(self, layer: str) -> str:
        """Digest of what decides a backbone's features, apart from the images."""
        import keras

        name, weights = self.names[layer], f"random {layer} {self.seed}"
        if self.study.weights != "none":
            file = architecture.weight_file(name, self.study.weights)
            if not file.is_file():
                self._extractor(layer)  # which downloads it, or says what is missing
            weights = _file_digest(file)
        facts = (
            name, weights, self.study.preprocessing, pooled(self.study), keras.backend.backend(),
            keras.config.dtype_policy().name, sorted(machine.packages().items()),
            METHOD,
        )  # fmt: skip
        return _short(repr(facts))


def head(model: ModelName, study: Study, seed: int, features: Features) -> keras.Model:
    """Build the head of a network alone, with the initial weights it has within the network."""
    import keras

    maps = keras.Input(features.shape[1:], name="features")
    architecture.seed_initial_weights("head", seed)
    return keras.Model(maps, architecture.head([maps], study), name=model)


def whole(model: ModelName, study: Study, seed: int, head: keras.Model) -> keras.Model:
    """Build a network around a head that was trained alone."""
    network = architecture.build(model, study, seed)
    for layer in head.layers:
        if layer.name in _HEAD_LAYERS:
            network.get_layer(layer.name).set_weights(layer.get_weights())
    return network


def _cached(
    path: Path,
    lock: Path,
    pixels: NDArray[np.uint8],
    shape: tuple[int, ...],
    extract: Callable[[NDArray[np.uint8]], bytes],
    batch_size: int,
) -> NDArray[np.float32]:
    """Features in a file, which is written first; a killed run resumes where its file ends."""
    row = int(np.prod(shape[1:])) * 4
    # Trainings side by side that need the same features wait for the one that computes them.
    with atomic.alone(lock):
        if not path.is_file():
            part = path.with_suffix(".part")
            with atomic.clear_disk_errors(path), part.open("ab") as file:
                done = file.tell() // row // batch_size * batch_size
                file.truncate(done * row)
                log.info("%s: features of images %d to %d", path.name, done + 1, len(pixels))
                for start in range(done, len(pixels), batch_size):
                    file.write(extract(pixels[start : start + batch_size]))
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
    return np.memmap(path, dtype=np.float32, mode="r", shape=shape)


def _extract(extractor: devices.Forward, pixels: NDArray[np.uint8]) -> bytes:
    return extractor(pixels.astype(np.float32)).tobytes()


@cache
def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(pixels: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    for start in range(0, len(pixels), 256):
        digest.update(np.ascontiguousarray(pixels[start : start + 256]).data)
    return digest.hexdigest()


def _short(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]
