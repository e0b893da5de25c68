"""Probes: what tells the classes apart although it is no sign of the disease.

A probe sees one aspect of an image (its file's size, its border, its grey levels) and
simple models try to tell the class from that, on images whose group they have not seen.
Where they can, the class has a mark beside the disease, and a network can have read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from covidcxr.cohorts import lungs, samples
from covidcxr.cohorts.samples import OWN, TIERS, Sample
from covidcxr.core import records
from covidcxr.core.studies import LABELS, Study
from covidcxr.networks import simple_models
from covidcxr.scores.intervals import Interval
from covidcxr.validity import duplicates

NAME = "shortcuts"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

SEED = 0
"""Of the folds, and of the labels by coin."""

GRID = 24
"""Cells a side at which masks hide or keep."""

BINS = 32
"""Of the histogram of grey levels."""

CORNER = 1 / 6
"""Of a side: the corners' squares."""

MOST_FOR_BOOSTING = 100
"""Features; with more, gradient boosting takes minutes and finds no more."""

COINS = 10
"""Labels by the toss of a coin, each another toss."""

FEWEST_OF_SOURCE = 20
MOST_PAIRS = 12


Features = tuple[NDArray[np.float64], NDArray[np.bool_]]

UNSEEN = 0.01
"""A probe that shows no more of the lungs than this share does not see them, and must not find
the disease in `covidcxr.validity.controls`, which measures the shares on synthetic radiographs."""

BLIND = {
    ("metadata", "known"): "the original file's size and format",
    ("border", "70 %"): "a frame with the inner 70% hidden",
    ("border", "90 %"): "a frame with the inner 90% hidden",
    ("corners", "all four"): "the four corners",
}
"""Probes that show less of the lungs than `UNSEEN`, and their names in a sentence. Wider frames
show more, as does what lies outside the stated lung region, which fits no patient well; a
histogram counts the lungs' grey levels too."""


@dataclass(frozen=True)
class Probe:
    """One aspect of an image.

    Attributes
    ----------
    title
        In prose.
    sees
        What is left of an image, in a phrase.
    variants
        In how many ways, by name; the name is shown.
    read
        Returns, of a sample and a variant, the features, shape (n, p), and which images
        have any, shape (n,).
    """

    title: str
    sees: str
    variants: tuple[str, ...]
    read: Callable[[Sample, str], Features]


def metadata(sample: Sample, variant: str) -> Features:
    """Read the original file's size, shape, mode and format, or only whether they are known."""
    table = sample.manifest
    known = table["original_width"].notna().to_numpy(dtype=bool)
    if variant == "missingness":
        return known[:, None].astype(float), np.ones(len(table), dtype=bool)
    width, height, size = (
        table[f"original_{name}"].astype("Float64").to_numpy(dtype=float, na_value=1.0)
        for name in ("width", "height", "bytes")
    )
    kinds = pd.get_dummies(table[["original_mode", "original_format"]].astype(object), dtype=float)
    numbers = np.log([width, height, size, width / height, size / (width * height)]).T
    return np.hstack([numbers, kinds.to_numpy(dtype=float)]), known


def thumbnail(sample: Sample, variant: str) -> Features:
    """Shrink the whole picture to a side of that many pixels."""
    return _all(samples.shrunk(sample.grey, int(variant)).reshape(len(sample.grey), -1))


def border(sample: Sample, variant: str) -> Features:
    """Hide a centred square of that share of the area: ``50 %`` leaves a frame."""
    hidden = np.sqrt(float(variant.rstrip(" %")) / 100)
    axis = np.abs((np.arange(GRID) + 0.5) * 2 / GRID - 1)
    return _cells(sample, np.maximum(axis[:, None], axis[None, :]) > hidden)


def corners(sample: Sample, variant: str) -> Features:
    """Keep four squares, where letters and markers stand."""
    del variant
    far = np.abs((np.arange(GRID) + 0.5) * 2 / GRID - 1) > 1 - 2 * CORNER
    return _cells(sample, far[:, None] & far[None, :])


def lung(sample: Sample, variant: str) -> Features:
    """Keep what lies wholly within the stated lung region, or wholly outside."""
    share = lungs.share(GRID)
    return _cells(sample, share >= 1 if variant == "only" else share <= 0)


def histogram(sample: Sample, variant: str) -> Features:
    """Count grey levels and forget where they were."""
    del variant
    return _all(histograms(sample.grey))


PROBES = {
    "metadata": Probe(
        "Metadata", "size, shape, mode and format of the original file, no pixel",
        ("known", "missingness"), metadata,
    ),
    "thumbnail": Probe(
        "Thumbnail", "the picture at 8, 16 or 32 pixels a side", ("8", "16", "32"), thumbnail
    ),
    "border": Probe(
        "Border", "a frame; the centre is hidden", ("30 %", "50 %", "70 %", "90 %"), border
    ),
    "corners": Probe("Corners", "four small squares in the corners", ("all four",), corners),
    "lungs": Probe("Lungs", "the stated lung region, or all but it", ("hidden", "only"), lung),
    "histogram": Probe("Histogram", "grey levels without their places", ("whole",), histogram),
}  # fmt: skip
"""All probes that look for the class."""

