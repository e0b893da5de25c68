"""Record of controls: methods tried on synthetic radiographs with planted defects.

A method must find what is there, and nothing where nothing is; one that fails is not relied on.
The experiments are tests: ``python -m tests.validity.controls`` makes the record, in minutes.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from covidcxr.core import records
from covidcxr.core.records import Record

FOLDER = "controls/record"
"""The place of the record among all records: it belongs to no study's folder."""

METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`
DISEASE = "disease"  # what is planted where only the disease follows the class


def record(results: Path) -> Record:
    """Record of all controls, from the folder that holds the studies' folders.

    Its tables are ``measures`` (``method``, ``planted``, ``variant``, ``strength``, ``measure``,
    ``n``, ``value``, ``low``, ``high``, ``confidence``) and ``criteria`` (``method``, ``demand``,
    ``found``, ``met``). A record of an older method is returned too; without one, a `Problem` is
    raised.
    """
    return records.read(results / FOLDER, METHOD)


def passed(record: Record) -> set[str]:
    """Names of the methods that met every demand."""
    return passing(record.table("criteria"))


def passing(criteria: pd.DataFrame) -> set[str]:
    """Names of the methods that met all of at least one demand."""
    return {str(name) for name, rows in criteria.groupby("method") if rows["met"].all()}
