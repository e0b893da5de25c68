"""Figures and tables of the book's pages, by topic."""

from covidcxr.figures.badges import badge
from covidcxr.figures.common import (
    COLORS,
    PARTS,
    WIDTH,
    Html,
    Picture,
    fold,
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
    "fold",
    "glue",
    "heading",
    "note",
    "setup",
    "stack",
    "table",
]
