"""What befalls a command: killed, interrupted, twice at once, a full disk, a read-only folder."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from covidcxr.core.errors import Problem
from tests.end_to_end.stress.works import Finals, Work

MARK = "COVIDCXR_STRESS"
"""Environment variable that names the folder to which a process and its children belong."""

PATIENCE = 60.0
"""Seconds within which the last process has to be gone; others keep the machine busy."""

AT_ITS_END = 1.0
"""Seconds that a command may take to end well after Ctrl-C: it had done its work by then."""

MOUNTS: Mapping[str, tuple[str, str]] = {
    "full disk": (
        "mount -t tmpfs -o size=16k none {}",
        "mount -o remount,size=1g {}",
    ),
    "read-only folder": (
        "mount --bind {0} {0} && mount -o remount,bind,ro {0}",
        "mount -o remount,bind,rw {}",
    ),
}
"""How a folder is broken and mended again, in a space of mounts that ends with its process."""


UNSHARE = ("unshare", "--mount", "--map-root-user", "sh", "-c")


LEFT = re.compile(r"\.(old|lock|part(\.\w+)?)$")
"""How the names of what atomic writing may leave end."""


REASON = re.compile("disk is full|No space left|Read-only file system", re.IGNORECASE)


# Whatever runs in a shell's background ignores Ctrl-C, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Lost(AssertionError):
    """A fault after which something was lost, was half, stayed behind or was not said."""


@dataclass(frozen=True)
class Outcome:
    """A survived fault: whether a lock was named and freed, seconds until all processes ended."""

    locked: bool
    seconds: float


def expect(condition: object, sentence: str) -> None:
    if not condition:
        raise Lost(sentence)


def expect_no_traceback(said: str) -> None:
    """Expect no traceback but Jupyter Book's, whatever was wrong, and Python's own at its exit."""
    others = ("jupyter_book/cli", "Exception ignored in: <module 'threading'")
    expect(
        "Traceback" not in said or any(o in said for o in others), f"a traceback: {said[-1500:]}"
    )


class Running:
    """A command in its folder, in a group of processes of its own."""

    def __init__(self, work: Work, place: Path, wrapper: tuple[str, ...] = ()) -> None:
        self.place = place
        (place / "tmp").mkdir(exist_ok=True)
        self.log = place / "tmp" / f"{time.monotonic_ns()}.log"
        hidden = ("COVIDCXR_DATA", "RERUN", "STUDY", "SET", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        environment = {k: v for k, v in os.environ.items() if k not in hidden}
        environment |= {MARK: str(place), "TMPDIR": str(place / "tmp")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*wrapper, *work.command], cwd=place, env=environment, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def status(self) -> int:
        return self.process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the command and what it started in its group."""
        os.killpg(self.process.pid, number)


Moment = Callable[[Running], None]


def after(seconds: float) -> Moment:
    """Wait so long, or until the command ends."""

    def wait(run: Running) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(seconds)

    return wait


def printed(words: str) -> Moment:
    """Wait until the command has printed something."""

    def wait(run: Running) -> None:
        while run.process.poll() is None and words not in run.said():
            time.sleep(0.02)
        expect(words in run.said(), f"{words!r} was never printed: {run.said()[-1500:]}")

    return wait


def there(name: str) -> Moment:
    """Wait until the command has made a file."""

    def wait(run: Running) -> None:
        while run.process.poll() is None and not (run.place / name).exists():
            time.sleep(0.02)
        expect((run.place / name).exists(), f"{name} was never made: {run.said()[-1500:]}")

    return wait


