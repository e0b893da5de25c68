"""A page by a fork is the page that it always is, and a fork goes with whoever asked for it."""

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from covidcxr.book import fork_server
from tests.book.test_pages import template

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="forks on Linux only")

BUILD = """
import sys
from covidcxr.book import fork_server
fork_server.start()
import os
print(os.environ[fork_server.ADDRESS], flush=True)
sys.stdin.read()
"""
"""Starts a server, as a build does, and stays until its input ends."""


THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""What a step of the workflow sets for its command, and nobody for the build."""

N = ("-p", "n=3")
LINEAGE = "import psutil\nprint([p.cmdline() for p in psutil.Process().parents()])"


@pytest.fixture(scope="module")
def build() -> Iterator[subprocess.Popen[str]]:
    """A process that has a server."""
    with subprocess.Popen(
        [sys.executable, "-c", BUILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={name: value for name, value in os.environ.items() if name not in THREADS},
    ) as build:  # fmt: skip
        yield build
        build.kill()


@pytest.fixture(scope="module")
def address(build: subprocess.Popen[str]) -> str:
    assert build.stdout
    return build.stdout.readline().strip()


def page(address: str, source: Path, output: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "covidcxr", "page", source, output, *options],
        env=os.environ | THREADS | {fork_server.ADDRESS: address},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited a minute in vain"
        time.sleep(0.05)


def shown(path: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", ())]


def test_a_forked_page_is_the_page_that_it_always_is(address: str, tmp_path: Path) -> None:
    source = template(
        tmp_path,
        "import os, sys\nimport seaborn\nimport matplotlib.pyplot as plt",
        "_ = plt.plot([n, 2])",
        "print(os.getcwd(), dict(os.environ)['HOME'], sys.path[0], sys.stdin.read(), n)",
        "import threadpoolctl\n"
        "print(max(pool['num_threads'] for pool in threadpoolctl.threadpool_info()))",
        LINEAGE,
    )
    for server, output in (("", tmp_path / "own.ipynb"), (address, tmp_path / "fork.ipynb")):
        with page(server, source, output, *N) as run:
            assert run.wait() == 0, run.stderr and run.stderr.read()
    own, fork = shown(tmp_path / "own.ipynb"), shown(tmp_path / "fork.ipynb")
    assert ["image/png" in output.get("data", ()) for output in own] == [True, False, False, False]
    assert own[:3] == fork[:3]
    page_, guard, server, *_ = ast.literal_eval(fork[3].text)
    assert "fork-server" in server
    assert page_ == guard == server
    assert server not in ast.literal_eval(own[3].text)


def test_a_refusal_is_the_same_sentence_and_status(address: str, tmp_path: Path) -> None:
    source, said = template(tmp_path, "1"), []
    for server in ("", address, str(tmp_path / "nobody")):
        with page(server, source, tmp_path / "page.ipynb", "-p", "m=3") as run:
            assert run.stderr
            said.append((run.wait(), run.stderr.read()))
    assert said[0][0] == 1
    assert "has no parameter 'm'" in said[0][1]
    assert said[0] == said[1] == said[2]


def test_a_page_ends_with_the_command_that_asked_for_it(address: str, tmp_path: Path) -> None:
    notes = tmp_path / "pids"
    source = template(
        tmp_path,
        "import os, time\nfrom pathlib import Path\n"
        f"Path({str(notes)!r}).write_text(f'{{os.getppid()}} {{os.getpid()}}\\n')\ntime.sleep(99)",
    )
    with page(address, source, tmp_path / "page.ipynb", *N) as run:
        until(lambda: notes.is_file() and notes.read_text().endswith("\n"))
        run.kill()
    processes = [int(pid) for pid in notes.read_text().split()]
    until(lambda: not any(map(psutil.pid_exists, processes)))


def test_a_killed_page_is_said_by_its_status(address: str, tmp_path: Path) -> None:
    source = template(tmp_path, "import os\nos.kill(os.getppid(), 9)")
    with page(address, source, tmp_path / "page.ipynb", *N) as run:
        assert run.wait() == 128 + signal.SIGKILL


def test_a_server_ends_with_its_build(build: subprocess.Popen[str], address: str) -> None:
    (server,) = psutil.Process(build.pid).children()
    build.kill()
    until(lambda: not psutil.pid_exists(server.pid))
    assert not Path(address).parent.exists()
