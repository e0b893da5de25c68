"""Demands on the measures of each method, set before the methods were tried."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from covidcxr.validity.shortcuts.probes import PROBES, UNSEEN
from tests.validity.controls import planted
from tests.validity.controls.rows import CONFIDENCE, LEVEL

RECALL = 0.95
"""The least share of the planted copies of each kind that must be found."""

FALSE_ALARMS = 1e-4
"""Pairs of different patients that may be called copies, as a share of all such pairs: the upper
limit must lie below."""

POWER = 0.8
"""The least share of cohorts in which a probe must find what is planted at full strength."""

INSIDE = 0.9
"""The least share of a map's evidence that must lie where it was planted."""


class Demand(NamedTuple):
    """Measure, rows that the demand is about, its text, and the condition that meets it."""

    measure: str
    rows: str
    text: str
    met: str


_COPIES = "method == 'duplicates'"
_SHARED = "method == 'overlap'"
_GAIN = "method == 'leakage' and strength =="
_PROBE = f"method in {list(PROBES)} and planted != '{planted.DISEASE}' and strength =="
_ILL = f"planted == '{planted.DISEASE}'"
_MAPS = "method == 'saliency' and planted =="

DEMANDS = (
    Demand("recall", f"{_COPIES} and planted == 'copies' and variant != 'all kinds'",
           f"at least {RECALL}", f"value >= {RECALL}"),
    Demand("false alarms", f"{_COPIES} and variant == 'different patients'",
           f"below {FALSE_ALARMS:g}, upper limit", f"high < {FALSE_ALARMS}"),
    Demand("recall", _SHARED, "1 at {strength:g}", "value == 1"),
    Demand("false alarms", _SHARED, "0 at {strength:g}", "value == 0"),
    Demand("gain", f"{_GAIN} {min(planted.PER_PATIENT)}",
           "0 within the interval", "low <= 0 <= high"),
    Demand("gain", f"{_GAIN} {max(planted.PER_PATIENT)}", "above 0", "low > 0"),
    Demand("auroc", f"{_PROBE} 0",
           "at {strength:g} 0.5 within the interval", "low <= 0.5 <= high"),
    Demand("false alarms", f"{_PROBE} 0", "at {strength:g} as by chance", f"chance >= {LEVEL}"),
    Demand("power", f"{_PROBE} 1", f"at {{strength:g}} at least {POWER}", f"value >= {POWER}"),
    Demand("false alarms", f"{_ILL} and sight <= {UNSEEN}", "as by chance", f"chance >= {LEVEL}"),
    Demand("power", f"{_ILL} and method == 'lungs' and variant == 'only'",
           f"at least {POWER}", f"value >= {POWER}"),
    Demand("outside", f"{_MAPS} '{planted.CORNER}'", f"at least {INSIDE}", f"value >= {INSIDE}"),
    Demand("outside", f"{_MAPS} '{planted.LUNG}'",
           f"at most {1 - INSIDE:.1f}", f"value <= {1 - INSIDE}"),
    Demand("no map", f"{_MAPS} '{planted.NOTHING}'", "always", "value == 1"),
)  # fmt: skip


def outcomes(measures: pd.DataFrame) -> pd.DataFrame:
    """Outcome of each demand: ``method``, ``demand``, ``found``, ``met``.

    Parameters
    ----------
    measures
        Columns `tests.validity.controls.rows.COLUMNS`. What was not measured is not demanded,
        and NaN meets no demand.
    """
    shown = measures[measures["measure"] == "lung in sight"].set_index(["method", "variant"])
    table = measures.join(shown["value"].rename("sight"), on=["method", "variant"])
    table["chance"] = chance_of_alarms(table["value"], table["n"])
    what = table["planted"] + ", " + table["variant"] + ": " + table["measure"] + " "
    tables = []
    for demand in DEMANDS:
        rows = table[table["measure"] == demand.measure].query(demand.rows)
        at = [demand.text.format(strength=strength) for strength in rows["strength"]]
        outcome = rows[["method"]].assign(demand=what[rows.index] + at, found=rows["value"])
        outcome["met"] = rows.eval(demand.met)
        tables.append(outcome)
    return pd.concat(tables, ignore_index=True).astype({"met": bool})


def chance_of_alarms(share: pd.Series, n: pd.Series) -> np.ndarray:
    """Probability of so many or more alarms in n intervals, each with 1 - `CONFIDENCE`."""
    return np.asarray(stats.binom.sf(np.rint(share * n) - 1, n, 1 - CONFIDENCE))
