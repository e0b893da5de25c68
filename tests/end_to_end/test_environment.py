"""The doors into the project open on the same pins."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {name: (ROOT / name).read_text() for name in ("requirements.lock", "requirements-gpu.lock")}


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of every package, which may differ from one Python to the next."""
    found: dict[str, set[str]] = {}
    pattern = r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)"
    for name, version in re.findall(pattern, LOCKS[lock], re.M):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


PINS = pins("requirements.lock")
CUDA = pins("requirements-gpu.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_lock_pins_everything_that_the_project_asks_for() -> None:
    extras = [r for group in PROJECT["optional-dependencies"].values() for r in group]
    for requirement in map(Requirement, PROJECT["dependencies"] + extras):
        versions = PINS.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement} is not in requirements.lock; run make lock"
        assert all(map(requirement.specifier.contains, versions)), (
            f"{requirement} against {versions}; make lock"
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_a_hash_for_every_pin_and_no_address(lock: str) -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCKS[lock], flags=re.M)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", LOCKS[lock])


def test_the_lock_for_gpus_adds_cuda_and_changes_no_other_pin() -> None:
    added = CUDA.keys() - PINS.keys()
    assert "nvidia-cudnn-cu12" in added
    assert all(name.startswith("nvidia-") for name in added)
    assert {name: CUDA[name] for name in CUDA if name in PINS} == {
        name: PINS[name] for name in CUDA if name in PINS
    }, "make lock"


@pytest.mark.parametrize(
    ("driver", "asked", "cuda"),
    [
        (127, "", False),  # as where there is none
        (9, "", False),  # it is there and sees no GPU
        (0, "", True),
        (0, "GPU=0", False),
        (127, "GPU=1", True),
    ],
)
def test_cuda_is_set_up_where_a_driver_is_or_where_it_is_asked_for(
    driver: int, asked: str, cuda: bool, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(f"#!/bin/sh\nexit {driver}\n")
    (programs / "nvidia-smi").chmod(0o755)
    planned = subprocess.run(
        ["make", "--dry-run", "setup", *asked.split()],
        cwd=tmp_path,
        # as if no other make had started this one
        env={k: v for k, v in os.environ.items() if k != "GPU" and not k.startswith("MAKE")}
        | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "-r requirements.lock" in planned
    assert ("-r requirements-gpu.lock" in planned) == cuda


@pytest.mark.parametrize(("asked", "each"), [("", False), ("GPU=1", True)])
def test_trainings_of_a_cluster_ask_for_a_gpu_where_they_are_told_to(
    asked: str, each: bool
) -> None:
    command = ["make", "--dry-run", "train", "PROFILE=slurm", *asked.split()]
    environment = {
        k: v for k, v in os.environ.items() if k not in ("GPU", "MAKEFLAGS", "MAKELEVEL")
    }
    planned = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert ('--config gpu="$GPU"' in planned) == each


def test_conda_door_is_a_python_and_the_lock_and_nothing_else() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, pins = environment["dependencies"]
    assert pip == "pip"
    assert pins == {"pip": ["-r requirements.lock"]}
    allowed = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert allowed.contains(python.removeprefix("python=") + ".0")


def test_packaged_version_is_stated_once_more_and_the_same() -> None:
    import covidcxr

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert covidcxr.__version__ == PROJECT["version"] == str(citation["version"])
