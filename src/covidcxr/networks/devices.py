"""Which backend of Keras computes, on what and how fast; nothing else knows them by name."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import Problem

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
"""In the order in which they are asked for an accelerator."""

GPUS_VARIABLE = "COVIDCXR_GPUS"
"""Set to ``all``, it spreads each training over every GPU instead of giving it one."""

_PROBES = {
    "tensorflow": "import tensorflow as t; print(len(t.config.list_physical_devices('GPU')))",
    "jax": "import jax; print(sum(d.platform != 'cpu' for d in jax.devices()))",
    "torch": "import torch; print(torch.cuda.device_count())",
}

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a batch of inputs to a network's outputs, as many rows."""

_claims: list[Any] = []


class Device(NamedTuple):
    """Something that computes.

    Attributes
    ----------
    name
        As its maker calls it.
    memory
        In bytes; None where the backend does not tell.
    """

    name: str
    memory: int | None


def installed() -> list[str]:
    """Return the backends that can be imported here."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def choose() -> str:
    """Decide which backend Keras will use, before Keras is imported; return its name.

    ``KERAS_BACKEND`` wins where it is set. Else the first installed backend that sees an
    accelerator, asked in a process of its own, and on a machine without one the first that
    is installed.

    Raises
    ------
    Problem
        Where the backend asked for is unknown or not installed, or none is.
    """
    if "keras" in sys.modules:
        import keras

        return str(keras.backend.backend())
    asked = os.environ.get("KERAS_BACKEND")
    here = installed()
    if asked and asked not in here:
        known = f"install {asked}" if asked in BACKENDS else f"choose {', '.join(BACKENDS)}"
        raise Problem(f"KERAS_BACKEND={asked}: no such backend here; {known} or unset it.")
    if not here:
        raise Problem("No backend of Keras is installed; install tensorflow, jax or torch.")
    chosen = asked or next((b for b in here if gpu_name() and accelerators(b)), here[0])
    os.environ["KERAS_BACKEND"] = chosen
    _claim_one()
    return chosen


@cache
def accelerators(backend: str) -> int:
    """Return how many accelerators a backend sees, asked in a process of its own.

    A backend that fails to start sees none; `covidcxr doctor` tells why.
    """
    return asked(backend)[0]


def asked(backend: str) -> tuple[int, str]:
    """Return how many accelerators a backend sees and, where it fails, its last words."""
    run = subprocess.run(
        [sys.executable, "-c", _PROBES[backend]], capture_output=True, text=True, check=False
    )
    last = (run.stdout.strip().splitlines() or [""])[-1]
    if run.returncode or not last.isdigit():
        return 0, (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return int(last), ""


def prepare() -> None:
    """Ask the backend for equal results from equal seeds."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
            if not found():
                # Rewriting graphs of this size takes a third of a short run's start
                # and makes no measurable difference to a step on a processor.
                tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        case "torch":
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)
    where = ", ".join(device.name for device in found()) or "the processor: it sees no GPU"
    log.info("%s computes on %s", BACKENDS[keras.backend.backend()], where)


def found() -> list[Device]:
    """Return the accelerators that the backend in use sees."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
            details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
            # TensorFlow does not tell the memory.
            megabytes = _nvidia("memory.total")
            memory = int(megabytes) * 2**20 if megabytes.isdigit() else None
            return [Device(d.get("device_name", "GPU"), memory) for d in details]
        case "jax":
            import jax

            return [
                Device(d.device_kind, (d.memory_stats() or {}).get("bytes_limit"))
                for d in jax.devices()
                if d.platform != "cpu"
            ]
        case "torch":
            import torch

            every = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
            return [Device(d.name, d.total_memory) for d in every]
    return []


def policy(precision: str) -> str:
    """Return Keras' dtype policy for a study's ``precision``.

    ``auto`` is mixed precision on an accelerator with half-precision units: bfloat16 where
    it has it, else float16, whose losses Keras scales; single precision on a processor.
    """
    if precision != "auto":
        return precision
    import keras

    if not found():
        return "float32"
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            gpu = tf.config.list_physical_devices("GPU")[0]
            version = tf.config.experimental.get_device_details(gpu).get("compute_capability")
            generation = version[0] if version else 0
        case "torch":
            import torch

            generation = torch.cuda.get_device_capability()[0]
        case _:
            generation = 8  # JAX's accelerators of today, TPUs among them, have bfloat16
    # NVIDIA's tensor cores came with 7, bfloat16 with 8.
    return (
        "mixed_bfloat16" if generation >= 8 else "mixed_float16" if generation == 7 else "float32"
    )


@contextlib.contextmanager
def computing(precision: str) -> Iterator[str]:
    """Build and compile inside: in the study's precision, over all GPUs where several are given.

    Yields
    ------
    str
        The dtype policy.
    """
    import keras

    before, name = keras.config.dtype_policy(), policy(precision)
    keras.config.set_dtype_policy(name)
    try:
        with _spread():
            yield name
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _spread() -> Iterator[None]:
    import keras

    several = os.environ.get(GPUS_VARIABLE) == "all" and len(found()) > 1
    if not several:
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy().scope():
            yield
    else:
        # keras.distribution wants every batch to be a multiple of the devices; the last is not.
        log.warning(
            "%s=all: only TensorFlow spreads one training over several GPUs here; "
            "%s uses the first.", GPUS_VARIABLE, BACKENDS[keras.backend.backend()],
        )  # fmt: skip
        yield


def compiles() -> bool | str:
    """Return Keras' ``jit_compile``: XLA on an accelerator alone.

    On a processor compiling graphs of this size takes longer than it saves.
    """
    return "auto" if found() else False


def shorten_start(network: keras.Model) -> None:
    """Give TensorFlow the training step as a plain graph.

    Keras nests one graph in another, and TensorFlow infers every shape of the
    inner one anew: half of the time that passes before the first update.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if tf.distribute.has_strategy() or network.distribute_strategy.num_replicas_in_sync > 1:
        return
    inputs = [tf.TensorSpec((None, *i.shape[1:]), "float32") for i in network.inputs]
    batch = (
        inputs if len(inputs) > 1 else inputs[0],
        tf.TensorSpec((None, *network.output_shape[1:]), "float32"),
    )
    step = tf.function(network.train_step, input_signature=[batch], jit_compile=network.jit_compile)
    network.train_function = lambda iterator: step(next(iterator))


