"""Counts of layers against counts by hand, and of the networks against published ones."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import studies
from covidcxr.networks import architecture, complexity, pointwise


def weight(*shape: int | None) -> Any:
    return SimpleNamespace(shape=shape)


def layer(kind: str, **content: Any) -> Any:
    return type(kind, (SimpleNamespace,), {})(name="it", **content)


def conv(kernel: tuple[int, ...], output: tuple[int, ...]) -> Any:
    kernels = weight(*kernel)
    return layer("Conv2D", kernel=kernels, weights=[kernels], output=weight(None, *output))


# --- one layer


@pytest.mark.parametrize(
    ("kernel", "output", "expected"),
    [
        ((1, 1, 1, 1), (1, 1, 1), 1),
        ((3, 3, 3, 4), (4, 4, 4), 27 * 4 * 16),
        ((1, 1, 4096, 1024), (8, 8, 1024), 4096 * 1024 * 64),
        ((1, 1, 2, 4), (8, 8, 4), 2 * 4 * 64),  # two groups: a filter sees half of the channels
    ],
)
def test_a_kernel_is_used_once_a_place(
    kernel: tuple[int, ...], output: tuple[int, ...], expected: int
) -> None:
    assert complexity.multiply_adds(conv(kernel, output)) == expected


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(1, 30))
def test_work_grows_with_the_area(side: int, inputs: int, filters: int, size: int) -> None:
    kernel = (side, side, inputs, filters)
    once = complexity.multiply_adds(conv(kernel, (size, size, filters)))
    twice = complexity.multiply_adds(conv(kernel, (2 * size, 2 * size, filters)))
    assert twice == 4 * once


def test_layers_of_vectors_cost_nothing_and_unknown_matrices_are_refused() -> None:
    assert complexity.multiply_adds(layer("BatchNormalization", weights=[weight(64)])) == 0
    depthwise = layer("DepthwiseConv2D", weights=[weight(3, 3, 8, 1)])
    with pytest.raises(TypeError, match="it: the multiply-adds of DepthwiseConv2D are not known"):
        complexity.multiply_adds(depthwise)


# --- networks


def test_a_sequential_network_counted_by_hand() -> None:
    from keras import Input, Sequential, layers

    counted = complexity.account(
        Sequential(
            [
                Input((8, 8, 3)),
                layers.Conv2D(4, 3, strides=2, padding="same", name="conv"),
                layers.BatchNormalization(name="normal"),
                layers.Flatten(),
                layers.Dense(5, name="dense"),
            ]
        )
    )
    assert counted.parts["conv"] == (3 * 3 * 3 * 4 + 4,) * 2 + (3 * 3 * 3 * 4 * 4 * 4,)
    assert counted.parts["normal"] == (16, 8, 0)
    assert counted.parts["dense"] == (64 * 5 + 5,) * 2 + (64 * 5,)


def test_nested_networks_are_walked() -> None:
    import keras
    from keras import layers

    inside = keras.Input((4, 4, 2))
    path = layers.Conv2D(6, 1)(layers.Conv2D(6, 3, padding="same")(inside))
    block = keras.Model(inside, layers.Add()([path, layers.Conv2D(6, 1)(inside)]), name="block")
    block.trainable = False
    image = keras.Input((4, 4, 2), name="image")
    average = layers.GlobalAveragePooling2D()(block(image / 2))
    counted = complexity.account(keras.Model(image, layers.Dense(3, name="end")(average)))
    parameters = (9 * 2 * 6 + 6) + (6 * 6 + 6) + (2 * 6 + 6)
    work = 16 * (9 * 2 * 6 + 6 * 6 + 2 * 6)
    assert counted.parts == {"block": (parameters, 0, work), "end": (21, 21, 18)}
    assert counted.steps["block"] == (4, 4, 6)


def test_published_resnet50_costs_what_its_article_prints() -> None:
    import keras

    counted = complexity.account(keras.applications.ResNet50(weights=None))
    work = complexity.published_multiply_adds(50, 224)
    assert counted.multiply_adds == work == 3_857_973_248
    assert work == pytest.approx(complexity.PRINTED_RESNET50, rel=0.02)
    assert counted.parameters == 25_636_712


@pytest.fixture(scope="module")
def fusion() -> complexity.Account:
    study = studies.load("paper", ["weights=none"])
    return complexity.account(architecture.build("resnet252v2", study))


def test_the_fusion_networks_parts(fusion: complexity.Account) -> None:
    assert {name: part.parameters for name, part in fusion.parts.items()} == {
        "resnet50": 23_587_712,
        "resnet152v2": 58_331_648,
        "pointwise": 4_195_328,
        "probabilities": 131_074,
    }
    assert fusion.parameters == 86_245_762
    assert fusion.parts["pointwise"].multiply_adds == 64 * 4096 * 1024
    assert fusion.parts["probabilities"].multiply_adds == 65_536 * 2
    assert fusion.final_map == (8, 8, 4096)


def test_the_longest_path_is_the_deeper_backbone_and_the_head(fusion: complexity.Account) -> None:
    assert fusion.depth == 151 + 2


def test_tables_add_up(fusion: complexity.Account) -> None:
    whole = complexity.summary({"resnet252v2": fusion}).loc["ResNet252V2"]
    parts = complexity.by_part({"resnet252v2": fusion})
    assert parts["parameters"].sum() == whole["parameters"] == 86_245_762
    assert parts["multiply_adds"].sum() == whole["multiply_adds"]
    assert parts["share"].sum() == pytest.approx(1)
    assert parts["share_of_work"].sum() == pytest.approx(1)
    assert whole["if_frozen"] == 4_195_328 + 131_074
    assert whole["final_map"] == "8 × 8 × 4,096"
    steps = complexity.shapes(fusion)
    assert steps.loc["concatenated", "numbers"] == 2 * int(str(steps.loc["ResNet50", "numbers"]))


def test_the_notation_of_the_argument_is_that_of_keras() -> None:
    import keras
    from keras import layers

    network = keras.Sequential(
        [keras.Input((2, 3, 5)), layers.Conv2D(4, 1), layers.Flatten(), layers.Dense(2)]
    )
    kernel, bias, dense, dense_bias = (
        np.random.default_rng(i).standard_normal(w.shape) for i, w in enumerate(network.weights)
    )
    network.set_weights([kernel, bias, dense, dense_bias])
    maps = np.random.default_rng(9).standard_normal((7, 2, 3, 5))
    one = pointwise.collapse(kernel[0, 0], bias, dense.reshape(6, 4, 2), dense_bias)
    ours = pointwise.logits(maps.reshape(7, 6, 5), *one)
    theirs = keras.ops.convert_to_numpy(network(maps.astype("float32")))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


# --- updates


def test_updates_of_the_papers_protocol() -> None:
    assert complexity.updates(1441, 16, 35) == (91, 3185)


@given(st.integers(1, 5000), st.integers(1, 300), st.integers(1, 50))
def test_every_image_is_seen_once_an_epoch(images: int, batch: int, epochs: int) -> None:
    planned = complexity.updates(images, batch, epochs)
    assert (planned.per_epoch - 1) * batch < images <= planned.per_epoch * batch
    assert planned.total == planned.per_epoch * epochs


# --- the published layout


@pytest.mark.parametrize("layers", complexity.STAGES)
def test_names_count_the_weighted_layers(layers: int) -> None:
    assert complexity.published_depth(layers) == layers


@pytest.mark.parametrize(("pixels", "side"), [(224, 7), (256, 8), (64, 2), (33, 2), (1, 1)])
def test_five_halvings(pixels: int, side: int) -> None:
    assert complexity.final_side(pixels) == side


def test_operations_by_hand() -> None:
    # The stem at 224 pixels, and the classifier, are all that 50 and 152 layers share.
    stem, top = 112**2 * 49 * 3 * 64, 2048 * 1000
    whole = complexity.published_multiply_adds(50, 224)
    assert whole > stem + top
    assert whole - complexity.published_multiply_adds(50, 224, 0) == top
    # Two more blocks of 128 in the second stage, 30 more of 256 in the third: 1x1, 3x3, 1x1.
    second = 28**2 * (512 * 128 + 9 * 128**2 + 128 * 512)
    third = 14**2 * (1024 * 256 + 9 * 256**2 + 256 * 1024)
    more = complexity.published_multiply_adds(152, 224) - whole
    assert more == 4 * second + 30 * third
    # He et al. print 3.8e9 for 50 layers and 11.3e9 for 152.
    assert whole == pytest.approx(3.8e9, rel=0.02)
    assert complexity.published_multiply_adds(152, 224) == pytest.approx(11.3e9, rel=0.02)
