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
"""What has to be there, and the Debian packages that bring it."""

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


def ready() -> None:
    """Refuse a machine without the tools.

    Raises
    ------
    Problem
        If a tool is missing.
    """
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise Problem(
            f"{', '.join(missing)}: not on this machine, and a PDF is set with it; "
            f"run 'apt-get install --no-install-recommends {' '.join(PACKAGES)}'."
        )


def pdf(source: Path, output: Path) -> None:
    """Set a book.

    Parameters
    ----------
    source
        The LaTeX that Sphinx wrote, beside what it includes.
    output
        Where the PDF goes, once it is whole.

    Raises
    ------
    Problem
        If a tool is missing, LaTeX stops, a character has no glyph, or a reference leads nowhere.
    """
    ready()
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", source.name]
    done = subprocess.run(
        command,
        cwd=source.parent,
        # Lines of the log stay whole, so that they can be read.
        env=os.environ | {"max_print_line": "1000"},
        capture_output=True,
        check=False,
    )
    log = source.with_suffix(".log")
    said = log.read_text("utf-8", errors="replace") if log.is_file() else ""
    if done.returncode:
        raise Problem(f"{log}: LaTeX stopped: {stopped(said)}")
    if found := faults(said):
        raise Problem(f"{log}: the PDF would lack {', '.join(found)}; mend the page that has it.")
    with atomic.file(output) as aside:
        shutil.copyfile(source.with_suffix(".pdf"), aside)


def stopped(log: str) -> str:
    """Return what LaTeX says of the error at which it stopped."""
    found = re.search(r"^! (.+)", log, re.M)
    return found[1] if found else "it says not why; is the disk full?"


def faults(log: str) -> list[str]:
    """Return the characters without a glyph and the references that lead nowhere."""
    return sorted({match for fault in _FAULTS for match in fault.findall(log)})
