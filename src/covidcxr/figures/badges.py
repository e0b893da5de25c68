"""Badge above every page: the study, cohort and records behind its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import escape

from covidcxr.core import edition
from covidcxr.core.records import Record
from covidcxr.core.studies import Study
from covidcxr.core.words import plural
from covidcxr.figures.common import Html

_WEIGHTS = {"none": "random weights at the start", "imagenet": "ImageNet weights"}


def badge(study: Study, *runs: Record) -> Html:
    """Show in one line the study, cohort, protocol and day of a page; its foot says the rest."""
    if any(_is_of_another(study, run) for run in runs):
        return Html(f'<aside class="badge-page"><p>{escape(_of_another(study, runs))}</p></aside>')
    synthetic = study.cohort.source == "phantom"
    kind = "demo" if synthetic else "real"
    mark = (
        '<span class="mark">DEMO</span> Synthetic images: no number on this page is a finding.'
        if synthetic
        else '<span class="mark real">REAL IMAGES</span>'
    )
    facts = "; ".join(escape(fact) for fact in _facts(study, runs))
    return Html(f'<aside class="badge-page {kind}"><p>{mark} {facts}</p></aside>')


def _is_of_another(study: Study, run: Record) -> bool:
    """Return whether a record answers to other images or another protocol than the study's."""
    parameters = run["parameters"]
    protocol = ("image_size", "epochs") if "model" in parameters else ()
    source = parameters.get("cohort", {}).get("source", study.cohort.source)
    return source != study.cohort.source or any(
        key in parameters and parameters[key] != getattr(study, key) for key in protocol
    )


def _of_another(study: Study, runs: Sequence[Record]) -> str:
    names = ", ".join(sorted({run.study for run in runs} - {study.name})) or "other settings"
    return (
        f"The results on this page were made for {names} and not for the study {study.name}, to "
        "which they do not answer: give the parameters 'study' and 'results' of one study."
    )


def _facts(study: Study, runs: Sequence[Record]) -> Iterator[str]:
    images = _total(runs[0]["images"]) if runs else {}
    cohort = " + ".join(f"{n:,} {label}" for label, n in images.items())
    yield f"study {study.name}" + (f": {cohort}" if cohort else "")
    if not runs or any("model" in run["parameters"] for run in runs):
        yield _WEIGHTS.get(study.weights, "weights from a folder")
        yield f"{study.image_size} px, {plural(study.epochs, 'epoch')}"
    tested = next((run["images"]["test"] for run in runs if "test" in run["images"]), None)
    if tested and edition.too_few(study, tested):
        few = " and ".join(f"{n} {label}" for label, n in tested.items())
        yield f"few test images ({few}), so no number here is precise"
    others = sorted({run.study for run in runs} - {study.name})
    if others:
        yield f"records made for {', '.join(others)}"
    days = sorted({f"{run.created:%Y-%m-%d}" for run in runs})
    yield f"recorded {' to '.join(days[:: max(1, len(days) - 1)])}" if days else "not yet recorded"
    if any(run.is_outdated for run in runs):
        yield "the code has changed since in a way that changes these numbers"


def _total(images: Mapping[str, Any]) -> dict[str, int]:
    """Count images by class; a training's record counts them by part, too."""
    parts = list(images.values())
    if parts and isinstance(parts[0], Mapping):
        return {label: sum(part[label] for part in parts) for label in parts[0]}
    return dict(images)
