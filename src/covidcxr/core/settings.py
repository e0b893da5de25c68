"""Nested settings by their dotted keys, and a word on each."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any


def flatten(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, Mapping)
        leaves |= flatten(value, f"{above}{key}.") if nested else {f"{above}{key}": value}
    return leaves


def brief(value: Any) -> str:
    """Write a setting or the beginning of a fingerprint."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:8]
    return "not set" if value is None else textwrap.shorten(str(value), 60, placeholder=" ...")
