"""Backends of Keras: choice, accelerators, precision and speed; no other module names them."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import Problem
from covidcxr.networks import gpus

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
"""Titles, in the order in which they are asked for an accelerator."""

_PROBES = {
    "tensorflow": "import tensorflow as t; print(len(t.config.list_physical_devices('GPU')))",
    "jax": "import jax; print(sum(d.platform != 'cpu' for d in jax.devices()))",
    "torch": "import torch; print(torch.cuda.device_count())",
}

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a batch of inputs to a network's outputs, as many rows."""


def installed() -> list[str]:
    """Return the backends that can be imported here."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def choose() -> str:
    """Choose the backend of Keras before Keras is imported; return its name.

    ``KERAS_BACKEND`` wins where it is set, then the first installed backend that sees an
    accelerator, then the first that is installed.
    """
    if "keras" in sys.modules:
        import keras

        return str(keras.backend.backend())
    wanted, available = os.environ.get("KERAS_BACKEND"), installed()
    if wanted and wanted not in available:
        remedy = f"install {wanted}" if wanted in BACKENDS else f"choose {', '.join(BACKENDS)}"
        raise Problem(f"KERAS_BACKEND={wanted}: no such backend here; {remedy} or unset it.")
    if not available:
        raise Problem("No backend of Keras is installed; install tensorflow, jax or torch.")
    with_accelerator = (name for name in available if gpus.name() and probe(name)[0])
    chosen = wanted or next(with_accelerator, available[0])
    os.environ["KERAS_BACKEND"] = chosen
    gpus.claim_one()
    return chosen


def probe(backend: str) -> tuple[int, str]:
    """Count a backend's accelerators in a process of its own; where it fails, with its error."""
    run = subprocess.run(
        [sys.executable, "-c", _PROBES[backend]], capture_output=True, text=True, check=False
    )
    last = (run.stdout.strip().splitlines() or [""])[-1]
    if run.returncode or not last.isdigit():
        return 0, (run.stderr.strip().splitlines() or ["without a message"])[-1]
    return int(last), ""


def prepare() -> None:
    """Make the backend deterministic: equal seeds give equal results."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
            if not accelerators():
                # Rewriting graphs of this size takes a third of a short run's start
                # and makes no measurable difference to a step on a processor.
                tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        case "torch":
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)
    where = ", ".join(accelerators()) or "the processor: it sees no GPU"
    log.info("%s computes on %s", BACKENDS[keras.backend.backend()], where)


def accelerators() -> list[str]:
    """Name the accelerators that the backend in use sees."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            devices = tf.config.list_physical_devices("GPU")
            details = map(tf.config.experimental.get_device_details, devices)
            return [str(detail.get("device_name", "GPU")) for detail in details]
        case "jax":
            import jax

            return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
        case "torch":
            import torch

            return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return []


def policy(precision: str) -> str:
    """Return Keras' dtype policy for a study's ``precision``.

    ``auto`` is mixed precision on an accelerator with half-precision units: bfloat16 where
    it has it, else float16, whose losses Keras scales; single precision on a processor.
    """
    if precision != "auto":
        return precision
    import keras

    if not accelerators():
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
    if generation >= 8:
        return "mixed_bfloat16"
    return "mixed_float16" if generation == 7 else "float32"


@contextlib.contextmanager
def computing(precision: str) -> Iterator[str]:
    """Build and compile in the study's precision, over all GPUs where asked; yield its policy."""
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

    several = os.environ.get(gpus.ALL_VARIABLE) == "all" and len(accelerators()) > 1
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
            "%s uses the first.", gpus.ALL_VARIABLE, BACKENDS[keras.backend.backend()],
        )  # fmt: skip
        yield


def compiles() -> bool | str:
    """Return Keras' ``jit_compile``; on a processor, compiling takes longer than it saves."""
    return "auto" if accelerators() else False


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
    """Return a network's forward pass for single batches, with its weights as of each call.

    Keras builds a pipeline for every call of ``predict`` and ``evaluate``, which takes
    longer than a head needs for all its images.
    """
    import keras

    most = 0

    def pad_and_run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        # A batch of another size would have the network compiled anew.
        nonlocal most
        most = max(most, len(batch))
        padded = np.zeros((most, *batch.shape[1:]), dtype=np.float32)
        padded[: len(batch)] = batch
        return np.asarray(run(padded), dtype=np.float32)[: len(batch)]

    if keras.backend.backend() != "tensorflow":
        run = network.predict_on_batch
        return pad_and_run
    import tensorflow as tf

    run = tf.function(
        lambda batch: network(batch, training=False),
        input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), "float32")],
        autograph=False,
        jit_compile=bool(compiles()),
    )
    return pad_and_run


def reseed(seed: int, epoch: int) -> None:
    """Seed an epoch's random numbers by training seed and epoch.

    Keras keeps the state of each random layer in a variable, which a checkpoint holds; but
    on PyTorch dropout draws from that library's own global numbers.
    """
    import keras

    if keras.backend.backend() == "torch":
        import torch

        state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)
        torch.manual_seed(int(state[0]))


def sync_jax_state(network: keras.Model) -> None:
    """Write JAX's training state back into a network's variables."""
    if hasattr(network, "jax_state_sync"):
        network.jax_state_sync()


def description(dtype_policy: str) -> dict[str, Any]:
    """Describe backend, device and precision, for a record."""
    import keras

    names = accelerators()
    return {
        "name": keras.backend.backend(),
        "device": "accelerator" if names else "processor",
        "float": dtype_policy,
        "accelerators": names,
    }


def attainable(dtype_policy: str) -> float:
    """Measure the floating-point operations a second of a large matrix product, best of five.

    What else runs on the machine slows it down as it does a training beside it.
    """
    import keras
    from keras import ops

    side = 8192 if accelerators() else 1024
    kind = "float32" if dtype_policy == "float32" else dtype_policy.removeprefix("mixed_")
    one = keras.random.uniform((side, side), dtype=kind, seed=0)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        # The sum makes the backend finish; an accelerator answers before it has computed.
        float(ops.sum(ops.cast(ops.matmul(one, one)[:1], "float32")))
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best
