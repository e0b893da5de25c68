"""What the benchmarks measured, in words: writes ``benchmarks/README.md`` from ``report.md``.

Run as ``python benchmarks/report.py`` after any benchmark. A test holds the file to the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ratios

from covidcxr.core import atomic
from covidcxr.core.studies import TITLES

HERE = Path(__file__).parent


def values(results: Mapping[str, ratios.Result]) -> dict[str, Any]:
    """Ratios, sizes and circumstances of the benchmarks, by their names in the text."""
    frozen, costs = results["frozen"], ratios.updates(results["updates"])
    at_paper = costs[(costs["size"] == 256) & (costs["precision"] == "mixed_bfloat16")]
    timed = [results[name] for name in ratios.BENCHMARKS]
    days = sorted(result["created"][:10] for result in timed)
    machines = {(one["hardware"]["processor"], one["hardware"]["cores"]) for one in timed}
    return {
        **ratios.frozen(frozen),
        **ratios.bootstrap(results["bootstrap"]),
        **ratios.duplicates(results["duplicates"]),
        **ratios.phantom(results["phantom"]),
        **ratios.pages(results["pages"]),
        **{key: frozen[key] for key in ("images", "size", "epochs", "seeds")},
        "paper_size": frozen["paper"]["size"],
        "paper_images": frozen["paper"]["train"] + frozen["paper"]["test"],
        "hours": at_paper["hours"].sum(),
        "gpu": ratios.GPU,
        "gpu_seconds": at_paper["gpu_seconds"].sum(),
        "first_day": days[0],
        "last_day": days[-1],
        "machines": "; ".join(f"{name}, {cores} cores" for name, cores in sorted(machines)),
        "timed": results["updates"]["timed"],
        "batch": results["updates"]["rows"][0]["batch"],
        "table": table(results["updates"]),
        **survived(results["stress"]),
    }


def survived(result: ratios.Result) -> dict[str, Any]:
    """How often faults were survived: ``stress`` in Markdown, ``stress_day`` and other facts."""
    rows = [
        "| what ran | fault | tried | survived | a lock to free | seconds to its end, at most |",
        "| --- " * 6 + "|",
    ]
    rows += [
        f"| {one['work']} | {one['fault']} | {one['tried']} | {one['survived']} | {one['locks']} "
        f"| {one['seconds']:.1f} |"
        for one in result["faults"]
    ]
    hardware = result["hardware"]
    return {
        "stress": "\n".join(rows),
        "stress_day": result["created"][:10],
        "stress_machine": f"{hardware['processor']}, {hardware['cores']} cores",
        "stress_tried": sum(one["tried"] for one in result["faults"]),
        "stress_survived": sum(one["survived"] for one in result["faults"]),
    }


def table(result: ratios.Result) -> str:
    """Costs of an update of each network, as Markdown."""
    rows = [
        "| network | pixels | precision | seconds an update | share of the attainable, % "
        "| hours for the paper's epochs | at least, on a GPU, seconds |",
        "| --- " * 7 + "|",
    ]
    rows += [
        f"| {TITLES[one['model']]} | {one['size']} | {one['precision']} | {one['seconds']:.2f} "
        f"| {100 * one['share']:.0f} | {one['hours']:.1f} | {one['gpu_seconds']:.1f} |"
        for one in ratios.updates(result).to_dict("records")
    ]
    return "\n".join(rows)


def report(results: Mapping[str, ratios.Result]) -> str:
    """The whole page."""
    return (HERE / "report.md").read_text("utf-8").format(**values(results))


if __name__ == "__main__":
    with atomic.file(HERE / "README.md") as aside:
        aside.write_text(report(ratios.read(HERE / "results")), encoding="utf-8")
