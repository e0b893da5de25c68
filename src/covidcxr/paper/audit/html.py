"""An audit as one page of HTML that needs neither network nor script."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from covidcxr import __version__
from covidcxr.core import atomic
from covidcxr.core.errors import Unusable
from covidcxr.core.words import printable
from covidcxr.paper.audit import printed, text, verdicts
from covidcxr.paper.audit.classes import text as classes
from covidcxr.paper.audit.names import UNBOUNDED, canonical, word

_FROM = {"print": "as printed", "scores": "the one that the scores leave"}


def as_html(report: Mapping[str, Any]) -> str:
    """Return an audit as a page: the faults first, then each table with its evidence.

    ``report`` is as `covidcxr.paper.audit.report.audit` returns it. All of it is escaped.
    """
    from jinja2 import Environment

    source = files("covidcxr").joinpath("data/templates/audit.html.jinja").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    tables = [_table(table, number) for number, table in enumerate(report["tables"], 1)]
    page = template.render(
        report=report,
        tables=tables,
        faults=[row for table in tables for row in table["values"] if row["fault"]],
        printed_matrix=any(table["matrix"] for table in report["tables"]),
        pairs=[text.pair_in_words(pair) for pair in report["pairs"]],
        version=__version__,
    )
    return "".join(f"{printable(line)}\n" for line in page.split("\n") if line.strip())


def write(report: Mapping[str, Any], path: Path) -> None:
    """Write an audit as a page; a file that exists is refused."""
    if path.exists() or path.is_symlink():
        raise Unusable(f"{path}: exists already; name a new file with --html, or remove this one.")
    with atomic.file(path) as aside:
        aside.write_text(as_html(report), encoding="utf-8")


def _table(table: Mapping[str, Any], number: int) -> dict[str, Any]:
    cells = table["cells"].get(table["reading"])
    caption = ""
    if cells:
        reading = ", rows and columns exchanged" if table["reading"] == "transposed" else ""
        caption = f"Confusion matrix, {_FROM[table['matrix_from']]}{reading}"
    notes = [text.corroboration(table)]
    if "baseline" in table:
        notes.append(text.margins_allow(table))
    return {
        "name": table["name"],
        "together": text.as_a_whole(table) if table["together"] or "classes" in table else "",
        "classes": table.get("one_vs_rest", {}).get(table["reading"], {}),
        "cells": cells,
        "caption": caption,
        "values": [
            {"table": table["name"], "number": number, "score": title} | _value(name, row)
            for score, row in verdicts.each(table)
            for name, title in [_title(table, score)]
        ],
        "notes": [note for note in notes if note],
    }


def _title(table: Mapping[str, Any], score: str) -> tuple[str, str]:
    """Name a score as the auditor does; as the paper does, and in words where these differ."""
    if "classes" in table:
        return classes.title(table, score)
    name = str(canonical(score))
    words = word(name)
    same = score.replace("_", " ").lower() == words.lower()
    return name, words if same else f"{score} ({words})"


def _value(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    bounded = name not in UNBOUNDED
    note, right = row["note"], ""
    if row["computed"] is not None:
        right = printed.entry(row["printed"], bounded).value.show(row["computed"])
    if limits := row.get("limits"):
        note += f" Interval {limits['verdict']}: {limits['note']}"
    fault = row["verdict"] in verdicts.FAULTS
    return {"printed": row["printed"], "right": right, "verdict": row["verdict"], "note": note,
            "fault": fault}  # fmt: skip
