"""Radiographs in DICOM files: grey values as a monitor shows them, and what the header says."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.core.errors import Unreadable
from covidcxr.core.words import one_line, plural

if TYPE_CHECKING:
    from pydicom import Dataset

log = logging.getLogger(__name__)

FORMAT = "DICOM"
SUFFIXES = frozenset({".dcm", ".dicom"})
EXTRA = "pip install 'covidcxr[dicom]'"

_EXPORT = "export it as an 8-bit or 16-bit PNG"
_RADIOGRAPHS = ("CR", "DX", "DR", "RG", "XR")
_BITS = 16


def is_installed() -> bool:
    """Return whether the package that reads DICOM is there."""
    return importlib.util.find_spec("pydicom") is not None


def is_dicom(path: Path) -> bool:
    """Return whether a file has the mark of DICOM behind its preamble."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def image(
    path: Path, max_pixels: int, hold: Callable[[int], None] = lambda pixels: None
) -> Image.Image:
    """Read the grey values of a radiograph as its monitor shows them.

    The modality's transformation (rescale slope and intercept, or a table) comes first, then
    the first value-of-interest table or window. MONOCHROME1 and an inverse presentation are
    inverted, so that air is dark in every file (DICOM PS3.3, C.7.6.3 on pixels, C.11.1 on the
    modality, C.11.2 on VOI, C.11.6 on presentation).

    More than ``max_pixels`` are refused before anything is decoded; ``hold`` is called with their
    number before. The image has mode L, or RGB for a colour image of 8 bits; its ``info`` has
    ``bits``, how many a stored value has, and ``range``, the lowest and the highest stored value.
    An `Unreadable` is raised for a file without an image, of several frames, of another number of
    bits, too large, or in a compression that no installed package decodes.
    """
    data = _dataset(path)
    _refuse_unusable(path, data, max_pixels)
    hold(int(data.Rows) * int(data.Columns))
    from pydicom.pixels.utils import pixel_array

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = _decoded(path, lambda: pixel_array(data))
        if values.ndim == 3:
            if values.dtype != np.uint8:
                raise Unreadable(path, "has 16 bits a channel, in colour", _EXPORT)
            return _named(Image.fromarray(values), 8, values)
        stored = values
        low, high = _stored_range(data)
        values, low, high = _modality(data, values, low, high)
        values, low, high = _value_of_interest(data, values, low, high)
    grey = ((values - low) / (high - low) * 255).round().clip(0, 255).astype(np.uint8)
    shape = str(data.get("PresentationLUTShape", "")).upper()
    if (data.PhotometricInterpretation == "MONOCHROME1") != (shape == "INVERSE"):
        grey = 255 - grey
    return _named(Image.fromarray(grey), int(data.BitsStored), stored)


def _named(picture: Image.Image, bits: int, stored: NDArray[Any]) -> Image.Image:
    ends = int(stored.min()), int(stored.max())
    picture.format, picture.info = FORMAT, {"bits": bits, "range": ends}
    return picture


def describe(path: Path, *, plain_ids: bool = False) -> dict[str, Any]:
    """Return what a header says of the patient and the image.

    These are ``patient_id``, ``view``, ``sex`` (F or M), ``age`` in years, each None where unknown,
    and ``remarks``, a list of what a reader of the images should know. With ``plain_ids`` the
    patient's id stands as it is; else its hash, which tells patients apart and names none.
    """
    data = _dataset(path)

    def text(keyword: str) -> str:
        return str(data.get(keyword, "") or "").strip()

    patient = text("PatientID")
    if patient and not plain_ids:
        name = f"{text('IssuerOfPatientID')}/{patient}"
        patient = hashlib.sha256(name.encode()).hexdigest()[:16]
    remarks = []
    if text("BurnedInAnnotation").upper() == "YES":
        remarks.append("text is burned into the image")
    if (modality := text("Modality")) and modality not in _RADIOGRAPHS:
        remarks.append(f"modality {modality}, which is no radiograph")
    if (body := text("BodyPartExamined").upper()) and not re.search("CHEST|THORAX|LUNG", body):
        remarks.append(f"body part {body}")
    return {
        "patient_id": patient or None,
        "view": text("ViewPosition") or None,
        "sex": text("PatientSex") if text("PatientSex") in ("F", "M") else None,
        "age": _years(text("PatientAge")),
        "remarks": remarks,
    }


def add_headers(
    rows: pd.DataFrame, paths: Sequence[Path], where: str, *, plain_ids: bool = False
) -> pd.DataFrame:
    """Fill in what headers say of patients, and warn of what images hold besides lungs.

    ``rows`` has a row for each of ``paths``, its facts keep precedence over a header's;
    ``where`` begins the warnings; ``plain_ids`` is as for `describe`.
    """
    marked = [is_dicom(path) for path in paths]
    headers = pd.DataFrame(
        [describe(path, plain_ids=plain_ids) for path in compress(paths, marked)],
        index=rows.index[marked],
        dtype=object,
    )
    for column in ("patient_id", "view", "sex", "age"):
        if column in headers and headers[column].notna().any():
            known = rows[column].astype(object) if column in rows else pd.Series(index=rows.index)
            rows[column] = known.astype(object).fillna(headers[column])
    if "remarks" in headers:
        remarks = headers["remarks"].explode().dropna()
        example = dict(zip(rows.index, paths, strict=True))
        for remark, places in remarks.groupby(remarks).groups.items():
            name = example[places[0]].name
            log.warning("%s: %d DICOM files: %s; %s for one.", where, len(places), remark, name)
    return rows


