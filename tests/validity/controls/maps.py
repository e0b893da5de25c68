"""Controls of the lung region, and of Grad-CAM and occlusion on networks with known evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import lungs, phantom
from covidcxr.core.studies import PhantomCohort
from covidcxr.networks import saliency
from tests.validity.controls import planted
from tests.validity.controls.rows import NAN, mean, proportion

if TYPE_CHECKING:
    import keras

RED, WHITE = (255, 0, 0), (255, 255, 255)


def lung_region(cohort: PhantomCohort = planted.SINGLE) -> pd.DataFrame:
    """Agreement of the stated lung region with true lungs, of adults and of children."""
    frame, anatomy = phantom.draw(cohort)
    style = frame["planted_acquisition"].to_numpy(dtype=str)
    measures = dict(zip(("covered", "lung"), lungs.coverage(anatomy), strict=True))
    return pd.DataFrame(
        [
            mean(("region", "lungs", name, NAN), measure, values[style == name])
            for name in ("adult", "paediatric")
            for measure, values in measures.items()
        ]
    )


def saliency_maps(number: int = 12) -> pd.DataFrame:
    """Share of the evidence outside the lung region, for networks whose evidence is known.

    The last networks read one place instead of a mark. Grad-CAM averages gradients over places
    and promises nothing about that, so these rows are shown and do not decide.
    """
    cohort = planted.LABELLED.model_copy(update={"covid19": number, "normal": number})
    grey = phantom.generate(cohort)[1]
    plain = np.repeat(grey[:number, :, :, None], 3, axis=3)
    red = network(None)
    rows = []
    for what, cell in ((planted.CORNER, (0, 0)), (planted.LUNG, (3, 2))):
        for method, outside in _outside(red, mark(plain, cell, RED)).items():
            rows.append(mean(("saliency", what, method, NAN), "outside", outside))
        for method, outside in _outside(network(cell), mark(plain, cell, WHITE)).items():
            variant = f"{method}, {what.split()[-1]}"
            rows.append(mean(("saliency", planted.PLACE, variant, NAN), "outside", outside))
    for method, outside in _outside(red, plain).items():
        condition = ("saliency", planted.NOTHING, method, NAN)
        rows.append(proportion(condition, "no map", np.isnan(outside)))
    return pd.DataFrame(rows)


def _outside(model: keras.Model, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Share of each map outside the lung region by method; NaN where there is no map."""
    maps, score = saliency.gradcam(model, pixels, len(pixels))
    hidden = saliency.occlusion(saliency.reader(model, len(pixels)), pixels, score)
    return {
        "gradcam": saliency.outside(saliency.normalised(maps)),
        "occlusion": saliency.outside(saliency.normalised(hidden)),
    }


def mark(
    pixels: NDArray[np.uint8], cell: tuple[int, int], color: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Paint one cell of the maps' grid in pictures, shape (n, size, size, 3)."""
    side = pixels.shape[1] // saliency.GRID
    row, column = (side * place for place in cell)
    painted = pixels.copy()
    painted[:, row : row + side, column : column + side] = color
    return painted


def network(cell: tuple[int, int] | None) -> keras.Model:
    """Build a network that calls COVID19 by red anywhere, or by the brightness of one cell."""
    import keras

    grid, stride = saliency.GRID, planted.PATCH // saliency.GRID
    inputs = keras.Input((planted.PATCH, planted.PATCH, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 3, strides=stride, name="seen")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(2, activation="softmax", name="probabilities")(x)
    model = keras.Model(inputs, x)
    # The central pixel alone, so that grey is exactly nothing to a network that reads red.
    kernel = np.zeros((3, 3, 3, 1))
    kernel[1, 1, :, 0] = [1.0, -1.0, 0.0] if cell is None else [1 / 3] * 3
    places = np.zeros((grid, grid))
    places[cell if cell is not None else ...] = 4.0
    dense = np.stack([np.zeros(grid * grid), places.ravel()], axis=1)
    model.get_layer("seen").set_weights([kernel, np.zeros(1)])
    model.get_layer("probabilities").set_weights([dense, np.zeros(2)])
    return model