NORMALISATIONS: dict[str, str] = {
    "raw": "as it is",
    "equalised": "histogram equalised",
    "standardised": "mean 0, deviation 1",
    "cropped": "central 80 %",
    "cropped, equalised": "both",
}
REMAINS = {"histogram": "whole", "thumbnail": "16", "border": "50 %"}
"""The probes that are asked after each normalisation, and their variants."""


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> records.Record:
    """Return the record of the probes, made where there is none yet.

    Parameters
    ----------
    study
        The study, whose own cohort is probed; external cohorts lend their sources.
    results
        The folder of its records.
    samples
        All cohorts, or None where the images are not at hand.

    Returns
    -------
    Record
        Tables ``areas`` (``probe``, ``variant``, ``tier``, ``model``, ``features``, ``n``,
        ``n_positive``, ``groups``, ``auroc``, ``low``, ``high``, ``method``), ``sources``
        (pairs of sources of one class: ``label``, ``first``, ``second``, ``n_first``,
        ``n_second``, ``auroc``, ...) and ``remains`` (``normalisation``, ``probe``, ...);
        field ``ages``.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    parameters = records.parameters(study, (), confidence=study.confidence, seed=SEED)
    inputs = None
    if samples is not None:
        inputs = {"data": _fingerprint(samples)}

    def make() -> dict[str, Any]:
        assert samples is not None
        found = duplicates.record(study, results=results, samples=samples)
        group = duplicates.merged(samples, found)
        own = samples[OWN]
        return {
            "tables": {
                "areas": areas(own, group[OWN], study.confidence),
                "sources": sources(samples, group, study.confidence),
                "remains": remains(own, group[OWN], study.confidence),
            },
            "ages": ages(own.manifest),
            "images": {k: int((own.manifest["label"] == k).sum()) for k in LABELS},
        }

    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, make)


# --- what is measured


def features(probe: str, variant: str, sample: Sample) -> Features:
    """Return what a probe sees: features, shape (n, p), and which images have any."""
    return PROBES[probe].read(sample, variant)


def area_of(
    probe: str,
    variant: str,
    model: str,
    sample: Sample,
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    confidence: float = 0.95,
) -> Interval:
    """Return the AUROC that a model reaches with what a probe sees.

    Parameters
    ----------
    probe, variant
        Of `PROBES`.
    model
        Of `simple_models.MODELS`.
    sample
        n images.
    positive, group
        Shape (n,): the class that is asked for, and names of groups that stay together.
    confidence
        Coverage.

    Returns
    -------
    Interval
        NaN where a class has fewer than two groups.
    """
    matrix, usable = features(probe, variant, sample)
    return _area(model, matrix[usable], positive[usable], group[usable], confidence)


def areas(sample: Sample, group: NDArray[np.str_], confidence: float) -> pd.DataFrame:
    """Ask every probe on every tier, and once for labels by the toss of a coin."""
    rows = []
    for probe, description in PROBES.items():
        for variant in description.variants:
            matrix, usable = features(probe, variant, sample)
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
    matrix, _ = thumbnail(sample, "8")
    rows += [
        {"probe": "nothing", "variant": f"coin {seed}", "tier": "all", "model": "logistic"}
        | _row("logistic", matrix, by_coin(group, seed), group, confidence)
        for seed in range(COINS)
    ]
    return pd.DataFrame(rows)


def sources(
    cohorts: dict[str, Sample], group: dict[str, NDArray[np.str_]], confidence: float
) -> pd.DataFrame:
    """Tell the sources of images of one class apart, by thumbnails of 16 pixels.

    Disease is the same on both sides, so that a model at chance is what a cohort of
    exchangeable sources would give.
    """
    rows = []
    features_ = {name: thumbnail(sample, "16")[0] for name, sample in cohorts.items()}
    for label in LABELS:
        places = {}
        for name, sample in cohorts.items():
            table = sample.manifest
            for source in sorted(table["source"].unique()):
                which = ((table["label"] == label) & (table["source"] == source)).to_numpy(bool)
                if which.sum() >= FEWEST_OF_SOURCE:
                    places[f"{name}: {source}"] = (name, which)
        pairs = sorted(
            combinations(places, 2),
            key=lambda pair: -min(places[side][1].sum() for side in pair),
        )
        for first, second in pairs[: MOST_PAIRS // len(LABELS)]:
            (a, of_a), (b, of_b) = places[first], places[second]
            matrix = np.vstack([features_[a][of_a], features_[b][of_b]])
            is_first = np.arange(len(matrix)) < of_a.sum()
            names = np.concatenate([group[a][of_a], group[b][of_b]])
            made = _row("logistic", matrix, is_first, names, confidence)
            rows.append(
                {
                    "label": label,
                    "first": first,
                    "second": second,
                    "n_first": int(of_a.sum()),
                    "n_second": int(of_b.sum()),
                    **{k: made[k] for k in ("groups", "auroc", "low", "high", "method")},
                }
            )
    return pd.DataFrame(rows, columns=_SOURCES)


def remains(sample: Sample, group: NDArray[np.str_], confidence: float) -> pd.DataFrame:
    """Ask some probes again after each of `NORMALISATIONS`."""
    rows = []
    for normalisation in NORMALISATIONS:
        treated = Sample(sample.name, sample.manifest, normalise(sample.grey, normalisation))
        for probe, variant in REMAINS.items():
            matrix, _ = features(probe, variant, treated)
            rows.append(
                {"normalisation": normalisation, "probe": probe, "variant": variant}
                | _row("logistic", matrix, sample.positive, group, confidence)
            )
    return pd.DataFrame(rows)


def tiers(sample: Sample) -> list[str]:
    """Return the names of `TIERS` that differ in this sample and have both classes."""
    seen: list[bytes] = []
    names = []
    for name in TIERS:
        kept = sample.tier(name)
        both = sample.positive[kept].any() and not sample.positive[kept].all()
        if both and kept.tobytes() not in seen:
            seen.append(kept.tobytes())
            names.append(name)
    return names


def by_coin(group: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Give every group a label by the toss of a coin; shape (n,)."""
    names, number = np.unique(group, return_inverse=True)
    tossed = np.random.default_rng(seed).random(len(names)) < 0.5
    return np.asarray(tossed[number])


