"""Badge above every page: study, cohort, records and code behind its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import escape

from covidcxr.core import machine
from covidcxr.core.records import Record
from covidcxr.core.studies import Study
from covidcxr.core.words import plural
from covidcxr.figures.common import Html

_WEIGHTS = {"none": "random at the start", "imagenet": "ImageNet"}


def badge(study: Study, *runs: Record) -> Html:
    """Show the study, cohort, protocol, records and commit of a page."""
    synthetic = study.cohort.source == "phantom"
    mark = (
        '<span class="mark">DEMO</span> Synthetic images: no number on this page is a finding.'
        if synthetic
        else '<span class="mark real">REAL IMAGES</span>'
    )
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>"
        for name, fact in _facts(study, runs).items()
    )
    kind = "demo" if synthetic else "real"
    return Html(f'<aside class="badge-page {kind}"><p>{mark}</p><dl>{items}</dl></aside>')


def _facts(study: Study, runs: Sequence[Record]) -> dict[str, str]:
    """Rows of the badge."""
    images = _total(runs[0]["images"]) if runs else {}
    cohort = [study.cohort.source, *(f"{n:,} {label}" for label, n in images.items())]
    facts = {"Study": study.name, "Cohort": ", ".join(cohort)}
    if not runs or any("model" in run["parameters"] for run in runs):
        facts["Weights"] = _WEIGHTS.get(study.weights, "files from a folder")
        facts["Size"] = (
            f"{study.image_size} px, {plural(study.epochs, 'epoch')}, batches of {study.batch_size}"
        )
    if any(run.is_outdated for run in runs):
        facts["Older method"] = "the code has changed since in a way that changes these numbers"
    others = sorted({run.study for run in runs} - {study.name})
    if others:
        facts["Records made for"] = ", ".join(others)
    days = sorted({f"{run.created:%Y-%m-%d}" for run in runs})
    commits = sorted({_short(run["commit"]) for run in runs})
    return facts | {
        "Recorded": ", ".join(days) or "not yet",
        "Code of the record": ", ".join(commits) or "none",
        "Page built": f"{datetime.now(UTC):%Y-%m-%d} at {_short(machine.commit())}",
    }


def _total(images: Mapping[str, Any]) -> dict[str, int]:
    """Count images by class; a training's record counts them by part, too."""
    parts = list(images.values())
    if parts and isinstance(parts[0], Mapping):
        return {label: sum(part[label] for part in parts) for label in parts[0]}
    return dict(images)


def _short(commit: Mapping[str, Any]) -> str:
    """Shorten a commit, and mark uncommitted changes."""
    if not commit["id"]:
        return "no commit"
    return commit["id"][:8] + (" with changes" if commit["changed"] else "")
