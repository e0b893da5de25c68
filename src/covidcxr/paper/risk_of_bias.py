"""Leakage sheet: the status of each type of leakage, in the paper and in a study, and its evidence.

The types are Kapoor and Narayanan's (Patterns 4:100804, 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from covidcxr.cohorts import composition
from covidcxr.core import edition, records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, KaggleCohort, Study
from covidcxr.core.words import listing
from covidcxr.paper import forensics
from covidcxr.scores import intervals
from covidcxr.validity import external, overlap
from covidcxr.validity.shortcuts.probes import BLIND

FOUND, NOT_FOUND, UNTESTED = STATUSES = ("found", "not found", "cannot be tested")

DIFFERENT = 0.2
"""Our bound: total variation of the classes' sources, or |2 AUROC - 1| of age alone."""

MARKS = {key: name for key, name in BLIND.items() if key[0] != "metadata"}
"""Probes of the record ``shortcuts`` without the lungs; the stated lung region misses some lung,
so that what lies outside of it is no such probe."""

PROBE = "logistic"
"""The simple model that is asked, chosen beforehand."""

UNKNOWN = "not recorded"


class Finding(NamedTuple):
    """Status of one type of leakage, one of `STATUSES`, and the values that decide it."""

    status: str
    evidence: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """Records of one study and the splits that count; no study if they stand in for the paper's."""

    folder: Path
    splits: tuple[str, ...]
    study: Study | None = None

    def read(self, name: str) -> Record | None:
        """Read a record; None without one of the study's cohort."""
        if not (self.folder / name / "record.json").is_file():
            return None
        record = records.read(self.folder / name)
        if self.study is None:
            return record
        cohort = records.parameters(self.study, ())["cohort"]
        return record if record["parameters"]["cohort"] == cohort else None


def parts(source: Source) -> Finding:
    """Count images by part, of which training and test must not be empty."""
    names = ("train", "validation", "test")
    record = source.read(composition.NAME)
    if record is None:
        return _unknown(*names)
    images = record.table("parts").astype({"images": int}).groupby("part")["images"].sum()
    counts = {part: int(images.get(part, 0)) for part in names}
    status = NOT_FOUND if counts["train"] and counts["test"] else FOUND
    return Finding(status, {part: f"{n:,}" for part, n in counts.items()})


def marks(source: Source) -> Finding:
    """Compare with chance the AUROC of parts of the picture without the lungs."""
    record = source.read("shortcuts")
    if record is None:
        return _unknown("marks")
    table = record.table("areas")
    table = table[(table["tier"] == "all") & (table["model"] == PROBE) & table["low"].notna()]
    rows = {(row["probe"], row["variant"]): row for row in table.to_dict("records")}
    areas = {MARKS[key]: rows[key] for key in MARKS if key in rows}
    if not areas:
        return _unknown("marks")
    spans = {name: _span(row["auroc"], row["low"], row["high"]) for name, row in areas.items()}
    above = any(row["low"] > 0.5 for row in areas.values())
    entries = "; ".join(f"{name} {span}" for name, span in spans.items())
    return Finding(FOUND if above else NOT_FOUND, {"marks": entries})


def patients(source: Source) -> Finding:
    """Count COVID-19 test images whose patient is trained on, in the inferred set and split."""
    folder = source.folder.parent / forensics.NAME
    if not (folder / "record.json").is_file():
        return _unknown("patients", "held_out")
    record = records.read(folder)
    affected, n = int(record["shared"]["keras"]), int(record["held_out"])
    evidence = {"patients": f"{affected}", "held_out": f"{n}"}
    return Finding(FOUND if affected else NOT_FOUND, evidence)


def sampling(source: Source) -> Finding:
    """Compare classes by source and age, and scores at home with those on other cohorts."""
    cohort, tests = source.read(composition.NAME), source.read(external.NAME)
    findings = (_sources(cohort), _ages(cohort), _elsewhere(tests))
    evidence = {key: value for one in findings for key, value in one.evidence.items()}
    statuses = {one.status for one in findings}
    return Finding(next(s for s in STATUSES if s in statuses), evidence)


