"""Tables and glued values of the page that lists the recorded trainings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.core.words import plural
from covidcxr.paper import headline, reproduction
from covidcxr.validity.external import ExternalTest


def as_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Tabulate trainings: settings, accuracy, day and code of the record."""
    rows = []
    for run in runs:
        p, accuracy = run["parameters"], reproduction.accuracy(run)
        rows.append(
            {
                "study": _breakable(run.study),
                "network": TITLES[p["model"]],
                "split": p["split"],
                "seed": p["seed"],
                "accuracy": f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})",
                "n": accuracy.n,
                "always normal": f"{accuracy.baseline:.3f}",
                "recorded": f"{run.created:%Y-%m-%d}",
                "commit": (run["commit"]["id"] or "none")[:8],
            }
        )
    return pd.DataFrame(rows)


def studies(runs: Sequence[Record]) -> pd.DataFrame:
    """Tabulate studies: images, trainings, protocol deviations."""
    rows = {}
    for name in dict.fromkeys(run.study for run in runs):
        own = [run for run in runs if run.study == name]
        images = reproduction.images(own[-1])
        rows[_breakable(name)] = {
            "images": f"{images['COVID19']:,} + {images['NORMAL']:,}",
            "trainings": len(own),
            "departures": "; ".join(reproduction.protocol_deviations(*own)) or "none",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("study")


def points(runs: Sequence[Record]) -> pd.DataFrame:
    """Tabulate accuracies: the paper's, from its matrices, and those of each study's first run.

    Columns ``model``, ``by`` (``paper`` or ``study``), ``what``, and those of `Accuracy`.
    """
    rows = [
        {"model": title, "by": "paper", "what": "the paper"} | accuracy._asdict()
        for title, accuracy in headline.of_paper().items()
    ]
    first: dict[tuple[str, str], Record] = {}
    for run in runs:
        first.setdefault((run.study, run["parameters"]["model"]), run)
    for run in first.values():
        p = run["parameters"]
        what = (
            f"{reproduction.weights(p['weights'])}, {p['image_size']} px,\n"
            f"{plural(p['epochs'], 'epoch')}, {p['split']} split, seed {p['seed']}"
        )
        row = {"model": TITLES[p["model"]], "by": "study", "what": what}
        rows.append(row | reproduction.accuracy(run)._asdict())
    return pd.DataFrame(rows)


def values(runs: Sequence[Record], tests: dict[str, ExternalTest]) -> dict[str, Any]:
    """Return what the page glues."""
    nearest = reproduction.nearest_to_the_paper(runs)
    p, images = nearest["parameters"], nearest["images"]
    accuracies = [reproduction.accuracy(run).value for run in reproduction.beside(nearest, runs)]
    return {
        "n_trainings": len(runs),
        "n_protocol": sum(not reproduction.protocol_deviations(run) for run in runs),
        **{
            f"protocol_{key}": reproduction.PROTOCOL[key]
            for key in ("image_size", "epochs", "batch_size")
        },
        "worth_study": nearest.study,
        "nearest_weights": reproduction.weights(p["weights"]),
        "nearest_size": p["image_size"],
        "nearest_epochs": p["epochs"],
        "nearest_split": p["split"],
        "nearest_seed": p["seed"],
        "nearest_covid": images["train"]["COVID19"],
        "nearest_normal": images["train"]["NORMAL"],
        "nearest_test": sum(images["test"].values()),
        "nearest_least": min(accuracies),
        "nearest_most": max(accuracies),
        **{f"worth_{k}": v for k, v in reproduction.external_summary(tests).items()},
        **headline.values(runs, tests),
    }


def _breakable(name: str) -> str:
    """Let a study's long name break between its parts."""
    return re.sub(r"([+_])", "\\1\N{ZERO WIDTH SPACE}", name)
