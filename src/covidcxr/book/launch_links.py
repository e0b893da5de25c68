"""Links that run a page's notebook without a machine of one's own: Binder and Colab.

Binder builds the repository as it was at a commit and opens a template. Colab opens single
files of a repository and knows nothing of what is around them; what it opens are copies of the
templates that begin by fetching the rest. The theme's own ``launch_buttons`` would open executed
pages, which are in no repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Return a repository's name, checked to be owner/name."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise Problem(f"{VARIABLE}={name}: is no repository; write owner/name, as on GitHub.")
    return name


def buttons(repository: str, page: Mapping[str, Any], commit: str) -> list[dict[str, str]]:
    """Menu entries of the theme for a page, as `covidcxr.book.provenance.of_book` describes it.

    None for a page without a notebook, and none without a repository or a commit.
    """
    if not repository or not commit or "template" not in page:
        return []
    template = page["template"]
    links = {
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{commit}?urlpath=lab/tree/{template}",
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/"
        f"{Path(template).name}",
    }
    return [
        {"type": "link", "text": name, "tooltip": f"Run this page's notebook on {name}", "url": url}
        for name, url in links.items()
    ]


def write_colab_copies(templates: Path, folder: Path, repository: str, commit: str) -> None:
    """Write copies of all templates, which begin by fetching the edition, in place of a folder."""
    setup = _SETUP.format(repository=repository, commit=commit)
    with atomic.folder(folder) as aside:
        for path in sorted(templates.glob("*/*.ipynb")):
            page = nbformat.read(path, as_version=4)
            page.cells.insert(0, nbformat.v4.new_code_cell(setup, id="fetch-the-edition"))
            nbformat.write(page, aside / path.name)
