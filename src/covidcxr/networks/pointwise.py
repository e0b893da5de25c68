"""What a 1x1 convolution without activation can add before a linear classifier.

Nothing, as long as it has enough filters: convolution and classifier are linear
one after the other, so together they are one linear classifier (`collapse`), and
every linear classifier on the channels can be split into the two again
(`factorise`) where the number of filters is at least its rank. `check` tries both
on random numbers.

This is about which functions can be expressed, not about which one a training
finds. Dropout between the two sees different numbers in either form
(`dropout_variance`), and gradient descent on two factors takes another path than
on their product. With an activation in between the argument ends (`curvature`).

Notation: feature maps ``(n, places, channels)``, places being height times width
as flattening orders them; a convolution's kernel ``(channels, filters)``, Keras'
``kernel[0, 0]``; a head ``(places, channels, classes)``, Keras' dense kernel behind
a flattening, reshaped; logits ``(n, classes)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.core.errors import Problem

Floats = NDArray[np.float64]


class Linear(NamedTuple):
    """A linear classifier on feature maps: head (places, channels, classes) and bias (classes,)."""

    head: Floats
    bias: Floats


class Factors(NamedTuple):
    """A 1x1 convolution's kernel (channels, filters) and the head behind it.

    The convolution needs no bias: one on every filter shifts each logit by a
    constant, which the head's own bias can do.
    """

    kernel: Floats
    head: Floats


class Check(NamedTuple):
    """The largest differences between two forms of one classifier, relative to its logits.

    Attributes
    ----------
    collapsed
        Convolution and head against the one linear head made of them.
    factorised
        A linear head against the convolution and head made of it.
    """

    collapsed: float
    factorised: float


# --- the two forms


def convolve(maps: ArrayLike, kernel: ArrayLike, bias: ArrayLike = 0.0) -> Floats:
    """Apply a 1x1 convolution without activation: the same mixing at every place.

    Returns
    -------
    numpy.ndarray
        Shape (n, places, filters).
    """
    return np.asarray(maps, dtype=float) @ np.asarray(kernel) + np.asarray(bias)


def logits(maps: ArrayLike, head: ArrayLike, bias: ArrayLike = 0.0) -> Floats:
    """Apply a linear head to flattened feature maps.

    Returns
    -------
    numpy.ndarray
        Shape (n, classes): each a weighted sum over all places and channels.
    """
    return np.tensordot(
        np.asarray(maps, dtype=float), np.asarray(head, dtype=float), axes=2
    ) + np.asarray(bias)


def collapse(kernel: ArrayLike, bias: ArrayLike, head: ArrayLike, head_bias: ArrayLike) -> Linear:
    """Multiply a 1x1 convolution and the head behind it out to one linear head.

    Parameters
    ----------
    kernel, bias
        Of the convolution, shapes (channels, filters) and (filters,).
    head, head_bias
        Of the classifier, shapes (places, filters, classes) and (classes,).

    Returns
    -------
    Linear
        On the channels themselves, with the same logits for all feature maps.
    """
    head = np.asarray(head, dtype=float)
    # A place's head is the convolution's kernel times the classifier's at that place.
    shift = np.tensordot(np.asarray(bias, dtype=float), head.sum(axis=0), axes=1)
    return Linear(np.asarray(kernel, dtype=float) @ head, np.asarray(head_bias) + shift)


def factorise(head: ArrayLike, filters: int) -> Factors:
    """Split a linear head into a 1x1 convolution and a head on its filters.

    Exact where ``filters`` is at least the rank of `matrix`; below it, the nearest
    that so many filters allow, with the error of `truncation_errors`.

    Parameters
    ----------
    head
        Shape (places, channels, classes).
    filters
        Of the convolution; those that are not needed are zero.

    Raises
    ------
    Problem
        For fewer than one filter.

    References
    ----------
    Eckart and Young, Psychometrika 1:211-218 (1936).
    """
    if filters < 1:
        raise Problem(f"filters={filters}: a convolution has at least one; raise it.")
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


# --- how many filters are needed


def matrix(head: ArrayLike) -> Floats:
    """Write a head as a matrix, a row a place and class, a column a channel.

    Each row is one pattern over the channels that the classifier looks for. A
    convolution with F filters supplies F patterns, of which all rows must be mixtures.

    Returns
    -------
    numpy.ndarray
        Shape (places * classes, channels).
    """
    weights = np.asarray(head, dtype=float)
    return weights.transpose(0, 2, 1).reshape(-1, weights.shape[1])


def rank_bound(places: int, classes: int, pooled: bool = False, differences: bool = False) -> int:
    """Return how many filters suffice for every linear head.

    Parameters
    ----------
    places
        Of the feature maps, height times width.
    classes
        Of the classifier.
    pooled
        Whether the maps are averaged over all places first, as global average
        pooling does: all places then share one pattern a class.
    differences
        Whether only the differences between logits must be kept. They alone
        decide a softmax's probabilities, and one class serves as reference.

    Returns
    -------
    int
        The largest rank `matrix` can have where there are channels enough; never
        more than the number of channels is needed.
    """
    return (1 if pooled else places) * (classes - 1 if differences else classes)


def contrasts(head: ArrayLike) -> Floats:
    """Return the head of the logits' differences to those of the last class.

    Returns
    -------
    numpy.ndarray
        Shape (places, channels, classes - 1).
    """
    weights = np.asarray(head, dtype=float)
    return weights[..., :-1] - weights[..., -1:]


def average(head: ArrayLike, places: int) -> Floats:
    """Write a head behind global average pooling as one on all places.

    Parameters
    ----------
    head
        Shape (channels, classes).
    places
        Over which the maps are averaged.

    Returns
    -------
    numpy.ndarray
        Shape (places, channels, classes), the same at every place.
    """
    weights = np.asarray(head, dtype=float) / places
    return np.repeat(weights[None], places, axis=0)


def truncation_errors(head: ArrayLike) -> Floats:
    """Return the smallest error that a number of filters allows.

    Returns
    -------
    numpy.ndarray
        At index F, how far the best head with F filters is from this one: the
        root of the sum of squared differences, relative to the head's own. It is
        the tail of the singular values, by Eckart and Young (1936). For feature
        maps of independent, standardised numbers it is also the expected error of
        the logits, root mean square, relative to theirs.
    """
    sizes = np.linalg.svd(matrix(head), compute_uv=False)
    tails = np.append(np.cumsum(sizes[::-1] ** 2)[::-1], 0.0)
    return np.sqrt(tails / tails[0])


def measured_errors(
    head: ArrayLike, filters: Sequence[int], images: int = 1000, seed: int = 0
) -> Floats:
    """Measure on random feature maps what `truncation_errors` predicts.

    Parameters
    ----------
    head
        Shape (places, channels, classes).
    filters
        Numbers of filters to try.
    images, seed
        Feature maps of independent standard normal numbers.

    Returns
    -------
    numpy.ndarray
        For each number of filters the root mean square difference of the logits,
        relative to that of the logits.
    """
    head = np.asarray(head, dtype=float)
    forms = [factorise(head, number) for number in filters]
    rng = np.random.default_rng(seed)
    wanted = 0.0
    missed = np.zeros(len(forms))
    for start in range(0, images, 20):  # in batches: all of them might fill the memory
        maps = rng.standard_normal((min(20, images - start), *head.shape[:2]))
        one = logits(maps, head)
        wanted += np.sum(one**2)
        missed += [np.sum((logits(convolve(maps, k), h) - one) ** 2) for k, h in forms]
    return np.sqrt(missed / wanted)


def check(
    places: int,
    channels: int,
    filters: int,
    classes: int = 2,
    *,
    pooled: bool = False,
    heads: int = 3,
    images: int = 8,
    seed: int = 0,
) -> Check:
    """Compare both forms on random feature maps, over random classifiers.

    Parameters
    ----------
    places, channels, filters, classes
        Sizes.
    pooled
        Whether the classifier stands behind global average pooling.
    heads, images
        How many classifiers, and how many feature maps for each.
    seed
        Decides the numbers.

    Returns
    -------
    Check
        Rounding errors where the forms are equal. ``factorised`` is not small
        where a head's rank exceeds ``filters``; ``collapsed`` always is.
    """
    rng = np.random.default_rng(seed)

    def drawn_head(width: int) -> Floats:
        if pooled:
            return average(rng.standard_normal((width, classes)), places)
        return rng.standard_normal((places, width, classes))

    found = []
    for _ in range(heads):
        maps = rng.standard_normal((images, places, channels))
        kernel, bias = rng.standard_normal((channels, filters)), rng.standard_normal(filters)
        head, head_bias = drawn_head(filters), rng.standard_normal(classes)
        two = logits(convolve(maps, kernel, bias), head, head_bias)
        collapsed = relative_difference(two, logits(maps, *collapse(kernel, bias, head, head_bias)))
        direct, direct_bias = drawn_head(channels), rng.standard_normal(classes)
        kernel, reduced = factorise(direct, filters)
        one = logits(maps, direct, direct_bias)
        factorised = relative_difference(one, logits(convolve(maps, kernel), reduced, direct_bias))
        found.append((collapsed, factorised))
    worst = np.max(found, axis=0)
    return Check(float(worst[0]), float(worst[1]))


def relative_difference(expected: ArrayLike, found: ArrayLike) -> float:
    """Return the largest difference, relative to the largest expected number."""
    expected = np.asarray(expected, dtype=float)
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


# --- what the argument does not say


def relu(values: ArrayLike) -> Floats:
    """Return the values with negative ones set to zero, the usual activation."""
    return np.maximum(np.asarray(values, dtype=float), 0.0)


def curvature(
    kernel: ArrayLike,
    bias: ArrayLike,
    head: ArrayLike,
    activated: bool,
    images: int = 1000,
    seed: int = 0,
) -> float:
    """Measure how far convolution and head are from anything linear.

    Whatever is linear up to a constant gives, for the mean of two inputs, the mean
    of its two outputs. The difference is therefore zero for every linear head, and
    no linear head can imitate what shows one.

    Parameters
    ----------
    kernel, bias, head
        As for `collapse`.
    activated
        Whether `relu` stands behind the convolution.
    images, seed
        Pairs of random feature maps.

    Returns
    -------
    float
        Root mean square difference, relative to the scatter of the logits.
    """
    act = relu if activated else np.asarray
    head = np.asarray(head, dtype=float)
    shape = (images, head.shape[0], np.asarray(kernel).shape[0])
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal(shape), rng.standard_normal(shape)

    def out(maps: Floats) -> Floats:
        return logits(act(convolve(maps, kernel, bias)), head)

    difference = out((one + other) / 2) - (out(one) + out(other)) / 2
    return float(np.sqrt(np.mean(difference**2)) / np.std(out(one), axis=0).mean())


def dropout_variance(maps: ArrayLike, head: ArrayLike, rate: float) -> Floats:
    """Return the variance that dropout before a head gives to its logits.

    Dropout sets each number to zero with probability ``rate`` and divides the others
    by 1 - rate, so that the mean stays; each term of the sum then has the variance
    rate / (1 - rate) times its square.

    Returns
    -------
    numpy.ndarray
        Shape (n, classes).

    Raises
    ------
    Problem
        For a rate outside 0 to below 1.
    """
    if not 0 <= rate < 1:
        raise Problem(f"rate={rate}: dropout needs 0 <= rate < 1; correct it.")
    squares = np.asarray(maps, dtype=float) ** 2
    return rate / (1 - rate) * logits(squares, np.asarray(head, dtype=float) ** 2)


# --- with frozen backbones


def softmax(values: ArrayLike) -> Floats:
    """Return the probabilities of logits (n, classes)."""
    values = np.asarray(values, dtype=float)
    # The largest is subtracted, which changes nothing but avoids an overflow.
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(values: ArrayLike) -> Floats:
    """Return logistic regression's probability of a logit."""
    # By tanh, which cannot overflow.
    return (1 + np.tanh(np.asarray(values, dtype=float) / 2)) / 2


def split(head: ArrayLike, channels: Sequence[int]) -> list[Floats]:
    """Cut a head on concatenated feature maps into one for each backbone.

    Its logits are the sum of theirs: a sum over all channels can be taken backbone
    by backbone.

    Parameters
    ----------
    head
        Shape (places, channels, classes).
    channels
        Of each backbone, in the order of concatenation.

    Raises
    ------
    Problem
        Where they do not add up to the head's channels.
    """
    weights = np.asarray(head, dtype=float)
    if sum(channels) != weights.shape[1]:
        raise Problem(
            f"channels {list(channels)} add up to {sum(channels)}, the head has "
            f"{weights.shape[1]}; name every backbone's."
        )
    return np.split(weights, np.cumsum(channels)[:-1], axis=1)
