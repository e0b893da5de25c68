"""The files of this package that a page rests on, by its import graph."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

PACKAGE = "covidcxr"

MACHINERY = ("book.pages", "book.provenance")
"""What executes every page."""


DATA = (".yaml", ".jinja")
"""What files of data that pages rest on end with."""


def of_template(template: Path, root: Path) -> list[Path]:
    """Files of the package that a notebook's code needs, directly or not, sorted.

    ``root`` is the project's folder, which holds ``src``.
    """
    cells = json.loads(template.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return of_modules({*_imported("\n".join(code)), *MACHINERY}, root)


def of_modules(names: Iterable[str], root: Path) -> list[Path]:
    """Files of modules, of all that they import, and of the data that these read.

    Modules are named within the package; a name that is no module is passed over.
    """
    graph = _graph()
    modules = {f"{PACKAGE}.{name}" for name in names} & graph.modules
    needed = {PACKAGE}.union(modules, *(graph.find_upstream_modules(module) for module in modules))
    source = root / "src" / PACKAGE
    files = {
        path: ".".join((PACKAGE, *path.relative_to(source).with_suffix("").parts))
        for path in sorted(source.rglob("*.py"))
    }
    code = [path for path, name in files.items() if name.removesuffix(".__init__") in needed]
    text = "".join(path.read_text("utf-8") for path in code)
    data = (path for kind in DATA for path in sorted(source.rglob(f"*{kind}")))
    return code + [path for path in data if _named(path, source, text)]


def _named(data: Path, source: Path, text: str) -> bool:
    """Whether code names a file of data, or the folder that holds more of its kind."""
    path = data.relative_to(source)
    return path.as_posix() in text or (len(path.parts) > 2 and path.parent.as_posix() in text)


def _imported(code: str) -> set[str]:
    """Names that code imports of this package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            module = (node.module or "").partition(".")[2]
            # What is imported from a package may be a module itself.
            names |= {module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name.removeprefix(f"{PACKAGE}.") for alias in node.names}
    return names


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