def members(place: Path) -> list[psutil.Process]:
    """Return the processes that belong to a folder, kernels in sessions of their own too."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == str(place):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def ended(place: Path, times: int = 1) -> float:
    """Return after how many seconds the last process of a folder was gone."""
    began, patience = time.monotonic(), times * PATIENCE
    while left := members(place):
        if time.monotonic() - began > patience:
            names = ", ".join(" ".join(process.cmdline()[:5]) for process in left)
            for process in left:
                process.kill()
            raise Lost(f"still there after {patience:.0f} s: {names}")
        time.sleep(0.2)
    return time.monotonic() - began


def whole(work: Work, place: Path, reference: Finals) -> None:
    """Expect the final tables of a run without faults, bit for bit, and nothing hidden beside."""
    finals = finals_of(work, place)
    differing = sorted(k for k in {*finals, *reference} if finals.get(k) != reference.get(k))
    expect(not differing, f"other than without the fault: {', '.join(differing[:5])}")
    hidden = [p.name for p in place.rglob(".*") if LEFT.search(p.name)]
    expect(not hidden, f"left behind: {', '.join(hidden)}")


def nothing_half(work: Work, place: Path, reference: Finals) -> None:
    """Expect each final table or page that is there to be as it will be; HTML is not atomic."""
    half = [
        name
        for name, content in finals_of(work, place).items()
        if not name.endswith(".html") and content != reference.get(name)
    ]
    expect(not half, f"half made: {', '.join(half[:5])}")


def finals_of(work: Work, place: Path) -> Finals:
    """Return what is there of the final tables; a record that cannot be read is a loss."""
    try:
        return work.finals(place)
    except (Problem, ValueError, OSError) as error:
        raise Lost(f"cannot be read: {error}") from error


def again(work: Work, place: Path, reference: Finals) -> bool:
    """Run the same command once more, to its end; return whether a lock had to be freed."""
    run, locked = Running(work, place), False
    if run.status() and "cannot be locked" in run.said():
        locked = True
        expect("make unlock" in run.said(), "a lock whose remedy is not named")
        done = subprocess.run(["make", "unlock"], cwd=place, capture_output=True, check=False)
        expect(done.returncode == 0, "make unlock failed")
        run = Running(work, place)
    expect(run.status() == 0, f"the same command fails afterwards: {run.said()[-1500:]}")
    ended(place)
    whole(work, place, reference)
    return locked


def reference(work: Work, place: Path) -> tuple[Finals, float]:
    """Return the final tables of a run without faults, and its seconds."""
    fresh(work, place)
    began = time.monotonic()
    run = Running(work, place)
    expect(run.status() == 0, f"fails without any fault: {run.said()[-3000:]}")
    seconds, finals = time.monotonic() - began, work.finals(place)
    expect(finals, "makes nothing")
    return finals, seconds


def fresh(work: Work, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    work.prepare(place)


def killed(
    work: Work, place: Path, finals: Finals, when: Moment, choice: random.Random
) -> Outcome | None:
    """Kill a command outright, its whole group or one of its processes; None if it had ended."""
    fresh(work, place)
    run = Running(work, place)
    when(run)
    tree = sorted(members(place), key=lambda process: process.pid)
    if run.process.poll() is not None:
        return None
    if choice.random() < 0.5:
        run.signal(signal.SIGKILL)
        run.status()
        seconds = ended(place)
    else:
        # The others go on or give up, as after the system has chosen one to free memory.
        with contextlib.suppress(psutil.NoSuchProcess):
            choice.choice(tree).kill()
        run.status()
        seconds = ended(place, 10)
        expect_no_traceback(run.said())
    nothing_half(work, place, finals)
    return Outcome(again(work, place, finals), seconds)


def interrupted(work: Work, place: Path, finals: Finals, when: Moment) -> Outcome | None:
    """Press Ctrl-C, which the terminal sends to the whole group; None if it had ended."""
    fresh(work, place)
    run = Running(work, place)
    when(run)
    if run.process.poll() is not None:
        return None
    run.signal(signal.SIGINT)
    pressed = time.monotonic()
    if run.status() == 0:
        # Python leaves with 0 where it was already on its way out.
        expect(time.monotonic() - pressed < AT_ITS_END, "goes on after Ctrl-C")
        whole(work, place, finals)
        return None
    seconds = ended(place)
    expect_no_traceback(run.said())
    nothing_half(work, place, finals)
    return Outcome(again(work, place, finals), seconds)


def twice(work: Work, place: Path, finals: Finals) -> Outcome:
    """Run a command twice at once: both end well, or one names the lock of the other."""
    fresh(work, place)
    runs = [Running(work, place), Running(work, place)]
    failed = [run for run in runs if run.status()]
    for run in failed:
        expect("make unlock" in run.said(), f"fails beside another: {run.said()[-1500:]}")
    expect(len(failed) < 2, "both of two at once fail")
    seconds = ended(place)
    whole(work, place, finals)
    return Outcome(bool(failed), seconds)


def can_mount(place: Path) -> bool:
    """Return whether this system lets us mount in a space of our own."""
    place.mkdir(parents=True, exist_ok=True)
    test = [*UNSHARE, f"mount -t tmpfs none '{place}'"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


def mounted(work: Work, place: Path, finals: Finals, fault: str) -> Outcome:
    """Run a command where its folder is full or read-only, and again where that is mended."""
    fresh(work, place)
    folder = place / work.output
    folder.mkdir()
    broken, mended = (line.format(work.output) for line in MOUNTS[fault])
    script = (
        f'{broken} || exit 99; "$@" >tmp/said 2>&1; echo $? >tmp/status; '
        f'{mended} || exit 99; "$@"; status=$?; cp -a {work.output} kept; exit $status'
    )
    run = Running(work, place, (*UNSHARE, script, "sh"))
    status, said = run.status(), (place / "tmp/said").read_text()
    expect((place / "tmp/status").read_text().strip() != "0", f"did not fail: {said[-300:]}")
    expect_no_traceback(said)
    expect(REASON.search(said), f"a reason that is not named: {said[-1500:]}")
    expect(status == 0, f"fails when mended: {run.said()[-1500:]}")
    seconds = ended(place)
    # The mounts are gone with their process.
    shutil.rmtree(folder)
    (place / "kept").rename(folder)
    whole(work, place, finals)
    return Outcome(False, seconds)
