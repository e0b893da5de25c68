"""The command line: its commands, in the order in which the help lists them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from covidcxr import __version__
from covidcxr.cli import audit_commands, score_commands, study_commands, workflow_commands
from covidcxr.core.errors import Problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help keeps the examples in it as they are written.
    rich_markup_mode=None,
    context_settings={"max_content_width": 96},
    help=(
        "The executable, auditable edition of one paper, and the tools to audit another: "
        "try 'covidcxr audit panwar'."
    ),
)


def main() -> None:
    """Run a command; a `Problem` becomes one sentence and its exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("covidcxr").setLevel(logging.INFO)
    try:
        app()
    except Problem as problem:
        print(f"covidcxr: {problem}", file=sys.stderr)
        sys.exit(problem.status)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _register(*commands: Callable[..., None]) -> None:
    for command in commands:
        app.command()(command)


app.command(help=audit_commands.AUDIT)(audit_commands.audit)
_register(
    score_commands.metrics,
    score_commands.compare,
    audit_commands.duplicates,
    audit_commands.overlap,
    audit_commands.claims,
    study_commands.study,
    audit_commands.prose,
    study_commands.doctor,
    study_commands.name,
    workflow_commands.cohort,
    workflow_commands.samples,
    workflow_commands.split,
    workflow_commands.page,
    workflow_commands.press,
    workflow_commands.doors,
)
