"""A network that trains in a second, in the place of the paper's, and a cohort for it."""

from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import studies
from covidcxr.core.studies import Study
from covidcxr.networks import architecture

STUDY = studies.load(
    "config/demo.yaml", ["trainable=true", "image_size=32", "epochs=2", "batch_size=4"]
)
N = 24


def build(model: str, study: Study, seed: int) -> Any:
    import keras

    architecture.seed_initial_weights("all", seed)
    inputs = keras.Input((study.image_size, study.image_size, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, strides=4)(x)
    x = keras.layers.BatchNormalization(momentum=0.5)(x)
    x = keras.layers.Conv2D(3, 1, name="pointwise")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(2, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, x)


def cohort() -> Cohort:
    """Bright images are COVID19, dark ones NORMAL: anything can learn that."""
    rng = np.random.default_rng(0)
    positive = np.arange(N) % 2 == 0
    pixels = rng.integers(0, 100, (N, 32, 32, 3), dtype=np.uint8)
    pixels[positive] += 150
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:02d}" for i in range(N)],
            "label": np.where(positive, "COVID19", "NORMAL"),
            "group_id": [f"group-{i // 2}" for i in range(N)],
            "sha256": [f"{i:064x}" for i in range(N)],
        }
    ).astype("string")
    return Cohort(manifest, pixels)
