"""What the committed records say together, whatever study a book is built for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core import edition, records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, TITLES
from covidcxr.core.words import listing, plural
from covidcxr.networks import baselines
from covidcxr.paper import publication
from covidcxr.scores import intervals, predictions
from covidcxr.validity import external
from covidcxr.validity.external import Tested

PROTOCOL = {
    "weights": "imagenet",
    "image_size": 256,
    "epochs": 35,
    "batch_size": 16,
    "split": "keras",
    "batch_norm_momentum": 0.99,
    "precision": "float32",
}
"""What the paper states of its protocol, the split inferred from its counts, and the defaults of
Keras that this edition has changed in some studies."""

_WORDS = {
    "image_size": "{} px",
    "epochs": "{} epochs",
    "batch_size": "batches of {}",
    "precision": "{} numbers",
    "split": "{} split",
    "batch_norm_momentum": "batch-norm momentum {}",
}
_WEIGHTS = {"none": "random weights", "imagenet": "ImageNet weights"}

THRESHOLD = 0.5
"""Runs of all studies are read at one threshold: the larger of two probabilities."""


ADULTS = "adults"
"""The external cohort in which age does not tell the classes apart."""


def real_trainings(results: Path) -> list[Record]:
    """Read the edition's records of trainings on real images, in the paper's order of networks.

    Within a study and network the paper's own split comes first.
    """
    order = list(TITLES)
    found = [
        record
        for folder in edition.folders(results)
        for record in map(records.read, (path.parent for path in records.paths(folder)))
        if "model" in record["parameters"] and not record.is_synthetic
    ]

    def place(run: Record) -> tuple[str, int, bool, str]:
        given = run["parameters"]
        other = given["split"] != PROTOCOL["split"]
        return run.study, order.index(given["model"]), other, run["name"]

    return sorted(found, key=place)


def as_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Return a row a training: which it was, how accurate, and when and by what it was made."""
    rows = []
    for run in runs:
        p, a = run["parameters"], _accuracy(run)
        rows.append(
            {
                "study": _breakable(run.study),
                "network": TITLES[p["model"]],
                "split": p["split"],
                "seed": p["seed"],
                "accuracy": f"{a['value']:.3f} ({a['low']:.3f} to {a['high']:.3f})",
                "always normal": f"{a['baseline']:.3f}",
                "recorded": f"{run.created:%Y-%m-%d}",
                "commit": (run["commit"]["id"] or "none")[:8],
            }
        )
    return pd.DataFrame(rows)


