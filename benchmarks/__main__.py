"""Run all benchmarks, or those that are named, each in a process of its own.

``python benchmarks`` writes ``benchmarks/results/`` and the page ``benchmarks/README.md``, as
``python benchmarks phantom`` does after that one alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from measured import refuse_a_busy_machine
from ratios import BENCHMARKS

from covidcxr.core.errors import Problem


def main(names: list[str]) -> None:
    """Refuse unknown names and a busy machine, then measure."""
    for name in names:
        if name not in BENCHMARKS:
            raise Problem(f"{name}: no such benchmark; there are {', '.join(BENCHMARKS)}.")
    for name in names or BENCHMARKS:
        refuse_a_busy_machine()
        _run(name)
    _run("report")


def _run(name: str) -> None:
    subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py")], check=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.exit(str(problem))