def _years(age: str) -> float | None:
    """Return an age in years from an age string, such as 045Y or 018M."""
    match = re.fullmatch(r"(\d{1,3})([YMWD])", age)
    if not match:
        return None
    years = int(match[1]) / {"Y": 1, "M": 12, "W": 52.18, "D": 365.25}[match[2]]
    return round(years, 2) if years <= 120 else None


def _dataset(path: Path) -> Dataset:
    if not is_installed():
        raise Unreadable(path, "is a DICOM file, which needs pydicom", f"{EXTRA}, or {_EXPORT}")
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decoded(path, lambda: pydicom.dcmread(path))


def _decoded(path: Path, read: Callable[[], Any]) -> Any:
    """Call pydicom, whose readers raise nearly anything on a damaged file."""
    try:
        return read()
    except OSError as error:
        if error.errno is not None:
            raise
        raise Unreadable(path, f"is damaged or cut short ({_line(error)})", _EXPORT) from error
    except Exception as error:
        reason = f"cannot be decoded as DICOM ({_line(error)})"
        raise Unreadable(path, reason, f"{EXTRA} if it is compressed, or {_EXPORT}") from error


def _line(error: Exception) -> str:
    line = one_line(error) or type(error).__name__
    return line if len(line) <= 120 else f"{line[:120]}..."


def _refuse_unusable(path: Path, data: Dataset, max_pixels: int) -> None:
    needed = ("PixelData", "Rows", "Columns", "BitsStored", "PhotometricInterpretation")
    if absent := [keyword for keyword in needed if data.get(keyword) in (None, "")]:
        raise Unreadable(path, f"holds no image (its header has no {absent[0]})", "remove it")
    try:
        frames, rows, columns, bits = (
            int(data.get(keyword, 1) or 1)
            for keyword in ("NumberOfFrames", "Rows", "Columns", "BitsStored")
        )
    except (TypeError, ValueError) as error:
        raise Unreadable(path, f"has a damaged header ({_line(error)})", _EXPORT) from error
    if frames > 1:
        raise Unreadable(path, f"holds {frames:,} frames", "export the one that is meant as PNG")
    if rows * columns > max_pixels:
        reason = f"has more than {max_pixels:,} pixels, too many for a radiograph"
        raise Unreadable(path, reason, "scale it down or remove it")
    if data.PhotometricInterpretation == "PALETTE COLOR":
        raise Unreadable(path, "has a colour table, which no radiograph has", _EXPORT)
    if not 2 <= bits <= _BITS:
        raise Unreadable(path, f"has {plural(bits, 'bit')} a value", _EXPORT)


def _stored_range(data: Dataset) -> tuple[float, float]:
    """Return the lowest and the highest value that the bits in use can hold."""
    bits = int(data.BitsStored)
    if data.get("PixelRepresentation"):
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _modality(
    data: Dataset, values: NDArray[Any], low: float, high: float
) -> tuple[NDArray[Any], float, float]:
    if sequence := data.get("ModalityLUTSequence"):
        from pydicom.pixels.processing import apply_modality_lut

        return apply_modality_lut(values, data), *_table_range(sequence[0])
    slope = float(data.get("RescaleSlope", 1) or 1)
    intercept = float(data.get("RescaleIntercept", 0) or 0)
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return values * slope + intercept, ends[0], ends[1]


def _value_of_interest(
    data: Dataset, values: NDArray[Any], low: float, high: float
) -> tuple[NDArray[Any], float, float]:
    """Apply the first table, or else the first window with its function, of the header."""
    if sequence := data.get("VOILUTSequence"):
        from pydicom.pixels.processing import apply_voi

        return apply_voi(values.astype(int), data), *_table_range(sequence[0])
    centre, width = (_first(data.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None:
        return values, low, high
    function = str(data.get("VOILUTFunction", "") or "LINEAR").upper()
    if function == "SIGMOID" and width > 0:
        return 1 / (1 + np.exp(-4 * (values - centre) / width)), 0.0, 1.0
    if function == "LINEAR_EXACT" and width > 0:
        return (values - centre) / width + 0.5, 0.0, 1.0
    if function == "LINEAR" and width > 1:
        return (values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0
    return values, low, high


def _table_range(item: Dataset) -> tuple[float, float]:
    """Return the range of a look-up table's entries, whose bits its descriptor states."""
    return 0.0, 2.0 ** int(item.LUTDescriptor[2]) - 1


def _first(value: Any) -> float | None:
    """Return the first of one or several numbers."""
    if value is None or value == "":
        return None
    return float(value if isinstance(value, (str, int, float)) else np.ravel(value)[0])
