"""Trainings fan out over a real SLURM cluster of one node, and a killed job is tried again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from covidcxr import records

DAEMONS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd")
ROOT = Path(__file__).parents[1]
CLUSTER = Path(__file__).parent / "slurm" / "cluster.sh"

STUDY = (
    "image_size=32 epochs=1 models=[resnet50] seeds=[0,1] cohort.covid19=12 cohort.normal=24 "
    "cohort.exact_duplicates=0 cohort.near_duplicates=0 external={} explained_per_class=1"
)

PLACES = f"{os.environ['PATH']}:/usr/sbin"
missing = [name for name in DAEMONS if not shutil.which(name, path=PLACES)]

pytestmark = pytest.mark.skipif(
    bool(missing) or os.geteuid() != 0,
    reason=f"needs root and Debian's SLURM packages ({', '.join(missing) or 'not root'})",
)


@pytest.fixture
def cluster() -> Iterator[None]:
    started = subprocess.run([CLUSTER, "start"], capture_output=True, text=True, check=False)
    try:
        if "another cluster's" in started.stderr:
            pytest.skip(started.stderr.strip())
        assert started.returncode == 0, started.stderr
        yield
    finally:
        subprocess.run([CLUSTER, "stop"], check=False)


def sacct() -> list[tuple[str, str]]:
    """Return name and state of every job of Snakemake's that the accounting knows."""
    told = subprocess.run(
        ["sacct", "--allusers", "--allocations", "--noheader", "--parsable2",
         "--format", "JobName,State", "--starttime", "now-1hour"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split("|") for line in told.splitlines()]
    # A cluster that comes up has tried itself with one job, of a command by that name.
    return [(name, state.split()[0]) for name, state in rows if name != "true"]


def trainings(place: Path) -> list[int]:
    """Return the processes that write pages below a place."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "covidcxr" in line and "page" in line and any(str(place) in word for word in line):
            found.append(process.pid)
    return found


@pytest.mark.usefixtures("cluster")
def test_the_demo_fans_out_and_survives_a_kill(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("snakemake")),
        "--snakefile", "workflow/Snakefile",
        "--workflow-profile", "workflow/profiles/slurm",
        "--set-threads", "training=1",
        "--set-resources", "training:mem_mb=4000", "training:runtime=10",
        "--slurm-init-seconds-before-status-checks", "5",
        "--seconds-between-status-checks", "5",
        "--slurm-no-account", "--slurm-logdir", str(tmp_path / "logs"),
        "--config", "study=demo", f"set={STUDY}",
        f"build={tmp_path / 'build'}", f"results={tmp_path / 'results'}",
        "--", "trainings",
    ]  # fmt: skip
    log = tmp_path / "snakemake.log"
    with log.open("w") as output:
        run = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            began = time.monotonic()
            while not (found := trainings(tmp_path)):
                assert run.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() - began < 120, log.read_text()[-3000:]
                time.sleep(1)
            # as the kernel does where memory is short, without a word to Snakemake
            os.kill(found[0], signal.SIGKILL)
            assert run.wait(timeout=480) == 0, log.read_text()[-3000:]
        finally:
            run.kill()
    states = [state for _, state in sacct()]
    assert states.count("COMPLETED") == 2, states
    assert len(states) == 3, states  # two trainings, and one of them once more
    assert {s for s in states if s != "COMPLETED"} <= {"FAILED", "CANCELLED", "NODE_FAIL"}
    made = {record["name"] for record in records.every(tmp_path / "results")}
    assert made == {"resnet50-keras-s0", "resnet50-keras-s1"}
