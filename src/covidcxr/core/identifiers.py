"""Ids of patients and groups as people write them: unknown ones, numbers, accents."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

from covidcxr.core.words import quoted

_UNKNOWN = {"", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "unknown", "unk", "missing"}
_UNKNOWN |= {"-", "--", "?", ".", "<na>", "#n/a"}  # fmt: skip


def is_unknown(ids: pd.Series[str]) -> pd.Series[bool]:
    """Return which ids are empty or say that nothing is known, such as NA, unknown and -."""
    return ids.isna() | ids.str.strip().str.lower().isin(_UNKNOWN)


def canonical(ids: pd.Series[str]) -> pd.Series[str]:
    """Write equal ids equally: composed accents (NFC), and 7, 7.0 and 007 as 7."""
    return ids.map(_canonical, na_action="ignore").astype("string")


def _canonical(text: str) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    number = re.fullmatch(r"0*(\d+)(\.0*)?", text, re.ASCII)
    return number[1] if number else text


def resolve(
    ids: pd.Series[str], noun: str, each: str = "images"
) -> tuple[pd.Series[str], list[str]]:
    """Return ids that are equal exactly where they mean the same, NA where unknown.

    Parameters
    ----------
    ids
        Shape (n,), text as in a file.
    noun
        What an id names, for the remarks: ``patient``.
    each
        What the n rows are.

    Returns
    -------
    ids : pandas.Series
    remarks : list of str
        A sentence on unknown ids, and one on numbers that were written in several ways.
    """
    unknown = is_unknown(ids)
    known = canonical(ids.mask(unknown))
    remarks = []
    if unknown.any():
        words = sorted(ids[unknown].dropna().unique())
        remarks.append(
            f"{int(unknown.sum()):,} of {len(ids):,} {each} have no known {noun}"
            f"{f' ({quoted(words)})' if words else ''}; each counts as a {noun} of its own."
        )
    spellings = ids[~unknown].groupby(known[~unknown]).unique()
    several = spellings[spellings.map(len) > 1]
    if len(several):
        remarks.append(
            f"{len(several):,} {noun} {'id is' if len(several) == 1 else 'ids are'} written in "
            f"several ways that mean the same ({quoted(sorted(several.iloc[0]))}); they count as "
            "one."
        )
    return known, remarks
