"""Bottleneck residual networks as their paper tabulates them, without building one.

References
----------
He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, Table 1.
"""

from __future__ import annotations

STAGES = {50: (3, 4, 6, 3), 152: (3, 8, 36, 3)}
"""Blocks in each stage, by the number in the network's name."""

_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4


def depth(layers: int) -> int:
    """Count a network's weighted layers: the stem, three a block, the classifier."""
    return 2 + 3 * sum(STAGES[layers])


def side(pixels: int) -> int:
    """Return the side of the last feature maps: the input is halved five times."""
    for _ in range(5):
        pixels = -(-pixels // 2)
    return pixels


def channels() -> int:
    """Return the channels of the last feature maps, the same for every depth."""
    return _WIDTHS[-1] * _EXPANSION


def multiply_adds(layers: int, pixels: int, classes: int = 1000) -> int:
    """Count the multiply-adds of one image through a network of the first version.

    Parameters
    ----------
    layers
        A key of `STAGES`.
    pixels
        Side of the square input.
    classes
        Outputs of the classifier; 0 leaves it out.

    Returns
    -------
    int
        Of convolutions and classifier; a multiplication with its addition is one.
    """
    here = -(-pixels // 2)
    total = here**2 * 7 * 7 * 3 * 64
    here = -(-here // 2)
    inputs = 64
    for stage, (blocks, width) in enumerate(zip(STAGES[layers], _WIDTHS, strict=True)):
        if stage:
            here = -(-here // 2)  # in the first 1x1 convolution of the stage
        outputs = width * _EXPANSION
        for block in range(blocks):
            shortcut = inputs * outputs if block == 0 else 0
            total += here**2 * (inputs * width + 9 * width * width + width * outputs + shortcut)
            inputs = outputs
    return total + inputs * classes
