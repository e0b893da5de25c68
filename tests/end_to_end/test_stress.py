"""Commands that are killed, interrupted or run out of disk lose nothing."""

import ctypes
import random
import shlex
import time
from pathlib import Path

import psutil
import pytest

from covidcxr.core import records
from tests.end_to_end.stress import faults, works
from tests.end_to_end.stress.faults import Lost
from tests.end_to_end.stress.works import PAPER, Work


def test_a_training_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    work, choice = works.training(PAPER), random.Random(0)
    finals, _ = faults.reference(work, tmp_path / "work")
    assert set(finals) == {"training.ipynb", "metrics", "predictions", "saliency", "attribution"}
    assert faults.killed(work, tmp_path / "work", finals, faults.printed("epoch 2 of 4"), choice)
    record = records.read(tmp_path / "work/results/resnet50-random-s0")
    assert record["training"]["stretches"] == 2


def test_a_cohort_survives_every_fault(tmp_path: Path) -> None:
    work, place, choice = works.cohort(), tmp_path / "work", random.Random(0)
    finals, seconds = faults.reference(work, place)
    assert len(finals) == 15
    for _ in range(4):
        faults.killed(work, place, finals, faults.after(choice.uniform(0, seconds)), choice)
    faults.interrupted(work, place, finals, faults.after(seconds / 2))
    faults.twice(work, place, finals)
    if not faults.can_mount(tmp_path / "mount"):
        pytest.skip("this system lets nobody mount: no full disk, no read-only folder")
    for fault in faults.MOUNTS:
        faults.mounted(work, place, finals, fault)


def test_a_book_killed_while_it_is_made_names_its_lock_and_is_made_all_the_same(
    tmp_path: Path,
) -> None:
    work = works.book()
    finals, _ = faults.reference(work, tmp_path / "work")
    assert {"one.ipynb", "book/run/one.html"} <= set(finals)
    group = random.Random(0)
    group.random = lambda: 0.0  # type: ignore[method-assign]
    rendering = faults.there("build/demo/_toc.yml")
    outcome = faults.killed(work, tmp_path / "work", finals, rendering, group)
    assert outcome
    assert outcome.locked


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "prctl"), reason="adopts processes as Linux can")
@pytest.mark.parametrize("later", [0.0, 0.5])
def test_a_kernel_ends_whose_page_is_killed_while_it_starts(later: float, tmp_path: Path) -> None:
    place, adopts = tmp_path / "work", 36  # PR_SET_CHILD_SUBREAPER, as a user's systemd does
    ctypes.CDLL(None).prctl(adopts, 1, 0, 0, 0)
    command = (*works.COVIDCXR, "page", "a.ipynb", "b.ipynb")
    work = Work("page", command, "", lambda at: works.template(at / "a.ipynb", "1"), lambda _: {})
    faults.fresh(work, place)
    try:
        run = faults.Running(work, place)
        while len(faults.members(place)) < 2:
            assert run.process.poll() is None
            time.sleep(0.02)
        time.sleep(later)
        kernels = [one for one in faults.members(place) if one.pid != run.process.pid]
        run.process.kill()
        run.status()
        faults.ended(place)
        assert not any(psutil.pid_exists(one.pid) and one.status() != "zombie" for one in kernels)
    finally:
        ctypes.CDLL(None).prctl(adopts, 0, 0, 0, 0)


def shell(script: str) -> Work:
    """Return a work that is badly made."""
    return Work(
        "bad",
        ("sh", "-c", script),
        "",
        lambda place: None,
        lambda place: {p.name: p.read_text() for p in place.glob("*.csv")},
    )


AWAIT = "echo begun; sleep 2; "


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (f"printf 1 > a.csv; {AWAIT} printf 2 >> a.csv", "half made: a.csv"),
        (f"{AWAIT} printf 12 > a.csv; : > .b.part", "left behind: .b.part"),
        (f"mkdir lock || exit 1; {AWAIT} rmdir lock; printf 12 > a.csv", "the same command fails"),
        (f"test -e seen && n=3; : > seen; {AWAIT} printf 12$n > a.csv", "other than without"),
        (f"setsid sleep 60 & {AWAIT} printf 12 > a.csv", "still there after"),
    ],
    ids=["half", "left", "lock", "other", "process"],
)  # fmt: skip
def test_what_is_badly_made_is_noticed(
    script: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 3)
    group = random.Random(0)
    group.random = lambda: 0.0  # type: ignore[method-assign]
    with pytest.raises(Lost, match=sentence):
        faults.killed(
            shell(script), tmp_path / "work", {"a.csv": "12"}, faults.printed("begun"), group
        )


def test_a_fault_that_ends_in_a_traceback_is_noticed(tmp_path: Path) -> None:
    if not faults.can_mount(tmp_path / "mount"):
        pytest.skip("this system lets nobody mount")
    code = "open('out/a.csv', 'w').write('1' * 10**6)"
    work = shell(f"{works.COVIDCXR[0]} -c {shlex.quote(code)}")
    object.__setattr__(work, "output", "out")
    for fault in faults.MOUNTS:
        with pytest.raises(Lost, match="a traceback"):
            faults.mounted(work, tmp_path / "work", {}, fault)
