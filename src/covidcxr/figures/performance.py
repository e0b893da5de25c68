"""What the fast paths save, computed from the results of the benchmarks.

A benchmark writes what it measured; every ratio is computed here, within one run. What was
measured in two runs, on two machines or on two days is never divided.
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

BENCHMARKS = ("updates", "frozen", "bootstrap", "duplicates", "phantom")
"""Files of ``benchmarks/``, each of which writes a result of its name."""

PAPER = {"images": 1441, "epochs": 35}
"""Training images and epochs of the paper, for projections."""

GPU = {"name": "NVIDIA A100", "flops_per_second": 312e12}
"""A GPU for the projection, with its peak of dense bfloat16, by NVIDIA's data sheet of the A100."""

Result = Mapping[str, Any]


def read(folder: Path) -> dict[str, Result]:
    """Return what the benchmarks wrote, by name.

    Parameters
    ----------
    folder
        ``benchmarks/results``.

    Raises
    ------
    Problem
        For a result that is missing or damaged.
    """
    found = {}
    for name in BENCHMARKS:
        path = folder / f"{name}.json"
        try:
            found[name] = json.loads(path.read_text("utf-8"))
            records.used(path)
        except (OSError, ValueError) as error:
            raise Problem(
                f"{path}: cannot be read ({error}); run python benchmarks/{name}.py."
            ) from error
    return found


def context(found: Mapping[str, Result]) -> pd.DataFrame:
    """Say of each benchmark when, on what and with which code it was run.

    Returns
    -------
    pandas.DataFrame
        A row a benchmark: ``benchmark``, ``day``, ``commit``, ``processor``, ``cores``,
        ``load`` (of the last minute, when it ended) and ``packages``.
    """
    rows = [
        {
            "benchmark": name,
            "day": result["created"][:10],
            "commit": (result["commit"]["id"] or "none")[:7]
            + (" and changes" if result["commit"]["changed"] else ""),
            "processor": result["hardware"]["processor"],
            "cores": result["hardware"]["cores"],
            "load": result["load"][0],
            "packages": ", ".join(
                f"{package} {version}"
                for package, version in result["packages"].items()
                if package in ("python", "numpy", "tensorflow", "keras", "scipy")
            ),
        }
        for name, result in found.items()
    ]
    return pd.DataFrame(rows)


# --- updates


def updates(result: Result) -> pd.DataFrame:
    """Say what an update costs, and a training of the paper's length at that price.

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
    for the gradients of what goes in and of the weights. A multiply-add is two operations.
    """
    attained: dict[str, float] = {}
    for row in result["rows"]:
        best = attained.get(row["precision"], 0.0)
        attained[row["precision"]] = max(best, row["attainable_flops_per_second"])
    rows = []
    for row in result["rows"]:
        operations = 3 * 2 * row["multiply_adds"] * row["batch"]
        count = PAPER["epochs"] * math.ceil(PAPER["images"] / row["batch"])
        rows.append(
            {name: row[name] for name in ("model", "size", "precision", "seconds")}
            | {
                "share": operations / row["seconds"] / attained[row["precision"]],
                "hours": count * row["seconds"] / 3600,
                "gpu_seconds": count * operations / GPU["flops_per_second"],
            }
        )
    return pd.DataFrame(rows)


# --- frozen features


def frozen(result: Result) -> dict[str, float]:
    """Compare three networks trained on shared features with a notebook that shares none.

    Returns
    -------
    dict
        ``faster``: wall time of the notebook over ours; ``memory``: the same of the peaks;
        ``further``: time of further seeds over that of the first; ``seeds``: how many;
        ``projected``: `frozen_projected`'s ratio at the paper's size.
    """
    stages = result["stages"]
    theirs, ours = stages["by_notebook"], stages["by_features"]
    first = sum(ours["seconds"].values())
    more = sum(s for name, s in stages["further"]["seconds"].items() if name != "images")
    projected = frozen_projected(result)
    return {
        "faster": theirs["wall_seconds"] / ours["wall_seconds"],
        "memory": theirs["peak_bytes"] / ours["peak_bytes"],
        "further": more / first,
        "seeds": result["seeds"],
        "projected": projected["by_notebook"] / projected["by_features"],
    }


