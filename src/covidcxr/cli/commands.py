"""The command line: its commands, in the order in which the help lists them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from covidcxr import __version__
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.words import failure, message, one_line

MODULES = {
    "audit": "audit_commands",
    "metrics": "score_commands",
    "compare": "score_commands",
    "duplicates": "audit_commands",
    "overlap": "audit_commands",
    "claims": "audit_commands",
    "study": "study_commands",
    "prose": "audit_commands",
    "doctor": "study_commands",
    "name": "study_commands",
    "gallery": "study_commands",
    "cohort": "workflow_commands",
    "samples": "workflow_commands",
    "split": "workflow_commands",
    "page": "workflow_commands",
    "press": "workflow_commands",
    "doors": "workflow_commands",
}
"""The module of each command, which is a function of the command's name."""


class _Commands(Mapping[str, Any]):
    """Commands by name, each imported when it is asked for: no command waits for the others'."""

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"covidcxr.cli.{MODULES[name]}")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, **_PLAIN)
        alone.command(name)(getattr(module, name))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


class _Group(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands()})


# Plain help keeps the examples in it as they are written.
_PLAIN: dict[str, Any] = {
    "rich_markup_mode": None,
    "context_settings": {"max_content_width": 96},
}

app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "The executable, auditable edition of one paper, and the tools to audit another: "
        "try 'covidcxr audit panwar'."
    ),
    **_PLAIN,
)


def main() -> None:
    """Run a command; a `Problem` becomes one sentence and its exit status."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("covidcxr").setLevel(logging.INFO)
    try:
        app()
    except Problem as problem:
        print(f"covidcxr: {problem}", file=sys.stderr)
        sys.exit(problem.status)
    except OSError as error:
        if error.filename is None:
            raise
        # A name that is too long, a folder that is closed: the system says it of some path.
        reason = message(f"{os.fspath(error.filename)}: {failure(error)}", 500)
        print(f"covidcxr: {reason}; correct the name or its permissions.", file=sys.stderr)
        sys.exit(Unusable.status)


class _OneLine(logging.Formatter):
    """Writes each record on one line that a terminal can show."""

    def format(self, record: logging.LogRecord) -> str:
        return message(one_line(super().format(record)))


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
