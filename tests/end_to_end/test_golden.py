"""The numbers of every kind of record on a small synthetic cohort, against those on file.

A record answers to its method, a number that is raised by hand (`covidcxr.core.records`). These
tests notice when it should have been. After raising METHOD, write the new numbers with

    python -m tests.end_to_end.test_golden KIND ...

which refuses to replace numbers of the same method.
"""

import functools
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import composition, gallery, mean_images, samples, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records, studies
from covidcxr.networks import architecture, baselines, checkpoints, frozen_features, training
from covidcxr.paper import forensics
from covidcxr.validity import (
    controls,
    duplicates,
    epoch_selection,
    external,
    leakage,
    overlap,
    shortcuts,
)
from tests import small_network
from tests.validity.controls import maps, parts, probes

FOLDER = Path(__file__).parent / "golden"
MOVED = "the numbers moved: raise METHOD, or undo it"

STUDY = studies.load(
    "config/demo.yaml",
    [
        "cohort.covid19=24", "cohort.normal=32", "cohort.exact_duplicates=2", "image_size=32",
        "cohort.near_duplicates=2",
        "external={adults: {source: phantom, covid19: 12, normal: 12, confounder: 0.0, seed: 2}}",
        "models=[resnet50]", "trainable=true", "epochs=2", "explained_per_class=2",
    ],
)  # fmt: skip

Numbers = dict[str, Any]


class Inputs(NamedTuple):
    """The synthetic cohort, drawn once for all kinds."""

    samples: dict[str, samples.Sample]
    cohort: Cohort
    split: pd.DataFrame


def drawn(folder: Path) -> Inputs:
    samples.prepare(STUDY, folder)
    read = samples.read(folder)
    from covidcxr.cohorts import cohort

    own = cohort.read(folder / samples.OWN)
    return Inputs(read, own, splits.make(own.manifest, "keras", STUDY.test_fraction))


def numbers(tables: dict[str, pd.DataFrame], fields: Numbers) -> Numbers:
    """Boil tables down: of columns of numbers two moments, of other columns a hash."""
    found: Numbers = {}
    for name, table in tables.items():
        found[f"{name} rows"] = len(table)
        for column in table.columns.drop(["seconds", "score"], errors="ignore"):
            values = table[column]
            if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
                found[f"{name}.{column}"] = moments(values.to_numpy(dtype=float))
            else:
                text = "\n".join(values.astype("string").fillna("-"))
                found[f"{name}.{column}"] = hashlib.sha256(text.encode()).hexdigest()[:12]
        if "score" in table:
            found[f"{name}.score"] = moments(table["score"].to_numpy(dtype=float))
    return found | fields


def moments(values: np.ndarray) -> list[float]:
    """Return a plain and a weighted mean, the latter of which notices another order."""
    known = np.nan_to_num(values.ravel(), nan=-7.0)
    weights = np.linspace(1, 2, known.size)
    return [float(known.mean()), float((known * weights).mean())] if known.size else []


def of(record: records.Record, *fields: str) -> Numbers:
    tables = {path.stem: record.table(path.stem) for path in sorted(record.folder.glob("*.csv"))}
    kept = {name: json.loads(json.dumps(record[name])) for name in fields}
    return numbers(tables, kept)


def copies(inputs: Inputs, results: Path) -> records.Record:
    return duplicates.record(STUDY, results=results, samples=inputs.samples)


def of_leakage(inputs: Inputs, results: Path) -> Numbers:
    few = functools.partial(leakage.experiments.phantom_control, seeds=range(2))
    with mock.patch.object(leakage.experiments, "phantom_control", few):
        return of(leakage.record(STUDY, results=results, samples=inputs.samples))


def of_forensics(inputs: Inputs, results: Path) -> Numbers:
    rng = np.random.default_rng(0)
    n = 60
    rows = pd.DataFrame(
        {
            "kaggle_split": np.where(np.arange(n) % 5 > 0, "train", "test"),
            "kaggle_name": [f"f{i:02d}.png" for i in range(n)],
            "source": rng.choice(["a", "b"], n),
            "patient_id": rng.choice(["", *(f"p{i}" for i in range(20))], n),
            "age": rng.integers(20, 90, n),
        }
    )
    listing = results / "listing.csv"
    listing.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(listing, index=False)
    made = forensics.record(listing, results, resamples=200)
    return of(made, "shared", "patients", "elsewhere", "ages")


def of_controls(inputs: Inputs, results: Path) -> Numbers:
    found = pd.concat(
        [
            parts.shared_patients(range(1)),
            maps.lung_region(),
            probes.file_metadata({0.0: 2, 1.0: 2}),
            parts.random_labels(range(1), range(2)),
        ]
    )
    return numbers({"measures": found}, {})


def of_features(inputs: Inputs, results: Path) -> Numbers:
    store = frozen_features.Backbones("resnet50", STUDY, 0, results)
    found = store.features(inputs.cohort.pixels[:8])
    return {"shape": list(found.shape), "values": moments(found[np.arange(8)])}


def of_training(inputs: Inputs, results: Path) -> Numbers:
    # The kind "features" guards the networks; a deep one's training amplifies rounding. The
    # gallery may get other images, which makes no record older.
    with (
        mock.patch.object(architecture, "build", small_network.build),
        mock.patch.object(gallery, "read", pd.DataFrame),
    ):
        made = training.record(
            STUDY, "resnet50", "keras", 0, results=results,
            cohort=inputs.cohort, split=inputs.split,
            external={k: as_cohort(v) for k, v in inputs.samples.items() if k != samples.OWN},
        )  # fmt: skip
    return of(made, "images")


