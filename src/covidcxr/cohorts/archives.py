"""Archives, judged by their listing before a byte of them is unpacked."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from covidcxr.core.errors import Problem
from covidcxr.core.words import shown

RATIO = 100
"""Times its own size that an archive may unpack to; images hardly shrink, bombs 1,000-fold."""

_SMALL = 2**20  # bytes, whose ratio says nothing


def check(archive: Path, target: Path) -> None:
    """Refuse a ZIP or tar archive that is no plain tree of files, or that is a bomb.

    A `Problem` is raised for a name that leads out of the folder, a link or a device, more than
    `RATIO` times the archive's size, and more than the disk of ``target`` has room for.
    """
    total, most = 0, max(_SMALL, RATIO * archive.stat().st_size)
    room = shutil.disk_usage(target).free
    for name, size, is_plain in _members(archive):
        path = PureWindowsPath(name)  # which knows both kinds of slashes, and drives
        total += size
        if path.anchor or ".." in path.parts:
            fault = f"'{shown(name)}' leads out of its folder"
        elif not is_plain:
            fault = f"'{shown(name)}' is a link or a device"
        elif total > most:
            fault = f"it unpacks to more than {RATIO} times its size, as a bomb does"
        elif total > room:
            fault = f"it unpacks to more than the {room:,} bytes that the disk has free"
        else:
            continue
        raise Problem(f"{archive}: is not unpacked: {fault}; name another set of images.")


def _members(archive: Path) -> Iterator[tuple[str, int, bool]]:
    """Name and size of each member, and whether it is a file or a folder, as listed."""
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield from ((one.name, one.size, one.isfile() or one.isdir()) for one in tar)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for one in file.infolist():
                kind = stat.S_IFMT(one.external_attr >> 16)
                yield one.filename, one.file_size, kind in (0, stat.S_IFREG, stat.S_IFDIR)
