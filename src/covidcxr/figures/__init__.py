"""Figures and tables of the book's pages, one module a page."""

from covidcxr.figures.badges import badge
from covidcxr.figures.common import (
    COLORS,
    PARTS,
    WIDTH,
    Html,
    Picture,
    glue,
    heading,
    note,
    setup,
    stack,
    table,
)

__all__ = [
    "COLORS",
    "PARTS",
    "WIDTH",
    "Html",
    "Picture",
    "badge",
    "glue",
    "heading",
    "note",
    "setup",
    "stack",
    "table",
]