def as_cohort(sample: samples.Sample) -> Cohort:
    small = samples.thumbnails(sample.grey, STUDY.image_size).reshape(-1, *[STUDY.image_size] * 2)
    return Cohort(sample.manifest, np.repeat(small[..., None], 3, axis=3))


class Kind(NamedTuple):
    """A kind of record: its method, what computes its numbers, how far rounding may move them."""

    method: int
    numbers: Callable[[Inputs, Path], Numbers]
    rounding: float = 1e-6


# Fits of models end where they converge well enough, and training amplifies rounding.
FITTED, TRAINED = 1e-3, 5e-3

KINDS = {
    "cohort": Kind(
        composition.METHOD,
        lambda i, r: of(composition.record(STUDY, results=r, cohort=i.cohort, split=i.split)),
    ),
    "means": Kind(
        mean_images.METHOD,
        lambda i, r: of(mean_images.record(STUDY, results=r, samples=i.samples)),
    ),
    "duplicates": Kind(duplicates.METHOD, lambda i, r: of(copies(i, r), "cohorts")),
    "overlap": Kind(
        overlap.METHOD,
        lambda i, r: of(
            overlap.record(STUDY, results=r, samples=i.samples, copies=copies(i, r))
        ),
    ),
    "forensics": Kind(forensics.METHOD, of_forensics),
    "baselines": Kind(
        baselines.METHOD,
        lambda i, r: of(baselines.record(STUDY, results=r, cohort=i.cohort)),
        FITTED,
    ),
    "selection": Kind(
        epoch_selection.METHOD,
        lambda i, r: of(epoch_selection.record(STUDY, results=r, cohort=i.cohort)),
        FITTED,
    ),
    "leakage": Kind(leakage.METHOD, of_leakage, FITTED),
    "shortcuts": Kind(
        shortcuts.METHOD,
        lambda i, r: of(shortcuts.record(STUDY, results=r, samples=i.samples), "ages"),
        FITTED,
    ),
    "external": Kind(
        external.METHOD,
        lambda i, r: of(external.record(STUDY, results=r, samples=i.samples)),
        FITTED,
    ),
    "controls": Kind(controls.METHOD, of_controls, FITTED),
    "features": Kind(frozen_features.METHOD, of_features, FITTED),
    "training": Kind(training.METHOD, of_training, TRAINED),
}  # fmt: skip


def computed(kind: str, inputs: Inputs, folder: Path) -> Numbers:
    found = KINDS[kind].numbers(inputs, folder / kind)
    return dict(json.loads(json.dumps(found)))


def same(held: Any, found: Any, rounding: float) -> bool:
    """Compare numbers up to rounding, and everything else exactly."""
    if isinstance(held, dict) and isinstance(found, dict):
        return held.keys() == found.keys() and all(
            same(held[key], found[key], rounding) for key in held
        )
    if isinstance(held, list) and isinstance(found, list):
        return len(held) == len(found) and all(
            same(a, b, rounding) for a, b in zip(held, found, strict=True)
        )
    if isinstance(held, float) and isinstance(found, int | float):
        return found == pytest.approx(held, rel=rounding, abs=rounding)
    return bool(held == found)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return drawn(tmp_path_factory.mktemp("cohort") / "samples")


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_a_kind_are_those_on_file(kind: str, inputs: Inputs, tmp_path: Path) -> None:
    held = json.loads((FOLDER / f"{kind}.json").read_text())
    assert held["method"] == KINDS[kind].method, f"write the numbers of {kind} anew"
    found = computed(kind, inputs, tmp_path)
    moved = {
        name: (value, found.get(name))
        for name, value in held["numbers"].items()
        if not same(value, found.get(name), KINDS[kind].rounding)
    }
    assert not moved, f"{kind}: {MOVED} ({moved})"
    assert found.keys() == held["numbers"].keys(), f"{kind}: {MOVED}"


def test_a_number_that_moves_is_noticed() -> None:
    held = {"a": [0.5, 0.25], "b": {"n": 3, "rate": 0.5}, "hash": "x"}
    assert same(held, {"a": [0.5 + 1e-9, 0.25], "b": {"n": 3, "rate": 0.5}, "hash": "x"}, 1e-6)
    for other in (
        {**held, "a": [0.5, 0.2501]}, {**held, "b": {"n": 4, "rate": 0.5}}, {**held, "hash": "y"},
        {**held, "a": [0.5]}, {**held, "b": {"n": 3}},
    ):  # fmt: skip
        assert not same(held, other, 1e-6)
    order = pd.DataFrame({"score": [0.1, 0.2, 0.9]})
    assert numbers({"t": order}, {}) != numbers({"t": order[::-1]}, {})


def test_every_kind_has_its_numbers_on_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(KINDS)
    # what a checkpoint holds is tested by going on from it, tests/networks/test_training.py
    assert checkpoints.METHOD >= 1


def main(kinds: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inputs = drawn(Path(folder) / "samples")
        for kind in kinds or KINDS:
            path = FOLDER / f"{kind}.json"
            made = {"method": KINDS[kind].method, "numbers": computed(kind, inputs, Path(folder))}
            if path.is_file():
                held = json.loads(path.read_text())
                if held["method"] == made["method"]:
                    agrees = same(held["numbers"], made["numbers"], KINDS[kind].rounding)
                    print(f"{kind}: {'as on file' if agrees else MOVED}")
                    continue
            path.write_text(json.dumps(made, indent=1) + "\n")
            print(f"{kind}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
