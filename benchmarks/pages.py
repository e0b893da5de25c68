"""What forking the pages of a build from one process saves, on pages that compute little.

Run as ``python benchmarks/pages.py``; it writes ``benchmarks/results/pages.json``. The other side
starts a Python for each page and one for its kernel. Both execute the same pages, one at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measured import keep, seconds

from covidcxr.book import fork_server

PAGES = ("audit", "auditing", "five_minutes")
"""Pages that show committed records, and compute little."""

REPEATS = 5


def pages(folder: Path) -> Callable[[], None]:
    """Return what executes all pages, each as a command of its own."""

    def execute() -> None:
        for page in PAGES:
            command = (sys.executable, "-m", "covidcxr", "page", f"notebooks/paper/{page}.ipynb")
            subprocess.run([*command, str(folder / f"{page}.ipynb")], check=True)

    return execute


def main() -> None:
    os.environ.pop(fork_server.ADDRESS, None)
    with tempfile.TemporaryDirectory() as folder:
        alone = seconds(pages(Path(folder)), REPEATS)
        fork_server.start()
        # The first of them waits for the server's own imports.
        forked = seconds(pages(Path(folder)), REPEATS)
    keep("pages", {"pages": PAGES, "seconds": {"alone": alone, "forked": forked}})


if __name__ == "__main__":
    main()
