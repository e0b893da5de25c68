"""Doors into the edition: where a reader of the book can run its notebooks without a machine.

Binder builds the repository as it was at a commit and opens a template. Colab opens single
files of a repository and knows nothing of what is around them; what it opens are copies of the
templates that begin by fetching the rest.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from covidcxr.core import atomic
from covidcxr.core.errors import Problem

VARIABLE = "COVIDCXR_REPOSITORY"
"""The variable that names the public repository of a book: owner/name, on GitHub."""

BRANCH = "colab"
"""The branch of that repository that holds the copies for Colab."""

_SETUP = """# Colab brings a machine and one notebook: fetch the edition that belongs to it.
!git clone --quiet https://github.com/{repository}.git edition
%cd edition
!git checkout --quiet {commit}
%pip install --quiet -r requirements.lock
%pip install --quiet --no-deps -e .
import sys
sys.path.insert(0, "src")"""


def repository(name: str) -> str:
    """Return a repository's name, or refuse what is none.

    Raises
    ------
    Problem
        If the name is not of the form owner/name.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise Problem(f"{VARIABLE}={name}: is no repository; write owner/name, as on GitHub.")
    return name


def binder(repository: str, commit: str, template: str) -> str:
    """Return the address at which Binder opens a template."""
    return f"https://mybinder.org/v2/gh/{repository}/{commit}?urlpath=lab/tree/{template}"


def colab(repository: str, template: str) -> str:
    """Return the address at which Colab opens the copy of a template."""
    copy = Path(template).name
    return f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{copy}"


def copies(templates: Path, folder: Path, repository: str, commit: str) -> None:
    """Write copies of all templates that begin by fetching the edition.

    Parameters
    ----------
    templates
        The folder of the templates.
    folder
        Where the copies go; what lies there is replaced.
    repository
        Where to fetch the edition: owner/name, on GitHub.
    commit
        The state of it.
    """
    setup = _SETUP.format(repository=repository, commit=commit)
    with atomic.folder(folder) as aside:
        for path in sorted(templates.glob("*/*.ipynb")):
            page = nbformat.read(path, as_version=4)
            cell = nbformat.v4.new_code_cell(setup, id="fetch-the-edition")
            page.cells.insert(0, cell)
            nbformat.write(page, aside / path.name)
