"""What changes where the paper leaves something open: arms that differ in one thing each.

An arm is the study ``config/sensitivity.yaml`` with overrides, trained once, and
compared on the same test images with the arm that differs from it in that one thing.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import Study
from covidcxr.networks import history, training
from covidcxr.scores import comparison, intervals, predictions

NAME = "sensitivity"
"""Of the study that the arms change, and of the folder of their records."""

TWIN = "fused-same"
"""The arm that asks whether a second backbone helps because it is another one."""

CHANCE = "Chance"
"""What the arms are about that differ by nothing but their seed."""


class Arm(NamedTuple):
    """One training of the sensitivity study.

    Attributes
    ----------
    key
        Names its folder.
    about
        What it changes.
    label
        How.
    settings
        Overrides of the study, as for `covidcxr.core.studies.load`.
    against
        The key of the arm it is compared with; None where it is one to compare with.
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
        key: Arm(key, given["about"], given["label"], given["set"], given.get("against"))
        for key, given in studies.parse_yaml(text, "arms.yaml: is").items()
    }


def arm_study(arm: Arm, base: str | Path = NAME, also: str = "") -> Study:
    """Return the study that an arm is.

    Parameters
    ----------
    arm
        One of `arms`.
    base
        The study that it changes.
    also
        Further overrides, of every arm.
    """
    return studies.load(base, f"{also} {arm.settings}")


