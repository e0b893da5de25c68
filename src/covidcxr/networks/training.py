"""One training: a network, a split and a seed, ending in a run record."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.studies import POSITIVE, TITLES, ModelName, Study
from covidcxr.networks import (
    architecture,
    checkpoints,
    complexity,
    devices,
    frozen_features,
    saliency,
)
from covidcxr.scores import metrics

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

DECISIVE = (
    "test_fraction", "validation_fraction", "image_size", "resize", "preprocessing", "weights",
    "trainable", "head", "dropout", "batch_norm_momentum", "epochs", "batch_size", "optimizer",
    "learning_rate",
)  # fmt: skip
"""The keys of a study that decide what a training gives."""

_LATER = ("fused", "pointwise", "class_weights", "augmentation", "precision")
"""More of them, left out of a record where they have their default: older records answer."""


_NEAREST = 1e-7

SHOWN = 2
"""Images of each class of which a map may be kept, where images may be shown."""


Pixels = NDArray[np.uint8]


class Trained(NamedTuple):
    """What a training leaves.

    Attributes
    ----------
    history
        ``epoch`` (from 1), ``part``, ``loss``, ``accuracy``, ``seconds``. The
        parts are ``train`` (running means over the epoch, dropout on), ``validation``
        where the study has one, and ``test``, which decides nothing here.
    predictions
        ``image_id``, ``group_id``, ``part``, ``label``, ``score``: the
        probability of COVID19.
    whole
        Returns the network as trained; on the features of frozen backbones, only the head
        was, and the rest is built when it is asked for.
    scored
        From pixels of shape (n, size, size, 3) to the network's n scores.
    told
        How it went: ``stretches`` (1 for a training that was never interrupted), the
        seconds that the earlier ones took, ``images_per_second`` and ``precision``.
    """

    history: pd.DataFrame
    predictions: pd.DataFrame
    whole: Callable[[], keras.Model]
    scored: saliency.Scored
    told: dict[str, Any]


def parameters(study: Study, model: ModelName, split_name: str, seed: int) -> dict[str, Any]:
    """Return what decides a training, as a record holds it."""
    usual = {key: field.default for key, field in Study.model_fields.items()}
    changed = [key for key in _LATER if getattr(study, key) != usual[key]]
    return records.parameters(
        study, (*DECISIVE, *changed), model=model, split=split_name, seed=seed
    )


def name(model: ModelName, split: str, seed: int) -> str:
    """Return the name of a training's record."""
    return f"{model}-{split}-s{seed}"


