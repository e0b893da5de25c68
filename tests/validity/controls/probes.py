"""Controls of the shortcut probes: planted acquisition, file metadata, and disease alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import phantom, radiograph
from covidcxr.cohorts.samples import Sample, thumbnails
from covidcxr.scores.intervals import Interval
from covidcxr.validity import shortcuts
from covidcxr.validity.shortcuts.probes import GRID, PROBES, features
from tests.validity.controls import planted
from tests.validity.controls.rows import CONFIDENCE, LEVEL, Condition, mean, proportion

PIXEL_PROBES = [
    (name, variant)
    for name, probe in PROBES.items()
    if name != "metadata"
    for variant in probe.variants
]
"""Probes of pixels and their variants."""

SEEDS = {
    strength: planted.SEEDS if strength else planted.NULL_SEEDS for strength in planted.STRENGTHS
}
"""Cohorts by strength."""


def acquisition(
    variants: Iterable[tuple[str, str]] = PIXEL_PROBES, seeds: Mapping[float, int] = SEEDS
) -> pd.DataFrame:
    """Power and false alarms of probes of pixels; acquisition follows the class, nobody is ill.

    Parameters
    ----------
    variants
        Names of probes and of their variants.
    seeds
        Cohorts by strength.
    """
    rows: list[dict[str, Any]] = []
    for strength, number in seeds.items():
        samples = [_sample(confounder=strength, seed=seed) for seed in range(number)]
        for probe, variant in variants:
            rows += _rows((probe, planted.SHORTCUT, variant, strength), samples)
    return pd.DataFrame(rows)


def file_metadata(seeds: Mapping[float, int] = SEEDS) -> pd.DataFrame:
    """Power and false alarms of the metadata probe; files, or their being known, follow the class.

    Parameters
    ----------
    seeds
        Cohorts by strength.
    """
    rows: list[dict[str, Any]] = []
    for strength, number in seeds.items():
        for variant, what in (("known", planted.FILES), ("missingness", planted.MISSING)):
            samples = [_describe_files(strength, seed, what) for seed in range(number)]
            rows += _rows(("metadata", what, variant, strength), samples)
    return pd.DataFrame(rows)


def disease(
    variants: Iterable[tuple[str, str]] = PIXEL_PROBES, number: int = planted.DISEASE_SEEDS
) -> pd.DataFrame:
    """Power of probes of pixels where only the disease follows the class.

    For probes of places, ``lung in sight`` is the mean share of the true lungs that they show.
    """
    samples = [_sample(severity=planted.SEVERITY, seed=seed) for seed in range(number)]
    rows: list[dict[str, Any]] = []
    for probe, variant in variants:
        condition = (probe, planted.DISEASE, variant, planted.SEVERITY)
        rows += _rows(condition, samples)
        if probe in ("border", "corners", "lungs"):
            rows.append(mean(condition, "lung in sight", _lung_in_sight(probe, variant)))
    return pd.DataFrame(rows)


def _sample(**changes: Any) -> Sample:
    return Sample("controls", *phantom.generate(planted.PROBED.model_copy(update=changes)))


def _describe_files(strength: float, seed: int, what: str) -> Sample:
    """Sample without pixels whose files are of two kinds; one goes with the class."""
    frame, _ = phantom.draw(planted.PROBED.model_copy(update={"seed": seed}))
    sample = Sample("controls", frame, np.zeros((len(frame), 8, 8), np.uint8))
    rng = np.random.default_rng([seed, 4])
    patient, number = np.unique(frame["group_id"].to_numpy(dtype=str), return_inverse=True)
    chance = np.where(sample.positive, (1 + strength) / 2, (1 - strength) / 2)
    first = rng.random(len(patient))[number] < chance
    usual = first if what == planted.FILES else np.ones(len(frame), dtype=bool)
    width = np.where(usual, 1000, 2000) + rng.integers(0, 100, len(frame))
    height = np.where(usual, 1000, 1600) + rng.integers(0, 100, len(frame))
    table = frame.assign(
        original_width=pd.array(width, dtype="Int64"),
        original_height=pd.array(height, dtype="Int64"),
        original_bytes=pd.array(rng.integers(100_000, 200_000, len(frame)), dtype="Int64"),
        original_mode="L",
        original_format=np.where(usual, "JPEG", "PNG"),
    )
    if what == planted.MISSING:
        for name in [name for name in table.columns if name.startswith("original_")]:
            table[name] = table[name].where(first)
    return Sample("controls", table, sample.grey)


def probe_auroc(probe: str, variant: str, sample: Sample) -> Interval:
    """AUROC of the class by logistic regression on a probe, with groups held out."""
    matrix, usable = features(probe, variant, sample)
    group = sample.manifest["group_id"].to_numpy(dtype=str)[usable]
    return shortcuts.auroc("logistic", matrix[usable], sample.positive[usable], group, 0.95)


def _rows(condition: Condition, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """AUROC of a probe, and how often its interval lies above 0.5, or leaves 0.5 out."""
    probe, _, variant, strength = condition
    areas = [probe_auroc(probe, variant, sample) for sample in samples]
    above = [area.low > 0.5 for area in areas]
    apart = [area.low > 0.5 or area.high < 0.5 for area in areas]
    confidence = CONFIDENCE if strength else 1 - LEVEL
    return [
        mean(condition, "auroc", [area.value for area in areas], confidence),
        proportion(condition, "power", above),
        proportion(condition, "false alarms", apart),
    ]


def _lung_in_sight(probe: str, variant: str) -> NDArray[np.float64]:
    """Share of each patient's true lungs that the cells of a probe show."""
    frame, anatomy = phantom.draw(planted.PROBED)
    masks = 255 * radiograph.lungs(anatomy, GRID).astype(np.uint8)
    seen, _ = features(probe, variant, Sample("controls", frame, masks))
    whole = thumbnails(masks, GRID).sum(axis=1, dtype=float)
    return np.asarray(seen.sum(axis=1) / whole, dtype=np.float64)
