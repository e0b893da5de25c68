"""Options that several commands share."""

from collections.abc import Mapping
from typing import Annotated

import typer

from covidcxr.core.errors import Unusable
from covidcxr.core.words import listing, printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, a row a score, instead of text.")]


def _one_character(text: str) -> str:
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or text in '\r\n"':
        raise typer.BadParameter("one character is needed, such as ';' or tab")
    return text


Delimiter = Annotated[
    str, typer.Option(callback=_one_character, help="Separates cells: a character, or tab.")
]


def echo(text: str, nl: bool = True) -> None:
    """Print lines, with escapes for what a terminal would obey, such as in a file's name."""
    typer.echo("\n".join(map(printable, text.split("\n"))), nl=nl)


def refuse_together(options: Mapping[str, bool]) -> None:
    """Refuse options that exclude each other."""
    asked = [name for name, value in options.items() if value]
    if len(asked) > 1:
        raise Unusable(f"{listing(asked)} exclude each other; choose one.")
