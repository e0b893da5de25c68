"""The published layout gives the depths and costs that are printed of these networks."""

import pytest

from covidcxr.networks import blueprint


@pytest.mark.parametrize("layers", blueprint.STAGES)
def test_names_count_the_weighted_layers(layers: int) -> None:
    assert blueprint.depth(layers) == layers


@pytest.mark.parametrize(("pixels", "side"), [(224, 7), (256, 8), (64, 2), (33, 2), (1, 1)])
def test_five_halvings(pixels: int, side: int) -> None:
    assert blueprint.side(pixels) == side


def test_operations_by_hand() -> None:
    # The stem at 224 pixels, and the classifier, are all that 50 and 152 layers share.
    stem, top = 112**2 * 49 * 3 * 64, 2048 * 1000
    assert blueprint.multiply_adds(50, 224) > stem + top
    assert blueprint.multiply_adds(50, 224) - blueprint.multiply_adds(50, 224, 0) == top
    # Two more blocks of 128 in the second stage, 30 more of 256 in the third: 1x1, 3x3, 1x1.
    second = 28**2 * (512 * 128 + 9 * 128**2 + 128 * 512)
    third = 14**2 * (1024 * 256 + 9 * 256**2 + 256 * 1024)
    more = blueprint.multiply_adds(152, 224) - blueprint.multiply_adds(50, 224)
    assert more == 4 * second + 30 * third
    # He et al. print 3.8e9 for 50 layers and 11.3e9 for 152.
    assert blueprint.multiply_adds(50, 224) == pytest.approx(3.8e9, rel=0.02)
    assert blueprint.multiply_adds(152, 224) == pytest.approx(11.3e9, rel=0.02)
