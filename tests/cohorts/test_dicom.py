"""DICOM files show the grey values that a monitor shows, and headers name no patient."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from covidcxr.cohorts import dicom, folders, images
from covidcxr.core.errors import Unreadable
from covidcxr.core.studies import FolderCohort

pydicom = pytest.importorskip("pydicom")
MOST = 80_000_000


def written(path: Path, values: NDArray[Any], **header: Any) -> Path:
    """Write a radiograph, its values as they are and its header as given."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data = Dataset()
    data.file_meta = meta
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, int(values.dtype.kind == "i")
    data.BitsAllocated = 8 * values.dtype.itemsize
    data.BitsStored, data.HighBit = 12, 11
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Modality, data.BodyPartExamined = "DX", "CHEST"
    data.PixelData = values.tobytes()
    data.Rows, data.Columns = values.shape
    for keyword, value in header.items():
        setattr(data, keyword, value)
    data.save_as(path, enforce_file_format=True)
    return path


def grey(path: Path) -> NDArray[np.uint8]:
    picture = dicom.image(path, MOST)
    assert picture.mode == "L"
    return np.asarray(picture)


RAMP = np.array([[0, 1024], [2048, 4095]], dtype=np.uint16)


def test_the_bits_in_use_reach_from_black_to_white(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", RAMP)
    assert dicom.is_dicom(path)
    assert dicom.image(path, MOST).info["bits"] == 12
    np.testing.assert_array_equal(grey(path), [[0, 64], [128, 255]])
    ten = written(tmp_path / "b.dcm", RAMP // 4, BitsStored=10, HighBit=9)
    np.testing.assert_array_equal(grey(ten), [[0, 64], [128, 255]])


def test_monochrome1_and_an_inverse_presentation_are_inverted_once(tmp_path: Path) -> None:
    plain = grey(written(tmp_path / "a.dcm", RAMP))
    one = {"PhotometricInterpretation": "MONOCHROME1"}
    np.testing.assert_array_equal(grey(written(tmp_path / "b.dcm", RAMP, **one)), 255 - plain)
    inverse = written(tmp_path / "c.dcm", RAMP, PresentationLUTShape="INVERSE")
    np.testing.assert_array_equal(grey(inverse), 255 - plain)
    both = written(tmp_path / "d.dcm", RAMP, PresentationLUTShape="INVERSE", **one)
    np.testing.assert_array_equal(grey(both), plain)


def test_the_first_window_is_applied_after_the_rescaling(tmp_path: Path) -> None:
    # PS3.3 C.11.2.1.2.1: at centre - 0.5 the grey is in the middle; width - 1 values in all.
    window = {"WindowCenter": [1024.5, 9], "WindowWidth": [1025, 1]}
    values = np.array([[0, 512], [1024, 1536]], dtype=np.uint16)
    expected = [[0, 0], [128, 255]]
    np.testing.assert_array_equal(grey(written(tmp_path / "a.dcm", values, **window)), expected)
    shifted = written(
        tmp_path / "b.dcm", values * 2, RescaleSlope="0.5", RescaleIntercept="0", **window
    )
    np.testing.assert_array_equal(grey(shifted), expected)


def test_a_table_of_interest_comes_before_a_window(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    table = Dataset()
    table.LUTDescriptor = [4, 0, 8]
    table.add_new("LUTData", "OW", np.array([255, 0, 128, 64], dtype=np.uint16).tobytes())
    values = np.array([[0, 1], [2, 3]], dtype=np.uint16)
    path = written(
        tmp_path / "a.dcm", values, VOILUTSequence=[table], WindowCenter=1, WindowWidth=2
    )
    np.testing.assert_array_equal(grey(path), [[255, 0], [128, 64]])


def test_signed_values(tmp_path: Path) -> None:
    values = np.array([[-2048, 0], [1024, 2047]], dtype=np.int16)
    np.testing.assert_array_equal(grey(written(tmp_path / "a.dcm", values)), [[0, 128], [191, 255]])


def test_a_header_tells_patients_apart_and_names_none(tmp_path: Path) -> None:
    header = {
        "PatientID": "Doe^Jane",
        "PatientSex": "F",
        "PatientAge": "018M",
        "ViewPosition": "AP",
    }
    facts = dicom.describe(written(tmp_path / "a.dcm", RAMP, **header))
    assert (facts["view"], facts["sex"], facts["age"]) == ("AP", "F", 1.5)
    assert len(facts["patient_id"]) == 16
    assert "Doe" not in facts["patient_id"]
    same = dicom.describe(written(tmp_path / "b.dcm", RAMP, PatientID="Doe^Jane"))
    other = dicom.describe(written(tmp_path / "c.dcm", RAMP, PatientID="Doe^John"))
    elsewhere = dicom.describe(
        written(tmp_path / "d.dcm", RAMP, PatientID="Doe^Jane", IssuerOfPatientID="B")
    )
    assert facts["patient_id"] == same["patient_id"]
    assert len({d["patient_id"] for d in (facts, other, elsewhere)}) == 3
    assert dicom.describe(tmp_path / "a.dcm", plain_ids=True)["patient_id"] == "Doe^Jane"
    unknown = dicom.describe(written(tmp_path / "e.dcm", RAMP, PatientSex="O", PatientAge="n/a"))
    assert [unknown[key] for key in ("patient_id", "view", "sex", "age")] == [None] * 4


def test_what_a_reader_should_know_is_remarked(tmp_path: Path) -> None:
    assert dicom.describe(written(tmp_path / "a.dcm", RAMP))["remarks"] == []
    path = written(
        tmp_path / "b.dcm", RAMP, BurnedInAnnotation="YES", Modality="CT", BodyPartExamined="HEAD"
    )
    assert dicom.describe(path)["remarks"] == [
        "text is burned into the image",
        "modality CT, which is no radiograph",
        "body part HEAD",
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"NumberOfFrames": 3}, "holds 3 frames"),
        ({"BitsStored": 1}, "has 1 bit a value"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "has a colour table"),
        ({"Rows": 60_000, "Columns": 60_000}, "more than 80,000,000 pixels"),
        ({"Rows": 9}, "cannot be decoded as DICOM"),
        ({"PixelData": b""}, "holds no image"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, header: dict[str, Any], reason: str
) -> None:
    path = written(tmp_path / "a.dcm", RAMP, **header)
    with pytest.raises(Unreadable, match=reason) as caught:
        dicom.image(path, MOST)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()


def test_the_files_of_pydicom_itself_are_read_or_refused() -> None:
    from pydicom.data import get_testdata_file

    folder = Path(str(get_testdata_file("CT_small.dcm"))).parent
    images: dict[str, tuple[str, tuple[int, int]]] = {}
    for path in filter(dicom.is_dicom, sorted(folder.glob("*.dcm"))):
        try:
            picture = dicom.image(path, MOST)
        except Unreadable as fault:
            assert str(fault).isprintable()
        else:
            images[path.name] = (picture.mode, picture.size)
    # One radiology image, stored in six ways: the greys do not depend on the way.
    names = [
        "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
    ]  # fmt: skip
    for name in names:
        assert images[name] == ("L", (64, 64))
        np.testing.assert_array_equal(grey(folder / name), grey(folder / names[0]))
    assert images["SC_rgb_jpeg_gdcm.dcm"] == ("RGB", (100, 100))
    assert len(images) > 30


def test_a_cohort_of_dicom_files_knows_its_patients(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for label, patients in (("COVID19", "AAB"), ("NORMAL", "CDE")):
        (tmp_path / label).mkdir()
        for k, patient in enumerate(patients):
            written(
                tmp_path / label / ("IM1" if k == 1 else f"{k}.dcm"), RAMP + k,
                PatientID=patient, PatientSex="M", PatientAge="060Y", ViewPosition="PA",
                BurnedInAnnotation="YES" if k == 2 else "NO",
            )  # fmt: skip
    cohort = FolderCohort(source="folder", path=str(tmp_path))
    root, rows = folders.gather(cohort)
    assert rows["image_id"].tolist() == [f"{c}/{n}" for c in ("COVID19", "NORMAL")
                                         for n in ("0.dcm", "2.dcm", "IM1")]  # fmt: skip
    assert rows["patient_id"].nunique() == 5
    assert rows["group_id"].tolist() == rows["patient_id"].tolist()
    assert rows["patient_id"][0] == rows["patient_id"][2]
    assert set(rows["view"]) == {"PA"}
    assert set(rows["age"]) == {60.0}
    assert set(rows["grey_bits"]) == {12}
    assert set(rows["original_format"]) == {"DICOM"}
    assert "2 DICOM files: text is burned into the image; 2.dcm for one." in caplog.text
    pixels = images.load([root / path for path in rows["path"]], 2, "nearest")
    np.testing.assert_array_equal(pixels[0, ..., 0], [[0, 64], [128, 255]])
    plain = FolderCohort(source="folder", path=str(tmp_path), patient_ids="plain")
    assert folders.gather(plain)[1]["patient_id"].tolist() == list("ABACED")
