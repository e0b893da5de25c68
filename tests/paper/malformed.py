"""A good report, changed in one place."""

import copy
from typing import Any

GONE = object()
"""Stands for a key that is taken away."""


def changed(good: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a report with one place set to something else, or gone."""
    content = copy.deepcopy(good)
    *way, last = path.split("/")
    place: Any = content
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    key: Any = int(last) if isinstance(place, list) else last
    if value is GONE:
        del place[key]
    else:
        place[key] = value
    return content
