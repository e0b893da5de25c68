"""Damaged files end in one sentence and status 2, or in an answer; never in a traceback."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import folders
from covidcxr.core.errors import Problem
from covidcxr.core.studies import FolderCohort
from tests.cohorts.test_dicom import written as dicom
from tests.validity.planted import run

FORMATS = {"png": "PNG", "jpg": "JPEG", "tif": "TIFF", "bmp": "BMP", "gif": "GIF", "webp": "WEBP"}
ROWS = 30


def picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (24, 24), dtype=np.uint8)


def image_files(rng: np.random.Generator, folder: Path) -> dict[str, bytes]:
    """Return the bytes of one sound file of each kind."""
    files = {}
    for suffix, kind in FORMATS.items():
        buffer = io.BytesIO()
        Image.fromarray(picture(rng)).save(buffer, kind)
        files[suffix] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(picture(rng).astype(np.uint16) * 16).save(buffer, "PNG")
    files["deep.png"] = buffer.getvalue()
    whole = dicom(folder / "whole.dcm", picture(rng).astype(np.uint16) * 16)
    files["dcm"] = whole.read_bytes()
    whole.unlink()
    return files


def table(rng: np.random.Generator, *columns: str) -> bytes:
    values: dict[str, Callable[[int], str]] = {
        "image_id": lambda k: f"i{k}.png",
        "label": lambda k: ("COVID19", "NORMAL")[k % 2],
        "score": lambda k: f"{rng.random():.3f}",
        "patient_id": lambda k: f"p{k // 2}",
        "part": lambda k: ("train", "test")[k % 3 == 0],
    }
    lines = [",".join(values[name](k) for name in columns) for k in range(ROWS)]
    return "\n".join([",".join(columns), *lines, ""]).encode()


def damaged(content: bytes, rng: np.random.Generator, *, text: bool) -> bytes:
    """Cut, swap, repeat, overwrite or insert at a place drawn at random."""
    place, end = sorted(int(i) for i in rng.integers(0, len(content), 2))
    noise = rng.bytes(int(rng.integers(1, 9)))
    signs = (b",", b";", b"\t", b'"', b"\n", b"\r", b"\0", b"NA", b"-1", b"1e999", b"nan", b"=1+1",
             b"\xef\xbb\xbf", b"#", b"'", b"\x1b[31m", b"{}", b"../../x")  # fmt: skip
    if text and rng.random() < 0.7:
        noise = signs[int(rng.integers(len(signs)))]
    ways = (
        content[:place],
        content[:place] + content[end:],
        content[:place] + noise + content[place:],
        content[:place] + noise + content[place + len(noise) :],
        content[:end] + content[place:],
        content[place:] + content[:place],
        content.replace(content[place : place + 1], noise),
    )
    return ways[int(rng.integers(len(ways)))]


def answered(status: int, out: str, err: str, path: Path) -> None:
    """Check that a command answered, or refused in one sentence that names the file."""
    if status == 0:
        assert out.strip()
        return
    assert status in (1, 2)
    assert err.count("\n") <= 1, err
    assert str(path.parent) in err, err
    assert err.strip().endswith("."), err
    assert err.strip().isprintable(), err
    assert len(err) < 1500, err


def test_damaged_images(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(0)
    files = image_files(rng, tmp_path)
    for mutant in range(request.config.getoption("--mutants")):
        root = tmp_path / f"{mutant}"
        for label in ("COVID19", "NORMAL"):
            (root / label).mkdir(parents=True)
            for suffix, content in files.items():
                (root / label / f"a.{suffix}").write_bytes(content)
        suffix = list(files)[mutant % len(files)]
        path = root / "COVID19" / f"a.{suffix}"
        path.write_bytes(damaged(files[suffix], rng, text=False))
        status, out, err = run("duplicates", root, "--json")
        assert status == 0, err
        assert out
        try:
            folders.gather(FolderCohort(source="folder", path=str(root)))
        except Problem as problem:
            answered(2, "", str(problem), path)


@pytest.mark.parametrize("command", ["metrics", "compare", "overlap split", "overlap manifest"])
def test_damaged_tables(tmp_path: Path, command: str, request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(len(command))
    scores = ("image_id", "label", "score", "patient_id")
    whole = {
        "one": table(rng, *scores), "other": table(rng, *scores),
        "split": table(rng, "image_id", "part"),
        "manifest": table(rng, "image_id", "label", "patient_id"),
    }  # fmt: skip
    arguments = {
        "metrics": ("one", "--group", "patient_id", "--resamples", 100),
        "compare": ("one", "other", "--group", "patient_id", "--resamples", 100),
        "overlap split": ("split", "manifest"),
        "overlap manifest": ("split", "manifest"),
    }[command]
    target = command.split()[-1] if " " in command else "one"
    for name, content in whole.items():
        (tmp_path / f"{name}.csv").write_bytes(content)
    for _ in range(request.config.getoption("--mutants")):
        path = tmp_path / f"{target}.csv"
        path.write_bytes(damaged(whole[target], rng, text=True))
        paths = [tmp_path / f"{a}.csv" if a in whole else a for a in arguments]
        answered(*run(command.split()[0], *paths), path)


def test_damaged_lists_of_a_cohort(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(5)
    lines = ["file,label,patient_id,age"]
    for label in ("COVID19", "NORMAL"):
        (tmp_path / label).mkdir()
        for k in range(6):
            Image.fromarray(picture(rng)).save(tmp_path / label / f"{k}.png")
            lines.append(f"{label}/{k}.png,{label},p{k},{40 + k}")
    content = "\n".join([*lines, ""]).encode()
    path = tmp_path / "cohort.csv"
    for _ in range(request.config.getoption("--mutants")):
        path.write_bytes(damaged(content, rng, text=True))
        try:
            _, rows = folders.gather(FolderCohort(source="folder", path=str(tmp_path)))
        except Problem as problem:
            answered(2, "", str(problem), path)
        else:
            assert set(rows["label"]) == {"COVID19", "NORMAL"}
