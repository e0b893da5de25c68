"""Outputs that are either whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from covidcxr.problems import Problem


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Fill a folder aside and put it in place when the block ends well.

    Parameters
    ----------
    target
        The folder to make or to replace.

    Yields
    ------
    Path
        An empty folder beside the target.

    Raises
    ------
    Problem
        Where the disk is full or the place cannot be written.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    previous = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        with _clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.mkdir()
        with _clear_disk_errors(target):
            yield aside
        with _clear_disk_errors(target):
            if target.exists():
                target.rename(previous)
            aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if previous.exists() and not target.exists():
            previous.rename(target)
        shutil.rmtree(previous, ignore_errors=True)


@contextmanager
def file(target: Path) -> Iterator[Path]:
    """Write a file aside and put it in place when the block ends well.

    Parameters
    ----------
    target
        The file to make or to replace.

    Yields
    ------
    Path
        A path beside the target, with the same ending, to write to.

    Raises
    ------
    Problem
        Where the disk is full or the place cannot be written.
    """
    aside = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        with _clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _clear_disk_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem(
                f"{target}: the disk is full; make room and run again, nothing was lost."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Problem(
                f"{target}: cannot be written ({error.strerror}); make {target.parent} writable."
            ) from error
        raise
