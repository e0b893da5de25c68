"""What several tests share: a copy of the project in which a study can be built, and a browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadFileScheduling

from covidcxr.core import atomic

# Two cores that also build a book do not keep deadlines.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parent.parent

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"].removeprefix("book/")] + [
    chapter["file"].removeprefix("book/") for part in TOC["parts"] for chapter in part["chapters"]
]
"""Every page of the book, as its files are named below ``book``."""


LONG = (
    *(
        "test_book",
        "test_slurm",
        "test_devices",
        "test_training",
        "test_stress",
        "test_epoch_selection",
    ),
    *("test_external", "test_leakage", "test_commands", "test_sensitivity"),
)
"""What takes longest, and so begins first."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Leaves the tests of a file to one of the processes side by side; readers to two of them."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, name = nodeid.partition("::")
        page = name.partition("[")[2].rstrip("]")
        return f"{file} {PAGES.index(page) % 2}" if page in PAGES else file


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutants",
        type=int,
        default=24,
        help="damaged files of each kind that the tools are given",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Readers come last: by then the book is there.
    order = {file: i for i, file in enumerate(LONG)} | {"test_reader": len(LONG) + 1}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


REPOSITORY = "someone/edition"
"""Where a book that a test builds believes to be published."""


@dataclass
class Project:
    """A copy of the project, so that tests leave the checkout's own build alone."""

    root: Path

    def make(
        self,
        study: str,
        *options: str,
        changes: str = "",
        data: str | None = None,
        targets: Sequence[str] = ("all",),
    ) -> subprocess.CompletedProcess[str]:
        """Run the workflow on a study, as ``make book`` does."""
        command = [
            *(sys.executable, "-m", "snakemake"),
            *("--snakefile", "workflow/Snakefile", "--cores", "2"),
            *("--config", f"study={study}", f"set={changes}"),
            *(*options, "--", *targets),
        ]
        environment = {k: v for k, v in os.environ.items() if k != "COVIDCXR_DATA"}
        environment["COVIDCXR_REPOSITORY"] = REPOSITORY
        if data:
            environment["COVIDCXR_DATA"] = data
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def html(self, study: str) -> Path:
        """Return the folder of a rendered book."""
        return self.root / "build" / study / "_build" / "html"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the processes side by side have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def project(shared: Path) -> Project:
    root = shared / "project"
    with atomic.alone(root):
        if not root.is_dir():
            copy_project(root)
    return Project(root)


def copy_project(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)


def give_environment(root: Path) -> None:
    """Let a copy of the project believe that its environment is set up: it is this one."""
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("snakemake", "covidcxr"):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {name} "$@"\n')
        (programs / name).chmod(0o755)
    for name in ("pins", "gpu", "ready"):
        (root / ".venv" / name).touch()


@pytest.fixture(scope="session")
def demo(project: Project, shared: Path) -> Project:
    """The project with the demo book, built once for all tests that look at it."""
    with atomic.alone(shared / "site"):
        if not (shared / "site").is_dir():
            done = project.make("demo")
            assert done.returncode == 0, done.stdout[-6000:]
            with atomic.folder(shared / "site") as aside:
                shutil.copytree(project.html("demo"), aside, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="session")
def site_files(demo: Project, shared: Path) -> Path:
    """The demo book as it was built: what tests do to the project does not touch it."""
    return shared / "site"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        if os.environ.get("CI"):
            pytest.fail("no Chromium; install it, as .ci/run does")
        pytest.skip("no Chromium on this machine; install it to test the pages as a reader")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=found, args=options)
        yield launched
        launched.close()
