"""Commands that the workflow calls: each is one arrow of the data flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from covidcxr.core import strict_yaml, studies
from covidcxr.core.errors import Problem
from covidcxr.core.words import shown


def cohort(study: Path, folder: Path) -> None:
    """Gather a study's images into FOLDER: manifest.csv and pixels.npy."""
    from covidcxr.cohorts import cohort

    cohort.prepare(studies.load(study), folder)


def samples(study: Path, folder: Path) -> None:
    """Gather a study's cohort and its external ones into FOLDER, for the analyses."""
    from covidcxr.cohorts import samples

    samples.prepare(studies.load(study), folder)


def split(study: Path, manifest: Path, kind: str, seed: int, output: Path) -> None:
    """Split a cohort and write which image is in which part."""
    from covidcxr.cohorts import manifest as manifests
    from covidcxr.cohorts import splits

    settings = studies.load(study)
    parts = splits.make(
        manifests.read(manifest),
        studies.split_kind(kind),
        settings.test_fraction,
        settings.validation_fraction,
        studies.split_draw(kind, seed),
    )
    splits.write(parts, output)


def page(
    template: Path,
    output: Path,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value for the parameters cell, in YAML.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("-r", help="name=value, where the value is text as it is.")
    ] = None,
) -> None:
    """Execute a notebook template and write it as a page of the book."""
    from covidcxr.book import pages

    parameters: dict[str, Any] = {}
    items = [("-p", item) for item in parameter or []] + [("-r", item) for item in text or []]
    for option, item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise Problem(f"{option} {shown(item, 80)}: a parameter is written name=value.")
        parameters[name] = (
            strict_yaml.parse(value, f"-p {shown(item, 80)}: the value is")
            if option == "-p" and value
            else value
        )
    pages.execute(template, output, parameters)


def press(
    source: Annotated[
        Path | None, typer.Argument(metavar="BOOK.tex", help="Written by Sphinx.")
    ] = None,
    output: Annotated[Path | None, typer.Argument(metavar="BOOK.pdf")] = None,
) -> None:
    """Set the book that Sphinx wrote as LaTeX; without files, say whether the tools are there."""
    from covidcxr.book import latex_pdf

    latex_pdf.check_tools()
    if source and output:
        latex_pdf.write(source, output)


def doors(repository: str, commit: str, folder: Path) -> None:
    """Write copies of the templates that Colab can open, for the branch that holds them."""
    from covidcxr.book import launch_links

    name = launch_links.repository(repository)
    launch_links.write_colab_copies(Path("notebooks"), folder, name, commit)
