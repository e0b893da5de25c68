"""What frozen backbones see in images, computed once and shared by all heads.

A backbone that is not trained gives an image the same features in every epoch, for every
seed, split and network it is part of. So each backbone sees each image once, its features
lie on disk in single precision, and only heads are trained. Behind global average pooling
a vector is kept instead of a map, since a 1x1 convolution without activation may as well
follow the pooling: both are linear, and one acts on channels, the other on places.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covidcxr import atomic, networks, records
from covidcxr.config import ModelName, Study

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

_TRAINED = ("pointwise", "probabilities")


class Features:
    """Features of n images, one backbone's channels behind the other's, read where needed.

    Parameters
    ----------
    parts
        One array a backbone, shape (n, height, width, channels).
    """

    def __init__(self, parts: Sequence[NDArray[np.float32]]) -> None:
        self.parts = parts
        *places, _ = parts[0].shape
        self.shape = (*places, sum(part.shape[-1] for part in parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        return np.concatenate([part[rows] for part in self.parts], axis=-1)


def suffice(study: Study) -> bool:
    """Tell whether a study can be trained on features: nothing before the head changes."""
    return not study.trainable and study.augmentation == "none"


def pooled(study: Study) -> bool:
    """Tell whether features may be averaged before the head instead of within it."""
    return study.head == "gap" and study.pointwise != "relu"


class Backbones:
    """The frozen backbones of a network, and the features they give.

    Parameters
    ----------
    model, study
        Which network.
    network
        As `covidcxr.networks.build` built it: its backbones are the ones used.
    folder
        Receives the features, a file for each backbone, weights and set of images; files
        are named by everything that decides their content.
    """

    def __init__(self, model: ModelName, study: Study, network: keras.Model, folder: Path) -> None:
        import keras

        self.study, self.folder = study, folder
        self.extractors: list[tuple[str, str, keras.Model]] = []
        for name, layer in zip(
            networks.backbones(model, study), networks.layer_names(model, study), strict=True
        ):
            made = network.get_layer(layer)
            pixels = keras.Input(network.input_shape[1:])
            maps = made(networks.normalise(pixels, name, study.preprocessing), training=False)
            if pooled(study):
                maps = keras.layers.GlobalAveragePooling2D(keepdims=True)(maps)
            self.extractors.append((name, _key(made, study), keras.Model(pixels, maps)))

    def features(self, pixels: NDArray[np.uint8]) -> Features:
        """Return the features of images, computed where they are not on disk yet.

        Parameters
        ----------
        pixels
            Shape (n, size, size, 3), 0 to 255.

        Raises
        ------
        Problem
            Where the disk is full; what was computed stays for the next run.
        """
        content = _digest(pixels)
        return Features(
            [
                _cached(
                    self.folder / f"{name}-{_short(key, content)}.f32",
                    self.folder / name,
                    pixels,
                    extractor,
                    self.study.batch_size,
                )
                for name, key, extractor in self.extractors
            ]
        )


def head(network: keras.Model, study: Study, features: Features) -> keras.Model:
    """Take the head off a network, to be trained on features, with the same weights and seeds."""
    import keras

    maps = keras.Input(features.shape[1:], name="features")
    made = keras.Model(maps, networks.head([maps], study), name=network.name)
    hand_over(network, made)
    if study.dropout:
        theirs, ours = (whose.get_layer("dropout").seed_generator for whose in (network, made))
        ours.state.assign(theirs.state)
    return made


def hand_over(giver: keras.Model, taker: keras.Model) -> None:
    """Give one network's head the weights of another's."""
    for name in _TRAINED:
        if any(layer.name == name for layer in giver.layers):
            taker.get_layer(name).set_weights(giver.get_layer(name).get_weights())


def _cached(
    path: Path,
    turn: Path,
    pixels: NDArray[np.uint8],
    extractor: keras.Model,
    batch_size: int,
) -> NDArray[np.float32]:
    """Return the features in a file, which is written or completed first.

    Rows are appended, so that a killed run goes on where its file ends.
    """
    shape = (len(pixels), *extractor.output_shape[1:])
    row = int(np.prod(shape[1:])) * 4
    # Trainings side by side that want the same features wait for the one that makes them.
    with atomic.alone(turn):
        if not path.is_file():
            part = path.with_suffix(".part")
            with atomic.clear_disk_errors(path), part.open("ab") as file:
                done = file.tell() // row // batch_size * batch_size
                file.truncate(done * row)
                log.info("%s: features of images %d to %d", path.name, done + 1, len(pixels))
                for start in range(done, len(pixels), batch_size):
                    file.write(_extract(extractor, pixels[start : start + batch_size], batch_size))
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
    return np.memmap(path, dtype=np.float32, mode="r", shape=shape)


def _extract(extractor: keras.Model, pixels: NDArray[np.uint8], batch_size: int) -> bytes:
    # A batch of another size would have the network compiled anew.
    full = np.zeros((batch_size, *pixels.shape[1:]), dtype=np.float32)
    full[: len(pixels)] = pixels
    features = np.asarray(extractor.predict_on_batch(full)[: len(pixels)], dtype=np.float32)
    return features.tobytes()


def _key(backbone: keras.Model, study: Study) -> str:
    """Return what decides a backbone's features, but for the images."""
    import keras

    weights = hashlib.sha256()
    for value in backbone.get_weights():
        weights.update(np.ascontiguousarray(value).data)
    facts = (
        weights.hexdigest(), study.preprocessing, pooled(study), keras.backend.backend(),
        keras.config.dtype_policy().name, sorted(records.packages().items()),
        records.code_fingerprint("features", "networks"),
    )  # fmt: skip
    return _short(repr(facts))


def _digest(pixels: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    for start in range(0, len(pixels), 256):
        digest.update(np.ascontiguousarray(pixels[start : start + 256]).data)
    return digest.hexdigest()


def _short(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]
