"""The synthetic cohort holds exactly what was planted, and nothing else."""

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from covidcxr.cohorts import manifest, phantom, radiograph
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, PhantomCohort


def cohort(**changes: object) -> PhantomCohort:
    """Return a small cohort."""
    small = {"covid19": 60, "normal": 90, "image_size": 48}
    return PhantomCohort.model_validate({"source": "phantom", **small, **changes})


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, np.ndarray]:
    return phantom.generate(cohort(exact_duplicates=6, near_duplicates=20))


# --- counts and ground truth -----------------------------------------------------------


def test_counts_are_exact(made: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, pixels = made
    assert frame["label"].value_counts().to_dict() == {"COVID19": 60, "NORMAL": 90}
    assert pixels.shape == (150, 48, 48)
    assert pixels.dtype == np.uint8
    kinds = frame["planted_alteration"].value_counts().to_dict()
    assert kinds == {"exact": 6, **dict.fromkeys(phantom.ALTERATIONS, 4)}


@pytest.mark.parametrize("mean", [1.0, 1.4, 3.0, 5.0])
def test_images_per_patient_have_the_mean_that_was_asked(mean: float) -> None:
    frame, _ = phantom.draw(
        cohort(covid19=1500, normal=1500, images_per_patient=mean, near_duplicates=0)
    )
    images = frame[frame["planted_alteration"].isna()].groupby("patient_id").size()
    assert images.mean() == pytest.approx(mean, rel=0.06)
    assert images.max() <= phantom.MOST_IMAGES


@pytest.mark.parametrize("severity", [0.0, 0.3, 0.6, 1.0])
def test_severity_has_the_mean_that_was_asked(severity: float) -> None:
    frame, _ = phantom.draw(cohort(covid19=1000, severity=severity))
    means = frame.groupby("label")["planted_severity"].mean()
    assert means["COVID19"] == pytest.approx(severity, abs=0.02)
    assert means["NORMAL"] == 0


def test_age_source_and_view_follow_the_acquisition(
    made: tuple[pd.DataFrame, np.ndarray],
) -> None:
    frame, _ = made
    child = frame["planted_acquisition"] == "paediatric"
    assert frame["age"][child].between(1, 5).all()
    assert frame["age"][~child].between(20, 85).all()
    assert set(frame["view"][child]) == {"AP"}
    assert set(frame["view"][~child]) == {"AP", "PA"}
    assert (frame["source"] == np.where(child, "phantom-children", "phantom-adults")).all()


def test_names_tell_neither_the_class_nor_the_acquisition() -> None:
    frame, _ = phantom.draw(cohort(covid19=500, normal=500, confounder=0))
    number = frame["image_id"].str.extract(r"phantom-(\d+)")[0].astype(int)
    positive = (frame["label"] == "COVID19").astype(int)
    child = (frame["planted_acquisition"] == "paediatric").astype(int)
    # Rank correlations of 1,000 independent pairs lie within 0.13 but once in 20,000.
    assert abs(number.corr(positive, method="spearman")) < 0.13
    assert abs(number.corr(child, method="spearman")) < 0.13


def test_images_of_a_patient_stay_side_by_side() -> None:
    frame, _ = phantom.draw(cohort(exact_duplicates=0, near_duplicates=0, images_per_patient=3))
    runs = (frame["patient_id"] != frame["patient_id"].shift()).sum()
    assert runs == frame["patient_id"].nunique()


# --- the confounder --------------------------------------------------------------------


def test_confounder_of_one_determines_the_acquisition() -> None:
    frame, _ = phantom.draw(cohort(confounder=1))
    expected = frame["label"].map({"COVID19": "adult", "NORMAL": "paediatric"})
    assert (frame["planted_acquisition"] == expected).all()


@pytest.mark.parametrize(("confounder", "adults"), [(0.0, 0.5), (0.5, 0.75)])
def test_confounder_sets_the_share_of_the_acquisition(confounder: float, adults: float) -> None:
    frame, _ = phantom.draw(cohort(covid19=1000, normal=1000, confounder=confounder))
    patients = frame.drop_duplicates("patient_id")
    adult = patients["planted_acquisition"] == "adult"
    for label, expected in (("COVID19", adults), ("NORMAL", 1 - adults)):
        of_class = adult[patients["label"] == label]
        deviation = np.sqrt(expected * (1 - expected) / len(of_class))
        assert abs(of_class.mean() - expected) < 4 * deviation


def test_findings_do_not_depend_on_the_acquisition() -> None:
    independent, _ = phantom.draw(cohort(confounder=0))
    tied, _ = phantom.draw(cohort(confounder=1))
    pd.testing.assert_series_equal(independent["planted_severity"], tied["planted_severity"])


# --- determinism and independence of what is planted -----------------------------------


def test_same_configuration_makes_the_same_bytes() -> None:
    (frame, pixels), (again, pixels_again) = (phantom.generate(cohort()) for _ in range(2))
    pd.testing.assert_frame_equal(frame, again)
    np.testing.assert_array_equal(pixels, pixels_again)
    _, other = phantom.generate(cohort(seed=1))
    assert (other != pixels).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    "change", [{"severity": 0.1}, {"confounder": 1.0}, {"image_size": 64}], ids=str
)
def test_a_planted_defect_leaves_names_and_anatomy_alone(change: dict[str, object]) -> None:
    (frame, anatomy), (changed_frame, changed) = (
        phantom.draw(cohort()),
        phantom.draw(cohort(**change)),
    )
    assert list(frame["image_id"]) == list(changed_frame["image_id"])
    for name in ("vessels", "opacities", "texture", "haze"):
        np.testing.assert_array_equal(getattr(anatomy, name), getattr(changed, name))
    same = anatomy.paediatric == changed.paediatric
    assert same.any()
    np.testing.assert_array_equal(anatomy.traits[same], changed.traits[same])