def plan(name: str, overrides: str = "") -> tuple[Study, dict[str, Study]]:
    """Return a study, and what is trained for it: the study itself or each of its arms.

    Parameters
    ----------
    name
        Of a study, or its file; ``sensitivity/KEY`` is one arm alone.
    overrides
        As for `covidcxr.core.studies.load`.

    Returns
    -------
    tuple
        The study, and the studies to train by the name of their folder of records.

    Raises
    ------
    Problem
        For an arm that is unknown, and one that is more than one training.
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
        run(study)
    return whole, {f"{whole.name}/{k}": study for k, study in chosen.items()}


def run(study: Study) -> str:
    """Return the name of the one training of an arm's study.

    Raises
    ------
    Problem
        For a study that asks for more.
    """
    if len(study.models) * len(study.splits) * len(study.seeds) != 1:
        raise Problem(
            f"{study.name}: an arm is one training; leave one model, one split and one seed."
        )
    return training.name(study.models[0], study.splits[0], study.seeds[0])


def read(results: Path) -> dict[str, records.Record]:
    """Return the records of the arms that were trained, by key, in the arms' order.

    Parameters
    ----------
    results
        The folder of all records.
    """
    found = {}
    for key, arm in arms().items():
        folder = results / NAME / key
        changed = arm_study(arm)
        if (folder / run(changed) / "record.json").is_file():
            record = records.read(folder / run(changed), training.METHOD)
            found[key] = _checked(record, changed)
    return found


def table(
    found: dict[str, records.Record], protocol: intervals.Protocol, margin: float
) -> pd.DataFrame:
    """Score every arm, and compare it with the one that it changes.

    Parameters
    ----------
    found
        As `read` returns it.
    protocol
        Threshold, coverage and bootstrap.
    margin
        Accuracies nearer to each other than this are equivalent.

    Returns
    -------
    pandas.DataFrame
        A row an arm of `arms`, by ``key``: ``about``, ``label``, ``against``, ``n`` test
        images; ``accuracy``, ``sensitivity`` and ``specificity``, each with ``_low`` and
        ``_high``; ``widest``, by how much accuracy on the training part exceeded the test
        part's at most over the epochs; and where there is an arm to compare with,
        ``difference``, ``difference_low``, ``difference_high`` of the accuracies,
        McNemar's ``p`` (by groups where there are any), ``holm`` over all arms that
        change something, and ``verdict``. NaN and None for what was not run.
    """
    judged = {
        key: predictions.from_table(run.table("predictions"), key, group="group_id")
        for key, run in found.items()
    }
    rows: list[dict[str, Any]] = []
    for key, arm in arms().items():
        row: dict[str, Any] = {
            "key": key, "about": arm.about, "label": arm.label, "against": arm.against
        }  # fmt: skip
        if key in found:
            row |= _scores(judged[key], protocol)
            row["widest"] = float(history.apart(history.histories([found[key]]))["widest"].max())
        if arm.against in judged and key in judged:
            row |= _compared(judged[key], judged[arm.against], protocol, margin)
        rows.append(row)
    made = pd.DataFrame(rows, columns=_COLUMNS).set_index("key")
    # Arms that differ by their seed ask no question of their own.
    asked = made["p"].notna() & (made["about"] != CHANCE)
    if asked.any():
        made.loc[asked, "holm"] = comparison.holm(made.loc[asked, "p"].tolist())
    return made


def by_chance(found: pd.DataFrame) -> float:
    """Return the largest difference in accuracy, in size, that another seed alone made.

    Parameters
    ----------
    found
        As `table` returns it.

    Returns
    -------
    float
        NaN where no other seed was run.
    """
    return float(found.loc[found["about"] == CHANCE, "difference"].abs().max())


def answer(found: pd.DataFrame) -> str:
    """Say in sentences what the arms show.

    Parameters
    ----------
    found
        As `table` returns it.
    """
    asked = found[found["difference"].notna() & (found["about"] != CHANCE)]
    if asked.empty:
        return "No arm has been run yet."
    told = asked[asked["holm"] < comparison.LEVEL]
    chance = by_chance(found)
    # Where no other seed was run, nothing says what chance alone would make.
    beyond = told[told["difference"].abs() > (0 if pd.isna(chance) else chance)]
    said = [
        f"Of {len(asked)} changes {len(told)} {'gives' if len(told) == 1 else 'give'} another "
        f"accuracy than what is compared, by McNemar's test after Holm's correction."
    ]
    if pd.notna(chance):
        said.append(f"Another seed alone made up to {100 * chance:.1f} points.")
    else:
        said.append("What another seed alone would make has not been run.")
    if len(beyond):
        names = "; ".join(
            f"{row['about']}, {row['label']}: {100 * row['difference']:+.1f} points"
            for row in beyond.to_dict("records")
        )
        said.append(f"{'Beyond' if pd.notna(chance) else 'Without'} that: {names}.")
    elif len(told):
        said.append("None of these differences is larger than that.")
    return " ".join(said)


def capacity(found: pd.DataFrame) -> str:
    """Say how a network as large as the fusion, but of one kind of backbone, compares with it.

    Parameters
    ----------
    found
        As `table` returns it.
    """
    twin = found.loc[TWIN]
    if pd.isna(twin["difference"]):
        return "Whether two networks of one kind would do as well has not been run."
    low, high = 100 * twin["difference_low"], 100 * twin["difference_high"]
    return (
        "With a second ResNet50 in the place of ResNet152V2 the fusion's accuracy changes by "
        f"{100 * twin['difference']:+.1f} points ({low:+.1f} to {high:+.1f}; {twin['n']:.0f} test "
        "images, one training each)."
    )


_SCORES = ("accuracy", "sensitivity", "specificity")

_COLUMNS = [
    "key", "about", "label", "against", "n",
    *(f"{score}{end}" for score in _SCORES for end in ("", "_low", "_high")),
    "widest", "difference", "difference_low", "difference_high", "p", "holm", "verdict",
]  # fmt: skip


def _checked(record: records.Record, study: Study) -> records.Record:
    """Return a record that is what its folder says it is.

    Raises
    ------
    Problem
        Where the study was changed after it was made.
    """
    expected = training.parameters(study, study.models[0], study.splits[0], study.seeds[0])
    if record["parameters"] != expected:
        raise Problem(
            f"{record.folder}: is of another study than config/{NAME}.yaml and data/arms.yaml now "
            "say; run 'make train STUDY=sensitivity' with the data at hand."
        )
    return record


def _scores(judged: predictions.Predictions, protocol: intervals.Protocol) -> dict[str, Any]:
    found = intervals.evaluate(judged, protocol)
    scores: dict[str, Any] = {"n": len(judged)}
    for score in _SCORES:
        one = found[score]
        scores |= {score: one.value, f"{score}_low": one.low, f"{score}_high": one.high}
    return scores


def _compared(
    one: predictions.Predictions,
    other: predictions.Predictions,
    protocol: intervals.Protocol,
    margin: float,
) -> dict[str, Any]:
    found = comparison.compare(one, other, protocol, margin)
    away, test = found["differences"]["accuracy"], found["mcnemar"]
    return {
        "difference": away["value"],
        "difference_low": away["low"],
        "difference_high": away["high"],
        "p": test.get("p_by_group", test["p"]),
        "verdict": found["equivalence"]["accuracy"],
    }
