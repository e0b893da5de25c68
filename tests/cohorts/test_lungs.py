"""The stated lung region: where it lies, and how well it fits lungs that are known."""

from dataclasses import replace

import numpy as np
import pytest

from covidcxr.cohorts import lungs, phantom, radiograph
from covidcxr.core.studies import PhantomCohort

_, ANATOMY = phantom.draw(PhantomCohort(source="phantom", covid19=30, normal=60))


def test_the_region_has_the_area_of_two_ellipses() -> None:
    area = 2 * np.pi * lungs.AXES[0] * lungs.AXES[1] / 4
    assert lungs.share(8).mean() == pytest.approx(area, abs=0.003)
    assert lungs.region(256).mean() == pytest.approx(area, abs=0.003)


@pytest.mark.parametrize("size", [32, 33, 64])
def test_the_region_is_the_same_on_both_sides_and_leaves_spine_and_edges_free(size: int) -> None:
    region = lungs.region(size)
    assert region.shape == (size, size)
    assert (region == region[:, ::-1]).all()
    assert not region[:, size // 2].any()
    assert not region[0].any()
    assert not region[:, 0].any()


def test_it_holds_most_of_a_synthetic_lung_and_is_mostly_lung() -> None:
    covered, lung = lungs.coverage(ANATOMY)
    assert covered.shape == lung.shape == (len(ANATOMY),)
    assert covered.mean() > 0.75
    assert lung[~ANATOMY.paediatric].mean() > 0.7
    assert (covered <= 1).all()


def test_true_lungs_are_dark_in_the_picture() -> None:
    true = radiograph.lungs(ANATOMY, 64)
    healthy = replace(ANATOMY, severity=np.zeros(len(ANATOMY)))
    pictures = radiograph.render(healthy, 64)
    for lung, picture in zip(true, pictures, strict=True):
        body = np.zeros_like(lung)
        body[16:48, 8:56] = True
        assert picture[lung].mean() < picture[body & ~lung].mean()
