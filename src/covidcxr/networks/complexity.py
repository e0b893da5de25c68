"""What the networks weigh and what one image costs them, counted layer by layer.

The counts follow the convention of He et al. (2016): one multiply-add counts as
one, only convolutions and dense layers are counted, and biases, normalisation,
activations, pooling and additions are left out.

Nothing here imports Keras at the top: a network is anything with Keras' ``layers``
and ``get_config``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from covidcxr.core.errors import Problem
from covidcxr.core.studies import TITLES, ModelName

if TYPE_CHECKING:
    import keras

PRINTED_RESNET50 = 3.8e9
"""Multiply-adds of ResNet50 at 224 pixels, as He et al. (2016), Table 1, print them."""

PARTS: dict[str, str] = {
    "resnet50": TITLES["resnet50"],
    "resnet152v2": TITLES["resnet152v2"],
    "pointwise": "1 × 1 convolution",
    "probabilities": "classifier",
}
"""The parts of `covidcxr.networks.architecture` that hold weights, as a reader knows them."""

_STEPS = PARTS | {"pixels": "image", "fusion": "concatenated", "flatten": "flattened"}
_COUNTED = ("Conv2D", "Dense")


class Part(NamedTuple):
    """A part of a network.

    Attributes
    ----------
    parameters, trainable
        How many numbers it holds, and how many of them a training may change.
    multiply_adds
        For one image.
    depth
        Weighted layers on the longest path through it.
    """

    parameters: int
    trainable: int
    multiply_adds: int
    depth: int


@dataclass(frozen=True)
class Account:
    """What a network consists of.

    Attributes
    ----------
    parts
        Those that hold weights, by name.
    steps
        The network's own layers in their order, with the shape of their output
        without the batch.
    depth
        Weighted layers on the longest path through the network: convolutions and
        dense layers, as in the names of the residual networks. A shortcut's
        convolution lies beside a longer path and adds nothing.
    """

    parts: dict[str, Part]
    steps: dict[str, tuple[int, ...]]
    depth: int

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts.values())

    @property
    def multiply_adds(self) -> int:
        """Of all parts, for one image."""
        return sum(part.multiply_adds for part in self.parts.values())

    @property
    def size(self) -> int:
        """The side of the images, in pixels."""
        return next(iter(self.steps.values()))[0]

    @property
    def head(self) -> list[Part]:
        """The parts behind the backbones."""
        return [part for name, part in self.parts.items() if name not in TITLES]

    @property
    def final_map(self) -> tuple[int, ...]:
        """What the 1x1 convolution is given: height, width, channels."""
        names = list(self.steps)
        return self.steps[names[names.index("pointwise") - 1]]


class Updates(NamedTuple):
    """How often a training changes the weights."""

    per_epoch: int
    total: int


def account(network: keras.Model) -> Account:
    """Count the parts of a network.

    Parameters
    ----------
    network
        A built network, functional or sequential; its parts may be networks.

    Raises
    ------
    TypeError
        For a layer with a weight matrix whose multiply-adds are not known here.
    """
    content = network.get_config()
    depths = {layer["config"]["name"]: _weighted(layer) for layer in content["layers"]}
    parts = {}
    for part in network.layers:
        leaves = list(_leaves(part))
        counted = Part(
            sum(layer.count_params() for layer in leaves),
            sum(math.prod(w.shape) for layer in leaves for w in layer.trainable_weights),
            sum(multiply_adds(layer) for layer in leaves),
            depths[part.name],
        )
        if counted.parameters:
            parts[part.name] = counted
    steps = {step.name: tuple(step.output.shape[1:]) for step in network.layers}
    return Account(parts, steps, _longest(content))


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Return the multiply-adds of one layer for one image.

    Each number of a kernel is used once at every place of the output: for a
    convolution the places are the pixels of its feature maps, for a dense layer
    behind a flattening there is one.

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


def published_resnet50() -> Account:
    """Count Keras' ResNet50 with its 1,000 classes at 224 pixels, the published form."""
    import keras

    return account(keras.applications.ResNet50(weights=None))


def summary(accounts: Mapping[ModelName, Account]) -> pd.DataFrame:
    """Return a row a network.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``network``: ``parameters``, ``trainable``, ``if_frozen``
        (what is left to train behind fixed backbones), ``multiply_adds``,
        ``final_map`` (what the 1x1 convolution is given) and ``depth``.
    """
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
    """Return a row a network and part, with the part's share of the network.

    Returns
    -------
    pandas.DataFrame
        Columns ``network``, ``part``, ``parameters``, ``share``,
        ``multiply_adds``, ``share_of_work``.
    """
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
    """Return the shape after each step that changes it.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``step``: ``height × width × channels`` and ``numbers``, how
        many numbers describe the image there.
    """
    steps = {_STEPS[name]: shape for name, shape in counted.steps.items() if name in _STEPS}
    return pd.DataFrame(
        {
            "height × width × channels": [_shape(shape) for shape in steps.values()],
            "numbers": [math.prod(shape) for shape in steps.values()],
        },
        index=pd.Index(list(steps), name="step"),
    )


def updates(train_images: int, batch_size: int, epochs: int) -> Updates:
    """Return how many updates a training makes; the last batch may be smaller.

    Raises
    ------
    Problem
        Where one of the three is not at least 1.
    """
    if min(train_images, batch_size, epochs) < 1:
        raise Problem(
            f"train_images={train_images}, batch_size={batch_size}, epochs={epochs}: each must "
            "be at least 1; raise the one that is not."
        )
    per_epoch = -(-train_images // batch_size)
    return Updates(per_epoch, per_epoch * epochs)


def _leaves(layer: Any) -> Iterator[Any]:
    """Walk the layers of a part that are no networks themselves."""
    for inner in getattr(layer, "layers", None) or ():
        yield from _leaves(inner)
    if not hasattr(layer, "layers"):
        yield layer


def _longest(network: Mapping[str, Any]) -> int:
    """Return the longest path through a network that Keras has written out.

    Keras lists a layer after all that it takes from; a sequential network names
    no sources, each layer takes from the one before.
    """
    reached: dict[str, int] = {}
    last = 0
    for layer in network["layers"]:
        sources = set(_sources(layer["inbound_nodes"])) if "inbound_nodes" in layer else None
        before = last if sources is None else max((reached[s] for s in sources), default=0)
        last = reached[layer["config"]["name"]] = before + _weighted(layer)
    return max(reached.values(), default=0)


def _weighted(layer: Mapping[str, Any]) -> int:
    """Return how many weighted layers a layer is: more than one where it is a network."""
    content = layer["config"]
    return _longest(content) if "layers" in content else int(layer["class_name"] in _COUNTED)


def _sources(node: Any) -> Iterator[str]:
    """Find the names of the layers whose tensors a written-out layer is called with."""
    if isinstance(node, Mapping):
        if "keras_history" in node:
            yield node["keras_history"][0]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for inner in node:
            yield from _sources(inner)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{side:,}" for side in shape)
