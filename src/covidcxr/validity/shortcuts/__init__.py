"""Shortcuts: what tells the classes apart although it is no sign of the disease.

Simple models try to tell the class from one aspect of an image (its file's size, its border, its
grey levels), on images whose group they have not seen.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import samples as cohorts
from covidcxr.cohorts.manifest import class_counts
from covidcxr.cohorts.samples import OWN, TIERS, Sample
from covidcxr.core import records
from covidcxr.core.studies import LABELS, Study
from covidcxr.networks import simple_models
from covidcxr.scores.intervals import Interval
from covidcxr.validity import duplicates
from covidcxr.validity.shortcuts import normalisation, probes
from covidcxr.validity.shortcuts.probes import PROBES

NAME = "shortcuts"  # of this record among a study's records
METHOD = 1  # raised when its numbers change; see `covidcxr.core.records`
SEED = 0  # of the folds
MOST_FOR_BOOSTING = 100  # features; with more, gradient boosting takes minutes and finds no more
RANDOM_LABELS = 10  # draws of random labels

FEWEST_OF_SOURCE = 20
MOST_PAIRS_OF_CLASS = 6

AFTER = {"histogram": "whole", "thumbnail": "16", "border": "50 %"}
"""Probes that are asked after each normalisation, and their variants."""

_SOURCES = [
    "label", "first", "second", "n_first", "n_second", "groups", "auroc", "low", "high", "method",
]  # fmt: skip


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> records.Record:
    """Record of the probes, computed if there is none yet.

    The study's own cohort is probed; external cohorts lend their sources. Tables: ``areas``
    (``probe``, ``variant``, ``tier``, ``model``, ``features``, ``n``, ``n_positive``, ``groups``,
    ``auroc``, ``low``, ``high``, ``method``), ``sources`` (pairs of sources of one class:
    ``label``, ``first``, ``second``, ``n_first``, ``n_second``, ``auroc``, ...) and ``remains``
    (``normalisation``, ``probe``, ...); field ``ages``. A `Problem` is raised if there is neither
    a record nor data.
    """
    parameters = records.parameters(study, (), confidence=study.confidence, seed=SEED)
    inputs = None if samples is None else {"data": cohorts.fingerprint(samples)}

    def make() -> dict[str, Any]:
        assert samples is not None
        copies = duplicates.record(study, results=results, samples=samples)
        group = duplicates.merged(samples, copies)
        own = samples[OWN]
        return {
            "tables": {
                "areas": areas(own, group[OWN], study.confidence),
                "sources": sources(samples, group, study.confidence),
                "remains": after_normalisation(own, group[OWN], study.confidence),
            },
            "ages": ages(own.manifest),
            "images": class_counts(own.manifest),
        }

    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, make)


def areas(sample: Sample, group: NDArray[np.str_], confidence: float) -> pd.DataFrame:
    """AUROC of every probe on every tier, and of models with random labels."""
    rows = []
    for probe, description in PROBES.items():
        for variant in description.variants:
            matrix, usable = probes.features(probe, variant, sample)
            for tier in tiers(sample):
                kept = usable & sample.tier(tier)
                # The other models answer on all images; the tiers ask whether that holds.
                for model in simple_models.MODELS if tier == "all" else ["logistic"]:
                    if model == "boosting" and matrix.shape[1] > MOST_FOR_BOOSTING:
                        continue
                    rows.append(
                        {"probe": probe, "variant": variant, "tier": tier, "model": model}
                        | _row(model, matrix[kept], sample.positive[kept], group[kept], confidence)
                    )
    matrix, _ = probes.thumbnail(sample, "8")
    rows += [
        {"probe": "nothing", "variant": f"coin {seed}", "tier": "all", "model": "logistic"}
        | _row("logistic", matrix, random_labels(group, seed), group, confidence)
        for seed in range(RANDOM_LABELS)
    ]
    return pd.DataFrame(rows)


def sources(
    samples: dict[str, Sample], group: dict[str, NDArray[np.str_]], confidence: float
) -> pd.DataFrame:
    """AUROC between sources of one class, by thumbnails of 16 pixels.

    The disease is the same on both sides, so exchangeable sources would leave a model at chance.
    """
    rows = []
    matrices = {name: probes.thumbnail(sample, "16")[0] for name, sample in samples.items()}
    for label in LABELS:
        places = _places(samples, label)
        pairs = sorted(
            combinations(places, 2),
            key=lambda pair: -min(places[side][1].sum() for side in pair),
        )
        for first, second in pairs[:MOST_PAIRS_OF_CLASS]:
            (a, of_a), (b, of_b) = places[first], places[second]
            matrix = np.vstack([matrices[a][of_a], matrices[b][of_b]])
            is_first = np.arange(len(matrix)) < of_a.sum()
            names = np.concatenate([group[a][of_a], group[b][of_b]])
            rows.append(
                {
                    "label": label,
                    "first": first,
                    "second": second,
                    "n_first": int(of_a.sum()),
                    "n_second": int(of_b.sum()),
                    **_row("logistic", matrix, is_first, names, confidence),
                }
            )
    return pd.DataFrame(rows, columns=_SOURCES)


def _places(samples: dict[str, Sample], label: str) -> dict[str, tuple[str, NDArray[np.bool_]]]:
    """Cohort and images, by ``cohort: source``, of each source with enough images of a class."""
    places = {}
    for name, sample in samples.items():
        table = sample.manifest
        for source in sorted(table["source"].unique()):
            which = ((table["label"] == label) & (table["source"] == source)).to_numpy(bool)
            if which.sum() >= FEWEST_OF_SOURCE:
                places[f"{name}: {source}"] = (name, which)
    return places


def after_normalisation(sample: Sample, group: NDArray[np.str_], confidence: float) -> pd.DataFrame:
    """AUROC of the probes `AFTER` after each normalisation."""
    rows = []
    for name in normalisation.NORMALISATIONS:
        grey = normalisation.normalise(sample.grey, name)
        for probe, variant in AFTER.items():
            matrix, _ = probes.features(probe, variant, Sample(sample.name, sample.manifest, grey))
            rows.append(
                {"normalisation": name, "probe": probe, "variant": variant}
                | _row("logistic", matrix, sample.positive, group, confidence)
            )
    return pd.DataFrame(rows)


def tiers(sample: Sample) -> list[str]:
    """Names of `TIERS` that differ in this sample and have both classes."""
    seen: list[bytes] = []
    names = []
    for name in TIERS:
        kept = sample.tier(name)
        both = sample.positive[kept].any() and not sample.positive[kept].all()
        if both and kept.tobytes() not in seen:
            seen.append(kept.tobytes())
            names.append(name)
    return names


def random_labels(group: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Random label of each group, one half each; shape (n,)."""
    names, number = np.unique(group, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).random(len(names)) < 0.5)[number])


