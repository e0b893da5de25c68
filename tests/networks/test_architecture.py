"""The three networks against the paper's figure, Keras' published counts and Keras' own inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.networks import architecture

# Keras' documentation: parameters of the full networks with 1,000 classes, of
# which 2048 * 1000 + 1000 belong to the top that is left out.
TOP = 2048 * 1000 + 1000
RESNET50 = 25_636_712 - TOP
RESNET152V2 = 60_380_648 - TOP


def study(**changes: object) -> studies.Study:
    items = [f"{key}={value}" for key, value in changes.items()]
    return studies.load("config/small.yaml", items)


@pytest.fixture(scope="module")
def fusion() -> Any:
    return architecture.build("resnet252v2", study(image_size=256))


def test_fusion_has_the_parameters_that_figure_1_implies(fusion: Any) -> None:
    pointwise = 4096 * 1024 + 1024
    head = 8 * 8 * 1024 * 2 + 2
    assert fusion.count_params() == RESNET50 + RESNET152V2 + pointwise + head == 86_245_762


def test_fusion_joins_two_equal_maps_and_does_not_activate(fusion: Any) -> None:
    assert fusion.get_layer("resnet50").output.shape == (None, 8, 8, 2048)
    assert fusion.get_layer("resnet152v2").output.shape == (None, 8, 8, 2048)
    assert fusion.get_layer("fusion").output.shape == (None, 8, 8, 4096)
    pointwise = fusion.get_layer("pointwise")
    assert pointwise.output.shape == (None, 8, 8, 1024)
    assert pointwise.kernel_size == (1, 1)
    assert pointwise.activation.__name__ == "linear"
    assert fusion.get_layer("dropout").rate == 0.5
    assert fusion.output_shape == (None, 2)


def test_average_pooling_shrinks_the_head() -> None:
    network = architecture.build("resnet50", study(head="gap"))
    assert network.count_params() == RESNET50 + 2048 * 1024 + 1024 + 1024 * 2 + 2


def test_frozen_backbones_leave_the_head_to_train() -> None:
    network = architecture.build("resnet50", study(trainable="false", image_size=32))
    assert [v.path.split("/")[0] for v in network.trainable_variables] == [
        "pointwise", "pointwise", "probabilities", "probabilities",
    ]  # fmt: skip


def test_the_pointwise_convolution_can_be_left_out_or_activated() -> None:
    without = architecture.build("resnet50", study(pointwise="none", image_size=32))
    assert without.count_params() == RESNET50 + 2048 * 2 + 2
    active = architecture.build(
        "resnet50", study(pointwise="relu", image_size=32, explained_per_class=0)
    )
    assert active.get_layer("pointwise").activation.__name__ == "relu"


def test_a_control_of_capacity_joins_two_of_a_kind() -> None:
    twins = architecture.build("resnet252v2", study(fused="[resnet50,resnet50]", image_size=32))
    pointwise, top = 4096 * 1024 + 1024, 1024 * 2 + 2
    assert twins.count_params() == 2 * RESNET50 + pointwise + top
    one, other = (twins.get_layer(name) for name in ("resnet50", "resnet50_twin"))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


@pytest.mark.parametrize("kind", ["flip", "full"])
def test_augmentation_varies_images_in_training_alone(kind: str) -> None:
    import keras

    pixels = keras.Input((32, 32, 3))
    layers = keras.Model(pixels, architecture.augmented(pixels, study(augmentation=kind)))
    image = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(layers(image, training=False), image)
    varied = np.asarray(layers(image, training=True))
    assert varied.shape == image.shape
    assert not np.allclose(varied, image)
    if kind == "flip":
        for before, after in zip(image, varied, strict=True):
            assert np.array_equal(after, before) or np.array_equal(after, before[:, ::-1])
    assert 0 <= varied.min() <= varied.max() <= 255


def test_momentum_reaches_every_batch_normalisation() -> None:
    network = architecture.build("resnet50", study(batch_norm_momentum=0.7, image_size=32))
    momenta = {
        layer.momentum
        for layer in network.get_layer("resnet50").layers
        if type(layer).__name__ == "BatchNormalization"
    }
    assert momenta == {0.7}


def test_own_preprocessing_is_what_keras_publishes_for_each_backbone() -> None:
    import keras

    pixels = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    published: dict[studies.BackboneName, Any] = {
        "resnet50": keras.applications.resnet.preprocess_input,
        "resnet50v2": keras.applications.resnet_v2.preprocess_input,
        "resnet152v2": keras.applications.resnet_v2.preprocess_input,
    }
    for name, theirs in published.items():
        ours = keras.ops.convert_to_numpy(architecture.normalise(pixels, name, "own"))
        np.testing.assert_allclose(ours, theirs(pixels.copy()), atol=1e-4)


def test_shared_preprocessing_is_one_range_for_all() -> None:
    pixels = np.array([0.0, 51.0, 255.0], dtype="float32").reshape(1, 1, 1, 3)
    for name in studies.BACKBONES:
        np.testing.assert_allclose(
            architecture.normalise(pixels, name, "shared").ravel(), [0, 0.2, 1]
        )


def test_missing_weights_name_the_file_and_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"resnet50_weights.*notop\.h5: no such weights file"):
        architecture.build("resnet50", study(weights=tmp_path))


def test_weights_in_a_folder_are_loaded_from_keras_own_file_names(tmp_path: Path) -> None:
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    original = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    # Keras publishes these files in its older layout and still reads it.
    with h5py.File(tmp_path / architecture.WEIGHT_FILES["resnet50"], "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, original)
    network = architecture.build("resnet50", study(weights=tmp_path, image_size=32))
    loaded = network.get_layer("resnet50").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(original.get_weights(), loaded, strict=True))


def test_a_damaged_weights_file_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / architecture.WEIGHT_FILES["resnet50"]).write_bytes(b"not weights")
    with pytest.raises(Problem, match=r"weights of ResNet50 cannot be had .* weights=none"):
        architecture.build("resnet50", study(weights=tmp_path, image_size=32))


def test_imagenet_without_network_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("URL fetch failure: name resolution")

    monkeypatch.setattr(keras.applications, "ResNet50", refuse)
    with pytest.raises(Problem, match=r"ImageNet weights of ResNet50 .* weights=none"):
        architecture.build("resnet50", study(weights="imagenet"))
