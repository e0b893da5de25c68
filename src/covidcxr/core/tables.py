"""Tables of several records as one."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def concatenate(tables: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return some columns of all rows; without a table, no row but the columns."""
    kept = [table[columns] for table in tables]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=columns)
