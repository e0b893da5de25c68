"""The doors into the project open on the same pins."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", LOCK, re.M)
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_lock_pins_everything_that_the_project_asks_for() -> None:
    extras = [r for group in PROJECT["optional-dependencies"].values() for r in group]
    for requirement in map(Requirement, PROJECT["dependencies"] + extras):
        version = PINS.get(canonicalize_name(requirement.name))
        assert version, f"{requirement} is not in requirements.lock; run make lock"
        assert requirement.specifier.contains(version), (
            f"{requirement} against {version}; make lock"
        )


def test_lock_has_a_hash_for_every_pin_and_no_address() -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.M)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", LOCK)


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
