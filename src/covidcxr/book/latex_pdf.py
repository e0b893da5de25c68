"""From LaTeX to a PDF, or to one sentence that says why not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from covidcxr.core import atomic
from covidcxr.core.errors import Problem

TOOLS = {"xelatex": "texlive-xetex", "latexmk": "latexmk", "rsvg-convert": "librsvg2-bin"}
"""Programs that are needed, and the Debian packages that bring them."""

PACKAGES = (
    *TOOLS.values(),
    "texlive-latex-recommended",
    "texlive-latex-extra",
    "texlive-fonts-recommended",
    "fonts-dejavu",
)

_FAULTS = (
    re.compile(r"^Missing character: There is no (.+?) in font", re.M),
    re.compile(r"^LaTeX Warning: (?:Reference|Citation|Hyper reference) `(.+?)'.* undefined", re.M),
)


def check_tools() -> None:
    """Refuse a machine without the tools."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise Problem(
            f"{', '.join(missing)}: not on this machine, and a PDF is set with it; "
            f"run 'apt-get install --no-install-recommends {' '.join(PACKAGES)}'."
        )


def write(source: Path, output: Path) -> None:
    """Typeset a book that Sphinx wrote as LaTeX, whole or not at all.

    Raises
    ------
    Problem
        If a tool is missing, LaTeX stops, a character has no glyph, or a reference leads nowhere.
    """
    check_tools()
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", source.name]
    run = subprocess.run(
        command,
        cwd=source.parent,
        # Lines of the log stay whole, so that they can be read.
        env=os.environ | {"max_print_line": "1000"},
        capture_output=True,
        check=False,
    )
    log = source.with_suffix(".log")
    text = log.read_text("utf-8", errors="replace") if log.is_file() else ""
    if run.returncode:
        stop = re.search(r"^! (.+)", text, re.M)
        reason = stop[1] if stop else "it says not why; is the disk full?"
        raise Problem(f"{log}: LaTeX stopped: {reason}")
    if lacking := faults(text):
        raise Problem(f"{log}: the PDF would lack {', '.join(lacking)}; mend the page that has it.")
    with atomic.file(output) as aside:
        shutil.copyfile(source.with_suffix(".pdf"), aside)


def faults(log: str) -> list[str]:
    """Characters without a glyph and references that lead nowhere, from a log of LaTeX."""
    return sorted({match for fault in _FAULTS for match in fault.findall(log)})
