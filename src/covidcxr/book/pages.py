"""Notebook templates, executed by papermill and cleaned for the book."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import yaml

from covidcxr.book import provenance
from covidcxr.core import atomic, machine, records
from covidcxr.core.errors import Problem
from covidcxr.core.studies import DATA_VARIABLE
from covidcxr.core.words import one_line

_ORPHAN = "try: __import__('os').kill({}, 0)\nexcept ProcessLookupError: __import__('os')._exit(1)"
"""Ends a kernel whose parent died while it started: only later does it notice that by itself."""

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def execute(template: Path, output: Path, parameters: Mapping[str, Any]) -> None:
    """Execute a template and write it as a page of the book, whole or not at all.

    Progress (what the cells write to standard error) goes to this process's standard error; it,
    papermill's timestamps and this machine's paths stay out of the page. ``{{ name }}`` in text
    cells becomes that parameter's value, as text whatever it holds. A failed run is kept beside
    the page, as ``*.failed.ipynb``.

    Raises
    ------
    Problem
        For a parameter that the template does not have, for a cell that raised one, and where the
        notebook's process was killed or does not answer.
    papermill.PapermillExecutionError
        With the cell's traceback, for any other failure.
    """
    import papermill
    from traitlets.config import Config  # papermill's own settings

    if not template.is_file():
        raise Problem(f"{template}: no such notebook; correct the path.")
    known = papermill.inspect_notebook(str(template))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise Problem(
            f"{template}: has no parameter '{unknown[0]}'; it has {', '.join(sorted(known))}."
        )
    failed = output.with_suffix(".failed.ipynb")
    # Two processes may execute one page at once.
    with atomic.file(output) as aside:
        began = time.monotonic()
        try:
            with _trace() as used, _sockets() as sockets:
                papermill.execute_notebook(
                    str(template),
                    str(aside),
                    parameters=dict(parameters),
                    progress_bar=False,
                    # Writing all before and after each cell took an eighth of a page's time.
                    request_save_on_cell_execute=False,
                    stderr_file=_Progress(),
                    extra_arguments=[f"--IPKernelApp.exec_lines={_ORPHAN.format(os.getpid())}"],
                    config=Config(KernelManager=sockets),
                )
                facts = provenance.of_page(template, parameters, used(), Path.cwd())
        except papermill.PapermillExecutionError as error:
            aside.replace(failed)
            if error.ename in {"Problem", *(kind.__name__ for kind in Problem.__subclasses__())}:
                raise Problem(error.evalue) from None
            print(f"The page as far as it ran: {failed}", file=sys.stderr)
            raise
        except RuntimeError as error:  # also of a kernel that never began
            raise Problem(
                f"{template}: the process that executes it was killed or does not answer "
                f"({one_line(error)}); where memory ran out, make room, and run again."
            ) from None
        facts |= {"seconds": round(time.monotonic() - began, 1), "machine": machine.hardware()}
        page = nbformat.read(aside, as_version=4)
        clean(page, parameters, Path.cwd())
        page.metadata[provenance.KEY] = facts
        nbformat.write(page, aside)
    failed.unlink(missing_ok=True)


def clean(page: nbformat.NotebookNode, parameters: Mapping[str, Any], root: Path) -> None:
    """Remove traces of the run and of the machine from an executed notebook, in place.

    ``parameters`` fill the placeholders in its text cells; ``root`` is the folder whose path is
    cut from every output and every line of code.
    """
    page.metadata.pop("papermill", None)
    for cell in page.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "markdown":
            cell.source = _PLACEHOLDER.sub(lambda m: _value(m[1], parameters), cell.source)
        if cell.cell_type != "code":
            continue
        cell.source = _without_paths(cell.source, root)
        if "injected-parameters" in cell.metadata.get("tags", []):
            # the foot of the page says them
            cell.metadata.tags.append("remove-cell")
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        for output in cell.outputs:
            for holder in (output, output.get("data", {})):
                for key, value in holder.items():
                    if isinstance(value, str):
                        holder[key] = _without_paths(value, root)


@contextlib.contextmanager
def _sockets() -> Iterator[dict[str, str]]:
    """How a page talks to its kernel: through files in a folder of its own.

    Free ports are drawn before they are taken, so that kernels that start together may draw the
    same. A socket's path may have about a hundred characters only; where it has more, it is ports.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield {"transport": "ipc", "ip": f"{folder}/kernel"} if len(folder) < 90 else {}


@contextlib.contextmanager
def _trace() -> Iterator[Callable[[], list[Path]]]:
    """Have the notebook's process note which results it reads or makes."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "used"
        notes.touch()
        os.environ[records.TRACE] = str(notes)
        try:
            yield lambda: [Path(line) for line in notes.read_text("utf-8").splitlines()]
        finally:
            del os.environ[records.TRACE]


class _Progress:
    """Standard error without TensorFlow's messages while it loads."""

    _noise = re.compile(r"^(?:[IWEF]0000 \d|WARNING: All log messages before absl)")

    def write(self, text: str) -> None:
        lines = text.splitlines(keepends=True)
        sys.stderr.write("".join(line for line in lines if not self._noise.match(line)))

    def flush(self) -> None:
        sys.stderr.flush()


def _value(name: str, parameters: Mapping[str, Any]) -> str:
    if name not in parameters:
        raise Problem(f"The page's text asks for '{name}', which is no parameter given to it.")
    # Markdown takes punctuation behind a backslash for itself.
    return _PUNCTUATION.sub(r"\\\g<0>", one_line(parameters[name]))


def _without_paths(text: str, root: Path) -> str:
    data = os.environ.get(DATA_VARIABLE, "")
    if Path(data).is_absolute():  # a short relative name would match everything
        text = text.replace(data.rstrip("/") + "/", f"${DATA_VARIABLE}/")
    for folder, short in ((root, "."), (Path.home(), "~")):
        if folder != Path(folder.anchor):  # a home of / would match everything
            text = text.replace(f"{folder}/", "" if short == "." else "~/")
            text = text.replace(str(folder), short)
    return text


def stage(pages: Mapping[str, Path], folder: Path) -> None:
    """Replace a folder by executed pages, which come by the name of their page."""
    with atomic.folder(folder) as aside:
        for name, path in pages.items():
            (aside / f"{name}.ipynb").write_bytes(path.read_bytes())


def table_of_contents(
    path: Path, executed: set[str], root: str | None = None, findings: bool = False
) -> str:
    """Table of contents without the computed pages that a study does not have.

    ``root`` is the page that the book opens with, instead of its usual one, which with
    ``findings`` becomes the first chapter.
    """
    toc = yaml.safe_load(path.read_text(encoding="utf-8"))
    if findings:
        toc["parts"][0]["chapters"].insert(0, {"file": toc["root"]})
    toc["root"] = root or toc["root"]
    for part in toc["parts"]:
        part["chapters"] = [
            chapter
            for chapter in part["chapters"]
            if not chapter["file"].startswith("book/run/") or Path(chapter["file"]).name in executed
        ]
    return yaml.safe_dump(toc, sort_keys=False)
