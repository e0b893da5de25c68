"""Sensitivity analysis: trainings that differ in one setting which the paper leaves open.

An arm is the study ``config/sensitivity.yaml`` with overrides, trained once, and
compared on the same test images with the arm that differs from it in that one thing.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from covidcxr.core import records, strict_yaml, studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import Study
from covidcxr.networks import history, training
from covidcxr.scores import comparison, evaluation, intervals, predictions

NAME = "sensitivity"
"""Name of the study that the arms change, and of the folder of their records."""

TWIN = "fused-same"
"""The arm that asks whether a second backbone helps because it is another one."""

CHANCE = "Chance"
"""Subject of the arms that differ in their seed alone."""

_SCORES = ("accuracy", "sensitivity", "specificity")

_COLUMNS = [
    "key", "about", "label", "against", "n",
    *(f"{score}{end}" for score in _SCORES for end in ("", "_low", "_high")),
    "widest", "difference", "difference_low", "difference_high", "p", "holm", "verdict",
]  # fmt: skip


class Arm(NamedTuple):
    """One training of the sensitivity study.

    ``key`` names its folder; ``about`` and ``label`` say what it changes and how; ``settings`` are
    overrides as for `covidcxr.core.studies.load`; ``against`` is the key of the arm it is compared
    with, None where it is one to compare with.
    """

    key: str
    about: str
    label: str
    settings: str
    against: str | None = None


def arms() -> dict[str, Arm]:
    """Return the arms of ``data/arms.yaml`` by key, in the order of that file."""
    text = files("covidcxr").joinpath("data/arms.yaml").read_text("utf-8")
    return {
        key: Arm(key, entry["about"], entry["label"], entry["set"], entry.get("against"))
        for key, entry in strict_yaml.parse(text, "arms.yaml: is").items()
    }


def arm_study(arm: Arm, also: str = "") -> Study:
    """Return an arm's study: the study that it changes, with its overrides and ``also``."""
    return studies.load(NAME, f"{also} {arm.settings}")


def plan(name: str, overrides: str = "") -> tuple[Study, dict[str, Study]]:
    """Return a study, and what is trained for it by the name of its folder: itself or its arms.

    ``name`` is of a study or its file; ``sensitivity/KEY`` is one arm alone. An unknown arm, and
    one that is more than one training, is a `Problem`.
    """
    base, _, key = name.partition("/")
    if base != NAME:
        study = studies.load(name, overrides)
        return study, {study.name: study}
    known = arms()
    if key and key not in known:
        raise Problem(f"arm '{key}' is unknown; choose {', '.join(known)}.")
    whole = studies.load(NAME, overrides)
    chosen = {k: arm_study(known[k], also=overrides) for k in ([key] if key else known)}
    for study in chosen.values():
        training_name(study)
    return whole, {f"{whole.name}/{k}": study for k, study in chosen.items()}


def training_name(study: Study) -> str:
    """Return the name of the one training of an arm's study; a study of more is refused."""
    if len(study.models) * len(study.splits) * len(study.seeds) != 1:
        raise Problem(
            f"{study.name}: an arm is one training; leave one model, one split and one seed."
        )
    return training.name(study.models[0], study.splits[0], study.seeds[0])


def read(results: Path) -> dict[str, records.Record]:
    """Read the records of the arms that were trained, by key, from the folder of all records."""
    trained = {}
    for key, arm in arms().items():
        changed = arm_study(arm)
        folder = results / NAME / key / training_name(changed)
        if (folder / "record.json").is_file():
            trained[key] = _checked(records.read(folder, training.METHOD), changed)
    return trained


def table(
    trained: dict[str, records.Record], protocol: intervals.Protocol, margin: float
) -> pd.DataFrame:
    """Scores of every arm, and comparison with the one that it changes.

    Parameters
    ----------
    trained
        As `read` returns it.
    protocol
        Threshold, coverage and bootstrap.
    margin
        Largest difference in accuracy that counts as equivalent.

    Returns
    -------
    pandas.DataFrame
        A row an arm of `arms`, by ``key``: ``about``, ``label``, ``against``, ``n`` test
        images; ``accuracy``, ``sensitivity`` and ``specificity``, each with ``_low`` and
        ``_high``; ``widest``, the largest excess of training over test accuracy over the epochs;
        and where there is an arm to compare with, ``difference``, ``difference_low``,
        ``difference_high`` of the accuracies, McNemar's ``p`` (by groups where there are any),
        ``holm`` over all arms but those of the seed, and ``verdict``. NaN and None for what was
        not run.
    """
    predicted = {
        key: predictions.from_table(run.table("predictions"), key, group="group_id")
        for key, run in trained.items()
    }
    rows: list[dict[str, Any]] = []
    for key, arm in arms().items():
        row: dict[str, Any] = {
            "key": key, "about": arm.about, "label": arm.label, "against": arm.against
        }  # fmt: skip
        if key in trained:
            row |= _scores(predicted[key], protocol)
            gaps = history.accuracy_gaps(history.histories([trained[key]]))
            row["widest"] = float(gaps["widest"].max())
        if arm.against in predicted and key in predicted:
            row |= _compared(predicted[key], predicted[arm.against], protocol, margin)
        rows.append(row)
    compared = pd.DataFrame(rows, columns=_COLUMNS).set_index("key")
    # Arms that differ by their seed ask no question of their own.
    tested = compared["p"].notna() & (compared["about"] != CHANCE)
    if tested.any():
        compared.loc[tested, "holm"] = comparison.holm(compared.loc[tested, "p"].tolist())
    return compared


def chance_difference(compared: pd.DataFrame) -> float:
    """Return the largest absolute difference in accuracy by seed alone; NaN where not run."""
    return float(compared.loc[compared["about"] == CHANCE, "difference"].abs().max())


def _checked(record: records.Record, study: Study) -> records.Record:
    """Return a record, refused where the study was changed after it was made."""
    expected = training.parameters(study, study.models[0], study.splits[0], study.seeds[0])
    if record["parameters"] != expected:
        raise Problem(
            f"{record.folder}: is of another study than config/{NAME}.yaml and data/arms.yaml now "
            "say; run 'make train STUDY=sensitivity' with the data at hand."
        )
    return record


def _scores(predicted: predictions.Predictions, protocol: intervals.Protocol) -> dict[str, Any]:
    evaluated = evaluation.closed_form(predicted, protocol.threshold, protocol.confidence)
    scores: dict[str, Any] = {"n": len(predicted)}
    for score in _SCORES:
        one = evaluated[score]
        scores |= {score: one.value, f"{score}_low": one.low, f"{score}_high": one.high}
    return scores


def _compared(
    one: predictions.Predictions,
    other: predictions.Predictions,
    protocol: intervals.Protocol,
    margin: float,
) -> dict[str, Any]:
    compared = comparison.compare(one, other, protocol, margin)
    difference, test = compared["differences"]["accuracy"], compared["mcnemar"]
    return {
        "difference": difference["value"],
        "difference_low": difference["low"],
        "difference_high": difference["high"],
        "p": test.get("p_by_group", test["p"]),
        "verdict": compared["equivalence"]["accuracy"],
    }
