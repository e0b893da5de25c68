"""Image files decoded to 8-bit RGB squares.

8-bit files give the pixels of `keras.utils.load_img`, the loader behind the paper's generator.
"""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from covidcxr.cohorts import dicom
from covidcxr.core.errors import Problem, Unreadable
from covidcxr.core.words import one_line

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "GIF", "WEBP")
"""What a file may hold, whatever its ending says. Named, so that PIL never hands
a file to one of its rarer readers, some of which start other programs."""

MAX_PIXELS = 80_000_000  # more than any radiograph has; what claims more is damaged or hostile

PIXELS_AT_ONCE = MAX_PIXELS
"""Decoded together, whatever the number of threads: memory does not grow with cores."""

# The check of MAX_PIXELS comes after PIL's own, which only warns. Of what else PIL warns of a
# file's header, nothing touches the pixels.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}
_EIGHT_BIT = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_SIXTEEN_BIT = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BITS = (8, 10, 12, 14, 16)  # what detectors and files have, in bits

_MAX_SAMPLE_VALUE = 281  # a tag of TIFF
_FRESH = "replace it with a fresh copy or remove it"
_EXPORT = "export it as an 8-bit or 16-bit PNG"


def decode(path: Path, size: int, resize: str, bits: int | None = None) -> NDArray[np.uint8]:
    """Read one image as a square of 8-bit RGB.

    As Keras' loader does, except that 16-bit grey is mapped linearly, the largest value of the
    bits in use to 255 (Keras clips at 255), and that the EXIF orientation is applied. Alpha is
    dropped; of several frames the first is read.

    Parameters
    ----------
    path
        A PNG, JPEG, BMP, PPM, TIFF, GIF, WebP or DICOM file; its ending does not matter.
    size
        Height and width of the result in pixels; the aspect ratio is not kept,
        as under Keras' ``target_size``.
    resize
        ``nearest``, ``bilinear`` or ``lanczos``, each as PIL does it.
    bits
        Of a 16-bit file how many are in use, as `bits_in_use` returns; left out: what
        the file itself declares, else 16.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    Problem
        If the file is missing, empty, damaged, cut short, no image, larger than
        `MAX_PIXELS`, or of a mode that has no lossless way to 8 bits.
    """
    resampling = _RESAMPLING[resize]
    with _opened(path) as image:
        image.load()
        # Only after loading: PIL turns a TIFF itself and then forgets its tag.
        turn = _UPRIGHT.get(_orientation(image))
        plain = _eight_bit(image, path, bits)
        upright = plain if turn is None else plain.transpose(turn)
        return np.asarray(upright.resize((size, size), resampling).convert("RGB"))


def load(
    paths: Sequence[Path], size: int, resize: str, bits: Sequence[int | None] | None = None
) -> NDArray[np.uint8]:
    """Read n images as `decode` reads one, shape (n, size, size, 3).

    A `Problem` names all files that `decode` refuses: how many, and the first five.
    """
    pixels = np.empty((len(paths), size, size, 3), dtype=np.uint8)

    def fill(index: int) -> Unreadable | None:
        try:
            pixels[index] = decode(paths[index], size, resize, bits[index] if bits else None)
        except Unreadable as fault:
            return fault
        return None

    with _pool() as pool:
        faults = [fault for fault in pool.map(fill, range(len(paths))) if fault]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise Problem(_together(faults, len(paths)))
    return pixels


def _pool() -> ThreadPoolExecutor:
    # PIL lets go of the interpreter lock while it decodes and resizes.
    return ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))


class Depth(NamedTuple):
    """Bits in use of a file of more than 8, and its lowest and highest stored grey value."""

    bits: int
    lowest: int
    highest: int


def depths(paths: Sequence[Path]) -> list[Depth | None]:
    """Depths of a cohort's files; None for those of 8 bits and unreadable ones.

    Radiographs of 10 or 12 bits are stored in files of 16. A file may declare its bits; the
    others share the fewest of `BITS` that hold all their values, so that they stay as bright
    beside one another as they were on the detector.
    """
    with _pool() as pool:
        read = list(pool.map(_depth, paths))
    brightest = max((one.highest for one in read if one and not one.bits), default=0)
    shared = next((bits for bits in BITS if brightest < 2**bits), BITS[-1])
    return [one and (one if one.bits else one._replace(bits=shared)) for one in read]


def bits_in_use(paths: Sequence[Path]) -> list[int | None]:
    """Bits in use of each file of a cohort, as `depths` finds them; None for files of 8 bits."""
    return [one and one.bits for one in depths(paths)]


def _depth(path: Path) -> Depth | None:
    """Depth of a file, its bits 0 where it declares none; None for 8 bits or an unreadable one."""
    try:
        with _opened(path) as image:
            if image.format == dicom.FORMAT and image.info["bits"] > 8:
                return Depth(image.info["bits"], *image.info["range"])
            if image.mode not in _SIXTEEN_BIT:
                return None
            image.load()
            values = np.asarray(image)
            lowest, highest = int(values.min()), int(values.max())
            return Depth(_declared_bits(image, path, highest) or 0, lowest, highest)
    except Unreadable:
        return None  # decoding names it


