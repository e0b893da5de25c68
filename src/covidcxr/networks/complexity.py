"""Parameters, multiply-adds and depth of networks.

The convention is that of He et al. (2016): one multiply-add counts as one, only convolutions
and dense layers are counted, and biases, normalisation, activations, pooling and additions are
left out. Nothing here imports Keras at the top.

References
----------
He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, Table 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from covidcxr.core.studies import TITLES, ModelName

if TYPE_CHECKING:
    import keras

PRINTED_RESNET50, PRINTED_SIZE = 3.8e9, 224
"""Multiply-adds of ResNet50, and at how many pixels, as He et al. (2016), Table 1, print them."""

STAGES = {50: (3, 4, 6, 3), 152: (3, 8, 36, 3)}
"""Blocks in each stage of a residual network, by the number in its name."""

BACKBONE_LAYERS = {"resnet50": 50, "resnet50v2": 50, "resnet152v2": 152}
"""Keys of `STAGES`, by the name of a backbone."""

FINAL_CHANNELS = 2048
"""Channels of the last feature maps of every backbone."""

PARTS: dict[str, str] = {
    "resnet50": TITLES["resnet50"],
    "resnet152v2": TITLES["resnet152v2"],
    "pointwise": "1 × 1 convolution",
    "probabilities": "classifier",
}
"""The parts of `covidcxr.networks.architecture` that hold weights, with their titles."""

_STEPS = PARTS | {"pixels": "image", "fusion": "concatenated", "flatten": "flattened"}
_COUNTED = ("Conv2D", "Dense")
_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4


class Part(NamedTuple):
    """Counts of one part of a network; multiply-adds are for one image."""

    parameters: int
    trainable: int
    multiply_adds: int


@dataclass(frozen=True)
class Account:
    """Counts of a network.

    ``parts`` are those that hold weights, by name; ``steps`` are the network's own layers in
    their order, with the shape of their output without the batch.
    """

    parts: dict[str, Part]
    steps: dict[str, tuple[int, ...]]

    @property
    def parameters(self) -> int:
        """Parameters of all parts."""
        return sum(part.parameters for part in self.parts.values())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all parts, for one image."""
        return sum(part.multiply_adds for part in self.parts.values())

    @property
    def head(self) -> list[Part]:
        """The parts behind the backbones."""
        return [part for name, part in self.parts.items() if name not in BACKBONE_LAYERS]

    @property
    def depth(self) -> int:
        """Weighted layers on the longest path: the deepest backbone without its own classifier.

        A shortcut's convolution lies beside a longer path and adds nothing.
        """
        backbones = [BACKBONE_LAYERS[name] for name in self.parts if name in BACKBONE_LAYERS]
        return max(published_depth(layers) - 1 for layers in backbones) + len(self.head)

    @property
    def final_map(self) -> tuple[int, ...]:
        """Input of the 1x1 convolution: height, width, channels."""
        names = list(self.steps)
        return self.steps[names[names.index("pointwise") - 1]]


class Updates(NamedTuple):
    """Weight updates of a training."""

    per_epoch: int
    total: int


# --- of a network that is built


def account(network: keras.Model) -> Account:
    """Count the parts of a built network, functional or sequential; parts may be networks."""
    parts = {}
    for part in network.layers:
        leaves = list(_leaves(part))
        counted = Part(
            sum(layer.count_params() for layer in leaves),
            sum(math.prod(w.shape) for layer in leaves for w in layer.trainable_weights),
            sum(multiply_adds(layer) for layer in leaves),
        )
        if counted.parameters:
            parts[part.name] = counted
    steps = {step.name: tuple(step.output.shape[1:]) for step in network.layers}
    return Account(parts, steps)


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Multiply-adds of one layer for one image: kernel size times places of the output.

    Raises
    ------
    TypeError
        For a layer with a weight matrix that is neither Conv2D nor Dense.
    """
    if type(layer).__name__ in _COUNTED:
        kernel = layer.kernel.shape
        return math.prod(kernel) * (math.prod(layer.output.shape[1:]) // kernel[-1])
    if any(len(weight.shape) > 1 for weight in layer.weights):
        raise TypeError(f"{layer.name}: the multiply-adds of {type(layer).__name__} are not known")
    return 0


def summary(accounts: Mapping[ModelName, Account]) -> pd.DataFrame:
    """Tabulate whole networks; ``if_frozen``: what is trainable behind the backbones."""
    rows = {
        TITLES[name]: {
            "parameters": counted.parameters,
            "trainable": sum(part.trainable for part in counted.parts.values()),
            "if_frozen": sum(part.trainable for part in counted.head),
            "multiply_adds": counted.multiply_adds,
            "final_map": _shape(counted.final_map),
            "depth": counted.depth,
        }
        for name, counted in accounts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def by_part(accounts: Mapping[ModelName, Account]) -> pd.DataFrame:
    """Tabulate each part of each network, with its shares of the network."""
    rows = [
        {
            "network": TITLES[name],
            "part": PARTS[key],
            "parameters": part.parameters,
            "share": part.parameters / counted.parameters,
            "multiply_adds": part.multiply_adds,
            "share_of_work": part.multiply_adds / counted.multiply_adds,
        }
        for name, counted in accounts.items()
        for key, part in counted.parts.items()
    ]
    return pd.DataFrame(rows)


def shapes(counted: Account) -> pd.DataFrame:
    """Shape of one image after each step that changes it, and how many numbers that are."""
    steps = {_STEPS[name]: shape for name, shape in counted.steps.items() if name in _STEPS}
    return pd.DataFrame(
        {
            "height × width × channels": [_shape(shape) for shape in steps.values()],
            "numbers": [math.prod(shape) for shape in steps.values()],
        },
        index=pd.Index(list(steps), name="step"),
    )


# --- of a residual network as its paper tabulates it


def published_depth(layers: int) -> int:
    """Weighted layers of a residual network: the stem, three a block, the classifier."""
    return 2 + 3 * sum(STAGES[layers])


def final_side(pixels: int) -> int:
    """Side of the last feature maps of every backbone: five halvings, each rounded up."""
    return -(-pixels // 2**5)


def published_multiply_adds(layers: int, pixels: int, classes: int = 1000) -> int:
    """Multiply-adds of one image through a residual network of the first version."""
    side = -(-pixels // 2)
    total = side**2 * 7 * 7 * 3 * 64
    side = -(-side // 2)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip(STAGES[layers], _WIDTHS, strict=True)):
        if stage:
            side = -(-side // 2)  # in the first 1x1 convolution of the stage
        outputs = width * _EXPANSION
        for block in range(blocks):
            shortcut = inputs * outputs if block == 0 else 0
            total += side**2 * (inputs * width + 9 * width * width + width * outputs + shortcut)
            inputs = outputs
    return total + inputs * classes


# --- of a training


def updates(train_images: int, batch_size: int, epochs: int) -> Updates:
    """Weight updates of a training; the last batch of an epoch may be smaller."""
    per_epoch = -(-train_images // batch_size)
    return Updates(per_epoch, per_epoch * epochs)


def _leaves(layer: Any) -> Iterator[Any]:
    """Layers of a part that are no networks themselves."""
    for inner in getattr(layer, "layers", None) or ():
        yield from _leaves(inner)
    if not hasattr(layer, "layers"):
        yield layer


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{side:,}" for side in shape)
