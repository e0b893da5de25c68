"""One training: a network, a split and a seed, ending in a run record."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr import metrics, networks, records, saliency, splits
from covidcxr.cohort import Cohort
from covidcxr.config import POSITIVE, TITLES, ModelName, Study
from covidcxr.problems import Problem

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

DECISIVE = (
    "test_fraction", "validation_fraction", "image_size", "resize", "preprocessing", "weights",
    "trainable", "head", "dropout", "batch_norm_momentum", "epochs", "batch_size", "optimizer",
    "learning_rate",
)  # fmt: skip
"""The keys of a study that decide what a training gives."""

_CODE = ("images", "lungs", "networks", "saliency", "training")

SHOWN = 2
"""Images of each class of which a map may be kept, where images may be shown."""


class Trained(NamedTuple):
    """What a training leaves; see `train`."""

    history: pd.DataFrame
    predictions: pd.DataFrame
    network: keras.Model


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

    Returns
    -------
    Record
        Its tables: ``history`` and ``predictions`` as `train` returns them; ``external``
        (``cohort``, ``image_id``, ``label``, ``score``) where there is such a cohort;
        ``saliency``, ``attribution`` and, where images may be shown, ``maps`` of the test
        part as `covidcxr.saliency.explain` returns them.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / name(model, split_name, seed)
    parameters = records.parameters(study, DECISIVE, model=model, split=split_name, seed=seed)
    if cohort is None or split is None:
        found = records.find(folder, parameters, None)
        if found is None:
            raise Problem(
                f"{folder}: no record of this training and no data to run it; name a data folder "
                "in COVIDCXR_DATA, or run STUDY=demo, which needs none."
            )
        return found
    fingerprints = {
        "data": cohort.fingerprint,
        "split": splits.fingerprint(split),
        "code": records.code_fingerprint(*_CODE),
        "explained": str(study.explained_per_class),
        **{f"external {name}": other.fingerprint for name, other in (external or {}).items()},
    }
    found = records.find(folder, parameters, fingerprints)
    if found is not None:
        log.info(
            "%s: the record matches data, split, parameters and code; not trained again", folder
        )
        return found

    started, commit = time.monotonic(), records.commit()
    history, predictions, network = train(study, model, seed, cohort, split)
    tables = {"history": history, "predictions": predictions}
    if external:
        tables["external"] = tested(network, external, study.batch_size)
    tables |= explained(network, study, cohort, split)
    return records.write(
        folder,
        study=study,
        parameters=parameters,
        fingerprints=fingerprints,
        commit=commit,
        tables=tables,
        images=_counts(split),
        metrics=_metrics(predictions, study.threshold),
        backend=_backend(),
        wall_seconds=round(time.monotonic() - started, 1),
        peak_memory_bytes=records.peak_memory(),
    )


def train(
    study: Study, model: ModelName, seed: int, cohort: Cohort, split: pd.DataFrame
) -> Trained:
    """Train one network and let it read every image.

    Parameters
    ----------
    study
        Gives the protocol.
    model
        Which network.
    seed
        Decides initial weights, order of the images and dropout.
    cohort
        n images.
    split
        Their parts, in the manifest's order.

    Returns
    -------
    history : pandas.DataFrame
        ``epoch`` (from 1), ``part``, ``loss``, ``accuracy``, ``seconds``. The
        parts are ``train`` (running means over the epoch, dropout on), ``validation``
        where the study has one, and ``test``, which decides nothing here.
    predictions : pandas.DataFrame
        ``image_id``, ``group_id``, ``part``, ``label``, ``score``: the
        probability of COVID19.
    network : keras.Model
        As trained.

    Raises
    ------
    Problem
        Where the loss stops being a number.
    """
    import keras

    _prepare_backend()
    keras.utils.set_random_seed(seed)
    if list(split["image_id"]) != list(cohort.manifest["image_id"]):
        raise ValueError("the split's rows are not the manifest's")
    parts = split["part"].to_numpy(dtype=str)
    labels = (split["label"] == POSITIVE).to_numpy(dtype=int)
    watched = ("validation", "test") if study.validation_fraction else ("test",)

    network = networks.build(model, study)
    network.compile(
        optimizer=keras.optimizers.get(
            {"class_name": study.optimizer, "config": {"learning_rate": study.learning_rate}}
        ),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        # Compiling these graphs on a processor takes longer than it saves.
        jit_compile="auto" if _has_accelerator() else False,
    )

    _shorten_start(network)

    batches = _batches(
        cohort.pixels, labels, np.flatnonzero(parts == "train"), study.batch_size, seed
    )
    watching = {
        part: _batches(cohort.pixels, labels, np.flatnonzero(parts == part), study.batch_size)
        for part in watched
    }
    # Creates the variables of optimizer and metrics, which would otherwise come
    # into being while the training step is traced and have it traced again.
    network.optimizer.build(network.trainable_variables)
    network.evaluate(watching[watched[0]], verbose=0)

    history = _History(TITLES[model], study.epochs, network, watching)
    network.fit(
        batches,
        epochs=study.epochs,
        verbose=0,
        callbacks=[history.callback()],
    )
    predictions = split[["image_id", "group_id", "part", "label"]].assign(
        score=_scores(network, cohort.pixels, study.batch_size)
    )
    return Trained(history.table(), predictions, network)


def tested(network: keras.Model, external: Mapping[str, Cohort], batch_size: int) -> pd.DataFrame:
    """Score every image of external cohorts: ``cohort``, ``image_id``, ``label``, ``score``."""
    tables = [
        other.manifest[["image_id", "label"]].assign(
            cohort=name, score=_scores(network, other.pixels, batch_size)
        )
        for name, other in external.items()
    ]
    return pd.concat(tables, ignore_index=True)[["cohort", "image_id", "label", "score"]]


def explained(
    network: keras.Model, study: Study, cohort: Cohort, split: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Summarise where a network finds its evidence in test images.

    Of each class as many as the study says, evenly spaced over the sorted names.
    """
    chosen: list[int] = []
    for _, rows in split[split["part"] == "test"].sort_values("image_id").groupby("label"):
        places = np.linspace(0, len(rows) - 1, min(study.explained_per_class, len(rows)))
        chosen += rows.index[places.round().astype(int)].tolist()
    return saliency.explain(
        network,
        cohort.pixels[chosen],
        split.loc[chosen],
        batch_size=study.batch_size,
        kept=SHOWN if study.cohort.publish_images else 0,
    )


