"""Predictions of recorded models for internal and external images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import POSITIVE, TITLES, ModelName, Study
from covidcxr.networks import simple_models
from covidcxr.scores.predictions import Predictions
from covidcxr.validity.external.experiment import MODELS, REVERSE


@dataclass(frozen=True)
class ExternalTest:
    """Predictions of one model for the study's own cohort and for external ones.

    ``internal``: of images that the model was not trained on; ``external``: by cohort, of images
    that are no copies and of no group of trained ones; ``whole``: by cohort, of all images.
    """

    name: str
    internal: Predictions
    external: Mapping[str, Predictions]
    whole: Mapping[str, Predictions]

    @property
    def cohorts(self) -> dict[str, Predictions]:
        """The internal images first, then the external ones, by cohort."""
        return {OWN: self.internal, **self.external}


def cohorts(record: Record) -> list[str]:
    """Names of the external cohorts of a record of external testing."""
    return [str(name) for name in record.table("images")["cohort"].unique() if name != OWN]


def trainings(study: Study, results: Path) -> dict[str, Record]:
    """Read the trainings of a study by title, with split and seed if it has several."""
    folders = {
        _title(study, model, split, seed): results / f"{model}-{split}-s{seed}"
        for model in study.models
        for split in study.splits
        for seed in study.seeds
    }
    return {
        title: records.read(folder)
        for title, folder in folders.items()
        if (folder / "record.json").is_file()
    }


def simple_tests(record: Record) -> dict[str, ExternalTest]:
    """External tests of the simple models, by title, from the record of external testing."""
    rows = record.table("scores")
    # Older records also have models that were trained on other cohorts and on subsets.
    rows = rows[rows["trained_on"] == OWN].merge(
        _images(record), on=["cohort", "image_id"], validate="many_to_one"
    )
    by_model = {title: rows[rows["model"] == model] for model, title in MODELS.items()}
    is_own = {title: table["cohort"] == OWN for title, table in by_model.items()}
    return {
        title: _external_test(
            title, table[is_own[title]], table[~is_own[title]], table.loc[is_own[title], "group"]
        )
        for title, table in by_model.items()
        if len(table)
    }


def reverse_tests(record: Record) -> dict[str, ExternalTest]:
    """External tests the other way round, by external cohort: trained there, tested here.

    The model is logistic regression. External is the study's own cohort, without images of
    groups that were trained on.
    """
    # Older records hold these scores among the others.
    rows = record.table("reverse" if "reverse.csv" in record["tables"] else "scores")
    rows = rows[rows["model"] == REVERSE].merge(_images(record), on=["cohort", "image_id"])
    tests = {}
    for name in cohorts(record):
        of = rows[rows["trained_on"] == name]
        inside = of[of["cohort"] == name]
        if len(inside):
            outside = of[of["cohort"] == OWN]
            tests[name] = _external_test(MODELS[REVERSE], inside, outside, inside["group"])
    return tests


def network_tests(runs: Mapping[str, Record], record: Record) -> dict[str, ExternalTest]:
    """External tests of recorded trainings, by title.

    Internal are the images of a run's own test part. Groups are those of the record of external
    testing. A run without external images, or with images unknown to the record, is left out.
    """
    images = _images(record)
    known = pd.MultiIndex.from_frame(images[["cohort", "image_id"]])
    tests = {}
    for title, run in runs.items():
        if "external.csv" not in run["tables"]:
            continue
        tables = run.table("predictions").assign(cohort=OWN), run.table("external")
        both = pd.concat(tables)[["cohort", "image_id"]].astype(str)
        if not pd.MultiIndex.from_frame(both).isin(known).all():
            continue
        inside, outside = (
            table.drop(columns="label").merge(images, on=["cohort", "image_id"]) for table in tables
        )
        trained = inside.loc[inside["part"] == "train", "group"]
        tests[title] = _external_test(title, inside[inside["part"] == "test"], outside, trained)
    return tests


def _title(study: Study, model: ModelName, split: str, seed: int) -> str:
    more = [split] if len(study.splits) > 1 else []
    more += [f"seed {seed}"] if len(study.seeds) > 1 else []
    return ", ".join([TITLES[model], *more])


def _images(record: Record) -> pd.DataFrame:
    return record.table("images")[["cohort", "image_id", "label", "group"]].astype(str)


def _external_test(
    name: str, inside: pd.DataFrame, outside: pd.DataFrame, trained: pd.Series
) -> ExternalTest:
    """Predictions of rows inside and outside; ``trained`` are the groups trained on."""
    whole = {str(one): outside[outside["cohort"] == one] for one in outside["cohort"].unique()}
    external = {one: rows[~rows["group"].isin(set(trained))] for one, rows in whole.items()}
    return ExternalTest(
        name=name,
        internal=_predictions(name, inside),
        external={one: _predictions(name, rows) for one, rows in external.items()},
        whole={one: _predictions(name, rows) for one, rows in whole.items()},
    )


def _predictions(name: str, rows: pd.DataFrame) -> Predictions:
    predictions = simple_models.as_predictions(
        rows["score"].to_numpy(dtype=np.float64),
        (rows["label"] == POSITIVE).to_numpy(dtype=bool),
        rows["group"].to_numpy(dtype=str),
        name,
    )
    return replace(predictions, image_id=rows["image_id"].to_numpy(dtype=str))
