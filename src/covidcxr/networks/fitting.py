"""Fit of one network to one split: epochs, checkpoints and scores of all images."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core.errors import Problem
from covidcxr.core.studies import POSITIVE, TITLES, ModelName, Study
from covidcxr.networks import (
    architecture,
    batches,
    checkpoints,
    devices,
    frozen_features,
    saliency,
)

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Scores = dict[str, float]
"""``loss`` and ``accuracy``."""

_KERAS_EPSILON = 1e-7


class TrainingResult(NamedTuple):
    """Outcome of a training.

    Attributes
    ----------
    history
        ``epoch`` (from 1), ``part``, ``loss``, ``accuracy``, ``seconds``. The
        parts are ``train`` (running means over the epoch, dropout on), ``validation``
        where the study has one, and ``test``, which decides nothing here.
    predictions
        ``image_id``, ``group_id``, ``part``, ``label``, ``score``: the
        probability of COVID19.
    network
        Returns the trained network. Where only a head was trained on features, the whole
        network is built in this call.
    score
        From pixels of shape (n, size, size, 3) to the network's n scores.
    progress
        ``stretches`` (1 for a training that was never interrupted), ``earlier_seconds`` of
        the stretches before the last, ``images_per_second`` and ``precision``.
    """

    history: pd.DataFrame
    predictions: pd.DataFrame
    network: Callable[[], keras.Model]
    score: saliency.Scored
    progress: dict[str, Any]


class _Learner(NamedTuple):
    """What is trained (a network or its head), its inputs, and the function from pixels to them."""

    network: keras.Model
    inputs: Any
    to_inputs: Callable[[NDArray[np.uint8]], Any]
    is_head: bool


def train(
    study: Study,
    model: ModelName,
    seed: int,
    cohort: Cohort,
    split: pd.DataFrame,
    *,
    checkpoint: Path | None = None,
    key: Mapping[str, Any] | None = None,
    store: Path | None = None,
) -> TrainingResult:
    """Train one network and score every image of the cohort.

    ``split`` has the parts of the cohort's images in the manifest's order; ``seed`` decides initial
    weights, order of the images, augmentation and dropout. ``checkpoint`` is a file that is
    written after every epoch and from which the training resumes; ``key`` identifies the training,
    and a checkpoint with another key is not used. ``store`` is the folder of the features of frozen
    backbones; without it, backbones process the images again in every epoch.

    Raises
    ------
    Problem
        Where the loss stops being a number, the checkpoint is damaged or the disk is full.
    """
    devices.choose()
    devices.prepare()
    if list(split["image_id"]) != list(cohort.manifest["image_id"]):
        raise ValueError("the split's rows are not the manifest's")
    parts = split["part"].to_numpy(dtype=str)
    labels = (split["label"] == POSITIVE).to_numpy(dtype=int)
    rows = {part: np.flatnonzero(parts == part) for part in splits.PARTS}

    with devices.computing(study.precision) as precision:
        learner = _build(study, model, seed, cohort.pixels, store)
        network = learner.network
        _compile(network, study)
    inputs = batches.load_if_fits(learner.inputs)
    weights = batches.class_weights(labels[rows["train"]], study.class_weights)
    state = (
        checkpoints.restore(checkpoint, network, key or {}, study.epochs) if checkpoint else None
    )
    training_batches = batches.make(inputs, labels, rows["train"], study.batch_size, seed, weights)
    held_out_parts = ("validation", "test") if study.validation_fraction else ("test",)
    held_out = {
        part: batches.make(inputs, labels, rows[part], study.batch_size) for part in held_out_parts
    }
    forward = devices.forward(network)

    def evaluate() -> dict[str, Scores]:
        return {
            part: loss_and_accuracy(_probabilities(forward, served), np.eye(2)[labels[rows[part]]])
            for part, served in held_out.items()
        }

    def save(state: Mapping[str, Any]) -> None:
        if checkpoint:
            checkpoints.save(checkpoint, network, key or {}, state)

    epoch_log = EpochLog(TITLES[model], study.epochs, evaluate, save, state)
    if epoch_log.epoch < study.epochs:
        _fit(network, training_batches, epoch_log, seed)

    def whole_network() -> keras.Model:
        if not learner.is_head:
            return network
        with devices.computing(study.precision):
            return frozen_features.whole(model, study, seed, network)

    def score(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _scores(forward, learner.to_inputs(pixels), study.batch_size)

    predictions = split[["image_id", "group_id", "part", "label"]].assign(
        score=_scores(forward, inputs, study.batch_size)
    )
    progress = epoch_log.progress(len(rows["train"])) | {"precision": precision}
    history = pd.DataFrame(epoch_log.rows)
    return TrainingResult(history, predictions, whole_network, score, progress)


def _build(
    study: Study, model: ModelName, seed: int, pixels: NDArray[np.uint8], store: Path | None
) -> _Learner:
    """Build a network, or its head and the features of its frozen backbones."""
    if store is not None and frozen_features.can_train_on_features(study):
        to_inputs = frozen_features.Backbones(model, study, seed, store).features
        features = to_inputs(pixels)
        head = frozen_features.head(model, study, seed, features)
        return _Learner(head, features, to_inputs, is_head=True)
    return _Learner(architecture.build(model, study, seed), pixels, lambda new: new, is_head=False)


def _compile(network: keras.Model, study: Study) -> None:
    """Compile a network with the optimizer and the loss of a study."""
    import keras

    network.compile(
        optimizer=keras.optimizers.get(
            {"class_name": study.optimizer, "config": {"learning_rate": study.learning_rate}}
        ),
        loss="categorical_crossentropy",
        # As an object it has its variables already; otherwise they would come into being
        # while the training step is traced, and have it traced again.
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=devices.compiles(),
    )
    devices.shorten_start(network)
    # As above, for the variables of the optimizer.
    network.optimizer.build(network.trainable_variables)


def _fit(
    network: keras.Model, served: keras.utils.PyDataset, epoch_log: EpochLog, seed: int
) -> None:
    """Train a network for the epochs that remain."""
    import keras

    def begin(epoch: int, logs: Any = None) -> None:
        devices.reseed(seed, epoch)
        # Not the data's own end of an epoch, which Keras calls also where none ends.
        served.start(epoch)
        epoch_log.begin(epoch)

    network.fit(
        served,
        initial_epoch=epoch_log.epoch,
        epochs=epoch_log.epochs,
        verbose=0,
        shuffle=False,  # of whole batches, by Python's own random numbers
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_begin=begin,
                on_train_batch_end=epoch_log.check_loss,
                on_epoch_end=epoch_log.end,
            )
        ],
    )


def _scores(forward: devices.Forward, inputs: Any, batch_size: int) -> NDArray[np.float32]:
    """Probabilities of COVID19, shape (n,)."""
    labels = np.zeros(len(inputs), dtype=int)
    served = batches.make(inputs, labels, np.arange(len(inputs)), batch_size)
    return _probabilities(forward, served)[:, 1]


def _probabilities(forward: devices.Forward, served: keras.utils.PyDataset) -> NDArray[np.float32]:
    """Probabilities of both classes, shape (n, 2)."""
    served.start(0)
    return np.concatenate([forward(served[i][0]) for i in range(len(served))])


def loss_and_accuracy(probabilities: NDArray[np.float32], codes: NDArray[np.float64]) -> Scores:
    """Cross entropy and accuracy, as Keras computes them; both arguments have shape (n, 2)."""
    clipped = np.clip(probabilities.astype(np.float64), _KERAS_EPSILON, 1 - _KERAS_EPSILON)
    right = probabilities.argmax(axis=1) == codes.argmax(axis=1)
    return {
        "loss": float(-(codes * np.log(clipped)).sum(axis=1).mean()),
        "accuracy": float(right.mean()),
    }


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
