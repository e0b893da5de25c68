"""What one update of each network costs, by the size of the images and the precision.

Run as ``python benchmarks/updates.py [PRECISION...]``; it writes
``benchmarks/results/updates.json``. Each combination runs in a process of its own, with the
protocol of the study ``paper`` from random weights. A processor without bfloat16 instructions
takes minutes for an update in it: name ``float32`` alone there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import product
from typing import Any

import numpy as np
from measured import keep

MODELS = ("resnet50", "resnet152v2", "resnet252v2")
SIZES = (32, 256)
PRECISIONS = ("float32", "mixed_bfloat16")
FIRST, UPDATES = 2, 5
"""Updates before the clock runs, in which graphs are traced, and those that are timed."""


def measure(model: Any, size: int, precision: str) -> dict[str, Any]:
    """Time updates of one network on noise."""
    from covidcxr.core import studies
    from covidcxr.networks import architecture, complexity, devices

    devices.choose()
    import keras

    devices.prepare()
    study = studies.load("paper", ["weights=none", f"image_size={size}", f"precision={precision}"])
    with devices.computing(study.precision):
        network = architecture.build(model, study, 0)
        network.compile(
            optimizer=keras.optimizers.Nadam(study.learning_rate),
            loss="categorical_crossentropy",
            jit_compile=devices.compiles(),
        )
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 256, (study.batch_size, size, size, 3)).astype("float32")
    codes = np.eye(2, dtype="float32")[np.arange(study.batch_size) % 2]
    times = []
    for _ in range(FIRST + UPDATES):
        started = time.perf_counter()
        network.train_on_batch(batch, codes)
        times.append(time.perf_counter() - started)
    return {
        "model": model,
        "size": size,
        "precision": precision,
        "batch": study.batch_size,
        "seconds": round(float(np.median(times[FIRST:])), 4),
        "multiply_adds": complexity.account(network).multiply_adds,
        "attainable_flops_per_second": devices.attainable(precision),
    }


def main() -> None:
    match sys.argv[1:]:
        case ["one", model, size, precision]:
            print(json.dumps(measure(model, int(size), precision)))
        case chosen:
            rows = []
            for combination in product(MODELS, SIZES, chosen or PRECISIONS):
                command = [sys.executable, __file__, "one", *map(str, combination)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                rows.append(json.loads(done.stdout.splitlines()[-1]))
                print(rows[-1])
            keep("updates", {"timed": UPDATES, "rows": rows})


if __name__ == "__main__":
    main()
