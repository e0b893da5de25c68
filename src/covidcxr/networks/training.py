"""Run record of one training: a network, a split and a seed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts import gallery, images, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.studies import POSITIVE, ModelName, Study
from covidcxr.networks import (
    checkpoints,
    complexity,
    devices,
    fitting,
    frozen_features,
    saliency,
)
from covidcxr.networks.fitting import TrainingResult
from covidcxr.scores import metrics

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

DECISIVE = (
    "test_fraction", "validation_fraction", "image_size", "resize", "preprocessing", "weights",
    "trainable", "head", "dropout", "batch_norm_momentum", "epochs", "batch_size", "optimizer",
    "learning_rate",
)  # fmt: skip
"""The keys of a study that decide the result of a training."""

OPTIONAL_KEYS = ("fused", "pointwise", "class_weights", "augmentation", "precision")
"""More of them, left out of a record where they have their default: older records lack them."""

MAPS_PER_CLASS = 2
"""Images of each class whose map is kept, where images may be shown."""


def parameters(study: Study, model: ModelName, split_name: str, seed: int) -> dict[str, Any]:
    """Parameters that decide a training, as its record holds them."""
    defaults = {key: field.default for key, field in Study.model_fields.items()}
    changed = [key for key in OPTIONAL_KEYS if getattr(study, key) != defaults[key]]
    return records.parameters(
        study, (*DECISIVE, *changed), model=model, split=split_name, seed=seed
    )


def name(model: ModelName, split: str, seed: int) -> str:
    """Name of a training's record."""
    return f"{model}-{split}-s{seed}"


def read(results: Path, model: ModelName, split_name: str, seed: int) -> records.Record:
    """Read the record of a training, whatever study it was made for."""
    return records.read(results / name(model, split_name, seed), METHOD)


def record(
    study: Study,
    model: ModelName,
    split_name: str,
    seed: int,
    *,
    results: Path,
    cohort: Cohort | None,
    split: pd.DataFrame | None,
    external: Mapping[str, Cohort] | None = None,
    scratch: Path | None = None,
    keep: bool = False,
) -> records.Record:
    """Return the record of a training, which is run where there is none yet.

    Parameters
    ----------
    study, model, split_name, seed
        What to train.
    results
        The folder of the study's records.
    cohort, split
        The inputs, or None where the data are not at hand: an existing record is then
        returned without a check of its inputs.
    external
        Cohorts that the network scores at its end, by name; weights are not kept.
    scratch
        Folder of checkpoints and of the features of frozen backbones, from which a killed
        run resumes; without it, it starts anew.
    keep
        Whether the last checkpoint stays, so that the training may be continued.

    Returns
    -------
    Record
        Its tables: ``history`` and ``predictions`` as `covidcxr.networks.fitting.train`
        returns them; ``external`` (``cohort``, ``image_id``, ``label``, ``score``) where
        there is such a cohort; ``saliency``, ``attribution`` and, where images may be
        shown, ``maps`` of the test part as `covidcxr.networks.saliency.explain` returns them;
        ``gallery`` (``method``, ``file``, ``score``, ``row``, ``column``, ``share``), single maps
        of the images of `covidcxr.cohorts.gallery`, where there are any.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    folder = results / name(model, split_name, seed)
    decisive = parameters(study, model, split_name, seed)
    if cohort is None or split is None:
        return records.load_or_run(folder, study, decisive, None, METHOD, dict)
    external = external or {}
    inputs = {
        "data": cohort.fingerprint,
        "split": splits.fingerprint(split),
        "explained": str(study.explained_per_class),
        **{f"external {name}": other.fingerprint for name, other in external.items()},
    }
    with contextlib.ExitStack() as stack:
        place = scratch or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # All but its length: a longer training begins as the shorter one did.
        key = {**decisive, **inputs, "epochs": None, "method": METHOD}
        checkpoint = checkpoints.path(place / "checkpoints", folder.name, key)
        trained = False

        def run() -> dict[str, Any]:
            nonlocal trained
            gallery.read()  # one that breaks the rules stops before hours of training, not after
            result = fitting.train(
                study, model, seed, cohort, split,
                checkpoint=checkpoint, key=key, store=place / "features",
            )  # fmt: skip
            trained = True
            return _content(result, study, cohort, split, external)

        run_record = records.load_or_run(folder, study, decisive, inputs, METHOD, run)
        if trained and not keep:
            checkpoint.unlink(missing_ok=True)
    return run_record


def _content(
    result: TrainingResult,
    study: Study,
    cohort: Cohort,
    split: pd.DataFrame,
    external: Mapping[str, Cohort],
) -> dict[str, Any]:
    """Content of a training's record."""
    progress = dict(result.progress)
    earlier = progress.pop("earlier_seconds")
    tables = {"history": result.history, "predictions": result.predictions}
    if external:
        tables["external"] = _external_scores(result.score, external)
    if study.explained_per_class:
        tables |= _explain(result, study, cohort, split) | _overlays(result, study)
    return {
        "tables": tables,
        "images": _counts(split),
        "metrics": _metrics(result.predictions, study.threshold),
        "backend": devices.description(progress["precision"]),
        "training": progress | _speed(result, study),
        "earlier_seconds": earlier,
    }


