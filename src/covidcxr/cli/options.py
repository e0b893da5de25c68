"""Options that several commands share."""

from typing import Annotated

import typer

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
