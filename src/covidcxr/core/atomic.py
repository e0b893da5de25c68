"""Outputs that are either whole or not there, and made by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from covidcxr.core.errors import Problem


@contextmanager
def folder(target: Path, *, keep_as: Path | None = None) -> Iterator[Path]:
    """Fill a folder beside the target, and put it in place when the block ends well.

    A folder that is there already stays under the name ``keep_as``; without it, it goes.
    A full disk or a refused place is a `Problem`.
    """
    aside, previous = _beside(target, "part"), _beside(target, "old")
    try:
        with clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.mkdir()
        with clear_disk_errors(target):
            yield aside
        with clear_disk_errors(target):
            if target.exists():
                target.rename(keep_as or previous)
            aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        kept = keep_as or previous
        if kept.exists() and not target.exists():
            kept.rename(target)
        shutil.rmtree(previous, ignore_errors=True)


@contextmanager
def file(target: Path) -> Iterator[Path]:
    """Write a file of the same ending beside the target, in its place when the block ends well.

    A full disk or a refused place is a `Problem`.
    """
    aside = _beside(target, f"part{target.suffix}")
    try:
        with clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def clear_disk_errors(target: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full or a place cannot be written."""
    try:
        yield
    except OSError as error:
        # NumPy tells a full disk without the system's number.
        cut_short = error.errno is None and "requested and" in str(error)
        if cut_short or error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem(
                f"{target}: the disk is full; make room and run again, nothing was lost."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            # What is refused may be something that the block reads.
            at = "" if error.filename is None else f" for {error.filename}"
            raise Problem(
                f"{target}: cannot be made ({error.strerror}{at}); change the permissions "
                "or the place."
            ) from error
        raise


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keep other processes that ask for the same away from a place until the block ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _beside(target: Path, ending: str) -> Path:
    """Return a hidden name that nobody else uses; in containers all processes have the same id."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{ending}")