def studies(runs: Sequence[Record]) -> pd.DataFrame:
    """Return a row a study: its images, how many trainings, and its departures from the paper."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        row = rows.setdefault(
            _breakable(run.study), {"images": "", "trainings": 0, "departures": {}}
        )
        images = _images(run)
        row["images"] = f"{images['COVID19']:,} + {images['NORMAL']:,}"
        row["trainings"] += 1
        # one that only some trainings have is told of those with it
        row["departures"] |= dict.fromkeys(deviations(run))
    for row in rows.values():
        row["departures"] = "; ".join(row["departures"]) or "none"
    return pd.DataFrame(list(rows.values()), index=list(rows)).rename_axis("study")


def points(runs: Sequence[Record]) -> pd.DataFrame:
    """Return accuracies to draw: the paper's, from its matrices, and each study's first run.

    Columns ``model``, ``by`` (``paper`` or ``study``), ``what``, ``value``, ``low``,
    ``high``, ``baseline``.
    """
    rows: list[dict[str, Any]] = []
    for model, table in publication.tables().items():
        rows.append(
            {
                "model": TITLES[model],
                "by": "paper",
                "what": "the paper",
                **_of_matrix(table.cells("true")),
            }
        )
    for run in _first_of_each(runs):
        p = run["parameters"]
        what = (
            f"{p['weights'].split()[0].replace('none', 'random')} weights, {p['image_size']} px,\n"
            f"{plural(p['epochs'], 'epoch')}, {p['split']} split, seed {p['seed']}"
        )
        row = {"model": TITLES[p["model"]], "by": "study", "what": what}
        rows.append(row | _accuracy(run))
    return pd.DataFrame(rows)


def _first_of_each(runs: Sequence[Record]) -> list[Record]:
    """Keep one training of each study and network: replicates have a page of their own."""
    found: dict[tuple[str, str], Record] = {}
    for run in runs:
        found.setdefault((run.study, run["parameters"]["model"]), run)
    return list(found.values())


def headline(runs: Sequence[Record]) -> str:
    """Say in plain words what the networks of the study nearest to the paper reached.

    Nearest is what `nearest_to_the_paper` finds. Runs are not chosen by their scores, which
    would make the best of many look like what one may expect.
    """
    if not runs:
        return "No training on real images has been recorded yet."
    nearest = nearest_to_the_paper(runs)
    p = nearest["parameters"]
    reached = []
    for run in _beside(nearest, runs):
        a = _accuracy(run)
        name = TITLES[run["parameters"]["model"]]
        reached.append(f"{name} on {a['value']:.1%} ({a['low']:.1%} to {a['high']:.1%})")
    reached[0] = reached[0].replace(" on ", " is right on ", 1)
    trained = nearest["images"]["train"]
    tested = sum(nearest["images"]["test"].values())
    weights = {"none": "random", "imagenet": "ImageNet"}.get(p["weights"], "given") + " weights"
    return (
        f"Trained from {weights} at {p['image_size']} px for {plural(p['epochs'], 'epoch')} on "
        f"{trained['COVID19']:,} COVID-19 and {trained['NORMAL']:,} normal radiographs "
        f"({p['split']} split, seed {p['seed']}), {listing(reached)} of {tested} test images "
        "(95% intervals, patients where known). Always answering “normal” is right on "
        f"{_accuracy(nearest)['baseline']:.1%}."
    )


def _beside(nearest: Record, runs: Sequence[Record]) -> list[Record]:
    """Return the networks of one study, split and seed."""
    of = nearest["parameters"]
    return [
        run
        for run in runs
        if run.study == nearest.study
        and (run["parameters"]["split"], run["parameters"]["seed"]) == (of["split"], of["seed"])
    ]


def elsewhere(runs: Sequence[Record]) -> dict[str, Tested]:
    """Return what the networks that `headline` speaks of say of images from elsewhere.

    Beside them stands logistic regression on thumbnails. Empty where nothing was tested on
    external cohorts, copies and shared patients taken out.
    """
    if not runs:
        return {}
    nearest = nearest_to_the_paper(runs)
    folder = nearest.folder.parent / "external"
    if not (folder / "record.json").is_file():
        return {}
    made = records.read(folder)
    named = {TITLES[run["parameters"]["model"]]: run for run in _beside(nearest, runs)}
    simple = external.tested(made)
    title = external.MODELS["logistic"]
    return external.networks(named, made) | ({title: simple[title]} if title in simple else {})


def worth(tests: Mapping[str, Tested]) -> dict[str, Any]:
    """Say what a score at home is worth where both classes are adults.

    Parameters
    ----------
    tests
        As `elsewhere` returns it.

    Returns
    -------
    dict
        ``network`` (the last of the paper's networks that was tested), ``home`` and
        ``away`` (AUROC of both), ``low`` and ``high`` of the latter, ``home_low``,
        ``home_high`` and ``home_n`` of the former, ``alarms`` (the share of normal adults
        called COVID-19), ``n``, ``least`` and ``most`` (AUROC there of all ``networks``) and
        ``told``, a sentence. Only ``told`` where nothing was tested so.
    """
    there = [name for name in TITLES.values() if ADULTS in getattr(tests.get(name), "cohorts", {})]
    if not there:
        return {"told": "No recorded training was tested on adults of both classes."}
    network = there[-1]
    home, away = (external.evaluate(tests[network].cohorts[c]) for c in (OWN, ADULTS))
    n = len(tests[network].cohorts[ADULTS])
    area, alarms = away["auroc"], 1 - away["specificity"].value
    areas = [intervals.area(tests[name].cohorts[ADULTS]).value for name in there]
    return {
        "network": network,
        "home": home["auroc"].value,
        "home_low": home["auroc"].low,
        "home_high": home["auroc"].high,
        "home_n": len(tests[network].cohorts[OWN]),
        "networks": len(there),
        "least": min(areas),
        "most": max(areas),
        "away": area.value,
        "low": area.low,
        "high": area.high,
        "alarms": alarms,
        "n": n,
        "told": (
            f"On test images of the cohort it was trained on, {network} has an AUROC of "
            f"{home['auroc'].value:.3f}. On {n:,} images of other patients, adults in both "
            f"classes, it has {area.value:.2f} ({area.low:.2f} to {area.high:.2f}), where 0.5 is a "
            f"coin, and calls {alarms:.0%} of the normal ones COVID-19."
        ),
    }


def nearest_to_the_paper(runs: Sequence[Record]) -> Record:
    """Return the run that stands for all, chosen by what it is and never by its scores.

    Most of the paper's networks were trained beside it and tested elsewhere; then it agrees with
    most of `PROTOCOL`; then its cohort, images and number of epochs are the largest.
    """

    def nearness(run: Record) -> tuple[int, ...]:
        p = run["parameters"]
        whole = sum(
            "external.csv" in other.content.get("tables", {}) for other in _beside(run, runs)
        )
        size = sum(_images(run).values()), p["image_size"], p["epochs"]
        return (whole, -len(deviations(run)), *size)

    return max(runs, key=nearness)


def trivial(runs: Sequence[Record]) -> str:
    """Say what logistic regression on thumbnails reaches where `headline` looks."""
    if not runs:
        return ""
    nearest = nearest_to_the_paper(runs)
    folder = nearest.folder.parent / baselines.NAME
    if not (folder / "record.json").is_file():
        return ""
    p = nearest["parameters"]
    title = baselines.TITLES["logistic"]
    rows = baselines.tested(records.read(folder), p["split"], p["seed"])[title]
    found = _judged(predictions.from_table(rows, title, group="group_id"))
    side = baselines.THUMBNAIL
    said = (
        f"{title} on grey thumbnails of {side} x {side} pixels, with the same images to train on "
        f"and to test on, is right on {found['value']:.1%} ({found['low']:.1%} to "
        f"{found['high']:.1%})."
    )
    if found["value"] >= _accuracy(nearest)["value"]:
        said += " What a thumbnail suffices for is no evidence that a network reads lungs."
    return said


def standing(runs: Sequence[Record]) -> str:
    """Say whether any recorded run follows the paper's protocol on its number of images."""
    following = [run for run in runs if not deviations(run)]
    if following:
        return (
            f"{plural(len(following), 'recorded training')} followed the paper's protocol: "
            "ImageNet weights, 256 pixels, 35 epochs, batches of 16, the inferred split."
        )
    return (
        "No recorded training follows the paper's protocol yet: ImageNet weights, 256 pixels, 35 "
        "epochs, batches of 16, the inferred split. Whether its figures reproduce is untested: "
        "other networks' scores are no answer."
    )


def deviations(run: Record) -> list[str]:
    """Return how a run differs from the paper's protocol."""
    p = {key: PROTOCOL[key] for key in ("batch_norm_momentum", "precision")} | run["parameters"]
    return [
        f"{_setting(key, p[key])}, not {_setting(key, wanted)}"
        for key, wanted in PROTOCOL.items()
        if p[key] != wanted
    ]


def _setting(key: str, value: object) -> str:
    if key == "weights":
        return _WEIGHTS.get(str(value), "weights from files")
    if key == "split":  # numbered draws of one split are one setting
        value = str(value).partition("-")[0]
    return _WORDS[key].format(value)


def _breakable(name: str) -> str:
    """Let a study's long name break between its parts."""
    return re.sub(r"([+_])", "\\1\N{ZERO WIDTH SPACE}", name)


def departs(runs: Sequence[Record]) -> str:
    """Say in which settings runs depart from the paper's protocol, and what follows."""
    found = list(dict.fromkeys(one for run in runs for one in deviations(run)))
    if not found:
        return "This follows the paper's protocol."
    these = "This run departs" if len(runs) == 1 else "These runs depart"
    return (
        f"{these} from the paper's protocol ({'; '.join(found)}) and so cannot say whether its "
        "figures reproduce."
    )


def interval(run: Record) -> tuple[float, float]:
    """Return the 95% interval of a run's accuracy on its test part, its groups taken as units."""
    found = _accuracy(run)
    return found["low"], found["high"]


def _images(run: Record) -> dict[str, int]:
    return {label: sum(part[label] for part in run["images"].values()) for label in LABELS}


def _accuracy(run: Record) -> dict[str, float]:
    return dict(_of_predictions(run.folder, run["created"]))


@cache
def _of_predictions(folder: Path, created: str) -> tuple[tuple[str, float], ...]:
    table = Record(folder, {}).table("predictions")
    tested = predictions.from_table(table, str(folder), group="group_id")
    return tuple(_judged(tested).items())


def _judged(tested: predictions.Predictions) -> dict[str, float]:
    """Return an accuracy, its interval, and that of always answering "normal"."""
    right = tested.called(THRESHOLD) == tested.positive
    n, _ = intervals.effective(right, tested.group)
    low, high = intervals.wilson(right.mean() * n, n)
    value = float(right.mean())
    return {"value": value, "low": low, "high": high, "baseline": 1 - tested.prevalence}


def _of_matrix(cells: np.ndarray[Any, Any]) -> dict[str, float]:
    tp, _, fp, tn = cells
    n = int(cells.sum())
    low, high = intervals.wilson(tp + tn, n)
    return {"value": (tp + tn) / n, "low": low, "high": high, "baseline": (fp + tn) / n}