def _external_scores(score: saliency.Scored, external: Mapping[str, Cohort]) -> pd.DataFrame:
    """Scores of every image of external cohorts: ``cohort``, ``image_id``, ``label``, ``score``."""
    tables = [
        other.manifest[["image_id", "label"]].assign(cohort=name, score=score(other.pixels))
        for name, other in external.items()
    ]
    return pd.concat(tables, ignore_index=True)[["cohort", "image_id", "label", "score"]]


def _explain(
    result: TrainingResult, study: Study, cohort: Cohort, split: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Saliency of test images: so many of each class, evenly spaced over the sorted names."""
    chosen: list[int] = []
    for _, rows in split[split["part"] == "test"].sort_values("image_id").groupby("label"):
        places = np.linspace(0, len(rows) - 1, min(study.explained_per_class, len(rows)))
        chosen += rows.index[places.round().astype(int)].tolist()
    return saliency.explain(
        result.network(),
        cohort.pixels[chosen],
        split.loc[chosen],
        scored=result.score,
        batch_size=study.batch_size,
        kept=MAPS_PER_CLASS if study.cohort.publish_images else 0,
    )


def _overlays(result: TrainingResult, study: Study) -> dict[str, pd.DataFrame]:
    """Saliency of the gallery's images, of which single maps may be shown; nothing without any."""
    shown = gallery.read()
    if shown.empty:
        return {}
    pixels = images.load(
        [gallery.FOLDER / name for name in shown["file"]], study.image_size, study.resize
    )
    maps = saliency.explain(
        result.network(),
        pixels,
        shown.assign(image_id=shown["file"], group_id=shown["file"]),
        scored=result.score,
        batch_size=study.batch_size,
        kept=len(shown),
    )["maps"]
    maps = maps.rename(columns={"image_id": "file"}).drop(columns="label")
    return {"gallery": maps.round({"score": 4, "share": 4})}


def _speed(result: TrainingResult, study: Study) -> dict[str, Any]:
    """Floating-point operations a second: of the training, and attainable on the device.

    An update costs three times the forward pass: one product for each forward, one for the
    gradient of the activations, one for that of the weights. Only the products of
    convolutions and dense layers count. Heads on features are too small to measure.
    """
    if frozen_features.can_train_on_features(study):
        return {"protocol": "frozen features"}
    forward = 2 * complexity.account(result.network()).multiply_adds
    per_image = 3 * forward if study.trainable else forward
    return {
        "protocol": "end to end" if study.trainable else "frozen backbones",
        "flops_per_image": per_image,
        "flops_per_second": per_image * result.progress["images_per_second"],
        "attainable_flops_per_second": devices.attainable(result.progress["precision"]),
    }


def _counts(split: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Images by part and label."""
    counts = split.groupby(["part", "label"]).size()
    return {
        part: {str(label): int(counts[part, label]) for label in sorted(split["label"].unique())}
        for part in splits.PARTS
        if part in counts.index.get_level_values("part")
    }


def _metrics(predictions: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Count and score each part at a threshold."""
    by_part: dict[str, Any] = {"threshold": threshold}
    for part, rows in predictions.groupby("part"):
        values = metrics.summary(
            rows["label"] == POSITIVE, rows["score"], threshold, undefined=None
        )
        by_part[str(part)] = {name: value for name, value in values.items() if name != "auroc"}
    return by_part
