"""Figures and tables of the book's pages, by topic."""

from covidcxr.figures.common import (
    COLORS,
    PARTS,
    WIDTH,
    Html,
    Picture,
    badge,
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