def ages(manifest: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by class how many ages are known, and their least, median and greatest."""
    found: dict[str, dict[str, float]] = {}
    for label in LABELS:
        age = manifest.loc[manifest["label"] == label, "age"].dropna().astype(float)
        found[label] = {"known": float(len(age))}
        if len(age):
            found[label] |= {
                "least": float(age.min()),
                "median": float(age.median()),
                "greatest": float(age.max()),
            }
    return found


# --- pictures into numbers


def normalise(pictures: NDArray[np.uint8], way: str) -> NDArray[np.uint8]:
    """Treat grey pictures, shape (n, size, size), in one of the ways of `NORMALISATIONS`."""
    return np.stack([_normalised(picture, way) for picture in pictures])


def histograms(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the share of pixels in each of `BINS` ranges of grey, shape (n, BINS)."""
    level = np.arange(256) * BINS // 256
    counts = [
        np.bincount(level[np.asarray(picture).ravel()], minlength=BINS) for picture in pictures
    ]
    return np.array(counts) / pictures[0].size


def _normalised(picture: NDArray[np.uint8], way: str) -> NDArray[np.uint8]:
    image = Image.fromarray(picture)
    if "cropped" in way:
        near, far = 0.1 * image.width, 0.9 * image.width
        side = (image.width, image.height)
        image = image.resize(side, Image.Resampling.BILINEAR, box=(near, near, far, far))
    if "equalised" in way:
        image = ImageOps.equalize(image)
    grey = np.asarray(image)
    if way == "standardised":
        # Three deviations either way fill the 256 levels.
        spread = max(float(grey.std()), 1e-6)
        grey = np.clip((grey - grey.mean()) / spread * 127.5 / 3 + 127.5, 0, 255)
    return np.asarray(np.rint(grey), dtype=np.uint8)


def _cells(sample: Sample, kept: NDArray[np.bool_]) -> Features:
    return _all(samples.shrunk(sample.grey, GRID)[:, kept])


def _all(matrix: NDArray[Any]) -> Features:
    return matrix.astype(np.float64), np.ones(len(matrix), dtype=bool)


def _area(
    model: str,
    matrix: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    confidence: float,
) -> Interval:
    nothing = Interval(*(float("nan"),) * 3, "none", "group", len(positive))
    if not positive.any() or positive.all():
        return nothing
    scored = simple_models.cross_validated(model, matrix, positive, group, seed=SEED)
    if np.isnan(scored).any():
        return nothing
    return simple_models.area(scored, positive, group, confidence)


def _row(
    model: str,
    matrix: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    confidence: float,
) -> dict[str, Any]:
    found = _area(model, matrix, positive, group, confidence)
    return {
        "features": matrix.shape[1],
        "n": len(positive),
        "n_positive": int(positive.sum()),
        "groups": len(np.unique(group)),
        "auroc": found.value,
        "low": found.low,
        "high": found.high,
        "method": found.method,
    }


def _fingerprint(cohorts: dict[str, Sample]) -> str:
    return samples.fingerprint(cohorts)


_SOURCES = [
    "label", "first", "second", "n_first", "n_second", "groups", "auroc", "low", "high", "method",
]  # fmt: skip