def _scores(
    network: keras.Model, pixels: NDArray[np.uint8], batch_size: int
) -> NDArray[np.float32]:
    labels = np.zeros(len(pixels), dtype=int)
    everything = _batches(pixels, labels, np.arange(len(pixels)), batch_size)
    scores: NDArray[np.float32] = network.predict(everything, verbose=0)[:, 1]
    return scores


class _History:
    """Collects tidy rows and says how far a training has come."""

    def __init__(
        self,
        name: str,
        epochs: int,
        network: keras.Model,
        watching: dict[str, keras.utils.PyDataset],
    ) -> None:
        self.name, self.epochs, self.network, self.watching = name, epochs, network, watching
        self.rows: list[dict[str, Any]] = []
        self.started = time.monotonic()

    def callback(self) -> keras.callbacks.Callback:
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_batch_end=self._on_batch,
            on_epoch_begin=self._on_begin,
            on_epoch_end=self._on_epoch,
        )

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    def _on_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch_started = time.monotonic()

    def _on_batch(self, batch: int, logs: dict[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            epoch = len(self.rows) // (1 + len(self.watching)) + 1
            raise Problem(
                f"{self.name}: the loss is no longer a number in epoch {epoch}, batch {batch + 1}; "
                "lower learning_rate or check the images; no record was written."
            )

    def _on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        reached = {"train": {key: float(logs[key]) for key in ("loss", "accuracy")}}
        for part, images in self.watching.items():
            reached[part] = self.network.evaluate(images, verbose=0, return_dict=True)
        seconds = round(time.monotonic() - self.epoch_started, 2)
        self.rows += [
            {
                "epoch": epoch + 1,
                "part": part,
                "loss": values["loss"],
                "accuracy": values["accuracy"],
                "seconds": seconds,
            }
            for part, values in reached.items()
        ]
        left = (time.monotonic() - self.started) / (epoch + 1) * (self.epochs - epoch - 1)
        log.info(
            "%s: epoch %d of %d, loss %.3f, accuracy %.3f, %s, %.0f s left",
            self.name, epoch + 1, self.epochs, logs["loss"], logs["accuracy"],
            ", ".join(f"{part} accuracy {reached[part]['accuracy']:.3f}" for part in self.watching),
            left,
        )  # fmt: skip


def _batches(
    pixels: NDArray[np.uint8],
    labels: NDArray[Any],
    rows: NDArray[Any],
    batch_size: int,
    seed: int | None = None,
) -> keras.utils.PyDataset:
    """Serve rows of the pixels as float batches, in a new order each epoch given a seed."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.rng = None if seed is None else np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            chosen = self.order[index * batch_size : (index + 1) * batch_size]
            return pixels[chosen].astype("float32"), np.eye(2, dtype="float32")[labels[chosen]]

        def on_epoch_end(self) -> None:
            self.order = rows if self.rng is None else self.rng.permutation(rows)

    return Batches()


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
        cells = metrics.confusion(rows["label"], rows["score"], threshold)
        values = {k: None if np.isnan(v) else float(v) for k, v in metrics.score(cells).items()}
        scored[str(part)] = dict(zip(metrics.CELLS, cells.tolist(), strict=True)) | values
    return scored


# What follows is the one corner that knows of backends by name.


def _backend() -> dict[str, str]:
    import keras

    device = "accelerator" if _has_accelerator() else "processor"
    return {"name": keras.backend.backend(), "device": device, "float": keras.config.floatx()}


def _has_accelerator() -> bool:
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return bool(tf.config.list_physical_devices("GPU"))
        case "jax":
            import jax

            return bool(jax.default_backend() != "cpu")
        case "torch":
            import torch

            return bool(torch.cuda.is_available())
    return False


def _prepare_backend() -> None:
    """Ask for equal results from equal seeds."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
            if not _has_accelerator():
                # Rewriting graphs of this size takes a third of a short run's start
                # and makes no measurable difference to a step on a processor.
                tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        case "torch":
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)


def _shorten_start(network: keras.Model) -> None:
    """Give TensorFlow the training and test steps as plain graphs.

    Keras nests one graph in another, and TensorFlow infers every shape of the
    inner one anew: half of the time that passes before the first update.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if tf.distribute.has_strategy():
        return
    batch = (
        tf.TensorSpec((None, *network.input_shape[1:]), "float32"),
        tf.TensorSpec((None, *network.output_shape[1:]), "float32"),
    )
    for kind in ("train", "test"):
        step = tf.function(
            getattr(network, f"{kind}_step"),
            input_signature=[batch],
            jit_compile=network.jit_compile,
        )
        setattr(network, f"{kind}_function", lambda iterator, step=step: step(next(iterator)))