def ages(manifest: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Count of known ages by class, and their least, median and greatest."""
    summary: dict[str, dict[str, float]] = {}
    statistics = {"least": "min", "median": "median", "greatest": "max"}
    for label in LABELS:
        age = manifest.loc[manifest["label"] == label, "age"].dropna().astype(float)
        summary[label] = {"known": float(len(age))}
        if len(age):
            summary[label] |= {name: float(age.agg(how)) for name, how in statistics.items()}
    return summary


def auroc(
    model: str,
    matrix: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    confidence: float,
) -> Interval:
    """AUROC of a model on features, shape (n, p), cross-validated by group.

    ``group``, shape (n,), names groups that stay together. NaN if a class has fewer than two.
    """
    undefined = Interval(*(float("nan"),) * 3, "none", "group", len(positive))
    if not positive.any() or positive.all():
        return undefined
    scored = simple_models.cross_validated(model, matrix, positive, group, seed=SEED)
    if np.isnan(scored).any():
        return undefined
    return simple_models.area(scored, positive, group, confidence)


def _row(
    model: str,
    matrix: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    confidence: float,
) -> dict[str, Any]:
    area = auroc(model, matrix, positive, group, confidence)
    return {
        "features": matrix.shape[1],
        "n": len(positive),
        "n_positive": int(positive.sum()),
        "groups": len(np.unique(group)),
        "auroc": area.value,
        "low": area.low,
        "high": area.high,
        "method": area.method,
    }
