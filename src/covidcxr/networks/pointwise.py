"""Expressive power of a 1x1 convolution without activation before a linear classifier.

Convolution and classifier are linear one after the other, so together they are one linear
classifier (`collapse`). Every linear classifier on the channels can be split into the two again
(`factorise`) where the number of filters is at least its rank. `check` tries both on random
numbers. This is about which functions can be expressed, not about which one a training finds.

Notation: feature maps ``(n, places, channels)``, places being height times width
as flattening orders them; a convolution's kernel ``(channels, filters)``, Keras'
``kernel[0, 0]``; a head ``(places, channels, classes)``, Keras' dense kernel behind
a flattening, reshaped; logits ``(n, classes)``.

References
----------
Eckart and Young, Psychometrika 1:211-218 (1936).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_HEADS, _IMAGES = 3, 8  # random classifiers that are compared, and feature maps for each


class Linear(NamedTuple):
    """A linear classifier on feature maps: head (places, channels, classes) and bias (classes,)."""

    head: Floats
    bias: Floats


class Factors(NamedTuple):
    """A 1x1 convolution's kernel (channels, filters) and the head behind it.

    The convolution needs no bias, whose effect on a logit the head's own bias can have.
    """

    kernel: Floats
    head: Floats


class Check(NamedTuple):
    """Largest differences between two forms of one classifier, relative to its logits."""

    collapsed: float
    factorised: float


def convolve(maps: ArrayLike, kernel: ArrayLike, bias: ArrayLike = 0.0) -> Floats:
    """Output (n, places, filters) of a 1x1 convolution without activation."""
    return np.asarray(maps, dtype=float) @ np.asarray(kernel) + np.asarray(bias)


def logits(maps: ArrayLike, head: ArrayLike, bias: ArrayLike = 0.0) -> Floats:
    """Logits of a linear head on flattened feature maps."""
    weights = np.asarray(head, dtype=float)
    return np.tensordot(np.asarray(maps, dtype=float), weights, axes=2) + np.asarray(bias)


def collapse(kernel: ArrayLike, bias: ArrayLike, head: ArrayLike, head_bias: ArrayLike) -> Linear:
    """Linear head with the same logits as a 1x1 convolution and the head behind it."""
    head = np.asarray(head, dtype=float)
    # A place's head is the convolution's kernel times the classifier's at that place.
    shift = np.tensordot(np.asarray(bias, dtype=float), head.sum(axis=0), axes=1)
    places = np.tensordot(head, np.asarray(kernel, dtype=float), axes=(1, 1))
    return Linear(places.transpose(0, 2, 1), np.asarray(head_bias) + shift)


def factorise(head: ArrayLike, filters: int) -> Factors:
    """Best 1x1 convolution and head for a linear head, by singular value decomposition.

    Exact where ``filters`` is at least the rank of `matrix`; below it, the nearest that so many
    filters allow, with the error of `truncation_errors`. Filters that are not needed are zero.
    """
    head = np.asarray(head, dtype=float)
    places, channels, classes = head.shape
    left, sizes, right = np.linalg.svd(matrix(head), full_matrices=False)
    used = min(filters, len(sizes))
    kernel = np.zeros((channels, filters))
    kernel[:, :used] = right[:used].T
    reduced = np.zeros((places, filters, classes))
    rows = (left * sizes)[:, :used].reshape(places, classes, used)
    reduced[:, :used] = rows.transpose(0, 2, 1)
    return Factors(kernel, reduced)


def matrix(head: ArrayLike) -> Floats:
    """Write a head as a matrix (places * classes, channels), a row a pattern over channels.

    A convolution with F filters supplies F patterns, of which all rows must be mixtures.
    """
    weights = np.asarray(head, dtype=float)
    return weights.transpose(0, 2, 1).reshape(-1, weights.shape[1])


def rank_bound(places: int, classes: int, pooled: bool = False, differences: bool = False) -> int:
    """Largest rank of `matrix`: so many filters suffice for every linear head.

    ``pooled``: the maps are averaged over all places, which then share one pattern a class.
    ``differences``: only the logits' differences count, which alone decide a softmax.
    """
    return (1 if pooled else places) * (classes - 1 if differences else classes)


def contrasts(head: ArrayLike) -> Floats:
    """Head of the logits' differences to those of the last class."""
    weights = np.asarray(head, dtype=float)
    return weights[..., :-1] - weights[..., -1:]


def average(head: ArrayLike, places: int) -> Floats:
    """Write a head (channels, classes) behind average pooling as one on all places."""
    weights = np.asarray(head, dtype=float) / places
    return np.repeat(weights[None], places, axis=0)


def truncation_errors(head: ArrayLike) -> Floats:
    """Smallest relative error of a head with F filters, at index F: the singular values' tail.

    For feature maps of independent, standardised numbers it is also the expected error of
    the logits, root mean square, relative to theirs.
    """
    sizes = np.linalg.svd(matrix(head), compute_uv=False)
    tails = np.append(np.cumsum(sizes[::-1] ** 2)[::-1], 0.0)
    return np.sqrt(tails / tails[0])


def check(
    places: int,
    channels: int,
    filters: int,
    classes: int = 2,
    *,
    pooled: bool = False,
) -> Check:
    """Compare both forms on random feature maps, over random classifiers.

    Differences are rounding errors where the forms are equal. ``factorised`` is not small
    where a head's rank exceeds ``filters``; ``collapsed`` always is.
    """
    rng = np.random.default_rng(0)

    def random_head(width: int) -> Floats:
        if pooled:
            return average(rng.standard_normal((width, classes)), places)
        return rng.standard_normal((places, width, classes))

    differences = []
    for _ in range(_HEADS):
        maps = rng.standard_normal((_IMAGES, places, channels))
        kernel, bias = rng.standard_normal((channels, filters)), rng.standard_normal(filters)
        head, head_bias = random_head(filters), rng.standard_normal(classes)
        two = logits(convolve(maps, kernel, bias), head, head_bias)
        collapsed = relative_difference(two, logits(maps, *collapse(kernel, bias, head, head_bias)))
        direct, direct_bias = random_head(channels), rng.standard_normal(classes)
        kernel, reduced = factorise(direct, filters)
        one = logits(maps, direct, direct_bias)
        factorised = relative_difference(one, logits(convolve(maps, kernel), reduced, direct_bias))
        differences.append((collapsed, factorised))
    worst = np.max(differences, axis=0)
    return Check(float(worst[0]), float(worst[1]))


def relative_difference(expected: ArrayLike, actual: ArrayLike) -> float:
    """Largest difference, relative to the largest expected number."""
    expected = np.asarray(expected, dtype=float)
    return float(np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max())


def dropout_variance(maps: ArrayLike, head: ArrayLike, rate: float) -> Floats:
    """Variance of the logits (n, classes) under dropout before a head.

    Each number is zero with probability ``rate``, else divided by 1 - rate: a term of the sum
    has the variance rate / (1 - rate) times its square.
    """
    squares = np.asarray(maps, dtype=float) ** 2
    return rate / (1 - rate) * logits(squares, np.asarray(head, dtype=float) ** 2)
