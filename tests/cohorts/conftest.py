"""A folder of images to try things on."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import folders
from covidcxr.core.errors import Problem
from covidcxr.core.studies import (
    LABELS,
    FolderCohort,
)


def picture(seed: int, mode: str = "L", kind: str = "PNG", width: int = 40) -> bytes:
    """Return a file with noise in it."""
    noise = np.random.default_rng(seed).integers(0, 256, (30, width, 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise, "RGBA").convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders with three images each."""
    for label in LABELS:
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "images" / label / f"{i}.png").write_bytes(picture(i))
    return tmp_path / "images"


def listed(folder: Path, columns: str = "file,label", *lines: str) -> None:
    """Write a CSV beside the class folders; without lines it lists an image of each class."""
    lines = lines or ("COVID19/0.png,COVID19", "NORMAL/0.png,NORMAL")
    (folder / "cohort.csv").write_text("\n".join([columns, *lines]) + "\n", encoding="utf-8")


def rows(folder: Path, **options: object) -> pd.DataFrame:
    """Return the manifest of a folder."""
    return folders.gather(of(folder, **options))[1]


def of(folder: Path, **options: object) -> FolderCohort:
    return FolderCohort.model_validate({"source": "folder", "path": str(folder), **options})


def complaint(folder: Path, **options: object) -> str:
    """Return the one sentence that a folder is answered with."""
    with pytest.raises(Problem) as caught:
        rows(folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message
