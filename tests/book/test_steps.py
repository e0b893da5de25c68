"""A line a step, the time that is left, and the end of the log of a step that failed."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from covidcxr.book import steps

SNAKEFILE = """
from collections import Counter
from covidcxr.book import steps
from snakemake.logging import logger

onstart:
    steps.attach(logger, Counter(job.rule.name for job in workflow.dag.needrun_jobs()))

rule all:
    input: "audit.page", "runs.page"

rule page:
    output: "{page}.page"
    log: "{page}.log"
    shell: "echo {wildcards.page} speaks > {log}; touch {output}"
"""


def run(folder: Path, snakefile: str) -> subprocess.CompletedProcess[str]:
    (folder / "Snakefile").write_text(snakefile)
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules", "host"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_step_has_one_line_with_a_count(tmp_path: Path) -> None:
    done = run(tmp_path, SNAKEFILE)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert [line.partition("]")[0] for line in lines] == ["[1/3", "[2/3", "[3/3"]
    assert sorted(line.split()[2].rstrip(",") for line in lines[:2]) == ["audit", "runs"]
    assert "left" in lines[0]
    assert "left" not in lines[1], "nothing but the target is left"
    for noise in ("Finished jobid", "steps (", "speaks"):
        assert noise not in done.stderr


def test_a_step_that_fails_shows_the_end_of_its_log_and_where_it_is(tmp_path: Path) -> None:
    done = run(tmp_path, SNAKEFILE.replace("touch {output}", "exit 1"))
    assert done.returncode != 0
    said = done.stderr.splitlines()
    name = next(word for word in ("audit", "runs") if f"page {word} failed." in said)
    assert f"{name} speaks" in said
    assert f"Its log: {name}.log" in said


def test_a_log_that_a_full_disk_cut_short_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.log").write_text("")
    log = str(tmp_path / "book.log")
    assert "the disk is full" not in steps.failure("book", [log])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    sentence = f"{tmp_path}: the disk is full; make room, and run again."
    assert sentence in steps.failure("book", [log]).splitlines()


def test_time_left_follows_the_means_of_the_steps_that_ran() -> None:
    # two pages of 10 s one after the other; three more to come
    assert steps.remaining({"page": 3, "all": 1}, {"page": [10.0, 10.0]}, 20) == "; about 30 s left"
    # the same two side by side in 10 s
    assert steps.remaining({"page": 3}, {"page": [10.0, 10.0]}, 10) == "; about 15 s left"
    assert steps.remaining({"page": 0, "all": 1}, {"page": [10.0]}, 10) == ""


def test_a_kind_of_step_that_never_ran_is_named_and_not_guessed() -> None:
    left = steps.remaining({"page": 1, "training": 2}, {"page": [10.0]}, 10)
    assert left == "; about 10 s left, and 2 of training"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (99, "99 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_are_coarse(seconds: float, words: str) -> None:
    assert steps.duration(seconds) == words
