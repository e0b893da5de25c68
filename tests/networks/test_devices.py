"""One weight file says the same on every backend, and one backend is chosen for good reasons."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.errors import Problem
from covidcxr.networks import devices, gpus

MODELS = ("resnet252v2",)  # holds the two others

# Each backend lives in a process of its own; the first writes the weights that all read.
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from covidcxr.core import studies
from covidcxr.networks import architecture
study = studies.load("config/demo.yaml", ["trainable=true", "image_size=32"])
place = Path(sys.argv[1])
import keras
pixels = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
for model in sys.argv[2:]:
    keras.utils.set_random_seed(0)
    network, file = architecture.build(model, study), place / f"{model}.weights.h5"
    if not file.exists():
        # As it begins, the head says one half of every image.
        top = network.get_layer("probabilities")
        top.set_weights([1000 * top.get_weights()[0], top.get_weights()[1]])
        network.save_weights(file)
    network.load_weights(file)
    # Called, not traced: that takes TensorFlow longer than everything else here.
    scores = keras.ops.convert_to_numpy(network(pixels, training=False))
    np.save(place / f"{model}-{keras.backend.backend()}.npy", scores)
"""


def run(code: str, backend: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_one_weight_file_predicts_the_same_on_every_installed_backend(tmp_path: Path) -> None:
    here = devices.installed()
    if len(here) < 2:
        pytest.skip(f"only {', '.join(here)} is installed")
    for backend in here:
        done = run(SCRIPT, backend, str(tmp_path), *MODELS)
        assert done.returncode == 0, done.stderr[-2000:]
    for model in MODELS:
        first, *others = (np.load(tmp_path / f"{model}-{backend}.npy") for backend in here)
        assert np.ptp(first[:, 1]) > 0.01  # the images differ, and so do the answers
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-4)


def choice(monkeypatch: pytest.MonkeyPatch, here: list[str], seen: dict[str, int]) -> str:
    monkeypatch.setattr(devices, "installed", lambda: here)
    monkeypatch.setattr(gpus, "name", lambda: "a GPU" if seen else "")
    monkeypatch.setattr(devices, "probe", lambda backend: (seen.get(backend, 0), ""))
    monkeypatch.setattr(gpus, "claim_one", lambda: None)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return devices.choose()


def test_the_backend_that_sees_the_gpu_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    every = list(devices.BACKENDS)
    with monkeypatch.context() as patch:
        assert choice(patch, every, {"torch": 1}) == "torch"
        assert os.environ["KERAS_BACKEND"] == "torch"
        patch.delenv("KERAS_BACKEND")
        assert choice(patch, every, {}) == "tensorflow"
        patch.delenv("KERAS_BACKEND")
        assert choice(patch, ["jax"], {}) == "jax"
        patch.setenv("KERAS_BACKEND", "jax")
        assert choice(patch, every, {"torch": 1}) == "jax"
    os.environ.pop("KERAS_BACKEND", None)


@pytest.mark.parametrize(
    ("asked", "here", "said"),
    [
        ("theano", ["tensorflow"], "KERAS_BACKEND=theano: no such backend here; choose tensorflow"),
        ("jax", ["tensorflow"], "KERAS_BACKEND=jax: no such backend here; install jax or unset it"),
        (None, [], "No backend of Keras is installed"),
    ],
)
def test_a_backend_that_cannot_be_had_is_one_sentence(
    asked: str | None, here: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if asked:
        monkeypatch.setenv("KERAS_BACKEND", asked)
    with pytest.raises(Problem, match=said):
        choice(monkeypatch, here, {})


MIRRORED = """
import os, json
os.environ["COVIDCXR_GPUS"] = "all"
import numpy as np, tensorflow as tf, keras
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from covidcxr.networks import devices, gpus
devices.accelerators = lambda: ["half", "half"]
plain = tf.distribute.MirroredStrategy
tf.distribute.MirroredStrategy = lambda: plain(["CPU:0", "CPU:1"])
keras.utils.set_random_seed(0)
with devices.computing("float32"):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    network.compile("sgd", "categorical_crossentropy", jit_compile=False)
devices.shorten_start(network)
x, y = np.eye(5, 3, dtype="float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1, 1]]
losses = network.fit(x, y, batch_size=4, epochs=5, verbose=0, shuffle=False).history["loss"]
print(json.dumps([network.distribute_strategy.num_replicas_in_sync, losses]))
"""


def test_one_training_spreads_over_several_devices() -> None:
    """Two halves of a processor stand for two GPUs."""
    done = run(MIRRORED, "tensorflow")
    assert done.returncode == 0, done.stderr[-2000:]
    replicas, losses = json.loads(done.stdout.splitlines()[-1])
    assert replicas == 2
    assert losses[-1] < losses[0]


def test_trainings_side_by_side_take_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    class Place:
        def __init__(self, name: str) -> None: ...

        def glob(self, pattern: str) -> list[str]:
            return ["nvidia0", "nvidia1"]

    taken: set[str] = set()

    def flock(lock: object, flags: int) -> None:
        name = str(getattr(lock, "name", lock))
        if name in taken:
            raise OSError
        taken.add(name)

    class Temporary(Place):
        def __truediv__(self, name: str) -> "Temporary":
            self.name = name
            return self

        def open(self, mode: str) -> "Temporary":
            return self

        def close(self) -> None: ...

    monkeypatch.setattr(gpus, "Path", Temporary)
    monkeypatch.setattr(fcntl, "flock", flock)
    chosen = []
    for _ in range(3):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        gpus.claim_one()
        chosen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
    assert chosen == ["0", "1", None]  # the third shares
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus._locks.clear()
