"""Outputs appear whole or not at all, and a full disk is told in one sentence."""

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
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


REPLACE = """
import sys
from pathlib import Path
from covidcxr.core import atomic

target, name, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if sys.argv[4] == "pair":
    atomic._exchange = lambda one, other: False
for i in range(times):
    with atomic.folder(target) as aside:
        for file in ("a", "b"):
            (aside / file).write_text(f"{name} {i}")
"""

pair = pytest.mark.parametrize("way", ["exchange", "pair"])


def replace(target: Path, name: str, times: int, way: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", REPLACE, str(target), name, str(times), way]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pair
def test_processes_that_replace_a_folder_together_leave_one_of_theirs(
    tmp_path: Path, way: str
) -> None:
    target = tmp_path / "out"
    fill(atomic.folder, target, "first")
    processes = [replace(target, name, 40, way) for name in "abcd"]
    looks = missed = 0
    while any(process.poll() is None for process in processes):
        looks += 1
        missed += not target.is_dir()
    for process in processes:
        assert process.stderr
        assert process.stderr.read() == ""
        assert process.returncode == 0
    assert looks > 100
    if way == "exchange":
        assert missed == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    one, other = content(target).values()
    assert one == other


def test_what_replaced_folders_are_kept_as_is_all_there(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def free(path: Path) -> Path:
        return path.with_name(f"{path.name}-{len(list(tmp_path.glob('out-*')))}")

    def fill_often(name: str) -> None:
        for i in range(20):
            with atomic.folder(target, keep_as=free) as aside:
                (aside / "text").write_text(f"{name} {i}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill_often, "abcd"))
    kept = [(path / "text").read_text() for path in tmp_path.iterdir()]
    assert sorted(kept) == sorted(f"{name} {i}" for name in "abcd" for i in range(20))


@pair
def test_a_process_killed_at_any_moment_leaves_a_folder(tmp_path: Path, way: str) -> None:
    target = tmp_path / "out"
    fill(atomic.folder, target, "first")
    for i in range(6):
        before = target.stat().st_ino
        process = replace(target, "killed", 100_000, way)
        with contextlib.suppress(FileNotFoundError):  # amid two renames
            while target.stat().st_ino == before:
                assert process.poll() is None
        time.sleep(0.003 * i)
        process.kill()
        process.communicate()
        if way == "exchange":
            assert target.is_dir()
        atomic.recover(target)
        assert len(set(content(target).values())) == 1
    assert not (tmp_path / ".out.old").exists()


def test_a_kill_between_the_two_renames_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    fill(atomic.folder, target, "old")
    target.rename(tmp_path / ".out.old")
    atomic.recover(target)
    assert content(tmp_path) == {"out/text": "old"}
    # A new one that is in place already stays.
    (tmp_path / ".out.old").mkdir()
    atomic.recover(target)
    assert content(tmp_path) == {"out/text": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_one_process_is_alone_and_leaves_no_lock(tmp_path: Path) -> None:
    inside = most = 0

    def enter(_: int) -> None:
        nonlocal inside, most
        with atomic.alone(tmp_path / "place"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.001)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(200)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


WRITE = """
import sys, time
from pathlib import Path
from covidcxr.core import atomic

with getattr(atomic, sys.argv[2])(Path(sys.argv[1])) as aside:
    (aside / "table.csv" if aside.is_dir() else aside).write_bytes(b"half")
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_swept_and_what_a_live_one_writes_is_not(
    kind: str, tmp_path: Path
) -> None:
    target, other = tmp_path / "a[1].npz", tmp_path / "b.npz"
    processes = []
    for path in (target, target, other):
        command = [sys.executable, "-c", WRITE, str(path), kind]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        processes.append(process)
    dead, live, of_another = processes
    try:
        for process in (dead, of_another):
            process.kill()
            process.communicate()
        assert len(list(tmp_path.iterdir())) == 3
        atomic.sweep(target)
        names = sorted(path.name[:4] for path in tmp_path.iterdir())
        assert names == [".a[1", ".b.n"]
    finally:
        live.kill()
        live.communicate()
    # whoever writes the same sweeps
    for path in (target, other):
        with getattr(atomic, kind)(path):
            pass
    assert sorted(tmp_path.iterdir()) == [target, other]


def test_a_sweep_before_the_lock_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, times = fcntl.flock, 0

    def late(held: int, operation: int) -> None:
        nonlocal times
        if operation == fcntl.LOCK_SH:
            times += 1
            if times == 1:
                atomic.sweep(tmp_path / "a")
        lock(held, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with atomic.folder(tmp_path / "a") as aside:
        (aside / "table.csv").touch()
    assert times == 2
    assert (tmp_path / "a/table.csv").exists()


def test_a_kill_while_a_folder_is_put_aside_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kill(BaseException):
        pass

    target, kept = tmp_path / "record", tmp_path / "kept"
    target.mkdir()
    (target / "old").touch()

    def kill(one: Path, other: Path) -> bool:
        raise Kill

    monkeypatch.setattr(atomic, "_exchange", kill)
    with pytest.raises(Kill), atomic.folder(target, keep_as=lambda _: kept) as aside:
        (aside / "new").touch()
    atomic.sweep(target)
    assert (target / "old").exists()
    assert (kept / "new").exists()


def test_a_place_is_checked_and_left_as_it_was(tmp_path: Path) -> None:
    atomic.check_place(tmp_path / "deep" / "er" / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match="is no folder; move it away"):
        atomic.check_place(tmp_path / "file" / "out")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no folder that refuses root too")
def test_a_place_that_cannot_be_written_is_a_problem() -> None:
    with pytest.raises(Problem, match="change the permissions or the place"):
        atomic.check_place(Path("/sys/kernel/study/record"))


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