def record(
    study: Study,
    model: ModelName,
    split_name: str,
    seed: int,
    *,
    results: Path,
    cohort: Cohort | None,
    split: pd.DataFrame | None,
    external: Mapping[str, Cohort] | None = None,
    scratch: Path | None = None,
    keep: bool = False,
) -> records.Record:
    """Return the record of a training, which is run where there is none yet.

    Parameters
    ----------
    study, model, split_name, seed
        What to train.
    results
        The folder of the study's records.
    cohort, split
        The inputs, or None where the data are not at hand: a record that is
        there is then taken for what it says.
    external
        Cohorts that the network scores at its end, by name: weights are not kept, so
        that nobody could ask it later.
    scratch
        Where checkpoints and the features of frozen backbones lie, so that a killed run
        goes on; left out: nowhere, and it starts anew.
    keep
        Whether the last checkpoint stays when the record is written, so that the same
        training may go on to more epochs.

    Returns
    -------
    Record
        Its tables: ``history`` and ``predictions`` as `train` returns them; ``external``
        (``cohort``, ``image_id``, ``label``, ``score``) where there is such a cohort;
        ``saliency``, ``attribution`` and, where images may be shown, ``maps`` of the test
        part as `covidcxr.networks.saliency.explain` returns them.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / name(model, split_name, seed)
    decisive = parameters(study, model, split_name, seed)
    if cohort is None or split is None:
        return records.load_or_run(folder, study, decisive, None, METHOD, dict)
    inputs = {
        "data": cohort.fingerprint,
        "split": splits.fingerprint(split),
        "explained": str(study.explained_per_class),
        **{f"external {name}": other.fingerprint for name, other in (external or {}).items()},
    }
    with contextlib.ExitStack() as stack:
        place = scratch or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # All but its length: a longer training begins as the shorter one did.
        key = {**decisive, **inputs, "epochs": None, "method": METHOD}
        checkpoint = checkpoints.path(place / "checkpoints", folder.name, key)

        spent: list[Path] = []

        def make() -> dict[str, Any]:
            trained = train(
                study, model, seed, cohort, split,
                checkpoint=checkpoint, key=key, store=place / "features",
            )  # fmt: skip
            if not keep:
                spent.append(checkpoint)
            return _content(trained, study, cohort, split, external or {})

        made = records.load_or_run(folder, study, decisive, inputs, METHOD, make)
        for file in spent:
            file.unlink(missing_ok=True)
    return made


def read(results: Path, model: ModelName, split_name: str, seed: int) -> records.Record:
    """Read the record of a training, for what it says it is."""
    return records.read(results / name(model, split_name, seed), METHOD)


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
) -> Trained:
    """Train one network and let it read every image.

    Parameters
    ----------
    study
        Gives the protocol.
    model
        Which network.
    seed
        Decides initial weights, order of the images, augmentation and dropout.
    cohort
        n images.
    split
        Their parts, in the manifest's order.
    checkpoint
        A file that is written after every epoch, and from which the training goes on.
    key
        What the training is; a checkpoint of another one is not used.
    store
        Where the features of frozen backbones lie; without it, backbones see their images
        anew in every epoch.

    Raises
    ------
    Problem
        Where the loss stops being a number, the checkpoint is damaged or the disk is full.
    """
    devices.choose()
    import keras

    devices.prepare()
    if list(split["image_id"]) != list(cohort.manifest["image_id"]):
        raise ValueError("the split's rows are not the manifest's")
    parts = split["part"].to_numpy(dtype=str)
    labels = (split["label"] == POSITIVE).to_numpy(dtype=int)
    rows = {part: np.flatnonzero(parts == part) for part in splits.PARTS}
    watched = ("validation", "test") if study.validation_fraction else ("test",)

    with devices.computing(study.precision) as precision:
        read: Callable[[Pixels], Any]
        seen: Any
        if store is not None and frozen_features.suffice(study):
            read = frozen_features.Backbones(model, study, seed, store).features
            seen = read(cohort.pixels)
            learner = frozen_features.head(model, study, seed, seen)
        else:
            read, seen = lambda pixels: pixels, cohort.pixels
            learner = architecture.build(model, study, seed)
        learner.compile(
            optimizer=keras.optimizers.get(
                {"class_name": study.optimizer, "config": {"learning_rate": study.learning_rate}}
            ),
            loss="categorical_crossentropy",
            # As an object it has its variables already; otherwise they would come into being
            # while the training step is traced, and have it traced again.
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=devices.compiles(),
        )
        devices.shorten_start(learner)
        # As above, for the variables of the optimizer.
        learner.optimizer.build(learner.trainable_variables)

    inputs = held(seen)
    weights = _class_weights(labels[rows["train"]], study)
    told = checkpoints.restore(checkpoint, learner, key or {}, study.epochs) if checkpoint else None
    done = told["epoch"] if told else 0
    batches = _batches(inputs, labels, rows["train"], study.batch_size, seed, weights)
    watching = {part: _batches(inputs, labels, rows[part], study.batch_size) for part in watched}
    forward = devices.forward(learner)

    def judged(part: str) -> dict[str, float]:
        codes = np.eye(2)[labels[rows[part]]]
        return _judged(_probabilities(forward, watching[part]), codes)

    history = _History(TITLES[model], study.epochs, learner, watched, judged, checkpoint, key, told)

    def begin(epoch: int, logs: Any = None) -> None:
        devices.reseed(seed, epoch)
        # Not the data's own end of an epoch, which Keras calls also where none ends.
        batches.start(epoch)

    if done < study.epochs:
        learner.fit(
            batches,
            initial_epoch=done,
            epochs=study.epochs,
            verbose=0,
            shuffle=False,  # of whole batches, by Python's own random numbers
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=begin),
                history.callback(),
            ],
        )

    def whole() -> keras.Model:
        if seen is cohort.pixels:
            return learner
        with devices.computing(study.precision):
            return frozen_features.whole(model, study, seed, learner)

    def scored(pixels: Pixels) -> NDArray[np.float32]:
        return _scores(forward, read(pixels), study.batch_size)

    predictions = split[["image_id", "group_id", "part", "label"]].assign(
        score=_scores(forward, inputs, study.batch_size)
    )
    speed = history.images_per_second(len(rows["train"]))
    told = {
        "stretches": history.stretches,
        "earlier_seconds": history.earlier_seconds,
        "images_per_second": speed,
        "precision": precision,
    }
    return Trained(history.table(), predictions, whole, scored, told)


def held(pixels: Any) -> Any:
    """Bring what lies on disk into memory where it fits twice over; else it stays there.

    From the disk a batch is read when it is needed, so that memory does not grow with the
    number of images.
    """
    if not isinstance(pixels, np.memmap):
        return pixels
    if 2 * pixels.nbytes < psutil.virtual_memory().available:
        return np.array(pixels)
    log.info("%.1f GB of images do not fit into memory: read from the disk", pixels.nbytes / 1e9)
    return pixels


def tested(scored: saliency.Scored, external: Mapping[str, Cohort]) -> pd.DataFrame:
    """Score every image of external cohorts: ``cohort``, ``image_id``, ``label``, ``score``."""
    tables = [
        other.manifest[["image_id", "label"]].assign(cohort=name, score=scored(other.pixels))
        for name, other in external.items()
    ]
    return pd.concat(tables, ignore_index=True)[["cohort", "image_id", "label", "score"]]


def explained(
    trained: Trained, study: Study, cohort: Cohort, split: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Summarise where a network finds its evidence in test images.

    Of each class as many as the study says, evenly spaced over the sorted names.
    """
    chosen: list[int] = []
    for _, rows in split[split["part"] == "test"].sort_values("image_id").groupby("label"):
        places = np.linspace(0, len(rows) - 1, min(study.explained_per_class, len(rows)))
        chosen += rows.index[places.round().astype(int)].tolist()
    return saliency.explain(
        trained.whole(),
        cohort.pixels[chosen],
        split.loc[chosen],
        scored=trained.scored,
        batch_size=study.batch_size,
        kept=SHOWN if study.cohort.publish_images else 0,
    )