def forward(network: keras.Model) -> Forward:
    """Return what a network says of a batch, without what Keras does for a whole data set.

    Keras builds a pipeline for every call of ``predict`` and ``evaluate``, which takes
    longer than a head needs for all its images.

    Parameters
    ----------
    network
        Compiled or not; what it says is always as it stands when asked.

    Returns
    -------
    Callable
        From a batch of inputs, single precision, to outputs, with as many rows.
    """
    import keras

    most = 0

    def full(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        # A batch of another size would have the network compiled anew.
        nonlocal most
        most = max(most, len(batch))
        padded = np.zeros((most, *batch.shape[1:]), dtype=np.float32)
        padded[: len(batch)] = batch
        return np.asarray(said(padded), dtype=np.float32)[: len(batch)]

    if keras.backend.backend() != "tensorflow":
        said = network.predict_on_batch
        return full
    import tensorflow as tf

    said = tf.function(
        lambda batch: network(batch, training=False),
        input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), "float32")],
        autograph=False,
        jit_compile=bool(compiles()),
    )
    return full


def reseed(seed: int, epoch: int) -> None:
    """Let an epoch's random numbers follow from seed and epoch alone.

    Keras keeps the state of each random layer in a variable, which a checkpoint holds; but
    on PyTorch dropout draws from that library's own global numbers.
    """
    import keras

    if keras.backend.backend() == "torch":
        import numpy as np
        import torch

        state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)
        torch.manual_seed(int(state[0]))


def settle(network: keras.Model) -> None:
    """Bring a network's variables up to date: JAX holds them elsewhere while it trains."""
    if hasattr(network, "jax_state_sync"):
        network.jax_state_sync()


def description(dtype_policy: str) -> dict[str, Any]:
    """Return what computes, for a record."""
    import keras

    devices = found()
    return {
        "name": keras.backend.backend(),
        "device": "accelerator" if devices else "processor",
        "float": dtype_policy,
        "accelerators": [device.name for device in devices],
    }


def attainable(dtype_policy: str) -> float:
    """Measure how many floating-point operations a second a large matrix product reaches.

    No table of data sheets is needed, none goes stale, and what else runs on the machine
    is in it, as it is in a training beside it.

    Parameters
    ----------
    dtype_policy
        Decides the numbers' type.

    Returns
    -------
    float
        2 n^3 / seconds, of the best of five.
    """
    import keras
    from keras import ops

    side = 8192 if found() else 1024
    kind = "float32" if dtype_policy == "float32" else dtype_policy.removeprefix("mixed_")
    one = keras.random.uniform((side, side), dtype=kind, seed=0)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        # The sum makes the backend finish; an accelerator answers before it has computed.
        float(ops.sum(ops.cast(ops.matmul(one, one)[:1], "float32")))
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def gpu_name() -> str:
    """Return what accelerator the machine has, whoever sees it; nothing where it has none."""
    places = {"/dev/nvidiactl": "an NVIDIA GPU", "/dev/kfd": "an AMD GPU", "/dev/dxg": "a GPU"}
    present = [name for place, name in places.items() if Path(place).exists()]
    return _nvidia("name") or (present[0] if present else "")


def driver() -> str:
    """Return the version of NVIDIA's driver; nothing where ``nvidia-smi`` does not answer."""
    return _nvidia("driver_version")


def _nvidia(fact: str) -> str:
    """Ask NVIDIA's driver about its first device."""
    try:
        command = ["nvidia-smi", f"--query-gpu={fact}", "--format=csv,noheader,nounits"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.splitlines()[0].strip() if told.strip() else ""


def _claim_one() -> None:
    """Take one GPU of several, so that trainings side by side have one each.

    A lock on a file lasts as long as the process; where all are taken, they are shared.
    """
    if os.environ.get(GPUS_VARIABLE) == "all" or "CUDA_VISIBLE_DEVICES" in os.environ:
        return
    cards = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if len(cards) < 2:
        return
    for number in range(len(cards)):
        lock = (Path(tempfile.gettempdir()) / f"covidcxr-gpu-{number}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _claims.append(lock)  # open, and with it locked, until the process ends
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
        return
