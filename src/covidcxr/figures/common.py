"""Figures, tables and badges of the book's pages."""

from __future__ import annotations

import base64
import html
import io
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from covidcxr.core import machine, records
from covidcxr.core.studies import Study

WIDTH = 8.4
"""Inches: the width of a page's column, at which text in figures is as large as around them."""

KEPT = "application/papermill.record/"
"""What stands before the type of an output that is kept for prose and not shown."""

LINE, BETWEEN = 100, 2
"""Characters that fit side by side into a page's column, and what each cell takes besides."""

COLORS = {"COVID19": "#c1440e", "NORMAL": "#2a6f97"}
PARTS = {"train": "#6c757d", "validation": "#2a6f97", "test": "#c1440e"}


class Html:
    """Markup for a page."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


class Picture:
    """A figure with a text alternative, for the web and for print.

    Parameters
    ----------
    figure
        Closed once it is drawn.
    alt
        What a reader who cannot see the figure is told.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self.alt = alt
        self._svg, self._png = (_drawn(figure, kind) for kind in ("svg", "png"))
        plt.close(figure)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = base64.b64encode(self._svg).decode()
        image = f'<img class="figure" src="data:image/svg+xml;base64,{data}" alt="{_e(self.alt)}">'
        return {
            "text/html": image,
            "image/png": base64.b64encode(self._png).decode(),
            "text/plain": self.alt,
        }


def setup() -> None:
    """Set the look of a page, quiet TensorFlow, and send progress to standard error.

    A notebook that was opened by hand runs in the folder in which it lies; paths begin in the
    project's.
    """
    here = Path.cwd()
    os.chdir(next((f for f in (here, *here.parents) if (f / "_toc.yml").is_file()), here))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("covidcxr").setLevel(logging.INFO)
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.95)
    mpl.rcParams |= {
        "svg.hashsalt": "covidcxr",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
    }


# --- what stands above every page


def badge(study: Study, *made: records.Record) -> Html:
    """Say of which study, cohort, commit and day a page is, and of which trainings if of any."""
    images = made[0]["images"] if made else {}
    trained = not made or any("model" in run["parameters"] for run in made)
    others = sorted({run.study for run in made} - {study.name})
    counts = _total(images)
    synthetic = study.cohort.source == "phantom"
    mark = (
        '<span class="mark">DEMO</span> Synthetic images: no number on this page is a finding.'
        if synthetic
        else '<span class="mark real">REAL IMAGES</span>'
    )
    built = machine.commit()
    facts = {
        "Study": study.name,
        "Cohort": f"{study.cohort.source}, " + ", ".join(f"{n:,} {k}" for k, n in counts.items()),
    }
    if trained:
        facts |= {
            "Weights": {"none": "random at the start", "imagenet": "ImageNet"}.get(
                study.weights, "files from a folder"
            ),
            "Size": f"{study.image_size} px, {study.epochs} epochs, batches of {study.batch_size}",
        }
    if any(run.is_outdated for run in made):
        facts["Older method"] = "the code has changed since in a way that changes these numbers"
    if others:
        facts["Records made for"] = ", ".join(others)
    facts |= {
        "Recorded": ", ".join(sorted({f"{r.created:%Y-%m-%d}" for r in made})) or "not yet",
        "Code of the record": ", ".join(sorted({_short(r["commit"]) for r in made})) or "none",
        "Page built": f"{datetime.now(UTC):%Y-%m-%d} at {_short(built)}",
    }
    items = "".join(f"<div><dt>{_e(k)}</dt><dd>{_e(v)}</dd></div>" for k, v in facts.items())
    kind = "demo" if synthetic else "real"
    return Html(f'<aside class="badge-page {kind}"><p>{mark}</p><dl>{items}</dl></aside>')


def table(frame: pd.DataFrame, caption: str, formats: Mapping[str, str] | None = None) -> Html:
    """Show a frame as a table that scrolls instead of overflowing; a named index comes first."""
    if frame.empty:
        return note(f"{caption} There is no row to show.")
    shown = frame.reset_index() if frame.index.name else frame.copy()
    for column, pattern in (formats or {}).items():
        shown[column] = [("–" if pd.isna(v) else pattern.format(v)) for v in frame[column]]
    shown.columns = [str(column).replace("_", " ") for column in shown.columns]
    # Cells keep to one line unless that would make the table wider than the page.
    cells = shown.astype(str).to_numpy()
    lines = sum(BETWEEN + max(len(cell) for cell in column) for column in cells.T)
    classes = "numbers" if lines <= LINE else "numbers wordy"
    body = shown.to_html(index=False, border=0, na_rep="–", classes=classes, justify="left")
    body = body.replace("<thead>", f"<caption>{_e(caption)}</caption><thead>", 1)
    return Html(f'<div class="table-wrap" tabindex="0">{body}</div>')


def glue(**values: Any) -> None:
    """Keep values under their names, for the prose of this page and of others.

    Numbers become plain Python ones, which alone a page can format.
    """
    from IPython.core.formatters import format_display_data
    from IPython.display import display

    # The outputs of myst_nb.glue, without a second's import of what else that package does.
    for name, value in values.items():
        plain = value.item() if isinstance(value, np.generic) else value
        data, metadata = format_display_data(plain)
        kept = {"name": name, "mime_prefix": KEPT}
        hidden = {KEPT + kind: shown for kind, shown in data.items()}
        display(hidden, metadata=metadata | {"scrapbook": kept}, raw=True)


def heading(text: str) -> Html:
    """Show a heading inside a page's output."""
    return Html(f'<h3 class="within">{_e(text)}</h3>')


def note(text: str) -> Html:
    """Show a remark in place of something that is not there."""
    return Html(f'<p class="remark">{_e(text)}</p>')


def stack(*parts: Html) -> Html:
    """Show several pieces of markup under one another."""
    return Html("\n".join(part.text for part in parts))


def legend(figure: Figure, colors: Mapping[str, str]) -> None:
    """Put one legend of filled squares above all panels."""
    handles = [Rectangle((0, 0), 1, 1, color=color, label=label) for label, color in colors.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(colors), frameon=False)


def _total(images: Mapping[str, Any]) -> dict[str, int]:
    """Sum counts by class, which a training's record gives by part."""
    if images and isinstance(next(iter(images.values())), Mapping):
        return {k: sum(part[k] for part in images.values()) for k in next(iter(images.values()))}
    return dict(images)


def _short(commit: Mapping[str, Any]) -> str:
    if not commit["id"]:
        return "no commit"
    return commit["id"][:8] + (" with changes" if commit["changed"] else "")


def _drawn(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, metadata=metadata, dpi=120)
    return buffer.getvalue()


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)