def _scores(forward: devices.Forward, inputs: Any, batch_size: int) -> NDArray[np.float32]:
    labels = np.zeros(len(inputs), dtype=int)
    everything = _batches(inputs, labels, np.arange(len(inputs)), batch_size)
    return _probabilities(forward, everything)[:, 1]


def _probabilities(forward: devices.Forward, batches: keras.utils.PyDataset) -> NDArray[np.float32]:
    """Return what a network says of all images, shape (n, 2)."""
    batches.start(0)
    return np.concatenate([forward(batches[i][0]) for i in range(len(batches))])


def _judged(probabilities: NDArray[np.float32], codes: NDArray[np.float64]) -> dict[str, float]:
    """Return cross entropy and accuracy, as Keras computes them.

    Parameters
    ----------
    probabilities, codes
        Shape (n, 2): what the network says, and what is so.
    """
    # Keras keeps as far from zero and one.
    kept = np.clip(probabilities.astype(np.float64), _NEAREST, 1 - _NEAREST)
    right = probabilities.argmax(axis=1) == codes.argmax(axis=1)
    return {
        "loss": float(-(codes * np.log(kept)).sum(axis=1).mean()),
        "accuracy": float(right.mean()),
    }


class _History:
    """Collects tidy rows, says how far a training has come, and has it survive."""

    def __init__(
        self,
        name: str,
        epochs: int,
        network: keras.Model,
        watched: Sequence[str],
        judged: Callable[[str], dict[str, float]],
        checkpoint: Path | None,
        key: Mapping[str, Any] | None,
        before: Mapping[str, Any] | None,
    ) -> None:
        self.name, self.epochs, self.network = name, epochs, network
        self.watched, self.judged = watched, judged
        self.checkpoint, self.key = checkpoint, key or {}
        self.started = time.monotonic()
        before = before or {"epoch": 0, "rows": [], "updating": [], "stretches": 0, "seconds": 0.0}
        self.epoch: int = before["epoch"]
        self.rows: list[dict[str, Any]] = list(before["rows"])
        self.updating: list[float] = list(before["updating"])
        self.stretches: int = before["stretches"] + 1
        self.earlier_seconds: float = before["seconds"]
        if self.epoch:
            log.info("%s: goes on after epoch %d of %d", name, self.epoch, epochs)

    def callback(self) -> keras.callbacks.Callback:
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_batch_end=self._on_batch,
            on_epoch_begin=self._on_begin,
            on_epoch_end=self._on_epoch,
        )

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    def images_per_second(self, images: int) -> float:
        """Return the speed of the updates, in the median epoch: the first has the start in it."""
        return round(images / float(np.median(self.updating)), 2)

    def _on_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch_started = time.monotonic()

    def _on_batch(self, batch: int, logs: dict[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            raise Problem(
                f"{self.name}: the loss is no longer a number in epoch {self.epoch + 1}, "
                f"batch {batch + 1}; lower learning_rate or check the images; no record was "
                "written."
            )

    def _on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self.updating.append(round(time.monotonic() - self.epoch_started, 3))
        reached = {"train": {key: float(logs[key]) for key in ("loss", "accuracy")}}
        reached |= {part: self.judged(part) for part in self.watched}
        seconds = round(time.monotonic() - self.epoch_started, 2)
        self.rows += [
            {
                "epoch": epoch + 1,
                "part": part,
                "loss": float(values["loss"]),
                "accuracy": float(values["accuracy"]),
                "seconds": seconds,
            }
            for part, values in reached.items()
        ]
        self.epoch = epoch + 1
        if self.checkpoint:
            told = {
                "epoch": self.epoch,
                "rows": self.rows,
                "updating": self.updating,
                "stretches": self.stretches,
                "seconds": round(self.earlier_seconds + time.monotonic() - self.started, 1),
            }
            checkpoints.save(self.checkpoint, self.network, self.key, told)
        left = float(np.mean(self.updating[-3:])) * (self.epochs - self.epoch)
        log.info(
            "%s: epoch %d of %d, loss %.3f, accuracy %.3f, %s, %.0f s left",
            self.name, self.epoch, self.epochs, logs["loss"], logs["accuracy"],
            ", ".join(f"{part} accuracy {reached[part]['accuracy']:.3f}" for part in self.watched),
            left,
        )  # fmt: skip


def _class_weights(labels: NDArray[Any], study: Study) -> NDArray[np.float32]:
    """Return what each class weighs in the loss, with the mean over the images 1."""
    if study.class_weights == "none":
        return np.ones(2, dtype=np.float32)
    counts = np.bincount(labels, minlength=2)
    return (len(labels) / (2 * counts)).astype(np.float32)


def _batches(
    inputs: Any,
    labels: NDArray[Any],
    rows: NDArray[Any],
    batch_size: int,
    seed: int | None = None,
    weights: NDArray[np.float32] | None = None,
) -> keras.utils.PyDataset:
    """Serve rows of the inputs as float batches, each made while the one before is used.

    Given a seed, their order is another one after each ``start`` of an epoch, and follows
    from the seed and the epoch alone, so that a resumed training takes the one it would have
    taken. A label's one-hot code carries the weight of its class, by which the cross
    entropy is multiplied.
    """
    import keras

    codes = np.eye(2, dtype="float32") * (1 if weights is None else weights)
    pool = ThreadPoolExecutor(max_workers=1)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.start(0)

        def start(self, epoch: int) -> None:
            self.ahead: dict[int, Future[Any]] = {}
            self.order: NDArray[Any] = rows
            if seed is not None:
                self.order = np.random.default_rng([seed, epoch]).permutation(rows)

        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            due = self.ahead.pop(index, None) or pool.submit(self.made, self.order, index)
            if index + 1 < len(self):
                self.ahead = {index + 1: pool.submit(self.made, self.order, index + 1)}
            return due.result()

        def made(
            self, order: NDArray[Any], index: int
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            chosen = order[index * batch_size : (index + 1) * batch_size]
            return inputs[chosen].astype("float32"), codes[labels[chosen]]

    return Batches()


def _content(
    trained: Trained,
    study: Study,
    cohort: Cohort,
    split: pd.DataFrame,
    external: Mapping[str, Cohort],
) -> dict[str, Any]:
    """Return what a record says of a training."""
    told = dict(trained.told)
    earlier = told.pop("earlier_seconds")
    tables = {"history": trained.history, "predictions": trained.predictions}
    if external:
        tables["external"] = tested(trained.scored, external)
    if study.explained_per_class:
        tables |= explained(trained, study, cohort, split)
    return {
        "tables": tables,
        "images": _counts(split),
        "metrics": _metrics(trained.predictions, study.threshold),
        "backend": devices.description(told["precision"]),
        "training": told | _speed(trained, study),
        "earlier_seconds": earlier,
    }


def _speed(trained: Trained, study: Study) -> dict[str, Any]:
    """Return what the device did in a second, and what it can do.

    An update costs three times the forward pass, whose gradients go to the activations and
    to the weights: two products for each one forward. Only the products of convolutions
    and dense layers count. Heads on features are too small to say anything.
    """
    if frozen_features.suffice(study):
        return {"protocol": "frozen features"}
    forward = 2 * complexity.account(trained.whole()).multiply_adds
    each = 3 * forward if study.trainable else forward
    return {
        "protocol": "end to end" if study.trainable else "frozen backbones",
        "flops_per_image": each,
        "flops_per_second": each * trained.told["images_per_second"],
        "attainable_flops_per_second": devices.attainable(trained.told["precision"]),
    }


def _counts(split: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts = split.groupby(["part", "label"]).size()
    return {
        part: {str(label): int(counts[part, label]) for label in sorted(split["label"].unique())}
        for part in splits.PARTS
        if part in counts.index.get_level_values("part")
    }


def _metrics(predictions: pd.DataFrame, threshold: float) -> dict[str, Any]:
    scored: dict[str, Any] = {"threshold": threshold}
    for part, rows in predictions.groupby("part"):
        values = metrics.summary(
            rows["label"] == POSITIVE, rows["score"], threshold, undefined=None
        )
        scored[str(part)] = {name: value for name, value in values.items() if name != "auroc"}
    return scored