def shared(reason: str, key: str, source: Source) -> Finding:
    """Count test images that share a copy or a group with another part, in the splits that count.

    ``reason`` is that of the record of overlaps, ``key`` names the evidence.
    """
    record = source.read(overlap.NAME)
    if record is None:
        return _unknown(key)
    table = record.table("splits")
    table = table[table["reason"] == reason]
    own = {split.rpartition("-")[0] if split[-1].isdigit() else split for split in source.splits}
    entries, most_of_all = [], 0
    for name, title in overlap.SPLITS.items():
        draws = table[table["split"] == name].groupby("seed")[["affected", "n"]].sum()
        if name not in own or draws.empty:
            continue
        least, most = int(draws["affected"].min()), int(draws["affected"].max())
        count = f"{least:,} to {most:,}" if least < most else f"{most:,}"
        over = f" ({len(draws)} draws)" if len(draws) > 1 else ""
        entries.append(f"{title} {count} of {int(draws['n'].median()):,}{over}")
        most_of_all = max(most, most_of_all)
    if not entries:
        return _unknown(key)
    return Finding(FOUND if most_of_all else NOT_FOUND, {key: "; ".join(entries)})


def _sources(record: Record | None) -> Finding:
    """Compare the classes' sources."""
    keys = ("sources", "sources_of_both", "variation")
    if record is None:
        return _unknown(*keys)
    counts = composition.known_values(record, "source")
    distance = composition.total_variation(counts)
    if math.isnan(distance):
        return _unknown(*keys)
    both = int(counts.all(axis=1).sum())
    values = (f"{len(counts)}", f"{both}", f"{100 * distance:.0f}%")
    status = FOUND if distance >= DIFFERENT else NOT_FOUND
    return Finding(status, dict(zip(keys, values, strict=True)))


def _ages(record: Record | None) -> Finding:
    """Compute the AUROC of age alone; ages in one bin of the histogram count as ties."""
    if record is None:
        return _unknown("age")
    counts = composition.known_values(record, "age")
    known = counts.sum()
    if not (known > 0).all():
        unknown = [label for label in LABELS if not known[label] > 0]
        return Finding(UNTESTED, {"age": f"no ages of {listing(unknown)}"})
    positive, negative = (counts[label] / known[label] for label in LABELS)
    below = negative.cumsum() - negative
    area = float((positive * (below + negative / 2)).sum())
    n = listing([f"{int(known[label]):,} {label}" for label in LABELS])
    status = FOUND if abs(2 * area - 1) >= DIFFERENT else NOT_FOUND
    return Finding(status, {"age": f"{max(area, 1 - area):.2f} (ages of {n})"})


def _elsewhere(record: Record | None) -> Finding:
    """Compare a simple model's AUROC at home with that on other cohorts."""
    keys = ("home", "elsewhere")
    test = None if record is None else external.simple_tests(record).get(external.MODELS[PROBE])
    if test is None:
        return _unknown(*keys)
    home = intervals.area(test.internal)
    areas = {name: intervals.area(predicted) for name, predicted in test.external.items()}
    areas = {name: area for name, area in areas.items() if math.isfinite(area.value)}
    if not areas:
        return _unknown(*keys)
    entries = [f"{_span(one.value, one.low, one.high)} on '{name}'" for name, one in areas.items()]
    worse = any(one.high < home.low for one in areas.values())
    values = (_span(home.value, home.low, home.high), "; ".join(entries))
    return Finding(FOUND if worse else NOT_FOUND, dict(zip(keys, values, strict=True)))


def _unknown(*keys: str) -> Finding:
    return Finding(UNTESTED, dict.fromkeys(keys, UNKNOWN))


def _span(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


# --- the sheet


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
    ("L1.1", "study"): parts,
    ("L1.4", "paper"): partial(shared, "copy", "copies"),
    ("L1.4", "study"): partial(shared, "copy", "copies"),
    ("L2", "paper"): marks,
    ("L2", "study"): marks,
    ("L3.2", "paper"): patients,
    ("L3.2", "study"): partial(shared, "group", "groups"),
    ("L3.3", "paper"): sampling,
    ("L3.3", "study"): sampling,
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
