"""Figures, tables and glued values of the book's pages."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from markupsafe import escape
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from covidcxr.core import records

WIDTH = 8.4
"""Inches: the width of a page's column, so that text in figures has the size of the text around."""

GLUE_PREFIX = "application/papermill.record/"
"""Prefix of the type of an output that is glued and not shown."""

BY_HAND = (
    "Opened by hand, the text shows the name of a number, {glue:text}`name`, and no number: the "
    "cells below list their values by name once they have run. A name behind a file, "
    "`runs.ipynb::name`, is listed in that notebook."
)
"""Where to look for the numbers of a page's text outside of the book."""

LINE, PADDING = 100, 2
"""Characters that fit side by side into a page's column, and those between cells."""

_WHOLE = re.compile(r"<td>((?:[-+–.,:%()e\d ]|to|of)+|[^\s<]{1,16})</td>")
"""Cells that hold numbers and limits alone, or one short word."""

BLUE, RUST, GREY, INK = "#2a6f97", "#c1440e", "#6c757d", "#343a40"
PALE, YELLOW = "#adb5bd", "#e9c46a"
COLORS = {"COVID19": RUST, "NORMAL": BLUE}
ON_DARK = {"COVID19": "#f4a582", "NORMAL": "#92c5de"}
NIGHT = "#14181c"
PARTS = {"train": GREY, "validation": BLUE, "test": RUST}


class Html:
    """Markup for a page."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


class Picture:
    """A figure, which is closed, with a text alternative, for the web and for print."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self.alt = alt
        # Pixels keep their greys in the dark; lines and dots are turned to light on dark.
        self._kind = "figure pixels" if any(axis.images for axis in figure.axes) else "figure"
        self._svg, self._png = (_rendered(figure, kind) for kind in ("svg", "png"))
        plt.close(figure)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        data = base64.b64encode(self._svg).decode()
        image = (
            f'<img class="{self._kind}" src="data:image/svg+xml;base64,{data}" '
            f'alt="{escape(self.alt)}">'
        )
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
        "text.parse_math": False,  # a dollar sign in a name is no formula
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
    }
    if opened_by_hand():
        from IPython.display import display

        display(note(BY_HAND))


def opened_by_hand() -> bool:
    """Return whether this is somebody's notebook, and no page that is made for the book."""
    return "ipykernel" in sys.modules and records.TRACE not in os.environ


@contextmanager
def lightbox() -> Iterator[None]:
    """Draw figures of pixels on a black ground, by day and by night; also a decorator."""
    with plt.rc_context(
        {
            "figure.facecolor": NIGHT, "text.color": "white", "axes.labelcolor": "white",
            "xtick.color": "white", "ytick.color": "white",
        }
    ):  # fmt: skip
        yield


def table(frame: pd.DataFrame, caption: str, formats: Mapping[str, str] | None = None) -> Html:
    """Show a frame as a table that scrolls instead of overflowing; a named index comes first."""
    if frame.empty:
        return note(f"{caption} There is no row to show.")
    shown = frame.reset_index() if frame.index.name else frame.copy()
    for column, pattern in (formats or {}).items():
        shown[column] = [("–" if pd.isna(v) else pattern.format(v)) for v in frame[column]]
    shown.columns = [str(column).replace("_", " ") for column in shown.columns]
    # Cells keep to one line unless that would make the table wider than the page; these always.
    cells = shown.astype(str).to_numpy()
    lines = sum(PADDING + max(len(cell) for cell in column) for column in cells.T)
    classes = "numbers" if lines <= LINE else "numbers wordy"
    body = shown.to_html(index=False, border=0, na_rep="–", classes=classes, justify="left")
    body = _WHOLE.sub(r'<td class="whole">\1</td>', body) if lines > LINE else body
    body = body.replace("<thead>", f"<caption>{escape(caption)}</caption><thead>", 1)
    return Html(f'<div class="table-wrap" tabindex="0">{body}</div>')


def glue(**values: Any) -> None:
    """Keep values under their names, for the prose of this page and of others."""
    from IPython.core.formatters import format_display_data
    from IPython.display import display

    # The outputs of myst_nb.glue, without the second that its import takes.
    for name, value in values.items():
        # A page can format plain Python numbers alone.
        bare = value.item() if isinstance(value, np.generic) else value
        data, metadata = format_display_data(bare)
        scrapbook = {"name": name, "mime_prefix": GLUE_PREFIX}
        hidden = {GLUE_PREFIX + kind: content for kind, content in data.items()}
        display(hidden, metadata=metadata | {"scrapbook": scrapbook}, raw=True)
    if opened_by_hand():
        plain = {name: v for name, v in values.items() if not isinstance(v, Html | Picture)}
        display(Html("<br>".join(f"{name}: {escape(value)}" for name, value in plain.items())))


def decimal(value: float, digits: int = 3) -> str:
    """Write a number with so many digits, or a dash; never a zero with a sign."""
    return f"{value:z.{digits}f}" if np.isfinite(value) else "–"


def with_limits(
    value: float,
    low: float,
    high: float,
    spec: str | Callable[[float], str] = ".3f",
    scale: float = 1,
    none: str = "–",
) -> str:
    """Value with its limits as text: ``0.93 (0.90 to 0.95)``; without limits where undefined."""
    if pd.isna(value):
        return none
    write = spec if callable(spec) else f"{{:{spec}}}".format
    shown, *ends = (write(scale * number) for number in (value, low, high) if not pd.isna(number))
    return f"{shown} ({' to '.join(ends)})" if ends else shown


def intervals(
    rows: pd.DataFrame, columns: Sequence[str] = ("value", "low", "high"), **options: Any
) -> list[str]:
    """Values of a table with their limits as texts; options are those of `with_limits`."""
    return [with_limits(*row, **options) for row in rows[list(columns)].to_numpy(float)]


def heading(text: str) -> Html:
    """Show a heading inside a page's output."""
    return Html(f'<h3 class="within">{escape(text)}</h3>')


def note(text: str) -> Html:
    """Show a remark in place of something missing."""
    return Html(f'<p class="remark">{escape(text)}</p>')


def fold(title: str, *parts: Html) -> Html:
    """Show pieces of markup only where a reader opens them."""
    return Html(
        f'<details class="folded"><summary>{escape(title)}</summary>{stack(*parts).text}</details>'
    )


def stack(*parts: Html) -> Html:
    """Show several pieces of markup under one another."""
    return Html("\n".join(part.text for part in parts))


def _rendered(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    # Lines are drawn on the page's own ground, pixels on a black one.
    is_plain = kind == "svg" and to_hex(figure.get_facecolor()) != NIGHT
    figure.savefig(buffer, format=kind, metadata=metadata, dpi=120, transparent=is_plain)
    return buffer.getvalue()
