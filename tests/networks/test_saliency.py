"""Evidence is found where it was put: gradients, occlusion, and shares outside the lungs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.cohorts import lungs
from covidcxr.networks import saliency

SIZE = 32


def network(corner: bool, head: str = "flatten") -> Any:
    """Return a network that is surer of COVID19 the brighter one place is."""
    import keras

    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.AveragePooling2D(4, name="features")(pixels / 255)
    mixed = keras.layers.Conv2D(1, 1, name="pointwise", use_bias=False)(features)
    flat = (
        keras.layers.Flatten()(mixed)
        if head == "flatten"
        else keras.layers.GlobalAveragePooling2D()(mixed)
    )
    scores = keras.layers.Dense(2, activation="softmax", name="probabilities")(flat)
    made = keras.Model(pixels, scores)
    made.get_layer("pointwise").set_weights([np.full((1, 1, 3, 1), 1 / 3)])
    if head == "flatten":
        place = np.zeros((8, 8))
        place[(0, 0) if corner else (4, 2)] = 5
        dense = np.stack([np.zeros(64), place.ravel()], axis=1)
        made.get_layer("probabilities").set_weights([dense, np.array([1.0, 0.0])])
    return made


def bright(n: int = 4) -> np.ndarray:
    """Return grey noise with the corner and a place in the lung lit up."""
    pixels = np.random.default_rng(0).integers(60, 90, (n, SIZE, SIZE, 3), dtype=np.uint8)
    pixels[:, :4, :4] = 250
    pixels[:, 16:20, 8:12] = 250
    return pixels


ROWS = pd.DataFrame(
    {
        "image_id": list("abcd"),
        "group_id": list("ppqr"),
        "label": ["COVID19", "COVID19", "NORMAL", "NORMAL"],
    }
)


@pytest.mark.parametrize(("corner", "expected"), [(True, 1.0), (False, 0.0)])
def test_occlusion_finds_the_place_that_decides(corner: bool, expected: float) -> None:
    tables = saliency.explain(network(corner), bright(), ROWS, batch_size=4)
    found = tables["saliency"]
    occluded = found[found["method"] == "occlusion"]
    assert occluded["outside"].to_numpy() == pytest.approx(np.full(4, expected), abs=1e-6)
    mean = tables["attribution"]
    best = mean[mean["method"] == "occlusion"].nlargest(1, "share").iloc[0]
    assert (best["row"], best["column"]) == ((0, 0) if corner else (4, 2))
    assert "maps" not in tables


@pytest.mark.parametrize("head", ["flatten", "gap"])
def test_the_gradient_is_the_change_of_the_log_odds(head: str) -> None:
    import keras

    made = network(corner=False, head=head)
    behind = keras.Model(made.get_layer("features").output, made.output)
    features = np.random.default_rng(1).random((1, 8, 8, 3)).astype("float32")

    def log_odds(maps: np.ndarray) -> float:
        low, high = np.asarray(behind.predict_on_batch(maps), dtype=float)[0]
        return float(np.log(high / low))

    gradient = saliency.gradient(made)
    assert gradient.shape == (8, 8, 3)
    for place in [(4, 2, 0), (4, 2, 2), (0, 7, 1)]:
        moved = features.copy()
        moved[(0, *place)] += 0.5
        change = (log_odds(moved) - log_odds(features)) / 0.5
        assert change == pytest.approx(gradient[place], abs=1e-4)


def test_grad_cam_is_nothing_for_a_class_without_evidence() -> None:
    made = network(corner=True)
    dark = np.zeros((2, SIZE, SIZE, 3), dtype=np.uint8)
    maps, score = saliency.gradcam(made, dark, 2)
    assert (score < 0.5).all()
    assert (maps == 0).all()
    assert np.isnan(saliency.outside(saliency.normalised(maps))).all()


def test_maps_are_kept_where_asked_and_sum_to_one() -> None:
    tables = saliency.explain(network(corner=True), bright(), ROWS, batch_size=3, kept=1)
    maps = tables["maps"]
    assert set(maps["image_id"]) == {"a", "c"}
    assert maps.groupby(["method", "image_id"])["share"].sum().to_numpy() == pytest.approx(1)


@given(st.integers(0, 2**32 - 1))
def test_blind_evidence_lies_outside_as_the_area_does(seed: int) -> None:
    even = saliency.normalised(np.ones((1, saliency.GRID, saliency.GRID)))
    assert saliency.outside(even)[0] == pytest.approx(saliency.area_outside())
    some = saliency.normalised(
        np.random.default_rng(seed).random((3, saliency.GRID, saliency.GRID))
    )
    inside = (some * lungs.share(saliency.GRID)).sum(axis=(1, 2))
    assert saliency.outside(some) + inside == pytest.approx(np.ones(3))


def test_the_summary_counts_images_with_evidence_and_their_groups() -> None:
    table = saliency.explain(network(corner=True), bright(), ROWS, batch_size=4)["saliency"]
    shares = saliency.outside_by_class({"Small": table})
    assert len(shares) == 4
    of_occlusion = (shares["method"] == "Occlusion") & (shares["label"] == "COVID19")
    (row,) = shares[of_occlusion].to_dict("records")
    assert (row["images"], row["groups"]) == (2, 1)
    assert row["outside"] == pytest.approx(1)
    assert np.isnan(row["low"])
    none = saliency.outside_by_class({"Small": table.assign(outside=np.nan)})
    assert (none["images"] == 0).all() and none["outside"].isna().all()


def test_few_cells_place_nothing() -> None:
    # Four quarters of a picture hold equal parts of the region.
    coarse = np.random.default_rng(0).random((1, 2, 2)).repeat(4, axis=1).repeat(4, axis=2)
    shares = saliency.normalised(coarse)
    assert saliency.outside(shares)[0] == pytest.approx(saliency.area_outside())
