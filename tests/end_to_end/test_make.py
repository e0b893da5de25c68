"""Whatever a value says, make hands it over as text, and a mistake ends in one sentence."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image

from covidcxr.core.studies import LABELS
from covidcxr.paper import forensics
from tests.conftest import ROOT, Project, copy_project, give_environment

HOSTILE = [
    "x';touch pwned;'",
    '";touch pwned;"',
    "$(touch pwned)",
    "`touch pwned`",
    "$(shell touch pwned)",
    "${shell touch pwned}",
    "; touch pwned #",
    "x\ntouch pwned",
    "x && touch pwned",
    "title=$(touch pwned)'",
    'title="$(touch pwned)"',
]
"""Values of which make or a shell would make a file, were they to read them."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose environment is this one."""
    root = tmp_path_factory.mktemp("checkout")
    copy_project(root)
    give_environment(root)
    # JupyterLab would run until it is stopped.
    jupyter = root / ".venv/bin/jupyter"
    jupyter.write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    jupyter.chmod(0o755)
    return root


def make(
    root: Path, *arguments: str, path: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run make where none of its variables are set."""
    ours = ("STUDY", "SET", "GPU", "COVIDCXR_DATA", "MFLAGS")
    environment = {
        k: v for k, v in os.environ.items() if k not in ours and not k.startswith("MAKE")
    }
    environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(
        ["make", *arguments],
        cwd=root,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def traces(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if "pwned" in path.name]


@pytest.mark.parametrize("name", ["STUDY", "SET", "CORES", "GPU"])
def test_no_value_is_run_by_make_or_a_shell(checkout: Path, name: str, tmp_path: Path) -> None:
    root = shutil.copytree(checkout, tmp_path / "checkout")
    for program in ("snakemake", "covidcxr"):
        (root / ".venv/bin" / program).write_text(
            f'#!/bin/sh\nprintf "%s\\0" "${name}" "$@" > {program}.said\n'
        )
    for value in HOSTILE:
        # Snakemake writes its own words into the lines of further shells.
        expected = {"CORES": [value], "GPU": [f"gpu={value}"]}.get(name, [])
        for command in (["train", f"{name}={value}"], ["book", f"{name}={value}"], ["book"]):
            done = make(root, *command, **({} if len(command) > 1 else {name: value}))
            assert done.returncode == 0, done.stderr
            in_environment, *words = (root / "snakemake.said").read_text().split("\0")
            assert in_environment == value
            assert [word for word in words if "pwned" in word] == expected
    assert value in (root / "covidcxr.said").read_text()
    assert traces(root) == []


@pytest.mark.parametrize("value", [*HOSTILE[::3], "nosuch", "", "%"])
def test_a_profile_is_one_of_those_that_are_there(checkout: Path, value: str) -> None:
    for done in (
        make(checkout, "train", f"PROFILE={value}"),
        make(checkout, "train", PROFILE=value),
    ):
        assert done.returncode == 2
        assert "PROFILE is to be one of: default kubernetes slurm" in done.stderr
        assert done.stderr.count("\n") == 1
    assert traces(checkout) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "STUDY="], "The name is empty: no such study"),
        (["book", "STUDY=nosuch"], "nosuch: no such study"),
        (["book", f"STUDY=[{'x' * 5000}"], f"[{'x' * 79}...: no such study"),
        (["train", "SET=title='hash #1: $(x)' epoch=1"], "key 'epoch' is unknown"),
        (["train", "GPU=all"], "gpu=all: is no number"),
    ],
    ids=["empty", "unknown", "long", "key", "gpu"],
)
def test_a_mistake_ends_in_one_sentence(
    checkout: Path, arguments: list[str], sentence: str
) -> None:
    done = make(checkout, *arguments)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith(("Using", "make: "))]
    assert len(said) == 1
    assert said[0].startswith("covidcxr: ")
    assert sentence in said[0]


@pytest.mark.parametrize("value", HOSTILE)
def test_options_of_jupyterlab_are_words_and_no_commands(checkout: Path, value: str) -> None:
    done = make(checkout, "lab", f"LAB={value}")
    words = "".join(f"[{word}]" for word in ["lab", *value.split(), "notebooks"])
    assert done.stdout.endswith(words)
    assert traces(checkout) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_python_is_a_program_that_is_not_there(
    checkout: Path, value: str, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-gpu.lock"):
        shutil.copy(ROOT / name, tmp_path)
    done = make(tmp_path, "pins", f"PYTHON={value}")
    assert done.returncode != 0
    assert traces(tmp_path) == []


SLOW = """
rule trainings:
    output: "trained"
    shell: "touch begun; sleep 60"
"""


def test_the_lock_of_a_killed_build_is_named_and_removed(checkout: Path, tmp_path: Path) -> None:
    root = shutil.copytree(checkout, tmp_path / "checkout")
    snakefile = root / "workflow/Snakefile"
    snakefile.write_text(SLOW)
    with subprocess.Popen(
        ["make", "train"], cwd=root, stderr=subprocess.DEVNULL, start_new_session=True
    ) as build:
        until = time.monotonic() + 60
        while not (root / "begun").exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        os.killpg(build.pid, signal.SIGKILL)
    snakefile.write_text(SLOW.replace("sleep 60", "touch trained"))
    locked = make(root, "train")
    assert locked.returncode == 2
    assert "cannot be locked" in locked.stderr
    assert "make unlock" in locked.stderr.splitlines()[-2]
    assert make(root, "unlock", "STUDY=nosuch").returncode == 0
    assert make(root, "train").returncode == 0
    assert (root / "trained").exists()


def test_no_word_of_a_lock_where_there_is_none(checkout: Path) -> None:
    assert "unlock" not in make(checkout, "train", "STUDY=").stderr


def test_checkpoints_outlast_make_clean(checkout: Path, tmp_path: Path) -> None:
    root = shutil.copytree(checkout, tmp_path / "checkout")
    checkpoint, page = root / "build/scratch/resnet50.npz", root / "build/demo/page.ipynb"
    for file in (checkpoint, page):
        file.parent.mkdir(parents=True)
        file.touch()
    done = make(root, "clean")
    assert checkpoint.exists()
    assert not page.parent.exists()
    assert "stay in build/scratch; make clean-all removes them" in done.stdout
    done = make(root, "clean-all")
    assert not checkpoint.exists()
    assert "Checkpoints and features are removed too" in done.stdout
    assert "stay" not in make(root, "clean").stdout


AWKWARD = "hash #1 col: on {braces} <b>x 'single' \"double\"\nline $(touch pwned)"


def test_a_data_folder_may_be_called_anything(project: Project, tmp_path: Path) -> None:
    data = tmp_path / AWKWARD
    for label in LABELS:
        (data / label).mkdir(parents=True)
        Image.new("L", (32, 32)).save(data / label / "1.png")
    (data / forensics.LISTING).touch()
    page = "build/shared/pages/forensics.ipynb"
    planned = project.make(
        "small",
        *("--dry-run", "--printshellcmds", "--force", "--quiet", "host"),
        data=str(data),
        targets=[page],
    )
    assert planned.returncode == 0, planned.stdout
    assert f" -r {shlex.quote(f'listing={data / forensics.LISTING}')} " in planned.stdout
    assert traces(project.root) == []
