"""A Sphinx extension: reference that is written nowhere twice.

``commands`` lists the command line from its parser, ``targets`` the Makefile's from itself, and
``modules`` the package's from their docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INTERNAL = {"cohort", "samples", "split", "page", "press", "doors", "name"}
"""Commands that the workflow calls; a reader has the Makefile."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("commands", Commands)
    app.add_directive("targets", Targets)
    app.add_directive("modules", Modules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def commands() -> Iterator[tuple[str, str]]:
    """Yield the name and the help of each command for readers."""
    import typer

    from covidcxr.cli import commands

    group = typer.main.get_command(commands.app)
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        if name not in INTERNAL:
            context = command.make_context(
                f"covidcxr {name}", [], resilient_parsing=True, max_content_width=90
            )
            context.terminal_width = 90
            yield name, command.get_help(context).strip()


def targets(makefile: str) -> list[tuple[str, str]]:
    """Return the targets of a Makefile that say what they do, and what they say."""
    found = re.findall(r"^([a-z]+):.*?## (.+)$", makefile, re.M)
    return [(f"make {name}", told) for name, told in found]


def modules(package: Path) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Read what a package is made of, without importing it.

    Returns
    -------
    list
        Of each public module its name, the first line of its docstring, and the signature and
        the first line of each public function and class that has one.
    """
    found = []
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        parts = [*path.relative_to(package.parent).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        told = _first(tree)
        public = [
            (_signature(node), _first(node))
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and _first(node)
        ]
        if told and public and not parts[-1].startswith(("_", "sphinx_")):
            found.append((".".join(parts), told, public))
    return found


def _first(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    paragraph = (ast.get_docstring(node) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return f"class {node.name}"
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    if node.args.vararg:
        names.append(f"*{node.args.vararg.arg}")
    elif node.args.kwonlyargs:
        names.append("*")
    names += [a.arg for a in node.args.kwonlyargs]
    if node.args.kwarg:
        names.append(f"**{node.args.kwarg.arg}")
    return f"{node.name}({', '.join(names)})"


class Commands(SphinxDirective):
    """A section a command, with what it says of itself."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [
            _section(f"covidcxr {name}", nodes.literal_block(told, told, language="text"))
            for name, told in commands()
        ]


class Targets(SphinxDirective):
    """A table of what ``make`` can be asked for."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        makefile = Path(self.env.srcdir) / "Makefile"
        self.env.note_dependency(str(makefile))
        return [_list(targets(makefile.read_text("utf-8")))]


class Modules(SphinxDirective):
    """A section a module, with what is in it."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        if self.env.app.builder.format == "latex":
            return [nodes.paragraph(text="The list is long, and stands in the book on the web.")]
        return [
            _section(name, nodes.paragraph(text=told), _list(public))
            for name, told, public in modules(Path(__file__).parents[1])
        ]


def _section(title: str, *content: nodes.Node) -> nodes.section:
    # "covidcxr audit" is a command and "covidcxr.paper.audit" a module
    made = nodes.section(ids=[re.sub(r"\W+", "-", title)])
    made += [nodes.title("", "", nodes.literal(text=title)), *content]
    return made


def _list(told: Iterable[tuple[str, str]]) -> nodes.definition_list:
    return nodes.definition_list(
        "",
        *(
            nodes.definition_list_item(
                "",
                nodes.term("", "", nodes.literal(text=name)),
                nodes.definition("", nodes.paragraph(text=text.replace("``", "").replace("`", ""))),
            )
            for name, text in told
        ),
    )
