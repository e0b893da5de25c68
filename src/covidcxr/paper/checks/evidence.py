"""Verdicts on claims, and the evidence that checks compute them from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from covidcxr.core.studies import TITLES, ModelName
from covidcxr.paper import audit, publication
from covidcxr.scores.metrics import CELLS


class Verdict(StrEnum):
    """What a claim of the paper turns out to be.

    A test that fails to reject contradicts nothing: the claim is then not shown. A count of
    patients is no run: only a training of this edition reproduces anything.
    """

    HOLDS = "holds"
    CORRECTED = "holds after correction"
    CONTRADICTED = "contradicted"
    IMPOSSIBLE = "impossible"
    UNVERIFIABLE = "not verifiable from the paper"
    NOT_SHOWN = "not shown"
    COUNTED = "supported by a count"
    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"


@dataclass(frozen=True)
class Finding:
    """Verdict on a claim, what fills the check's sentence in ``data/reasons.yaml``, and severity.

    The severity is None where the ledger's stands.
    """

    verdict: Verdict
    details: dict[str, Any] = field(default_factory=dict)
    severity: str | None = None


@dataclass(frozen=True)
class Evidence:
    """The audit of the paper's tables, and the folder of run records."""

    results: Path

    @cached_property
    def report(self) -> dict[str, Any]:
        """The audit of the paper's tables."""
        return audit.audit(audit.parse(publication.reported(), "the paper"))

    def table(self, model: ModelName) -> dict[str, Any]:
        """Return the audit of a network's table."""
        return next(table for table in self.report["tables"] if table["name"] == TITLES[model])

    def cells(self, model: ModelName) -> list[int]:
        """Return tp, fn, fp, tn in the reading that the audit decided for."""
        table = self.table(model)
        return [table["cells"][table["reading"]][cell] for cell in CELLS]

    def scores(self, model: ModelName) -> dict[str, float]:
        """Return a network's scores in the reading that the audit decided for."""
        table = self.table(model)
        return dict(table["scores"][table["reading"]])


def judge(holds: bool, otherwise: Verdict = Verdict.CONTRADICTED, /, **values: Any) -> Finding:
    """Return that a claim holds, or another verdict, with the values of the check's sentence."""
    return Finding(Verdict.HOLDS if holds else otherwise, values)
