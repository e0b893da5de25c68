"""The accuracies that can be compared: the paper's, our networks' at home, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from covidcxr.cohorts.samples import OWN
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.core.words import listing
from covidcxr.networks import baselines
from covidcxr.paper import publication, reproduction
from covidcxr.paper.reproduction import ADULTS, Accuracy, of_predictions
from covidcxr.validity import external
from covidcxr.validity.external import ExternalTest

PAPER, HOME, AWAY = "paper", "home", "away"


def of_paper() -> dict[str, Accuracy]:
    """Accuracies of the paper's matrices by network, with Wilson's interval of their counts."""
    return {
        TITLES[model]: reproduction.matrix_accuracy(table.cells("true"))
        for model, table in publication.tables().items()
    }


def tested_runs(runs: Sequence[Record]) -> dict[str, list[Record]]:
    """Runs of the networks nearest to the paper, and of those closest to its protocol.

    The nearest are all three networks, tested externally; the ``closest`` deviate from the protocol
    in the fewest settings, one network at least, tested externally too. They may be the same.
    """
    tested = [run for run in runs if "external.csv" in run["tables"]]
    fewest = min(tested, key=lambda run: len(reproduction.protocol_deviations(run)))
    beside = reproduction.beside
    return {
        "nearest": beside(reproduction.nearest_to_the_paper(runs), tested),
        "closest": beside(fewest, tested),
    }


def external_tests(runs: Sequence[Record]) -> dict[str, ExternalTest]:
    """External predictions of runs of one study, by network, without copies."""
    record = records.read(runs[0].folder.parent / external.NAME)
    return external.network_tests({TITLES[r["parameters"]["model"]]: r for r in runs}, record)


def of_last(tests: Mapping[str, ExternalTest]) -> str:
    """Title of the last network among external tests."""
    return [title for title in TITLES.values() if title in tests][-1]


def accuracies(runs: Sequence[Record]) -> pd.DataFrame:
    """Accuracies of the paper and of our networks, at home and on adults of both classes.

    Returns
    -------
    pandas.DataFrame
        Columns ``network``, ``where`` (`PAPER`, `HOME`, `AWAY`), ``group`` (``nearest`` or
        ``closest``, as in `tested_runs`), ``size``, ``weights`` and those of
        `covidcxr.paper.reproduction.Accuracy`.
    """
    protocol = {"size": reproduction.PROTOCOL["image_size"], "weights": "pretrained weights"}
    rows: list[dict[str, Any]] = [
        {"network": title, "where": PAPER, "group": PAPER, **protocol, **score._asdict()}
        for title, score in of_paper().items()
    ]
    seen = set()
    for group, chosen in tested_runs(runs).items():
        tests = external_tests(chosen)
        for run in chosen:
            if run.folder in seen:
                continue
            seen.add(run.folder)
            p = run["parameters"]
            settings = {
                "network": TITLES[p["model"]],
                "group": group,
                "size": p["image_size"],
                "weights": reproduction.weights(p["weights"]),
            }
            cohorts = tests[TITLES[p["model"]]].cohorts
            rows += [
                settings | {"where": where} | of_predictions(cohorts[cohort])._asdict()
                for where, cohort in ((HOME, OWN), (AWAY, ADULTS))
            ]
    return pd.DataFrame(rows)


def values(runs: Sequence[Record], tests: Mapping[str, ExternalTest]) -> dict[str, Any]:
    """Return what pages glue of the strip: its three scores, and of the runs behind them."""
    rows = accuracies(runs)
    chosen = tested_runs(runs)
    title = list(TITLES.values())[-1]
    glued: dict[str, Any] = {"strip_network": title}
    for where, group in ((PAPER, PAPER), (HOME, "nearest"), (AWAY, "nearest")):
        row = rows[(rows["where"] == where) & (rows["group"] == group)].iloc[-1]
        names = ("value", "low", "high", "baseline", "n", "size", "weights")
        glued |= {f"strip_{where}_{name}": row[name] for name in names}
        glued[f"strip_{where}_right"] = round(row["value"] * row["n"])
    for where in (HOME, AWAY):
        of = rows.loc[rows["where"] == where, "value"]
        glued |= {f"strip_{where}_least": of.min(), f"strip_{where}_most": of.max()}
    closest = chosen["closest"]
    p = closest[-1]["parameters"]
    shown = rows[(rows["size"] == p["image_size"]) & (rows["network"] == TITLES[p["model"]])]
    for where in (HOME, AWAY):
        row = shown[shown["where"] == where].iloc[-1]
        glued |= {f"closest_{where}_{name}": row[name] for name in ("value", "low", "high", "n")}
    return glued | {
        "closest_networks": listing([TITLES[run["parameters"]["model"]] for run in closest]),
        "closest_size": p["image_size"],
        "closest_epochs": p["epochs"],
        "closest_departures": "; ".join(reproduction.protocol_deviations(*closest)) or "none",
        **_thumbnails(chosen["nearest"][-1], tests),
    }


def _thumbnails(run: Record, tests: Mapping[str, ExternalTest]) -> dict[str, Any]:
    """Logistic regression on thumbnails: on a run's one split, and cross-validated by group."""
    one = reproduction.thumbnail_baseline(run)
    n = sum(run["images"]["test"].values())
    glued: dict[str, Any] = {
        "thumbnail_side": baselines.THUMBNAIL,
        "thumbnail_accuracy": (
            f"{round(one.value * n)} of {n} test images ({one.low:.1%} to {one.high:.1%})"
            if one
            else "not recorded"
        ),
    }
    title = external.MODELS["logistic"]
    if title not in tests:
        return glued | {"thumbnail_folds": "not recorded"}
    all_images = of_predictions(tests[title].cohorts[OWN])
    away = of_predictions(tests[title].cohorts[ADULTS])
    limits = "{0.value:.1%} of {0.n:,} images ({0.low:.1%} to {0.high:.1%})"
    return glued | {
        "thumbnail_folds": limits.format(all_images),
        "thumbnail_away": limits.format(away),
    }
