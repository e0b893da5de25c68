"""Commands on a study: its content, its name, and what this machine has of what it needs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.options import Json, echo
from covidcxr.core import studies

_Changes = Annotated[list[str] | None, typer.Argument(help="key=value overrides.")]
_STUDY = "A YAML file, or the name of one in config/."


def study(name: Annotated[str, typer.Argument(help=_STUDY)], changes: _Changes = None) -> None:
    """Check a study and print it with every default filled in."""
    echo(studies.dump(studies.load(name, changes or [])), nl=False)


def doctor(
    study: Annotated[str, typer.Argument(help=_STUDY)] = "paper",
    changes: _Changes = None,
    build: Annotated[Path, typer.Option(help="Where it would be built.")] = Path("build"),
    as_json: Json = False,
) -> None:
    """Say what this machine has of what a study needs, and what to do about the rest.

    Looks at backends and accelerators, memory, images, weights and disk. Ends with status 1
    where something is missing.
    """
    from covidcxr.cli import doctor as doctors

    findings = doctors.examine(studies.load(study, changes or []), build)
    if as_json:
        echo(json.dumps([finding.as_json() for finding in findings], indent=1))
    else:
        echo(doctors.as_text(findings))
    if any(finding.status == doctors.MISSING for finding in findings):
        raise typer.Exit(1)


def name(
    study: str,
    changes: _Changes = None,
    text: Annotated[str, typer.Option("--set", help="Overrides in one text, as make's SET.")] = "",
) -> None:
    """Print the name under which a study's results and book lie."""
    from covidcxr.networks import sensitivity

    echo(sensitivity.plan(study, text or shlex.join(changes or []))[0].name)


def gallery() -> None:
    """Choose the radiographs that may be shown, and write them into book/gallery.

    Reads the data folder that COVIDCXR_DATA names, with its cohort.csv and covid19_metadata.csv.
    Images whose source states no licence that allows it are refused. Run it in the project's
    folder.
    """
    from covidcxr.cohorts import folders
    from covidcxr.cohorts import gallery as galleries

    data = folders.root_of(studies.FolderCohort(source="folder"))
    for label, rows in galleries.make(data).groupby("label"):
        echo(f"{label}: {len(rows)} images, {', '.join(rows['licence'].unique())}")
