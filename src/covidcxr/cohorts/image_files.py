"""Files below a folder: which are read as images, and which are left out and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from covidcxr.core.errors import Problem

SUFFIXES = frozenset(
    {
        *(".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"),  # as Keras' data generator
        *(".gif", ".jfif", ".jpe", ".webp"),
    }
)
"""Endings of files that are read, in lower case."""

_REASONS = {
    **dict.fromkeys((".dcm", ".dicom"), "DICOM; export it as PNG"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG 2000; export it as PNG"),
    **dict.fromkeys((".heic", ".heif", ".avif"), "a photo of a telephone; export it as PNG"),
    **dict.fromkeys((".nii", ".gz", ".mha", ".nrrd"), "a volume; export it as PNG"),
    **dict.fromkeys((".zip", ".tar", ".7z", ".rar"), "an archive; unpack it"),
}
_MASKS = frozenset({"mask", "masks"})
_SYSTEM = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


class LeftOut(NamedTuple):
    """A file that is not read, and why."""

    path: Path
    reason: str


def sort_out(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """Sort the files below a folder into those that are read and those that are left out.

    Returns
    -------
    images : list of Path
        Sorted; links to folders are not followed.
    left_out : list of LeftOut
        Every other file.

    Raises
    ------
    Problem
        For a folder that cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise Problem(
            f"{error.filename}: cannot be listed ({error.strerror}); change its permissions or "
            "move it elsewhere."
        ) from error

    paths = sorted(
        Path(place, name) for place, _, names in os.walk(folder, onerror=refuse) for name in names
    )
    reasons = {path: reason(path, folder) for path in paths}
    left_out = [LeftOut(path, why) for path, why in reasons.items() if why]
    return [path for path in paths if not reasons[path]], left_out


def summary(left_out: Iterable[LeftOut]) -> str:
    """Count files that are left out by reason, with one name each, for a sentence."""
    by_reason: dict[str, list[Path]] = defaultdict(list)
    for path, reason in left_out:
        by_reason[reason].append(path)
    return "; ".join(
        f"{len(paths):,} ({reason}), {printable(paths[0])} for one"
        for reason, paths in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    )


def printable(path: Path) -> str:
    """Return a path as text that any terminal takes, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def reason(path: Path, root: Path) -> str:
    """Return why a file is left out; nothing for one that is read."""
    suffix, parts = path.suffix.lower(), path.relative_to(root).parts
    if any(part[0] == "." or part.lower() in _SYSTEM for part in parts):
        return "a system's own file"
    if _MASKS & {part.lower() for part in parts[:-1]}:
        return "a mask, by its folder"
    if suffix not in SUFFIXES:
        if not suffix:
            return "no ending; add .png or .jpg to the name"
        return _REASONS.get(suffix, f"{printable(Path(suffix))} is no ending of an image")
    if not printable(path).isprintable() or printable(path) != str(path):
        return "a name that cannot be printed; rename it"
    return "" if path.is_file() else "a link that leads nowhere"
