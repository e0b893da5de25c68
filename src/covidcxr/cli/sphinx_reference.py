"""A Sphinx extension: reference lists that are written nowhere twice.

``commands`` lists the command line from its parser, ``targets`` the Makefile's from itself, and
``modules`` the package's from their docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INTERNAL = {"cohort", "samples", "split", "page", "press", "doors", "name"}
"""Commands that the workflow calls; a reader has the Makefile."""

Lines = list[tuple[str, str]]
"""Terms and their descriptions."""

_FOLD = '<details class="folded"><summary><code>{}</code> {}</summary>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("commands", Commands)
    app.add_directive("targets", Targets)
    app.add_directive("modules", Modules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def commands() -> Iterator[tuple[str, str]]:
    """Name and help of each command for readers."""
    import typer

    from covidcxr.cli import commands

    group = typer.main.get_command(commands.app)
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        if name not in INTERNAL:
            context = command.make_context(
                f"covidcxr {name}", [], resilient_parsing=True, max_content_width=76
            )
            context.terminal_width = 76
            yield name, command.get_help(context).strip()


def targets(makefile: str) -> Lines:
    """Targets of a Makefile and their comments, where they have one."""
    lines = re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.M)
    return [(f"make {name}", comment) for name, comment in lines]


def modules(package: Path) -> list[tuple[str, str, Lines]]:
    """Public modules of a package: name, summary, and signatures and summaries of what is public.

    Read from the sources, so that none is imported. Without a docstring nothing is listed.
    """
    listed = []
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        parts = [*path.relative_to(package.parent).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        summary = _summary(tree)
        public = [
            (_signature(node), _summary(node))
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and _summary(node)
        ]
        if summary and public and not parts[-1].startswith(("_", "sphinx_")):
            listed.append((".".join(parts), summary, public))
    return listed


def _summary(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    paragraph = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Name and names of the parameters."""
    if isinstance(node, ast.ClassDef):
        return f"class {node.name}"
    node.args.defaults, node.args.kw_defaults = [], [None for _ in node.args.kwonlyargs]
    for parameter in ast.walk(node.args):
        if isinstance(parameter, ast.arg):
            parameter.annotation = None
    return f"{node.name}({ast.unparse(node.args)})"


class Commands(SphinxDirective):
    """A section a command, with its help."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [
            _section(f"covidcxr {name}", nodes.literal_block(text, text, language="text"))
            for name, text in commands()
        ]


class Targets(SphinxDirective):
    """A list of the targets of ``make``."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        makefile = Path(self.env.srcdir) / "Makefile"
        self.env.note_dependency(str(makefile))
        return [_list(targets(makefile.read_text("utf-8")))]


class Modules(SphinxDirective):
    """A fold a room, with its modules and what is in them."""

    def run(self) -> list[nodes.Node]:
        """Return the folds."""
        if self.env.app.builder.format == "latex":
            return [nodes.paragraph(text="The list is long, and stands in the book on the web.")]
        package = Path(__file__).parents[1]
        parts: list[nodes.Node] = []
        for room, listed in groupby(modules(package), lambda module: module[0].split(".")[1]):
            purpose = _summary(ast.parse((package / room / "__init__.py").read_text("utf-8")))
            items = [
                _item(name, text, _list(public), id=_id(name)) for name, text, public in listed
            ]
            parts += [
                nodes.raw("", _FOLD.format(room, escape(purpose)), format="html"),
                nodes.definition_list("", *items),
                nodes.raw("", "</details>", format="html"),
            ]
        return parts


def _section(title: str, *content: nodes.Node) -> nodes.section:
    heading = nodes.title("", "", nodes.literal(text=title))
    return nodes.section("", heading, *content, ids=[_id(title)])


def _list(lines: Lines) -> nodes.definition_list:
    return nodes.definition_list("", *(_item(name, text) for name, text in lines))


def _item(name: str, text: str, *inner: nodes.Node, id: str = "") -> nodes.definition_list_item:
    term = nodes.term("", "", nodes.literal(text=name), ids=[id] if id else [])
    definition = nodes.definition("", nodes.paragraph(text=text.replace("`", "")), *inner)
    return nodes.definition_list_item("", term, definition)


def _id(title: str) -> str:
    # "covidcxr audit" is a command and "covidcxr.paper.audit" a module
    return re.sub(r"\W+", "-", title)
