"""Synthetic radiographs, copies of them, and the command line, for tests of copies."""

import hashlib
import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from typer.testing import CliRunner

from covidcxr.cli import commands
from covidcxr.cohorts import phantom
from covidcxr.cohorts.samples import Sample
from covidcxr.core.errors import Problem
from covidcxr.core.studies import PhantomCohort

SIDE = 256
Pictures = NDArray[np.uint8]


def cohort(**changes: object) -> PhantomCohort:
    base: dict[str, object] = {
        "source": "phantom",
        "covid19": 12,
        "normal": 12,
        "images_per_patient": 1.0,
        "exact_duplicates": 0,
        "near_duplicates": 0,
        "image_size": 128,
    }
    return PhantomCohort(**(base | changes))  # type: ignore[arg-type]


def large(pixels: Pictures) -> Pictures:
    return np.stack([np.asarray(Image.fromarray(p).resize((SIDE, SIDE))) for p in pixels])


def cut(image: Image.Image, *sides: float) -> Image.Image:
    left, top, right, bottom = (SIDE * side for side in sides)
    return image.resize((SIDE, SIDE), box=(left, top, SIDE - right, SIDE - bottom))


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def lettered(image: Image.Image) -> Image.Image:
    marked = image.copy()
    ImageDraw.Draw(marked).text((20, 225), "day 1", fill=255, font_size=22)
    return marked


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda i: i.resize((90, 90)).resize((SIDE, SIDE)),
    "recompressed": lambda i: compressed(i, 40),
    "cut all round": lambda i: cut(i, 0.05, 0.05, 0.05, 0.05),
    "cut at the left": lambda i: cut(i, 0.05, 0, 0, 0),
    "cut at a corner": lambda i: cut(i, 0, 0.03, 0.05, 0),
    "brighter": lambda i: i.point([min(255, round(1.08 * g + 8)) for g in range(256)]),
    "less contrast": lambda i: i.point([round(128 + 0.6 * (g - 128)) for g in range(256)]),
    "gamma": lambda i: i.point([round(255 * (g / 255) ** 0.6) for g in range(256)]),
    "mirrored": ImageOps.mirror,
    "mirrored, cut and recompressed": lambda i: compressed(
        cut(ImageOps.mirror(i), 0.02, 0.01, 0.0, 0.03), 50
    ),
    "lettered": lettered,
}


def sample(name: str, source: PhantomCohort, synthetic: bool = True) -> Sample:
    frame, pixels = phantom.generate(source)
    contents = [p.tobytes() for p in pixels]
    rows = frame.assign(sha256=[hashlib.sha256(c).hexdigest() for c in contents])
    if not synthetic:
        rows = rows[[c for c in rows if not str(c).startswith("planted")]]
    return Sample(name, rows, large(pixels))


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(commands.app, [str(a) for a in arguments])
    if isinstance(done.exception, Problem):
        return done.exception.status, done.stdout, str(done.exception)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr
