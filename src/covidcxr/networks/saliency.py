"""Saliency: Grad-CAM and occlusion, as numbers.

Behind the last feature maps the paper's networks are linear (a 1x1 convolution without
activation, dropout, a dense layer), so the gradient of the log-odds with respect to those maps is
the same for every image and follows from the weights. No backend's differentiation is needed, and
what is computed is exact.

A map of a study's own real image is not kept: a record holds one number an image, the share of the
evidence that lies outside the stated lung region, and the mean map of a class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import lungs
from covidcxr.core.studies import LABELS
from covidcxr.core.tables import concatenate
from covidcxr.scores.means import clustered_mean

if TYPE_CHECKING:
    import keras

Scored = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
"""From pixels, shape (n, size, size, 3), to n probabilities of COVID19."""

GRID = 8
"""Cells a side of every map, and of the patches that occlusion hides."""

METHODS = {"gradcam": "Grad-CAM", "occlusion": "Occlusion"}

_TINY = 1e-12

IMAGE = ["method", "image_id", "group_id", "label", "score", "outside"]
MEAN = ["method", "label", "row", "column", "share", "images"]
OUTSIDE = ["network", "method", "label", "images", "groups", "outside", "low", "high"]
SINGLE = ["method", "image_id", "label", "score", "row", "column", "share"]


def explain(
    network: keras.Model,
    pixels: NDArray[np.uint8],
    rows: pd.DataFrame,
    *,
    batch_size: int,
    kept: int = 0,
    scored: Scored | None = None,
) -> dict[str, pd.DataFrame]:
    """Summarise where a network finds its evidence, by Grad-CAM and occlusion.

    ``pixels`` have shape (n, size, size, 3), ``rows`` are their ``image_id``, ``group_id`` and
    ``label``; ``kept`` is the number of images of each class whose single map is kept, and
    ``scored`` a faster way to the network's scores than `reader`'s.

    Returns
    -------
    dict
        ``saliency``: by method and image the network's ``score`` (probability of COVID19) and
        the share of the evidence for the called class that lies ``outside`` the lung region, NaN
        without any evidence. ``attribution``: by method and label the mean map, shares that sum
        to 1. ``maps``: single maps, if any are kept.
    """
    maps, score = gradcam(network, pixels, batch_size)
    scored = scored or reader(network, batch_size)
    described = rows[["image_id", "group_id", "label"]].reset_index(drop=True).assign(score=score)
    images, means, singles = [], [], []
    for method, evidence in (("gradcam", maps), ("occlusion", occlusion(scored, pixels, score))):
        shares = normalised(evidence)
        images.append(described.assign(method=method, outside=outside(shares)))
        for label, of_label in described.groupby("label"):
            usable = [share for share in shares[of_label.index] if not np.isnan(share).any()]
            if len(usable):
                mean = _long(np.mean(usable, axis=0))
                means.append(mean.assign(method=method, label=label, images=len(usable)))
            singles += [
                _long(shares[i]).assign(method=method, **described.iloc[i])
                for i in of_label.index[:kept]
            ]
    tables = {
        "saliency": pd.concat(images, ignore_index=True)[IMAGE],
        "attribution": concatenate(means, MEAN),
    }
    return tables | ({"maps": concatenate(singles, SINGLE)} if kept else {})


def outside_by_class(runs: Mapping[str, pd.DataFrame], confidence: float = 0.95) -> pd.DataFrame:
    """Mean share of the evidence outside the lung region, by network, method and class.

    ``runs`` holds by network the table ``saliency`` of `explain`. Columns are `OUTSIDE`: images
    with any evidence, their groups, which are the units of the interval, and shares, NaN if
    undefined.
    """
    rows = []
    for network, table in runs.items():
        for method, title in METHODS.items():
            for label in LABELS:
                of = table[(table["method"] == method) & (table["label"] == label)]
                known = of.dropna(subset=["outside"])
                group = known["group_id"].to_numpy(dtype=str)
                mean = clustered_mean(known["outside"], group, confidence)
                rows.append((network, title, label, len(known), len(set(group)), *mean))
    return pd.DataFrame(rows, columns=OUTSIDE)


def gradcam(
    network: keras.Model, pixels: NDArray[np.uint8], batch_size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grad-CAM maps of the called class, (n, GRID, GRID), not negative; probabilities of COVID19.

    Selvaraju et al. 2017: each channel is weighted by the mean over the map of the gradient of
    the class's score before the softmax, and the weighted sum is cut off at zero. With two
    classes the softmax depends on the difference of the two scores alone, so the difference is
    taken.
    """
    import keras

    behind = keras.Model(network.inputs, [_last_maps(network), network.output])
    features, probabilities = (
        np.concatenate(parts)
        for parts in zip(*_predictions(behind, pixels, batch_size), strict=True)
    )
    score = probabilities[:, 1].astype(np.float64)
    weights = gradient(network).mean(axis=(0, 1))
    weighted = features.astype(np.float64) @ weights
    called = np.where(score >= 0.5, 1.0, -1.0)[:, None, None]
    return np.stack([_resized(m) for m in np.maximum(called * weighted, 0)]), score