def test_more_duplicates_only_drop_the_last_patients() -> None:
    def textures(copies: int) -> set[bytes]:
        frame, anatomy = phantom.draw(cohort(near_duplicates=copies))
        originals = frame["planted_alteration"].isna().to_numpy()
        return {texture.tobytes() for texture in anatomy.take(originals).texture}

    assert textures(40) < textures(0)


# --- duplicates ------------------------------------------------------------------------


def test_copies_are_of_their_class_and_patient_and_of_an_original_each(
    made: tuple[pd.DataFrame, np.ndarray],
) -> None:
    frame, _ = made
    copies = frame[frame["planted_duplicate_of"].notna()]
    originals = frame.set_index("image_id").loc[copies["planted_duplicate_of"]]
    assert originals["planted_alteration"].isna().all()
    assert originals.index.is_unique
    for column in ("label", "patient_id", "group_id", "age", "planted_severity"):
        assert (originals[column].to_numpy() == copies[column].to_numpy()).all()
    assert set(copies["label"]) == set(LABELS)


def test_only_exact_copies_are_identical(made: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, pixels = made
    content = pd.Series([image.tobytes() for image in pixels], index=frame["image_id"])
    exact = frame[frame["planted_alteration"] == "exact"]
    pairs = zip(exact["image_id"], exact["planted_duplicate_of"], strict=True)
    assert all(content[copy] == content[original] for copy, original in pairs)
    assert content.nunique() == len(frame) - len(exact)


def test_near_copies_are_near(made: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, pixels = made
    place = {name: i for i, name in enumerate(frame["image_id"])}
    near = frame[frame["planted_alteration"].isin(phantom.ALTERATIONS)]
    for row in near.itertuples():
        copy, original = pixels[place[row.image_id]], pixels[place[row.planted_duplicate_of]]
        if row.planted_alteration == "mirrored":
            assert correlation(copy, original) < 0.99
            copy = copy[:, ::-1]
        least = 0.90 if row.planted_alteration == "cropped" else 0.97
        assert correlation(copy, original) > least, row.planted_alteration


@pytest.mark.parametrize("name", phantom.ALTERATIONS)
def test_every_alteration_alters_mildly(name: str) -> None:
    _, anatomy = phantom.draw(cohort())
    image = radiograph.render(anatomy.take(slice(1)), 64)[0]
    altered = phantom._alter(image, name)
    assert altered.shape == image.shape
    assert altered.dtype == np.uint8
    assert (altered != image).any()
    if name != "mirrored":
        assert np.abs(altered.astype(float) - image).mean() < 25


def test_a_class_too_small_for_its_copies_is_a_problem() -> None:
    with pytest.raises(Problem, match="exact_duplicates"):
        phantom.draw(cohort(covid19=3, normal=3, exact_duplicates=3, near_duplicates=0))


# --- the pictures ----------------------------------------------------------------------


def test_patients_share_anatomy() -> None:
    frame, pixels = phantom.generate(
        cohort(images_per_patient=3, exact_duplicates=0, near_duplicates=0, confounder=0)
    )
    flat = pixels.reshape(len(pixels), -1).astype(float)
    matrix = np.corrcoef(flat)
    patient = frame["patient_id"].to_numpy()
    style = frame["planted_acquisition"].to_numpy()
    label = frame["label"].to_numpy()
    pair = np.triu(np.ones_like(matrix, bool), 1)
    alike = pair & (style[:, None] == style) & (label[:, None] == label)
    same = patient[:, None] == patient
    assert matrix[pair & same].mean() > matrix[alike & ~same].mean() + 0.01


# --- files -----------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_cohort_is_valid(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    covid19, normal = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    most = covid19 // 2 + normal // 2
    exact = data.draw(st.integers(0, most))
    small = cohort(
        covid19=covid19,
        normal=normal,
        exact_duplicates=exact,
        near_duplicates=data.draw(st.integers(0, most - exact)),
        seed=data.draw(st.integers(0, 2**40)),
        image_size=data.draw(st.integers(32, 48)),
        images_per_patient=data.draw(st.floats(1, 5)),
        severity=data.draw(st.floats(0, 1)),
        confounder=data.draw(st.floats(0, 1)),
    )
    folder = tmp_path_factory.mktemp("cohort")
    frame = manifest.read(phantom.write(small, folder))
    assert (frame["label"] == "COVID19").sum() == covid19
    assert (frame["label"] == "NORMAL").sum() == normal
    assert (frame["group_id"] == frame["patient_id"]).all()
    assert frame["image_id"].is_monotonic_increasing
    assert (frame["planted_alteration"] == "exact").sum() == small.exact_duplicates
    copies = frame["planted_alteration"].notna()
    assert copies.sum() == small.exact_duplicates + small.near_duplicates
    assert (copies == frame["planted_duplicate_of"].notna()).all()
    assert (frame["planted_severity"][frame["label"] == "NORMAL"] == 0).all()
    columns = ["patient_id", "planted_acquisition", "sex", "age", "label"]
    assert frame[columns].drop_duplicates()["patient_id"].is_unique


def test_written_files_are_what_was_generated(tmp_path: Path) -> None:
    small = cohort(covid19=12, normal=12)
    path = phantom.write(small, tmp_path / "deep" / "cohort")
    frame, (expected, pixels) = manifest.read(path), phantom.generate(small)
    written = sorted(str(p.relative_to(path.parent)) for p in path.parent.rglob("*.png"))
    assert written == list(frame["path"]) == list(expected["image_id"])
    for name, image in zip(frame["path"], pixels, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path.parent / name)), image)
    exact = frame[frame["planted_alteration"] == "exact"]
    for copy, original in zip(exact["path"], exact["planted_duplicate_of"], strict=True):
        assert (path.parent / copy).read_bytes() == (path.parent / original).read_bytes()
    assert frame["sha256"].nunique() == len(frame) - small.exact_duplicates
    assert list(path.parent.parent.iterdir()) == [path.parent]  # nothing temporary stays


def test_an_existing_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    phantom.write(cohort(covid19=12, normal=12), folder)
    phantom.write(cohort(covid19=8, normal=16, seed=1), folder)
    assert len(list(folder.rglob("*.png"))) == 24
    assert len(list(folder.glob("COVID19/*"))) == 8


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Problem),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full disk", "killed"],
)
def test_a_failed_run_leaves_the_target_untouched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    shown: type[BaseException],
) -> None:
    folder = tmp_path / "cohort"
    small = cohort(covid19=12, normal=12)
    phantom.write(small, folder)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    written = 0
    write_bytes = Path.write_bytes

    def fail_midway(path: Path, content: bytes) -> int:
        nonlocal written
        written += 1
        if written > 10:
            raise error
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail_midway)
    with pytest.raises(shown) as caught:
        phantom.write(small.model_copy(update={"seed": 1}), folder)
    if shown is Problem:
        assert str(folder) in str(caught.value)
        assert "disk is full" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert list(tmp_path.iterdir()) == [folder]
