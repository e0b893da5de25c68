"""Ratios of measured times, from what the benchmarks wrote.

Every ratio is of times of one run; two runs, machines or days are never divided.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from covidcxr.core import records
from covidcxr.core.errors import Problem

BENCHMARKS = ("updates", "frozen", "bootstrap", "duplicates", "phantom", "pages")
"""Files of ``benchmarks/`` that measure times, each of which writes a result of its name."""

RESULTS = (*BENCHMARKS, "stress")
"""Files of ``benchmarks/results/``; ``make stress`` writes the last."""

PAPER = {"images": 1441, "epochs": 35}
"""Training images and epochs of the paper, for projections."""

GPU, GPU_FLOPS = "NVIDIA A100", 312e12
"""A GPU for the projection, and its peak of dense bfloat16 a second, by NVIDIA's data sheet."""

MANY = 20_000
"""Pictures to which the search for copies is projected."""

Result = Mapping[str, Any]


def read(folder: Path) -> dict[str, Result]:
    """Read what the benchmarks wrote, by name; a missing or damaged result is refused."""
    results = {}
    for name in RESULTS:
        path = folder / f"{name}.json"
        try:
            results[name] = json.loads(path.read_text("utf-8"))
            records.used(path)
        except (OSError, ValueError) as error:
            raise Problem(
                f"{path}: cannot be read ({error}); run python benchmarks/{name}.py."
            ) from error
    return results


def updates(result: Result) -> pd.DataFrame:
    """Costs of an update, and of a training of the paper's length.

    Returns
    -------
    pandas.DataFrame
        A row a network, size and precision: ``model``, ``size`` (pixels), ``precision``,
        ``seconds`` (of an update), ``share`` (of the operations a second that a product of
        matrices reached at best in this precision), ``hours`` (of `PAPER`'s epochs, updates alone)
        and ``gpu_seconds`` (the least that `GPU` needs for them, at its peak).

    Notes
    -----
    An update takes three times the operations of a forward pass: one for the pass itself, two
    for the gradients of its input and of the weights. A multiply-add is two operations.
    """
    table = pd.DataFrame(result["rows"])
    operations = 3 * 2 * table["multiply_adds"] * table["batch"]
    attained = table.groupby("precision")["attainable_flops_per_second"].transform("max")
    count = PAPER["epochs"] * (PAPER["images"] / table["batch"]).map(math.ceil)
    costs = {
        "share": operations / table["seconds"] / attained,
        "hours": count * table["seconds"] / 3600,
        "gpu_seconds": count * operations / GPU_FLOPS,
    }
    return table[["model", "size", "precision", "seconds"]].assign(**costs)


def frozen(result: Result) -> dict[str, float]:
    """Ratios of three networks on shared frozen features to a notebook that shares none.

    ``faster`` and ``memory`` are ratios of wall time and peak; ``further`` is the time of
    further seeds over that of the first; ``projected`` is the ratio at the paper's size. There
    the notebook sends every training and test image through the backbones in every epoch;
    on features each backbone processes each image once. Both ways update the same heads; neither
    projection includes the reading of images or the start of a process.
    """
    stages = result["stages"]
    theirs, ours = stages["by_notebook"], stages["by_features"]
    first = sum(ours["seconds"].values())
    more = sum(s for name, s in stages["further"]["seconds"].items() if name != "images")
    pieces, paper = stages["pieces"], result["paper"]
    batches = sum(math.ceil(paper[part] / result["batch"]) for part in ("train", "test"))
    once = math.ceil((paper["train"] + paper["test"]) / result["batch"])
    forward, head, start = (
        sum(pieces[name].values()) for name in ("batch_seconds", "update_seconds", "start_seconds")
    )
    heads = result["epochs"] * batches * head + start
    # Each single network has its own backbone, and the fusion has both.
    by_notebook = result["epochs"] * batches * 2 * forward + heads
    by_features = once * forward + heads
    return {
        "faster": theirs["wall_seconds"] / ours["wall_seconds"],
        "memory": theirs["peak_bytes"] / ours["peak_bytes"],
        "further": more / first,
        "hours_theirs": by_notebook / 3600,
        "hours_ours": by_features / 3600,
        "projected": by_notebook / by_features,
    }


def bootstrap(result: Result) -> dict[str, float]:
    """Compare resampled counts and weights with SciPy's bootstrap, at equal resamples.

    ``counts`` and ``weights`` are the ratios for scores of a threshold and for AUROCs;
    ``apart`` is in Monte Carlo standard errors; ``by_images`` is the time for ``images_more``
    times as many images.
    """
    ratios: dict[str, float] = {}
    for name in ("counts", "weights"):
        slow, quick = (result[way][name][-1] for way in ("scipy_seconds", "seconds"))
        ratios[name] = (slow["value"] / slow["n"]) / (quick["value"] / quick["n"])
    few, *_, many = result["seconds_by_images"]
    return ratios | {
        "resamples": result["seconds"]["counts"][-1]["n"],
        "apart": max(result["errors_apart"].values()),
        "by_images": many["value"] / few["value"],
        "images_more": many["n"] / few["n"],
    }


def duplicates(result: Result) -> dict[str, float]:
    """Compare the search for near hashes with one in numpy, both on one thread.

    Returns
    -------
    dict
        Of the largest number of hashes: ``hashes``, ``hash_seconds``, ``hash_faster`` (the ratio)
        and ``hash_megabytes`` and ``words_megabytes`` (peaks of the processes); ``tree_slower``
        than a BK-tree's time where that was measured, else NaN; of the largest set of pictures:
        ``pictures``,
        ``candidates`` and ``candidate_milliseconds`` (of hashing and confirming, a candidate),
        ``planted`` copies and those ``recovered``;
        ``hours_of_many``, projected for `MANY` pictures.
    """
    of = {(row["way"], row["n"]): row for row in result["rows"] if row["threads"] == 1}
    most = max(n for way, n in of if way == "words")
    trees = [n for way, n in of if way == "tree"]
    search, other = of["faiss", most], of["words", most]
    pictures = result["confirmation"][-1]
    return {
        "hashes": most,
        "hash_seconds": search["seconds"],
        "hash_faster": other["seconds"] / search["seconds"],
        "hash_megabytes": search["peak_bytes"] / 1e6,
        "words_megabytes": other["peak_bytes"] / 1e6,
        "tree_slower": of["tree", max(trees)]["seconds"] / of["faiss", max(trees)]["seconds"]
        if trees
        else math.nan,
        "pictures": pictures["n"],
        "candidates": pictures["candidates"],
        "hours_of_many": pictures["seconds"] * (MANY / pictures["n"]) ** 2 / 3600,
        "candidate_milliseconds": 1000 * pictures["seconds"] / pictures["candidates"],
        "planted": pictures["planted"],
        "recovered": pictures["recovered"],
    }


def pages(result: Result) -> dict[str, float]:
    """Compare pages that are forked with pages that start by themselves: ``forked``."""
    return {"forked": result["seconds"]["alone"] / result["seconds"]["forked"]}


def phantom(result: Result) -> dict[str, float]:
    """Compare rendering in batches with one image at a time: ``rendered``."""
    seconds = result["render_seconds"]
    return {"rendered": seconds["single"] / seconds["batches"]}