def gradient(network: keras.Model) -> NDArray[np.float64]:
    """Gradient of the log-odds of COVID19 by the last feature maps, (height, width, channels).

    It is the same for every image, because all that follows the maps is linear.
    """
    height, width, channels = _last_maps(network).shape[1:]
    mixing = np.eye(channels)
    if _mixes(network):
        kernel = network.get_layer("pointwise").get_weights()[0]
        mixing = np.asarray(kernel, dtype=np.float64)[0, 0]
    dense = np.asarray(network.get_layer("probabilities").get_weights()[0], dtype=np.float64)
    filters, difference = mixing.shape[1], dense[:, 1] - dense[:, 0]
    if len(difference) == filters:  # global average pooling: each place has an equal part
        difference = np.tile(difference / (height * width), height * width)
    return np.asarray(difference.reshape(height, width, filters) @ mixing.T)


def _mixes(network: keras.Model) -> bool:
    return any(layer.name == "pointwise" for layer in network.layers)


def _last_maps(network: keras.Model) -> Any:
    """Tensor of the last feature maps, of shape (batch, height, width, channels)."""
    if _mixes(network):
        return network.get_layer("pointwise").input
    names = [layer.name for layer in network.layers]
    return network.get_layer("flatten" if "flatten" in names else "average").input


def reader(network: keras.Model, batch_size: int) -> Scored:
    """Return the function from pixels to a network's probabilities of COVID19."""

    def scored(pixels: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        return np.concatenate(list(_predictions(network, pixels, batch_size)))[:, 1]

    return scored


def occlusion(
    scored: Scored,
    pixels: NDArray[np.uint8],
    score: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fall of the log-odds of the called class if a patch is hidden, (n, GRID, GRID), at least 0.

    ``scored`` is as `reader` returns it, ``score`` (n,) the probabilities of COVID19 with nothing
    hidden. A patch takes the mean colour of its image; one without which the network is surer
    carries no evidence. Zeiler and Fergus 2014.
    """
    size = pixels.shape[1]
    edges = np.linspace(0, size, GRID + 1).round().astype(int)
    before = _log_odds(score)
    sign = np.where(score >= 0.5, 1.0, -1.0)
    falls = np.empty((len(pixels), GRID, GRID))
    mean = pixels.mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
    hidden = np.empty_like(pixels)
    for row in range(GRID):
        for column in range(GRID):
            patch = np.s_[:, edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
            hidden[:] = pixels
            hidden[patch] = mean
            after = scored(hidden).astype(np.float64)
            falls[:, row, column] = sign * (before - _log_odds(after))
    return np.maximum(falls, 0)


def normalised(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale each map, shape (n, GRID, GRID), to the sum 1; NaN for a map without evidence."""
    total = maps.sum(axis=(1, 2), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > _TINY, maps / total, np.nan)


def outside(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each map, shape (n, GRID, GRID), outside the lung region."""
    return np.asarray((shares * (1 - lungs.share(GRID))).sum(axis=(1, 2)))


def area_outside() -> float:
    """Share of the picture outside the lung region: what blind evidence would give."""
    return float(1 - lungs.share(GRID).mean())


def _predictions(model: keras.Model, pixels: NDArray[np.uint8], batch_size: int) -> Any:
    for start in range(0, len(pixels), batch_size):
        batch = pixels[start : start + batch_size].astype("float32")
        output = model.predict_on_batch(batch)
        is_list = isinstance(output, list | tuple)
        yield [np.asarray(part) for part in output] if is_list else np.asarray(output)


def _resized(map_: NDArray[np.float64]) -> NDArray[np.float64]:
    image = Image.fromarray(map_.astype(np.float32))
    return np.asarray(image.resize((GRID, GRID), Image.Resampling.BILINEAR), dtype=np.float64)


def _log_odds(score: NDArray[np.float64]) -> NDArray[np.float64]:
    # Scores are single precision: nearer to 0 or 1 than this they say no more.
    kept = np.clip(score, 1e-7, 1 - 1e-7)
    return np.log(kept / (1 - kept))


def _long(shares: NDArray[np.float64]) -> pd.DataFrame:
    row, column = np.indices(shares.shape)
    return pd.DataFrame({"row": row.ravel(), "column": column.ravel(), "share": shares.ravel()})
