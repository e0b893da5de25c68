"""Leakage sheet: the status of each type of leakage, in the paper and in a study.

The types are Kapoor and Narayanan's (Patterns 4:100804, 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from covidcxr.cohorts import composition
from covidcxr.core import edition, records
from covidcxr.core.studies import LABELS, KaggleCohort, Study
from covidcxr.paper import leakage_evidence as evidence
from covidcxr.paper.leakage_evidence import (
    DIFFERENT,
    NOT_FOUND,
    STATUSES,
    UNTESTED,
    Finding,
    Source,
)

TYPES = ("L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3")
"""Numbers of the types of leakage."""

JUDGED = {
    ("L1.1", "paper"): UNTESTED,
    ("L1.2", "paper"): UNTESTED,
    ("L1.2", "study"): NOT_FOUND,
    ("L1.3", "paper"): UNTESTED,
    ("L1.3", "study"): NOT_FOUND,
    ("L3.1", "paper"): UNTESTED,
    ("L3.1", "study"): UNTESTED,
}
"""Statuses that no record decides, by type and side; the page gives the reasons."""

EVIDENCE: dict[tuple[str, str], Callable[[Source], Finding]] = {
    ("L1.1", "study"): evidence.parts,
    ("L1.4", "paper"): evidence.copies,
    ("L1.4", "study"): evidence.copies,
    ("L2", "paper"): evidence.marks,
    ("L2", "study"): evidence.marks,
    ("L3.2", "paper"): evidence.patients,
    ("L3.2", "study"): evidence.groups,
    ("L3.3", "paper"): evidence.sampling,
    ("L3.3", "study"): evidence.sampling,
}
"""What computes a status, by type and side."""


def sheet(results: Path, study: Study) -> dict[tuple[str, str], Finding]:
    """Status of every type of leakage, by type and side, ``paper`` or ``study``.

    Records of the study are below `results`; those of other studies lie beside it.
    """
    own = Source(results, tuple(study.splits), study)
    few = _too_few(own, study)
    findings = {}
    for key in ((kind, side) for kind in TYPES for side in ("paper", "study")):
        if key in JUDGED:
            findings[key] = Finding(JUDGED[key], {})
        elif key[1] == "paper":
            findings[key] = _of_paper(EVIDENCE[key], results)
        else:
            finding = EVIDENCE[key](own)
            # So few images could hardly show a leak.
            weak = few and finding.status == NOT_FOUND
            findings[key] = finding._replace(status=UNTESTED) if weak else finding
    return findings


def stand_in(results: Path) -> dict[str, int]:
    """Images by class of the edition's first study, which stand in for the paper's."""
    places = [folder / composition.NAME for folder in edition.folders(results.parent)]
    recorded = [place for place in places if (place / "record.json").is_file()]
    images = records.read(recorded[0])["images"] if recorded else {}
    return {label: int(images.get(label, 0)) for label in LABELS}


def values(results: Path, study: Study) -> dict[str, Any]:
    """Statuses, their counts and the evidence, by glue key."""
    findings = sheet(results, study)
    cohort = KaggleCohort(source="kaggle")
    copied = stand_in(results)
    glued: dict[str, Any] = {
        "different": DIFFERENT,
        "fewest": edition.FEWEST,
        "covid": copied[LABELS[0]],
        "covid_of": cohort.covid19,
        "normal": copied[LABELS[1]],
        "normal_of": cohort.normal,
        "preprocessing": study.preprocessing,
    }
    for (kind, side), finding in findings.items():
        mark = " *" if (kind, side) in JUDGED else ""
        glued[f"{kind.replace('.', '')}_{side}"] = finding.status + mark
        glued |= {f"{side}_{name}": value for name, value in finding.evidence.items()}
    for side in ("paper", "study"):
        statuses = {kind: findings[kind, side].status for kind in TYPES}
        for name, status in zip(("found", "not_found", "untested"), STATUSES, strict=True):
            types = [kind for kind, one in statuses.items() if one == status]
            glued[f"{side}_{name}"] = len(types)
            glued[f"{side}_{name}_types"] = ", ".join(types) or "none"
    return {f"judgement_{name}": value for name, value in glued.items()}


def _of_paper(compute: Callable[[Source], Finding], results: Path) -> Finding:
    """Evidence of the first of the edition's studies that has any, for a split by name."""
    for name in edition.edition().studies:
        finding = compute(Source(results.parent / name, ("keras",)))
        if finding.status != UNTESTED:
            break
    return finding


def _too_few(source: Source, study: Study) -> bool:
    """Whether a study's test part is too small to deny a leak."""
    record = source.read(composition.NAME)
    if record is None:
        return False
    table = record.table("parts").query("part == 'test'").astype({"images": int})
    counts = table.groupby("label")["images"].sum()
    return bool(edition.too_few(study, {label: int(counts.get(label, 0)) for label in LABELS}))
