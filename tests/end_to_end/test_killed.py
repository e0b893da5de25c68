"""A process that is killed outright loses no result: the same command goes on."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from covidcxr.core import records

SMALL = """
from covidcxr.core import studies
from covidcxr.networks import architecture

# in place of the paper's: what is tested is what happens around it
def build(model, study, seed):
    import keras
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(pixels / 255)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(3, 1, name="pointwise")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten(name="flatten")(x))
    return keras.Model(pixels, keras.layers.Dense(2, activation="softmax", name="probabilities")(x))

architecture.build = build
study = studies.load(
    "config/demo.yaml", ["trainable=true", "image_size=32", "epochs=60", "batch_size=4"]
)
"""

PAPER = """
from covidcxr.core import studies

# the paper's protocol, but for the size of the images and the number of epochs
study = studies.load(
    "config/paper.yaml",
    ["weights=none", "precision=mixed_bfloat16", "image_size=32", "epochs=4",
     "explained_per_class=2"],
)
"""

TRAIN = """
import logging
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from covidcxr.cohorts import splits
from covidcxr.networks import training
from covidcxr.cohorts.cohort import Cohort

logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
n, place = 48, Path(sys.argv[1])
rng = np.random.default_rng(0)
manifest = pd.DataFrame({
    "image_id": [f"image-{i:02d}" for i in range(n)],
    "label": np.where(np.arange(n) % 2, "COVID19", "NORMAL"),
    "group_id": [f"group-{i}" for i in range(n)],
    "sha256": [f"{i:064x}" for i in range(n)],
}).astype("string")
cohort = Cohort(manifest, rng.integers(0, 255, (n, 32, 32, 3), dtype=np.uint8))
training.record(
    study, "resnet50", "random", 0, results=place / "results", cohort=cohort,
    split=splits.make(manifest, "random", 0.25), scratch=place / "scratch",
)
"""


def start(network: str, place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", network + TRAIN, str(place)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def ends(training: subprocess.Popen[str]) -> None:
    """Wait for a training to end well."""
    training.communicate()
    assert training.returncode == 0


def kill(training: subprocess.Popen[str], after: str) -> None:
    """Kill a training, at some moment after it has printed something."""
    assert training.stdout
    assert any(after in line for line in training.stdout), f"{after!r} was never printed"
    time.sleep(random.uniform(0, 0.3))
    training.send_signal(signal.SIGKILL)
    assert training.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("network", "after"), [(SMALL, "epoch 1 of 60"), (PAPER, "epoch 2 of 4")])
def test_a_training_killed_at_any_moment_ends_as_if_it_had_not_been(
    network: str, after: str, tmp_path: Path
) -> None:
    killed = start(network, tmp_path / "killed")
    kill(killed, after)
    assert not (tmp_path / "killed" / "results").exists()
    ends(start(network, tmp_path / "killed"))
    ends(start(network, tmp_path / "whole"))

    one, other = (
        records.read(tmp_path / name / "results" / "resnet50-random-s0")
        for name in ("whole", "killed")
    )
    assert one["training"]["stretches"] == 1
    assert other["training"]["stretches"] == 2
    for table in ("predictions", "saliency", "attribution"):
        pd.testing.assert_frame_equal(one.table(table), other.table(table), check_exact=True)
