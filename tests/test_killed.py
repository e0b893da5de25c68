"""A process that is killed outright loses no result: the same command goes on."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from covidcxr import records

# A small network in place of the paper's: what is tested is what happens around it.
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from covidcxr import config, networks, splits, training
from covidcxr.cohort import Cohort

def build(model, study, seed):
    import keras
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(pixels / 255)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(3, 1, name="pointwise")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten(name="flatten")(x))
    return keras.Model(pixels, keras.layers.Dense(2, activation="softmax", name="probabilities")(x))

networks.build = build
n, place = 48, Path(sys.argv[1])
rng = np.random.default_rng(0)
manifest = pd.DataFrame({
    "image_id": [f"image-{i:02d}" for i in range(n)],
    "label": np.where(np.arange(n) % 2, "COVID19", "NORMAL"),
    "group_id": [f"group-{i}" for i in range(n)],
    "sha256": [f"{i:064x}" for i in range(n)],
}).astype("string")
cohort = Cohort(manifest, rng.integers(0, 255, (n, 32, 32, 3), dtype=np.uint8))
study = config.load(
    "config/demo.yaml", ["trainable=true", "image_size=32", "epochs=60", "batch_size=4"]
)
training.record(
    study, "resnet50", "random", 0, results=place / "results", cohort=cohort,
    split=splits.make(manifest, "random", 0.25), scratch=place / "scratch",
)
"""


def start(place: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(place)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_training_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole")
    killed = start(tmp_path / "killed")
    checkpoints = tmp_path / "killed" / "scratch" / "checkpoints"
    while not list(checkpoints.glob("*.npz")):
        assert killed.poll() is None
        time.sleep(0.02)
    time.sleep(random.uniform(0, 1))
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results").exists()
    assert start(tmp_path / "killed").wait() == whole.wait() == 0

    one, other = (
        records.read(tmp_path / name / "results" / "resnet50-random-s0")
        for name in ("whole", "killed")
    )
    assert one["training"]["stretches"] == 1
    assert other["training"]["stretches"] == 2
    for table in ("predictions", "saliency", "attribution"):
        pd.testing.assert_frame_equal(one.table(table), other.table(table), check_exact=True)
    pd.testing.assert_frame_equal(
        one.table("history").drop(columns="seconds"),
        other.table("history").drop(columns="seconds"),
        check_exact=True,
    )
