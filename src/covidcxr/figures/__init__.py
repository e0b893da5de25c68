"""Figures and tables of the book's pages, by topic."""

from covidcxr.figures.badges import badge
from covidcxr.figures.common import Html, Picture, fold, glue, heading, note, setup, stack, table

__all__ = ["Html", "Picture", "badge", "fold", "glue", "heading", "note", "setup", "stack", "table"]
