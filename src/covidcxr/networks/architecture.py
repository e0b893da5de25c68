"""The paper's three networks (its section 3.1 and Figure 1).

`build` joins one or two backbones without their top, the concatenated feature maps, a 1x1
convolution and a classifier. `covidcxr.networks.frozen_features` trains the head alone. Keras
is imported when a network is built, never before, and only its backend-neutral part is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covidcxr.core.errors import Problem
from covidcxr.core.studies import BACKBONES, BackboneName, ModelName, Preprocessing, Study
from covidcxr.core.words import one_line

if TYPE_CHECKING:
    import keras

FUSION_FILTERS = 1024
"""Filters of the 1x1 convolution (paper, section 3.1)."""

WEIGHT_FILES: dict[BackboneName, str] = {
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet50v2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet152v2": "resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
}
"""The ImageNet files as Keras publishes and names them."""

# Means of ImageNet's blue, green and red, which Keras' ResNet50 weights expect
# to be subtracted (the "caffe" mode of keras.applications).
_CAFFE_MEANS = (103.939, 116.779, 123.68)


def build(model: ModelName, study: Study, seed: int | None = None) -> keras.Model:
    """Build one of the three networks, not yet compiled.

    From pixels of shape (batch, size, size, 3), 0 to 255, to probabilities of shape (batch, 2), in
    the order NORMAL, COVID19. ``seed`` decides the random weights; left out, none does.

    Raises
    ------
    Problem
        Where the weights that the study asks for cannot be had.
    """
    import keras

    pixels = keras.Input((study.image_size, study.image_size, 3), name="pixels")
    seed_initial_weights("augmentation", seed)
    varied = augmented(pixels, study)
    maps = []
    for layer, name in backbones_by_layer(model, study).items():
        seed_initial_weights(layer, seed)
        # A frozen backbone must also keep its batch statistics, hence training=False;
        # a trainable one follows the mode of the call.
        mode = None if study.trainable else False
        scaled = normalise(varied, name, study.preprocessing)
        maps.append(backbone(name, study, layer)(scaled, training=mode))
    seed_initial_weights("head", seed)
    return keras.Model(pixels, head(maps, study), name=model)


def seed_initial_weights(name: str, seed: int | None) -> None:
    """Seed the initial weights of a part by (seed, name), whatever was built before it."""
    import keras

    if seed is not None:
        words = np.random.SeedSequence([seed, *name.encode()]).generate_state(1)
        keras.utils.set_random_seed(int(words[0]))


def backbones(model: ModelName, study: Study) -> tuple[BackboneName, ...]:
    """Names of a network's backbones."""
    if model == "resnet252v2":
        return tuple(study.fused)
    return (model,)


def backbones_by_layer(model: ModelName, study: Study) -> dict[str, BackboneName]:
    """Names of a network's backbones, by the name of their layer; two may be of one kind."""
    names = backbones(model, study)
    layers = [f"{name}_twin" if name in names[:i] else name for i, name in enumerate(names)]
    return dict(zip(layers, names, strict=True))


def head(maps: Sequence[Any], study: Study) -> Any:
    """Classifier on last feature maps (batch, height, width, channels), one a backbone."""
    import keras
    from keras import layers

    features = layers.Concatenate(name="fusion")(maps) if len(maps) > 1 else maps[0]
    if study.pointwise != "none":
        features = layers.Conv2D(
            FUSION_FILTERS, 1, padding="same", activation=study.pointwise, name="pointwise"
        )(features)
    if study.head == "flatten":
        features = layers.Flatten(name="flatten")(features)
    else:
        features = layers.GlobalAveragePooling2D(name="average")(features)
    features = layers.Dropout(study.dropout, name="dropout")(features)
    return layers.Dense(
        2,
        activation="softmax",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        # In mixed precision, too, the loss is computed in single precision.
        dtype="float32",
        name="probabilities",
    )(features)


def augmented(pixels: Any, study: Study) -> Any:
    """Augment images at random, in training alone.

    ``flip``: horizontally. ``full``: as Rahimzadeh and Attar (2020), whose text the paper
    follows, describe theirs: flips in both directions, any rotation, and zoom, shift and
    shear by up to a twentieth.
    """
    from keras import layers

    if study.augmentation == "none":
        return pixels
    if study.augmentation == "flip":
        return layers.RandomFlip("horizontal", name="flip")(pixels)
    share = 0.05
    for layer in (
        layers.RandomFlip("horizontal_and_vertical", name="flip"),
        layers.RandomRotation(0.5, fill_mode="nearest", name="rotation"),
        layers.RandomZoom(share, share, fill_mode="nearest", name="zoom"),
        layers.RandomTranslation(share, share, fill_mode="nearest", name="shift"),
        layers.RandomShear(share, share, fill_mode="nearest", name="shear"),
    ):
        pixels = layer(pixels)
    return pixels


def normalise(pixels: Any, backbone: BackboneName, preprocessing: Preprocessing) -> Any:
    """Scale RGB pixels, 0 to 255, to a backbone's input range.

    ``shared``: 0 to 1 for every backbone, the plain reading of the paper's "normalized".
    ``own``: the range of the backbone's ImageNet weights: blue, green, red, each less its
    mean, for ResNet50; -1 to 1 for the second version's.
    """
    from keras import ops

    if preprocessing == "shared":
        return pixels / 255
    if backbone == "resnet50":
        means = ops.convert_to_tensor(_CAFFE_MEANS, dtype="float32")
        return ops.flip(pixels, axis=-1) - means
    return pixels / 127.5 - 1


def backbone(name: BackboneName, study: Study, layer: str | None = None) -> keras.Model:
    """Build a backbone without its top; ``layer`` is its name within a network, by default its own.

    Raises
    ------
    Problem
        Where the weights that the study asks for cannot be had.
    """
    import keras

    constructor = {
        "resnet50": keras.applications.ResNet50,
        "resnet50v2": keras.applications.ResNet50V2,
        "resnet152v2": keras.applications.ResNet152V2,
    }[name]
    size = study.image_size
    try:
        network = constructor(
            include_top=False,
            weights=_weights(name, study.weights),
            input_shape=(size, size, 3),
            name=layer or name,
        )
    except Problem:
        raise
    except Exception as error:
        if study.weights == "none":
            raise
        raise Problem(
            f"The ImageNet weights of {BACKBONES[name]} cannot be had (weights: {study.weights}; "
            f"{one_line(error)[:200]}); connect to the network, set weights to a "
            f"folder that holds {WEIGHT_FILES[name]}, or set weights=none for random ones."
        ) from error
    for part in network.layers:
        if isinstance(part, keras.layers.BatchNormalization):
            part.momentum = study.batch_norm_momentum
    network.trainable = study.trainable
    return network


def weight_file(name: BackboneName, weights: str) -> Path:
    """Path of a backbone's weights, also where Keras has yet to download them."""
    folder = Path.home() / ".keras/models" if weights == "imagenet" else Path(weights)
    return folder / WEIGHT_FILES[name]


def _weights(name: BackboneName, weights: str) -> str | None:
    """Argument ``weights`` of a constructor of `keras.applications`."""
    if weights == "none":
        return None
    if weights == "imagenet":
        return "imagenet"
    file = weight_file(name, weights)
    if not file.is_file():
        raise Problem(
            f"{file}: no such weights file; put Keras' file there, or set weights to imagenet "
            "(a download) or none (random)."
        )
    return str(file)
