"""What sharing the features of frozen backbones saves: the three networks, 35 epochs.

Run as ``python benchmarks/frozen.py [IMAGES] [SIZE]``; it writes
``benchmarks/results/frozen.json``. The other side is the notebook that one would write
otherwise with Keras alone: images read from class folders by
``image_dataset_from_directory``, each backbone frozen, ``fit`` for 35 epochs, once a
network. Both sides have the same weights and the same heads, and each stage runs in a
process of its own, so that its peak of memory is its own.

Ratios are measured within one run. The projection to the paper's size multiplies the
measured cost of a batch at 256 pixels and of an update of the heads by their numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measured import keep, seconds

EPOCHS, BATCH, SEEDS = 35, 16, 10
PAPER = {"train": 1441, "test": 360, "size": 256}
MODELS = ("resnet50", "resnet152v2", "resnet252v2")


def study(place: Path, size: int) -> Any:
    from covidcxr.core import studies

    return studies.load(
        "paper",
        [
            f"weights={place / 'weights'}", f"image_size={size}", "trainable=false", "head=gap",
            f"epochs={EPOCHS}", f"batch_size={BATCH}", "explained_per_class=0",
        ],
    )  # fmt: skip


def prepare(place: Path, images: int, size: int) -> None:
    """Write noise as image files, four in five for training, and random weights as files."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format
    from PIL import Image

    from covidcxr.networks import architecture

    rng = np.random.default_rng(0)
    for i in range(images):
        label = ("COVID19", "NORMAL")[i % 2]
        pixels = rng.integers(0, 200, (size, size, 3), dtype=np.uint8) + 50 * (i % 2)
        file = place / ("test" if i % 5 == 4 else "train") / label / f"{i:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
    (place / "weights").mkdir()
    keras.utils.set_random_seed(0)
    for name in ("resnet50", "resnet152v2"):
        with h5py.File(place / "weights" / architecture.WEIGHT_FILES[name], "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, plain(name, None, 32))


def plain(name: str, weights: str | None, size: int) -> Any:
    import keras

    maker = {
        "resnet50": keras.applications.ResNet50,
        "resnet152v2": keras.applications.ResNet152V2,
    }[name]
    return maker(include_top=False, weights=weights, input_shape=(size, size, 3))


def by_notebook(place: Path, images: int, size: int) -> dict[str, Any]:
    """Train as a notebook would: every epoch sends every image through frozen backbones."""
    import keras

    from covidcxr.networks.architecture import WEIGHT_FILES

    def folder(part: str) -> Any:
        return keras.utils.image_dataset_from_directory(
            place / part, label_mode="categorical", image_size=(size, size), batch_size=BATCH,
            class_names=["NORMAL", "COVID19"], verbose=False,
        )  # fmt: skip

    train, test = folder("train"), folder("test")
    took = {}
    for model in MODELS:
        started = time.perf_counter()
        keras.utils.set_random_seed(0)
        inputs = keras.Input((size, size, 3))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        parts = ["resnet50", "resnet152v2"] if model == "resnet252v2" else [model]
        maps = []
        for name in parts:
            base = plain(name, str(place / "weights" / WEIGHT_FILES[name]), size)  # type: ignore[index]
            base.trainable = False
            maps.append(base(x, training=False))
        x = keras.layers.Concatenate()(maps) if len(maps) > 1 else maps[0]
        x = keras.layers.Conv2D(1024, 1)(x)
        x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
        network = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
        network.compile("nadam", "categorical_crossentropy", metrics=["accuracy"])
        network.optimizer.learning_rate = 1e-4
        network.fit(train, validation_data=test, epochs=EPOCHS, verbose=0)
        network.predict(test, verbose=0)
        took[model] = round(time.perf_counter() - started, 2)
    return {"seconds": took}


def by_features(place: Path, images: int, size: int, seeds: str = "0") -> dict[str, Any]:
    """Train as this project does: features once, then heads."""
    import pandas as pd

    from covidcxr.cohorts import images as files
    from covidcxr.cohorts.cohort import Cohort
    from covidcxr.networks import fitting

    started = time.perf_counter()
    paths = sorted(place.glob("t*/*/*.png"))
    rows = pd.DataFrame(
        {
            "image_id": [path.name for path in paths],
            "group_id": [path.name for path in paths],
            "label": [path.parent.name for path in paths],
            "part": [path.parent.parent.name for path in paths],
        }
    )
    chosen = study(place, size)
    cohort = Cohort(rows, files.load(paths, size, chosen.resize))
    took: dict[str, float] = {"images": round(time.perf_counter() - started, 2)}
    for seed in map(int, seeds.split(",")):
        for model in MODELS:
            started = time.perf_counter()
            fitting.train(chosen, model, seed, cohort, rows, store=place / "features")  # type: ignore[arg-type]
            took[f"{model}-{seed}"] = round(time.perf_counter() - started, 2)
    return {"seconds": took}


def further(place: Path, images: int, size: int) -> dict[str, Any]:
    """Train ten more seeds on the same features."""
    return by_features(place, images, size, ",".join(map(str, range(1, SEEDS + 1))))


def pieces(place: Path, images: int, size: int) -> dict[str, Any]:
    """Time a batch of each backbone at the paper's size, and an update of each head."""
    import keras

    from covidcxr.networks import architecture, devices, frozen_features

    devices.prepare()
    chosen = study(place, PAPER["size"])
    batch = np.zeros((BATCH, PAPER["size"], PAPER["size"], 3), dtype="float32")
    forward, update, start = {}, {}, {}
    for model in MODELS:
        started = time.perf_counter()
        network = architecture.build(model, chosen)  # type: ignore[arg-type]
        start[model] = round(time.perf_counter() - started, 2)
        if model != "resnet252v2":
            network.predict_on_batch(batch)
            forward[model] = seconds(lambda n=network: n.predict_on_batch(batch), 3)  # type: ignore[misc]
        channels = 4096 if model == "resnet252v2" else 2048
        seen = frozen_features.Features([np.ones((BATCH, 1, 1, channels), dtype=np.float32)])
        head = frozen_features.head(model, chosen, 0, seen)  # type: ignore[arg-type]
        head.compile(keras.optimizers.Nadam(1e-4), "categorical_crossentropy", jit_compile=False)
        devices.shorten_start(head)
        codes = np.eye(2, dtype="float32")[np.arange(BATCH) % 2]
        x = seen[np.arange(BATCH)]

        def step(head: Any = head, x: Any = x, codes: Any = codes) -> None:
            head.train_function(iter([(x, codes)]))

        step()
        update[model] = seconds(step, 20)
    return {"batch_seconds": forward, "update_seconds": update, "start_seconds": start}


STAGES = {stage.__name__: stage for stage in (prepare, by_notebook, by_features, further, pieces)}


def run(stage: str, place: Path, images: int, size: int) -> dict[str, Any]:
    """Run a stage in a process of its own; return what it measured, and its time and peak."""
    started = time.perf_counter()
    command = [sys.executable, __file__, stage, str(place), str(images), str(size)]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    measured["wall_seconds"] = round(time.perf_counter() - started, 2)
    print(f"{stage:12} {measured['wall_seconds']:8.1f} s", flush=True)
    return measured


def main(images: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        measured = {stage: run(stage, place, images, size) for stage in STAGES}
    del measured["prepare"]
    facts = {
        "images": images, "size": size, "epochs": EPOCHS, "batch": BATCH, "seeds": SEEDS,
        "paper": PAPER, "stages": measured,
    }  # fmt: skip
    keep("frozen", facts)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STAGES:
        from covidcxr.core.machine import peak_memory

        result = STAGES[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])) or {}
        print(json.dumps(result | {"peak_bytes": peak_memory()}))
    else:
        given = [int(argument) for argument in sys.argv[1:]]
        main(*(given + [320, 64][len(given) :]))
