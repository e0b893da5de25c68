"""Outputs appear whole or not at all, and a full disk is told in one sentence."""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from covidcxr.core import atomic
from covidcxr.core.errors import Problem

Output = Callable[[Path], AbstractContextManager[Path]]


def fill(output: Output, target: Path, text: str) -> None:
    """Write one text as a file, or as a file in a folder."""
    with output(target) as aside:
        (aside / "text" if aside.is_dir() else aside).write_text(text)


def content(folder: Path) -> dict[str, str]:
    """Return all that lies in a folder, hidden files included."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


both = pytest.mark.parametrize(
    ("output", "name"), [(atomic.folder, "out/text"), (atomic.file, "out")]
)


@both
def test_a_target_and_its_parents_are_made(tmp_path: Path, output: Output, name: str) -> None:
    fill(output, tmp_path / "deep" / "out", "new")
    assert content(tmp_path) == {f"deep/{name}": "new"}


@both
def test_a_target_is_replaced(tmp_path: Path, output: Output, name: str) -> None:
    fill(output, tmp_path / "out", "old")
    fill(output, tmp_path / "out", "new")
    assert content(tmp_path) == {name: "new"}


def test_nothing_of_the_old_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "leftover").write_text("old")
    fill(atomic.folder, tmp_path / "out", "new")
    assert content(tmp_path) == {"out/text": "new"}


def test_a_file_keeps_its_ending_while_it_is_written(tmp_path: Path) -> None:
    with atomic.file(tmp_path / "picture.png") as aside:
        aside.touch()
        assert aside.suffix == ".png"
        assert not (tmp_path / "picture.png").exists()


@both
@pytest.mark.parametrize("fault", [ValueError("a defect"), KeyboardInterrupt()], ids=repr)
def test_what_goes_wrong_inside_leaves_the_target_alone(
    tmp_path: Path, output: Output, name: str, fault: BaseException
) -> None:
    fill(output, tmp_path / "out", "old")
    with pytest.raises(type(fault)) as caught, output(tmp_path / "out") as aside:
        (aside / "text" if aside.is_dir() else aside).write_text("half")
        raise fault
    assert caught.value is fault
    assert content(tmp_path) == {name: "old"}
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@both
@pytest.mark.parametrize("fault", [ValueError("a defect"), KeyboardInterrupt()], ids=repr)
def test_what_goes_wrong_inside_leaves_no_target(
    tmp_path: Path, output: Output, name: str, fault: BaseException
) -> None:
    with pytest.raises(type(fault)), output(tmp_path / "out"):
        raise fault
    assert list(tmp_path.iterdir()) == []


@both
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        # NumPy gives no number; see below.
        (OSError("10000000 requested and 999872 written"), "the disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "(Permission denied)"),
        (OSError(errno.EROFS, "Read-only file system"), "(Read-only file system)"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/a.png"), "for /data/a.png)"),
    ],
    ids=str,
)
def test_what_the_system_refuses_is_a_problem(
    tmp_path: Path, output: Output, name: str, fault: OSError, told: str
) -> None:
    target = tmp_path / "out"
    fill(output, target, "old")
    with pytest.raises(Problem) as caught, output(target):
        raise fault
    message = str(caught.value)
    assert message.startswith(f"{target}: ")
    assert told in message
    assert "\n" not in message
    assert content(tmp_path) == {name: "old"}


@both
def test_any_other_system_error_keeps_its_traceback(
    tmp_path: Path, output: Output, name: str
) -> None:
    fault = FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/a.png")
    with pytest.raises(FileNotFoundError), output(tmp_path / "out"):
        raise fault


@both
def test_a_parent_that_cannot_be_made_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: Output, name: str
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(Problem, match="Permission denied"):
        fill(output, tmp_path / "deep" / "out", "new")


def test_a_crash_between_the_two_renames_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(atomic.folder, tmp_path / "out", "old")
    rename, calls = Path.rename, 0

    def fail_second(source: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(KeyboardInterrupt):
        fill(atomic.folder, tmp_path / "out", "new")
    assert content(tmp_path) == {"out/text": "old"}
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@both
def test_what_a_killed_process_left_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: Output, name: str
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # every process of a container may have it
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt), output(tmp_path / "out") as aside:
            (aside / "text" if aside.is_dir() else aside).write_text("half")
            raise KeyboardInterrupt
    assert content(tmp_path)
    fill(output, tmp_path / "out", "new")
    assert content(tmp_path)[name] == "new"


def test_a_block_may_write_the_same_target(tmp_path: Path) -> None:
    with atomic.folder(tmp_path / "out") as outer:
        (outer / "text").write_text("outer")
        fill(atomic.folder, tmp_path / "out", "inner")
    assert content(tmp_path) == {"out/text": "outer"}


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_disk_that_fills_up_under_numpy_is_a_problem(tmp_path: Path) -> None:
    import resource
    import signal

    import numpy as np

    target = tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(Problem, match="the disk is full"), atomic.folder(target) as aside:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
            np.save(aside / "pixels.npy", np.zeros(2**20, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
