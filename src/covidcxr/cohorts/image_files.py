"""Files below a folder: which are read as images, and which are left out and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from covidcxr.cohorts import dicom
from covidcxr.core.errors import Problem
from covidcxr.core.text_files import is_file

SUFFIXES = frozenset(
    {
        *(".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"),  # as Keras' data generator
        *(".gif", ".jfif", ".jpe", ".webp"),
        *(dicom.SUFFIXES if dicom.is_installed() else ()),
    }
)
"""Endings of files that are read, in lower case."""

_REASONS = {
    **dict.fromkeys(dicom.SUFFIXES, f"DICOM; {dicom.EXTRA}, or export it as PNG"),
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


def list_images(
    *folders: Path, follow_links: bool = False, skip_unreadable: bool = False
) -> tuple[list[Path], list[LeftOut]]:
    """List the files below folders that are read, and those that are left out, both sorted.

    All folders below are searched; one that is named or linked twice counts once. Linked folders
    are left out unless they are followed. A folder that cannot be listed is left out if such are
    skipped; else it is a `Problem`.
    """

    def refuse(error: OSError) -> None:
        if skip_unreadable:
            reason = f"a folder that cannot be listed ({error.strerror}); change its permissions"
            left_out.append(LeftOut(Path(error.filename), reason))
            return
        raise Problem(
            f"{error.filename}: cannot be listed ({error.strerror}); change its permissions or "
            "move it elsewhere."
        ) from error

    visited: set[str] = set()
    paths: list[Path] = []
    left_out: list[LeftOut] = []
    for folder in folders:
        for place, below, names in os.walk(folder, followlinks=follow_links, onerror=refuse):
            real = os.path.realpath(place)
            if real in visited:
                below.clear()
                continue
            visited.add(real)
            try:
                os.stat(os.path.join(place, os.curdir))  # noqa: PTH116, PTH118
            except OSError as error:  # listed, but not to be entered; a Path would drop the dot
                refuse(OSError(error.errno, error.strerror, place))
                below.clear()
                continue
            below.sort()
            links = [Path(place, name) for name in below if Path(place, name).is_symlink()]
            if not follow_links:
                why = "a link to a folder, which is not followed"
                left_out += [LeftOut(path, why) for path in links]
            for path in (Path(place, name) for name in names):
                if reason := reason_left_out(path, folder):
                    left_out.append(LeftOut(path, reason))
                else:
                    paths.append(path)
    return sorted(paths), sorted(left_out)


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


def reason_left_out(path: Path, root: Path) -> str:
    """Return why a file is left out; nothing for one that is read."""
    suffix, parts = path.suffix.lower(), path.relative_to(root).parts
    if any(part[0] == "." or part.lower() in _SYSTEM for part in parts):
        return "a system's own file"
    if _MASKS & {part.lower() for part in parts[:-1]}:
        return "a mask, by its folder"
    if suffix not in SUFFIXES:
        if not suffix and not _is_dicom(path):
            return "no ending; add .png or .jpg to the name"
        if suffix:
            return _REASONS.get(suffix, f"{printable(Path(suffix))} is no ending of an image")
    inside = Path(*parts)
    if not printable(inside).isprintable() or printable(inside) != str(inside):
        return "a name that cannot be printed; rename it"
    return "" if is_file(path) else "no file, or a link that leads nowhere"


def _is_dicom(path: Path) -> bool:
    try:
        return dicom.is_installed() and path.is_file() and dicom.is_dicom(path)
    except OSError:
        return False
