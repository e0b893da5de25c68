"""The paper's three networks (its section 3.1 and Figure 1).

One function builds any of them from a study: one or two backbones without
their top, the last feature maps concatenated, a 1x1 convolution without
activation, and a classifier. Keras is imported when a network is built, never
before, and only its backend-neutral part is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from covidcxr.config import TITLES, ModelName, Preprocessing, Study
from covidcxr.problems import Problem

if TYPE_CHECKING:
    import keras

BACKBONES: dict[ModelName, tuple[ModelName, ...]] = {
    "resnet50": ("resnet50",),
    "resnet152v2": ("resnet152v2",),
    "resnet252v2": ("resnet50", "resnet152v2"),
}
FUSION_FILTERS = 1024
"""Filters of the 1x1 convolution (paper, section 3.1)."""

WEIGHT_FILES: dict[ModelName, str] = {
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet152v2": "resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
}
"""The ImageNet files as Keras publishes and names them."""

# Means of ImageNet's blue, green and red, which Keras' ResNet50 weights expect
# to be subtracted (the "caffe" mode of keras.applications).
_CAFFE_MEANS = (103.939, 116.779, 123.68)


def build(model: ModelName, study: Study) -> keras.Model:
    """Build one of the three networks, not yet compiled.

    Parameters
    ----------
    model
        ``resnet50``, ``resnet152v2`` or their fusion, ``resnet252v2``.
    study
        Gives image size, weights, preprocessing, head, dropout, trainability
        and the momentum of the batch normalisation.

    Returns
    -------
    keras.Model
        From pixels of shape (batch, size, size, 3), 0 to 255, to probabilities
        of shape (batch, 2), in the order NORMAL, COVID19.

    Raises
    ------
    Problem
        Where the weights that the study asks for cannot be had.
    """
    import keras
    from keras import layers

    pixels = keras.Input((study.image_size, study.image_size, 3), name="pixels")
    maps = []
    for name in BACKBONES[model]:
        backbone = _backbone(name, study)
        for layer in backbone.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = study.batch_norm_momentum
        backbone.trainable = study.trainable
        # A frozen backbone must also keep its batch statistics, hence training=False;
        # a trainable one follows the mode of the call.
        mode = None if study.trainable else False
        maps.append(backbone(normalise(pixels, name, study.preprocessing), training=mode))

    features = layers.Concatenate(name="fusion")(maps) if len(maps) > 1 else maps[0]
    features = layers.Conv2D(FUSION_FILTERS, 1, padding="same", name="pointwise")(features)
    if study.head == "flatten":
        features = layers.Flatten(name="flatten")(features)
    else:
        features = layers.GlobalAveragePooling2D(name="average")(features)
    features = layers.Dropout(study.dropout, name="dropout")(features)
    scores = layers.Dense(
        2,
        activation="softmax",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        name="probabilities",
    )(features)
    return keras.Model(pixels, scores, name=model)


def normalise(pixels: Any, backbone: ModelName, preprocessing: Preprocessing) -> Any:
    """Bring pixels to the range that a backbone is given.

    Parameters
    ----------
    pixels
        Tensor of shape (batch, height, width, 3), red, green, blue, 0 to 255.
    backbone
        Which backbone will see them.
    preprocessing
        ``shared``: 0 to 1 for every backbone, the plain reading of the paper's
        "normalized". ``own``: what the backbone's ImageNet weights were trained
        on: blue, green, red, each less its mean, for ResNet50; -1 to 1 for
        ResNet152V2.
    """
    from keras import ops

    if preprocessing == "shared":
        return pixels / 255
    if backbone == "resnet50":
        means = ops.convert_to_tensor(_CAFFE_MEANS, dtype="float32")
        return ops.flip(pixels, axis=-1) - means
    return pixels / 127.5 - 1


def _backbone(name: ModelName, study: Study) -> keras.Model:
    import keras

    maker = {
        "resnet50": keras.applications.ResNet50,
        "resnet152v2": keras.applications.ResNet152V2,
    }[name]
    size = study.image_size
    try:
        return maker(
            include_top=False,
            weights=_weights(name, study.weights),
            input_shape=(size, size, 3),
            name=name,
        )
    except Problem:
        raise
    except Exception as error:
        if study.weights == "none":
            raise
        raise Problem(
            f"The ImageNet weights of {TITLES[name]} cannot be had (weights: {study.weights}; "
            f"{' '.join(str(error).split())[:200]}); connect to the network, set weights to a "
            f"folder that holds {WEIGHT_FILES[name]}, or set weights=none for random ones."
        ) from error


def _weights(name: ModelName, weights: str) -> str | None:
    if weights == "none":
        return None
    if weights == "imagenet":
        return "imagenet"
    file = Path(weights) / WEIGHT_FILES[name]
    if not file.is_file():
        raise Problem(
            f"{file}: no such weights file; put Keras' file there, or set weights to imagenet "
            "(a download) or none (random)."
        )
    return str(file)
