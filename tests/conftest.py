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

# Two cores that also build a book do not keep deadlines.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parent.parent

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"].removeprefix("book/")] + [
    chapter["file"].removeprefix("book/") for part in TOC["parts"] for chapter in part["chapters"]
]
"""Every page of the book, as its files are named below ``book``."""


BOOK = ("test_book", "test_reader")
"""Tests of one and the same build."""

LONG = (*BOOK, "test_slurm", "test_backends", "test_training")
"""What takes longest, and so begins first."""


class ByBuild(LoadFileScheduling):  # type: ignore[misc]
    """Leaves the tests of a file, and those of a build, to one of the processes side by side."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).stem
        return "book" if file in BOOK else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByBuild:
    return ByBuild(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {file: i for i, file in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


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
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
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
    return Project(root)


@pytest.fixture(scope="session")
def demo(project: Project) -> Project:
    """The demo book, built once for all tests that look at it."""
    done = project.make("demo")
    assert done.returncode == 0, done.stdout[-6000:]
    return project


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