def _declared_bits(image: Image.Image, path: Path, highest: int) -> int | None:
    """Return how many bits a 16-bit file says are in use, where its values fit into them.

    A PNG (sBIT) whose values were stretched over all 16 bits, as its standard asks, declares
    how many they were before; a TIFF's MaxSampleValue may be just the largest value in it.
    """
    if image.format == "TIFF":
        value = getattr(image, "tag_v2", {}).get(_MAX_SAMPLE_VALUE)
        largest = value[0] if isinstance(value, tuple) else value
        declared = next((bits for bits in BITS if largest == 2**bits - 1), None)
    else:
        declared = _significant_bits(path) if image.format == "PNG" else None
    return declared if declared in BITS and highest < 2**declared else None


def _significant_bits(path: Path) -> int | None:
    """Read the chunk sBIT of a PNG, which PIL passes over."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            content = file.read(int.from_bytes(head[:4], "big"))
            if head[4:] == b"sBIT" and content:
                return content[0]
            file.seek(4, os.SEEK_CUR)
    return None


def describe(path: Path) -> dict[str, Any]:
    """Describe a file by its header: stored width and height, PIL's mode and format, bytes."""
    with _opened(path) as image:
        facts = {name: getattr(image, name) for name in ("width", "height", "mode", "format")}
        return facts | {"bytes": path.stat().st_size}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _inaccessible(path, error) from error


class _InFlight:
    """Counts the pixels of the images that are open; the next one waits until it fits in."""

    def __init__(self) -> None:
        self.pixels = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until these pixels fit beside the others, or are alone."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self.pixels or self.pixels + pixels <= PIXELS_AT_ONCE
            )
            self.pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self.pixels -= pixels
                self._changed.notify_all()


_in_flight = _InFlight()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image of a usable kind; whatever fails inside becomes a `Problem`."""
    with ExitStack() as held, _explained(path):

        def hold(pixels: int) -> None:
            held.enter_context(_in_flight.hold(pixels))

        if not path.stat().st_size:
            raise Unreadable(path, "is empty", _FRESH)
        if dicom.is_dicom(path):
            yield dicom.image(path, MAX_PIXELS, hold)
            return
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            if image.mode not in _EIGHT_BIT | _SIXTEEN_BIT:
                raise Unreadable(path, f"has mode {image.mode}, which is not supported", _EXPORT)
            # PIL would keep the upper half of each value, whatever bits are in use.
            if image.mode not in _SIXTEEN_BIT and ";16" in str(image.tile):
                raise Unreadable(path, "has 16 bits a channel, in colour or with alpha", _EXPORT)
            hold(image.width * image.height)
            yield image


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever fails on an image into a `Problem`."""
    try:
        yield
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        raise Unreadable(path, "is not an image, or its beginning is damaged", _FRESH) from error
    # On damaged files PIL's readers raise nearly anything: OSError, SyntaxError,
    # ValueError, struct.error, zlib.error, ... Only the system's errors have a number.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _inaccessible(path, error) from error
        reason = one_line(error) or type(error).__name__
        raise Unreadable(path, f"is damaged or cut short ({reason})", _FRESH) from error


def _orientation(image: Image.Image) -> int:
    """Read how the image is turned; upright (1) where the EXIF block is broken.

    `PIL.ImageOps.exif_transpose` also rewrites the block and fails where it
    cannot, although the pixels are sound.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _eight_bit(image: Image.Image, path: Path, bits: int | None) -> Image.Image:
    """Return the image as L or RGB; grey stays L, which resizes thrice as fast."""
    if image.mode in _SIXTEEN_BIT:
        stored = np.asarray(image)
        highest = int(stored.max())
        if stored.min() < 0 or highest > 65_535:
            raise Unreadable(path, "holds grey values outside 0 to 65535", _EXPORT)
        largest = 2 ** (bits or _declared_bits(image, path, highest) or BITS[-1]) - 1
        values = stored.astype(np.uint32)  # in place from here: large images need much memory
        values *= 255
        values += largest // 2
        values //= largest
        return Image.fromarray(np.minimum(values, 255, out=values).astype(np.uint8))
    # A transparent colour changes no pixel here, but PIL would warn about it.
    image.info.pop("transparency", None)
    return image if image.mode == "L" else image.convert("RGB")


def _too_large(path: Path) -> Unreadable:
    reason = f"has more than {MAX_PIXELS:,} pixels, too many for a radiograph"
    return Unreadable(path, reason, "scale it down or remove it")


def _inaccessible(path: Path, error: OSError) -> Unreadable:
    reason = f"cannot be opened ({error.strerror or error})"
    return Unreadable(path, reason, "check the path and its permissions")


def _together(faults: Sequence[Unreadable], total: int) -> str:
    shown = [f"{fault.path} {fault.reason}" for fault in faults[:5]]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    return (
        f"{len(faults)} of {total} images cannot be read: {', '.join(shown)}; "
        "replace these files with fresh copies or remove them."
    )
