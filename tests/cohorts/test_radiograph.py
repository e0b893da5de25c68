"""The radiographs show the anatomy that they are drawn from."""

from dataclasses import replace

import numpy as np
import pandas as pd

from covidcxr.cohorts import phantom, radiograph
from covidcxr.cohorts.anatomy import TRAITS, Anatomy
from covidcxr.core.studies import PhantomCohort


def with_severity(anatomy: Anatomy, severity: float) -> Anatomy:
    return replace(anatomy, severity=np.full(len(anatomy), severity))


def draw(severity: float = 0.6) -> tuple[pd.DataFrame, Anatomy]:
    """Return 150 anatomies, as many adults as children."""
    return phantom.draw(
        PhantomCohort(source="phantom", covid19=60, normal=90, confounder=0.0, severity=severity)
    )


def test_severity_changes_the_lungs_alone() -> None:
    frame, anatomy = draw(severity=0.8)
    sick = anatomy.take((frame["label"] == "COVID19").to_numpy())
    size = 64
    with_findings = radiograph.render(sick, size).astype(int)
    without = radiograph.render(with_severity(sick, 0), size).astype(int)
    change = with_findings - without
    assert (change >= 0).all()  # opacities only ever brighten
    assert (change.max(axis=(1, 2)) > 20).all()

    trait = dict(zip(TRAITS, sick.traits.T[..., None], strict=True))
    x = np.abs((np.arange(size) + 0.5) * 2 / size - 1 - trait["shift_x"]) / trait["zoom"]
    beside = x > trait["width"] + np.abs(trait["tilt"]) + 0.04
    assert beside.any()
    assert not change.transpose(0, 2, 1)[beside].any()
    assert not change[:, : size // 8].any()  # the neck
    assert not change[:, -4:, 20:44].any()  # the abdomen


def test_findings_are_bilateral_and_grow_with_severity() -> None:
    _, anatomy = draw()
    without, mild, grave = (
        radiograph.render(with_severity(anatomy, s), 48).astype(float) for s in (0, 0.3, 0.9)
    )
    for half in (np.s_[:, :, :24], np.s_[:, :, 24:]):
        some = (mild - without)[half].mean(axis=(1, 2))
        more = (grave - without)[half].mean(axis=(1, 2))
        assert (some > 0.1).all()
        assert (more > 1.3 * some).all()


def test_render_is_independent_of_size_and_batch() -> None:
    _, anatomy = draw()
    few = anatomy.take(slice(6))
    small, large = (
        radiograph.render(few, 64).astype(float),
        radiograph.render(few, 512).astype(float),
    )
    averaged = large.reshape(6, 64, 8, 64, 8).mean(axis=(2, 4))
    for one, other in zip(small, averaged, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.995
        assert np.abs(one - other).mean() < 3
    alone = radiograph.render(few.take(slice(3, 4)), 64)[0]
    np.testing.assert_array_equal(alone, small[3])


def test_pictures_look_like_radiographs() -> None:
    frame, anatomy = draw(severity=0.0)
    grey = radiograph.render(anatomy, 64).astype(float)
    child = (frame["planted_acquisition"] == "paediatric").to_numpy()
    heart, right_lung, left_lung = (
        grey[:, 38:44, 30:40],
        grey[:, 24:36, 14:22],
        grey[:, 18:28, 42:50],
    )
    for lung in (right_lung, left_lung):
        assert (heart.mean(axis=(1, 2)) > lung.mean(axis=(1, 2)) + 40).all()
    assert np.median(grey[:, 3:7, :4]) == 0  # no body beside the neck
    assert (grey[child][:, :, :2] == 0).all()  # the children's frame
    assert heart[child].mean() > heart[~child].mean()  # and their brighter exposure
    # The heart lies to the patient's left, which is the image's right.
    assert grey[:, 42, 38:44].mean() > grey[:, 42, 20:26].mean() + 10
