"""Overrides of a study, ``key=value``, and the name of the study that they lead to."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem
from covidcxr.core.words import shown

_LONGEST = 160  # characters of a name; a folder's has at most 255 bytes


def split(overrides: str | Sequence[str]) -> list[str]:
    """Split overrides that are one text, at blanks outside of quotation marks."""
    if not isinstance(overrides, str):
        return list(overrides)
    try:
        return shlex.split(overrides)
    except ValueError as error:
        raise Problem(
            f"{shown(overrides, 80)}: a quotation mark is missing; close the quotation."
        ) from error


def apply(content: Mapping[str, Any], item: str) -> dict[str, Any]:
    """Return a study's content with one override in it; a dot reaches into a section."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise Problem(f"{shown(item, 80)}: an override is written key=value, as in epochs=1.")
    value = strict_yaml.parse(text, f"{shown(item, 80)}: the value is")
    changed = section = dict(content)
    *sections, last = key.split(".")
    for depth, part in enumerate(sections, 1):
        inner = section.get(part)
        if not isinstance(inner, dict):
            name = ".".join(sections[:depth])
            raise Problem(
                f"{shown(item, 80)}: '{name}' is not a section of the study; write {name}=value."
            )
        section[part] = dict(inner)
        section = section[part]
    section[last] = value
    return changed


def flatten(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, Mapping)
        leaves |= flatten(value, f"{above}{key}.") if nested else {f"{above}{key}": value}
    return leaves


def name(
    base: str, before: Mapping[str, Any], after: Mapping[str, Any], chosen: Mapping[str, Any]
) -> str:
    """Name of a changed study: its base and each change, as in ``demo+epochs=1``.

    ``before`` and ``after`` are the content of the two; ``chosen`` is the latter's without
    defaults, because another source brings keys of its own, whose defaults go without saying.
    """
    old, new, chosen = (flatten(content) for content in (before, after, chosen))
    changes = [
        f"+{key}={_slug(new[key])}"
        for key in sorted(new)
        # Where the images lie decides nothing.
        if not key.endswith(".path") and (old[key] != new[key] if key in old else key in chosen)
    ]
    name = base + "".join(changes)
    if changes and len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 20]}-{_digest(name)}"
    return name


def _slug(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if "/" in text:  # names reach pages, where a machine's paths have no place
        return f"folder-{_digest(text)}"
    slug = re.sub(r"[^A-Za-z0-9._,-]+", "-", text)
    return slug if slug == text else f"{slug}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
