"""Trainings fan out over a real SLURM cluster of one node, and a killed one is tried again."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import Project

CLUSTER = Path(__file__).parent / "slurm" / "cluster.sh"
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd")
MISSING = [
    name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"no {', '.join(MISSING)}: apt-get install slurm-wlm slurmdbd munge mariadb-server",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root starts SLURM's daemons"),
]

CHANGES = (
    "image_size=32 epochs=1 models=[resnet50] seeds=[0,1] cohort.covid19=12 cohort.normal=24 "
    "cohort.exact_duplicates=0 cohort.near_duplicates=0 external={} explained_per_class=1"
)


def told(*command: str) -> list[list[str]]:
    """Return what a command says, as rows of words."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def accounted(what: str) -> dict[str, str]:
    """Return something that the cluster's accounting knows of every job, by job."""
    rows = told("sacct", "--allusers", "--allocations", "--noheader", f"--format=JobID,{what}%60")
    return {row[0]: row[1] for row in rows}


def trainings() -> list[tuple[str, psutil.Process]]:
    """Return the processes that train at this moment, each after its job."""
    found = []
    for job, *_ in told("squeue", "--noheader", "--states=RUNNING", "--format=%A"):
        # A job that has just ended has no processes to list.
        listed = subprocess.run(["scontrol", "listpids", job], capture_output=True, text=True)
        for line in listed.stdout.splitlines()[1:]:
            try:
                process = psutil.Process(int(line.split()[0]))
                if process.cmdline()[1:4] == ["-m", "covidcxr", "page"]:
                    found.append((job, process))
            except (ValueError, psutil.NoSuchProcess):
                continue
    return found


@pytest.fixture
def cluster() -> Iterator[None]:
    """A cluster that is there for this test alone."""
    started = subprocess.run([CLUSTER, "start"], capture_output=True, text=True, check=False)
    if "another cluster" in started.stderr:
        pytest.skip(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    yield
    subprocess.run([CLUSTER, "stop"], check=True)


@pytest.mark.usefixtures("cluster")
def test_trainings_fan_out_and_a_killed_one_is_tried_again(
    project: Project, tmp_path: Path
) -> None:
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
        *("--workflow-profile", "workflow/profiles/slurm"),
        # less than the profile asks for, so that two trainings fit into a small machine
        *("--set-threads", "training=1", "--set-resources", "training:mem_mb=1000"),
        *(
            "--slurm-init-seconds-before-status-checks",
            "5",
            "--slurm-logdir",
            str(tmp_path / "logs"),
        ),
        *("--config", "study=demo", f"set={CHANGES}", "gpu=1"),
        *(f"build={tmp_path / 'build'}", f"results={tmp_path / 'results'}"),
        *("--", "trainings"),
    ]
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=project.root, stdout=output, stderr=output) as run,
    ):
        try:
            until = time.monotonic() + 180
            while not (running := trainings()):
                assert run.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < until, log.read_text()[-3000:]
                time.sleep(0.5)
            # As the kernel does where memory runs short. (What scancel stops, sacct calls
            # "CANCELLED by" somebody, which Snakemake's plugin takes for a job that still runs.)
            killed, process = running[0]
            process.kill()
            assert run.wait(timeout=480) == 0, log.read_text()[-3000:]
        finally:
            run.terminate()
    states = accounted("State")
    assert Counter(states.values()) == {"FAILED": 1, "COMPLETED": 2}, states
    assert states[killed] == "FAILED"
    assert all("gres/gpu=1" in granted for granted in accounted("AllocTRES").values())
    folders = (path.parent for path in (tmp_path / "results").glob("*/*/record.json"))
    assert {folder.name for folder in folders} == {"resnet50-keras-s0", "resnet50-keras-s1"}
