"""Outputs that are either whole or not there, and made by one process at a time."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import itertools
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from covidcxr.core.errors import Problem

_RANDOM_BYTES = 4  # in the name of what is written beside a target


@contextlib.contextmanager
def folder(target: Path, *, keep_as: Callable[[Path], Path] | None = None) -> Iterator[Path]:
    """Fill a folder beside the target, and put it in place when the block ends well.

    A folder that is there already stays under the name that ``keep_as`` returns for the target;
    without it, it goes. At any moment the target is there, the old one or the new, whoever else
    replaces it; where the system cannot exchange two folders, it is for moments not, and a process
    that is killed then leaves it to `recover`. What killed processes left beside it is swept. A
    full disk or a refused place is a `Problem`.
    """
    aside = _beside(target, "part")
    try:
        with clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if any(_parts(target)):
                with alone(_swap(target)):  # what is being replaced has the name of a part too
                    sweep(target)
            with _alive(aside, aside.mkdir):
                yield aside
                with alone(_swap(target)):
                    try:
                        _recover(target)
                        if not target.exists():
                            aside.rename(target)
                        else:
                            # A kill after this has lost neither.
                            _replace(target, aside.rename(keep_as(target)) if keep_as else aside)
                    finally:
                        _recover(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replace(target: Path, new: Path) -> None:
    """Exchange a folder and its successor."""
    if not _exchange(new, target):
        target.rename(_previous(target))
        new.rename(target)
        _previous(target).rename(new)


def recover(target: Path) -> None:
    """Put a folder back that a process was replacing when it was killed."""
    if _previous(target).exists():
        with alone(_swap(target)):
            _recover(target)


def _recover(target: Path) -> None:
    previous = _previous(target)
    if not target.exists() and previous.exists():
        previous.rename(target)
    shutil.rmtree(previous, ignore_errors=True)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _swap(target: Path) -> Path:
    """Return what is locked while a target is replaced; its user may hold the target's own lock."""
    return target.with_name(f"{target.name}.swap")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where Linux and the file system can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    names = here, os.fsencode(one), here, os.fsencode(other)
    return rename is not None and rename(*names, exchange) == 0


@contextlib.contextmanager
def file(target: Path) -> Iterator[Path]:
    """Write a file of the same ending beside the target, in its place when the block ends well.

    What killed processes left beside it is swept. A full disk or a refused place is a `Problem`.
    """
    aside = _beside(target, f"part{target.suffix}")
    try:
        with clear_disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target)
            with _alive(aside, aside.touch):
                yield aside
                aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def sweep(target: Path) -> None:
    """Remove what killed processes left of a file or folder, and nothing that a live one writes."""
    for part in _parts(target):
        with contextlib.suppress(OSError), _opened(part) as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def _parts(target: Path) -> Iterator[Path]:
    """Return what is being written beside a target, or was when its process was killed."""
    name = f".{glob.escape(target.name)}.{'?' * 2 * _RANDOM_BYTES}.part"
    return itertools.chain(*(target.parent.glob(name + end) for end in {"", target.suffix}))


@contextlib.contextmanager
def _alive(aside: Path, make: Callable[[], None]) -> Iterator[None]:
    """Make something beside a target and lock it, which tells `sweep` that its process lives."""
    while True:
        make()
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(FileNotFoundError):
                held = stack.enter_context(_opened(aside))
                with contextlib.suppress(OSError):  # not every file system has locks
                    fcntl.flock(held, fcntl.LOCK_SH)
            if not aside.exists():  # swept before it was locked
                continue
            yield
            return


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_place(target: Path) -> None:
    """Refuse a place where nothing can be made, before the work for it; leaves nothing there."""
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir():
        raise Problem(f"{target}: cannot be made, for {above} is no folder; move it away.")
    aside = _beside(above / target.name, "part")
    with clear_disk_errors(target):
        aside.mkdir()
        aside.rmdir()


@contextlib.contextmanager
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


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keep other processes that ask for the same away from a place until the block ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.lock")
    while True:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever held it before has removed it, and others may hold its successor.
            if not _is_still(path, lock.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_still(path: Path, descriptor: int) -> bool:
    """Return whether an open file stands under its name still."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _beside(target: Path, ending: str) -> Path:
    """Return a hidden name that nobody else uses; in containers all processes have the same id."""
    return target.with_name(f".{target.name}.{secrets.token_hex(_RANDOM_BYTES)}.{ending}")
