"""Decoding: every mode with known pixels, then everything that can be wrong with a file."""

import hashlib
import io
import os
import pickle
import struct
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from covidcxr.cohorts import images
from covidcxr.core.errors import Problem

pytestmark = pytest.mark.filterwarnings("error")

GREY = np.array([[0, 64], [128, 255]], dtype=np.uint8)
COLOUR = np.array([[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [250, 251, 252]]], dtype=np.uint8)
ALPHA = np.array([[0, 1], [128, 255]], dtype=np.uint8)


def spread(grey: Any) -> np.ndarray:
    return np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)


def stored(image: Image.Image, path: Path, form: str = "PNG", **options: Any) -> Path:
    image.save(path, form, **options)
    with Image.open(path) as saved:
        assert saved.mode == image.mode  # the file has the mode that the test is about
    return path


def problem(path: Path, size: int = 4) -> str:
    with pytest.raises(Problem) as caught:
        images.decode(path, size, "nearest")
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A name that tells nothing, as many real ones."""
    return tmp_path / "image.jpg"


class TestModes:
    def test_1(self, file: Path) -> None:
        image = Image.fromarray(GREY > 100)
        decoded = images.decode(stored(image, file), 2, "nearest")
        assert (decoded == spread([[0, 0], [255, 255]])).all()

    def test_l(self, file: Path) -> None:
        decoded = images.decode(stored(Image.fromarray(GREY), file), 2, "nearest")
        assert decoded.dtype == np.uint8
        assert (decoded == spread(GREY)).all()

    def test_l_with_a_transparent_grey(self, file: Path) -> None:
        path = stored(Image.fromarray(GREY), file, transparency=128)
        assert (images.decode(path, 2, "nearest") == spread(GREY)).all()

    def test_la_drops_alpha(self, file: Path) -> None:
        path = stored(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), file)
        assert (images.decode(path, 2, "nearest") == spread(GREY)).all()

    @pytest.mark.parametrize("transparency", [None, 1, b"\x00\x80\xff"])
    def test_p(self, file: Path, transparency: int | bytes | None) -> None:
        image = Image.fromarray(np.array([[0, 1], [2, 3]], dtype=np.uint8), "P")
        image.putpalette(COLOUR.tobytes())
        options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
        decoded = images.decode(stored(image, file, **options), 2, "nearest")
        assert (decoded == COLOUR).all()

    def test_rgb(self, file: Path) -> None:
        decoded = images.decode(stored(Image.fromarray(COLOUR), file), 2, "nearest")
        assert (decoded == COLOUR).all()

    def test_rgba_drops_alpha(self, file: Path) -> None:
        path = stored(Image.fromarray(np.dstack([COLOUR, ALPHA])), file)
        assert (images.decode(path, 2, "nearest") == COLOUR).all()

    def test_cmyk(self, file: Path) -> None:
        inks = np.dstack([255 - COLOUR, np.zeros((2, 2), dtype=np.uint8)])
        path = stored(Image.fromarray(inks, "CMYK"), file, "TIFF")
        assert (images.decode(path, 2, "nearest") == COLOUR).all()

    def test_cmyk_jpeg(self, file: Path) -> None:
        inks = np.full((16, 16, 4), [0, 100, 200, 0], dtype=np.uint8)
        path = stored(Image.fromarray(inks, "CMYK"), file, "JPEG", quality=100)
        off = images.decode(path, 2, "nearest").astype(int) - [255, 155, 55]
        assert abs(off).max() <= 2

    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    def test_16_bit_grey_keeps_its_whole_range(self, file: Path, form: str) -> None:
        values = np.array([[0, 255], [32_896, 65_535]], dtype=np.uint16)
        path = stored(Image.fromarray(values), file, form)
        with Image.open(path) as image:
            assert image.mode == "I;16"
            clipped = np.asarray(image.convert("RGB"))[..., 0].tolist()
        assert clipped == [[0, 255], [255, 255]]  # the trap
        assert (images.decode(path, 2, "nearest") == spread([[0, 1], [128, 255]])).all()

    def test_16_bit_grey_big_endian(self, file: Path) -> None:
        values = GREY.astype(">u2") * 257
        path = stored(Image.frombytes("I;16B", (2, 2), values.tobytes()), file, "TIFF")
        assert (images.decode(path, 2, "nearest") == spread(GREY)).all()

    def test_16_bit_grey_in_32(self, file: Path) -> None:
        path = stored(Image.fromarray(GREY.astype(np.int32) * 257), file, "TIFF")
        assert (images.decode(path, 2, "nearest") == spread(GREY)).all()

    @pytest.mark.parametrize("value", [-1, 65_536])
    def test_32_bit_grey_beyond_16(self, file: Path, value: int) -> None:
        path = stored(Image.fromarray(np.array([[0, value]], dtype=np.int32)), file, "TIFF")
        assert "holds grey values outside 0 to 65535; export it as" in problem(path)

    def test_float_is_refused(self, file: Path) -> None:
        path = stored(Image.fromarray(GREY / np.float32(255)), file, "TIFF")
        assert "has mode F, which is not supported; export it as an 8-bit or 16-bit" in problem(
            path
        )
        with pytest.raises(Problem, match="mode F"):
            images.describe(path)

    @given(value=st.integers(0, 65_535))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    def test_16_bit_grey_rounds_to_nearest(self, file: Path, value: int) -> None:
        Image.fromarray(np.array([[value]], dtype=np.uint16)).save(file, "PNG")
        assert images.decode(file, 1, "nearest").tolist() == [[[round(value / 257)] * 3]]


TURNED = {  # what of GREY is stored where, by the meaning of the EXIF values
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: np.rot90(GREY),  # "rotate by 90 clockwise to view"
    7: GREY[::-1, ::-1].T,
    8: np.rot90(GREY, -1),
}


class TestOrientation:
    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    @pytest.mark.parametrize("value", TURNED)
    def test_is_applied(self, file: Path, value: int, form: str) -> None:
        exif = Image.Exif()
        exif[0x0112] = value
        stored(Image.fromarray(TURNED[value].copy()), file, form, exif=exif)
        assert (images.decode(file, 2, "nearest") == spread(GREY)).all()

    @pytest.mark.parametrize("value", TURNED)
    def test_is_applied_to_16_bits(self, file: Path, value: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = value
        stored(Image.fromarray(TURNED[value].astype(np.uint16) * 257), file, exif=exif)
        assert (images.decode(file, 2, "nearest") == spread(GREY)).all()

    def test_is_applied_to_a_jpeg_before_it_is_resized(self, file: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        pixels = np.zeros((16, 48), dtype=np.uint8)
        pixels[:, 32:] = 255
        Image.fromarray(pixels).save(file, "JPEG", exif=exif)
        assert images.describe(file)["width"] == 48  # as stored
        assert (images.decode(file, 3, "nearest") == spread([[0] * 3, [0] * 3, [255] * 3])).all()

    @pytest.mark.parametrize("block", [b"Exif\0\0broken", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
    def test_a_broken_block_does_not_cost_the_image(self, file: Path, block: bytes) -> None:
        Image.fromarray(GREY).save(file, "PNG", exif=block)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL says that the block is broken
            assert (images.decode(file, 2, "nearest") == spread(GREY)).all()


class TestResizing:
    def test_nearest_ignores_the_aspect_ratio(self, file: Path) -> None:
        Image.fromarray(np.array([[1, 2, 3, 4]], dtype=np.uint8)).save(file, "PNG")
        assert (images.decode(file, 2, "nearest") == spread([[2, 4], [2, 4]])).all()

    def test_bilinear_by_hand(self, file: Path) -> None:
        # PIL widens its triangle when it shrinks: weights 3 3 1, over 7, at this edge.
        Image.fromarray(np.array([[0, 70, 140, 210]], dtype=np.uint8)).save(file, "PNG")
        row = [round((3 * 0 + 3 * 70 + 140) / 7), round((70 + 3 * 140 + 3 * 210) / 7)]
        assert (images.decode(file, 2, "bilinear") == spread([row, row])).all()

    @given(
        width=st.integers(1, 40),
        height=st.integers(1, 40),
        size=st.integers(1, 40),
        resize=st.sampled_from(["nearest", "bilinear", "lanczos"]),
        grey=st.integers(0, 255),
    )
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_any_size_gives_the_size_asked_for_and_keeps_a_constant(
        self, file: Path, width: int, height: int, size: int, resize: str, grey: int
    ) -> None:
        Image.new("L", (width, height), grey).save(file, "PNG")
        decoded = images.decode(file, size, resize)
        assert decoded.shape == (size, size, 3)
        assert (decoded == grey).all()

    def test_an_unknown_method_is_a_defect_of_the_caller(self, file: Path) -> None:
        with pytest.raises(KeyError):
            images.decode(file, 2, "bicubic")


@pytest.mark.filterwarnings("default")
def test_equals_keras(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (37, 53, 4), dtype=np.uint8)
    palette = Image.fromarray(noise[..., :3]).quantize(16)
    made = {
        "l.png": Image.fromarray(noise[..., 0]),
        "la.png": Image.fromarray(noise[..., :2], "LA"),
        "p.png": palette,
        "rgb.png": Image.fromarray(noise[..., :3]),
        "rgba.png": Image.fromarray(noise),
        "l.jpg": Image.fromarray(noise[..., 0]),
        "rgb.jpg": Image.fromarray(noise[..., :3]),
    }
    for name, image in made.items():
        image.save(tmp_path / name)
    palette.save(tmp_path / "transparent.png", transparency=3)
    for path in sorted(tmp_path.iterdir()):
        for resize in ("nearest", "bilinear", "lanczos"):
            for size in (16, 64):
                theirs = keras.utils.load_img(path, target_size=(size, size), interpolation=resize)
                ours = images.decode(path, size, resize)
                assert (ours == np.asarray(theirs)).all(), (path.name, resize, size)


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("RGB", {}),
    "PNG, palette": ("P", {"transparency": 3}),
    "PNG, 16 bits": ("I;16", {}),
    "JPEG": ("L", {}),
    "JPEG, progressive": ("RGB", {"progressive": True}),
    "BMP": ("L", {}),
    "PPM": ("RGB", {}),
    "GIF": ("P", {}),
    "TIFF": ("L", {}),
    "TIFF, compressed": ("L", {"compression": "tiff_lzw"}),
    "WEBP": ("RGB", {"lossless": True}),
}


@cache
def encoded(name: str) -> bytes:
    mode, options = FORMS[name]
    noise = np.random.default_rng(1).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, name.split(",")[0], **options)
    return buffer.getvalue()


# A broken EXIF block, colour profile or the like is PIL's to warn about.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMS)
class TestDamage:
    @pytest.fixture(autouse=True)
    def _readable(self, name: str) -> None:
        if name == "WEBP" and not features.check("webp"):
            pytest.skip("this PIL is built without WebP")

    def test_cut_short_anywhere_it_is_whole_or_a_problem(self, file: Path, name: str) -> None:
        whole = encoded(name)
        file.write_bytes(whole)
        expected = images.decode(file, 8, "nearest")
        refused = 0
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            try:
                assert (images.decode(file, 8, "nearest") == expected).all(), length
            except Problem as fault:
                refused += 1
                assert str(fault).startswith(f"{file}: ")
        assert refused > 0.9 * len(whole)

    @given(data=st.data())
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture],
        deadline=None,
        max_examples=60,
    )
    def test_changed_anywhere_it_is_decoded_or_a_problem(
        self, file: Path, name: str, data: st.DataObject
    ) -> None:
        content = bytearray(encoded(name))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        file.write_bytes(content)
        for read in (images.describe, lambda path: images.decode(path, 8, "nearest")):
            try:
                read(file)
            except Problem as fault:
                assert str(fault).startswith(f"{file}: ")


class TestProblems:
    def test_missing(self, file: Path) -> None:
        assert problem(file) == (
            f"{file}: cannot be opened (No such file or directory); "
            "check the path and its permissions."
        )

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be opened (Is a directory)" in problem(tmp_path)

    def test_empty(self, file: Path) -> None:
        file.touch()
        assert problem(file) == f"{file}: is empty; replace it with a fresh copy or remove it."

    @pytest.mark.parametrize("content", [b"<html>404</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0"])
    def test_no_image(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        assert problem(file) == (
            f"{file}: is not an image, or its beginning is damaged; "
            "replace it with a fresh copy or remove it."
        )

    def test_cut_short(self, file: Path) -> None:
        file.write_bytes(encoded("JPEG")[:-40])
        assert problem(file) == (
            f"{file}: is damaged or cut short (image file is truncated (9 bytes not processed)); "
            "replace it with a fresh copy or remove it."
        )
        # The header is whole, and nothing more is described.
        assert images.describe(file)["width"] == 11

    @pytest.mark.parametrize("side", [9_000, 13_000, 60_000])
    def test_a_decompression_bomb(self, file: Path, side: int) -> None:
        def chunk(kind: bytes, content: bytes) -> bytes:
            body = kind + content
            return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        expected = (
            f"{file}: has more than 80,000,000 pixels, too many for a radiograph; "
            "scale it down or remove it."
        )
        assert problem(file) == expected  # PIL's warning being an error here
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert problem(file) == expected

    def test_survives_pickling(self, file: Path) -> None:
        with pytest.raises(Problem) as caught:
            images.decode(file, 2, "nearest")
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


class TestLoad:
    def test_keeps_the_order(self, tmp_path: Path) -> None:
        paths = [tmp_path / f"{grey}.png" for grey in range(40)]
        for grey, path in enumerate(paths):
            Image.new("L", (3, 3), grey).save(path)
        pixels = images.load(paths[::-1], 5, "nearest")
        assert pixels.shape == (40, 5, 5, 3)
        assert pixels.dtype == np.uint8
        assert pixels[:, 2, 2, 1].tolist() == list(range(40))[::-1]

    def test_of_nothing(self) -> None:
        assert images.load([], 5, "nearest").shape == (0, 5, 5, 3)

    def test_one_fault_is_told_as_by_decode(self, file: Path, tmp_path: Path) -> None:
        Image.new("L", (3, 3)).save(tmp_path / "good.png")
        with pytest.raises(Problem) as caught:
            images.load([tmp_path / "good.png", file], 2, "nearest")
        assert str(caught.value) == problem(file)

    def test_all_faults_are_counted_and_five_named(self, tmp_path: Path) -> None:
        good = tmp_path / "good.png"
        Image.new("L", (3, 3)).save(good)
        bad = [tmp_path / f"{number}.png" for number in range(7)]
        for path in bad:
            path.touch()
        with pytest.raises(Problem) as caught:
            images.load([good, *bad, good], 2, "nearest")
        named = ", ".join(f"{path} is empty" for path in bad[:5])
        assert str(caught.value) == (
            f"7 of 9 images cannot be read: {named}, and 2 more; "
            "replace these files with fresh copies or remove them."
        )


def test_describe(file: Path) -> None:
    Image.new("RGBA", (7, 5)).save(file, "PNG")
    assert images.describe(file) == {
        "width": 7,
        "height": 5,
        "mode": "RGBA",
        "format": "PNG",
        "bytes": file.stat().st_size,
    }


def test_sha256(file: Path) -> None:
    content = b"radiograph" * 100_000
    file.write_bytes(content)
    assert images.sha256(file) == hashlib.sha256(content).hexdigest()
    file.unlink()
    with pytest.raises(Problem, match="cannot be opened"):
        images.sha256(file)


def deep(path: Path, values: NDArray[np.uint16], chunk: bytes = b"") -> Path:
    """Write a 16-bit PNG, with a chunk before its pixels."""
    Image.fromarray(values).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunk + content[33:])
    return path


def significant(bits: int) -> bytes:
    body = b"sBIT" + bytes([bits])
    return (1).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


class TestBitsInUse:
    RAMP = np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)

    def test_files_of_a_cohort_share_the_fewest_bits_that_hold_all_values(
        self, tmp_path: Path
    ) -> None:
        dark = deep(tmp_path / "dark.png", self.RAMP // 40)
        bright = deep(tmp_path / "bright.png", self.RAMP)
        eight = tmp_path / "eight.png"
        Image.fromarray((self.RAMP // 16).astype(np.uint8)).save(eight)
        gone = tmp_path / "gone.png"
        assert images.bits_in_use([dark, eight, bright, gone]) == [12, None, 12, None]
        assert images.bits_in_use([dark]) == [8]
        pixels = images.load([bright, eight], 64, "nearest", [12, None]).astype(int)
        assert np.abs(pixels[0] - pixels[1]).max() <= 1

    def test_different_dark_pictures_stay_different(self, tmp_path: Path) -> None:
        paths = [deep(tmp_path / f"{i}.png", (self.RAMP // 40) ** i) for i in (0, 1)]
        pixels = images.load(paths, 64, "nearest", images.bits_in_use(paths))
        assert pixels[0].std() == 0 and pixels[1].std() > 20

    @pytest.mark.parametrize("bits", [10, 12, 16])
    def test_a_file_may_declare_its_bits(self, tmp_path: Path, bits: int) -> None:
        png = deep(tmp_path / "a.png", self.RAMP // 4, significant(bits))
        tiff = tmp_path / "a.tif"
        Image.fromarray(self.RAMP // 4).save(tiff, tiffinfo={281: 2**bits - 1})
        assert images.bits_in_use([png, tiff]) == [bits, bits]
        expected = round(int((self.RAMP // 4).max()) * 255 / (2**bits - 1))
        for path in (png, tiff):
            assert images.decode(path, 64, "nearest").max() == expected

    def test_values_that_were_stretched_as_the_standard_asks_stay_stretched(
        self, tmp_path: Path
    ) -> None:
        stretched = (self.RAMP.astype(int) * 65_535 // 4095).astype(np.uint16)
        png = deep(tmp_path / "a.png", stretched, significant(12))
        assert images.bits_in_use([png]) == [16]
        plain = (self.RAMP * 255.0 / 4095).round().astype(int)
        assert np.abs(images.decode(png, 64, "nearest")[..., 0] - plain).max() <= 1

    def test_the_largest_value_of_one_tiff_is_no_declaration(self, tmp_path: Path) -> None:
        paths = [tmp_path / "dark.tif", tmp_path / "bright.tif"]
        for path, values in zip(paths, (self.RAMP // 5, self.RAMP), strict=True):
            Image.fromarray(values).save(path, tiffinfo={281: int(values.max()) - 1})
        assert images.bits_in_use(paths) == [12, 12]

    def test_colours_of_16_bits_are_refused(self, tmp_path: Path) -> None:
        header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
        rows = zlib.compress(b"".join(b"\0" + b"\x0f\xff" * 6 for _ in range(2)))
        path = tmp_path / "colour.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body))
                for kind, body in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
            )
        )  # fmt: skip
        with pytest.raises(Problem, match="has 16 bits a channel, in colour or with alpha"):
            images.decode(path, 64, "nearest")


def test_pixels_in_flight_are_bounded_whatever_the_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    for k, side in enumerate([40, 60, 90, 40, 120, 30, 60, 40]):
        paths.append(tmp_path / f"{k}.png")
        Image.new("I;16", (side, side), 9 * k).save(paths[-1])
    alone = [images.decode(path, 16, "nearest", 16) for path in paths]
    budget = 90 * 90  # the image of 120 by 120 exceeds it
    seen = []

    class Counter(images._InFlight):
        @contextmanager
        def hold(self, pixels: int) -> Iterator[None]:
            with super().hold(pixels):
                time.sleep(0.01)  # long enough for others to try
                seen.append(self.pixels)
                yield

    counter = Counter()
    monkeypatch.setattr(images, "_in_flight", counter)
    monkeypatch.setattr(images, "PIXELS_AT_ONCE", budget)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    pixels = images.load(paths, 16, "nearest", [16] * len(paths))
    assert (pixels == np.stack(alone)).all()
    assert counter.pixels == 0
    assert max(seen) == 120 * 120  # alone
    assert max(n for n in seen if n != 120 * 120) <= budget
    assert len(set(seen)) > 3  # others do run together


@pytest.mark.filterwarnings("default")
def test_a_declared_size_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    Image.new("L", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    for width, height in ((9_500, 9_500), (60_000, 60_000)):  # PIL warns, PIL refuses
        content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        path.write_bytes(content)
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("was decoded"))
        with pytest.raises(Problem, match="more than 80,000,000 pixels"):
            images.decode(path, 16, "nearest")