def frozen_projected(result: Result) -> dict[str, float]:
    """Return the seconds of both ways at the paper's size, from the cost of each piece there.

    Notes
    -----
    The notebook sends every training and test image through the backbones in every epoch;
    on features each backbone sees each image once. Both ways update the same heads. Neither
    includes the reading of images or the start of a process.
    """
    stages, paper = result["stages"]["pieces"], result["paper"]
    batches = {part: math.ceil(paper[part] / result["batch"]) for part in ("train", "test")}
    forward, updates = stages["batch_seconds"], stages["update_seconds"]
    both = sum(forward.values())
    heads = result["epochs"] * sum(batches.values()) * sum(updates.values())
    start = sum(stages["start_seconds"].values())
    # Each single network has its own backbone, and the fusion has both.
    return {
        "by_notebook": result["epochs"] * sum(batches.values()) * 2 * both + heads + start,
        "by_features": math.ceil((paper["train"] + paper["test"]) / result["batch"]) * both
        + heads
        + start,
    }


def frozen_further(result: Result) -> float:
    """Return what further seeds would cost at the paper's size, as a share of the first."""
    stages, paper = result["stages"]["pieces"], result["paper"]
    batches = sum(math.ceil(paper[part] / result["batch"]) for part in ("train", "test"))
    heads = result["epochs"] * batches * sum(stages["update_seconds"].values())
    return result["seeds"] * heads / frozen_projected(result)["by_features"]


def frozen_table(result: Result) -> pd.DataFrame:
    """Return a row a stage: ``stage``, ``wall``, ``peak`` (GiB), and both relative to ours."""
    titles = {
        "by_notebook": "three networks by a notebook",
        "by_features": "three networks on shared features",
        "further": f"{result['seeds']} further seeds on them",
    }
    ours = result["stages"]["by_features"]
    rows = [
        {
            "stage": title,
            "wall": result["stages"][name]["wall_seconds"],
            "times": result["stages"][name]["wall_seconds"] / ours["wall_seconds"],
            "peak": result["stages"][name]["peak_bytes"] / 2**30,
            "peaks": result["stages"][name]["peak_bytes"] / ours["peak_bytes"],
        }
        for name, title in titles.items()
    ]
    return pd.DataFrame(rows)


# --- the others


def bootstrap(result: Result) -> dict[str, float]:
    """Compare drawing counts with drawing images, at equal numbers of resamples.

    Returns
    -------
    dict
        ``counts`` and ``weights``: the time of SciPy's bootstrap over ours, for scores of a
        threshold and for AUROCs; ``resamples``; ``apart``: by how many Monte Carlo standard
        errors the two differ at most; ``by_images``: the time for the most images over
        that for the fewest.
    """
    found: dict[str, float] = {}
    for name in ("counts", "weights"):
        slow, quick = (result[way][name][-1] for way in ("scipy_seconds", "seconds"))
        found[name] = (slow["value"] / slow["n"]) / (quick["value"] / quick["n"])
    by_images = result["seconds_by_images"]
    return found | {
        "resamples": result["seconds"]["counts"][-1]["n"],
        "apart": max(result["errors_apart"].values()),
        "by_images": by_images[-1]["value"] / by_images[0]["value"],
        "images_more": by_images[-1]["n"] / by_images[0]["n"],
    }


def duplicates(result: Result) -> pd.DataFrame:
    """Say how the search for near hashes grows.

    Returns
    -------
    pandas.DataFrame
        A row a number of hashes: ``hashes``, ``seconds``, ``time`` and ``memory``
        relative to the fewest, and ``faster``: the time of a pair of hash objects over
        that of a pair in this search.
    """
    few = result["few"]
    pair = few["objects_seconds"] / _pairs(few["hashes"])
    first, peaks = result["packed_seconds"][0], result["peak_bytes"]
    return pd.DataFrame(
        [
            {
                "hashes": took["n"],
                "seconds": took["value"],
                "time": took["value"] / first["value"],
                "memory": peak["value"] / peaks[0]["value"],
                "faster": pair / (took["value"] / _pairs(took["n"])),
            }
            for took, peak in zip(result["packed_seconds"], peaks, strict=True)
        ]
    )


def phantom(result: Result) -> dict[str, float]:
    """Compare rendering in batches with one image at a time.

    Returns
    -------
    dict
        ``faster``, and ``grows``: the cost of an image in the largest cohort over that in
        the smallest; ``most``: images of the largest.
    """
    took = result["render_seconds"]
    each = [one["value"] / one["n"] for one in result["generate_seconds"]]
    return {
        "faster": took["single"] / took["batches"],
        "grows": each[-1] / each[0],
        "most": result["generate_seconds"][-1]["n"],
    }


def _pairs(n: int) -> float:
    return n * (n - 1) / 2
