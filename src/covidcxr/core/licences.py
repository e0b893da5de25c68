"""Licences of the installed packages, as their own metadata say: ``python -m`` prints a CSV."""

from __future__ import annotations

import csv
import sys
from importlib import metadata

from covidcxr.core.words import shown


def table() -> list[tuple[str, str, str]]:
    """Name, version and licence of each installed package, by name."""
    rows = {
        (name := one.metadata["Name"]).lower(): (name, one.version, licence(one))
        for one in metadata.distributions()
    }
    return [rows[name] for name in sorted(rows)]


def licence(package: metadata.Distribution) -> str:
    """Return what a package's metadata say: its expression, its classifiers, or a short text."""
    facts = package.metadata
    classifiers = [
        name.rpartition(" :: ")[2]
        for name in facts.get_all("Classifier") or []
        if name.startswith("License :: ") and name != "License :: OSI Approved"
    ]
    said = facts.get_all("License-Expression") or classifiers or facts.get_all("License") or []
    return shown(", ".join(said), 120) or "not stated"


if __name__ == "__main__":
    csv.writer(sys.stdout, lineterminator="\n").writerows(
        [("name", "version", "licence"), *table()]
    )
