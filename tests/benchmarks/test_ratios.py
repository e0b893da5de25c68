"""Ratios are computed from what benchmarks wrote, and from nothing else."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import ratios
import report

from covidcxr.core.errors import Problem

FROZEN: dict[str, Any] = {
    "images": 320, "size": 64, "epochs": 10, "batch": 16, "seeds": 4,
    "paper": {"train": 32, "test": 16, "size": 256},
    "stages": {
        "by_notebook": {"seconds": {}, "wall_seconds": 700.0, "peak_bytes": 3 * 2**30},
        "by_features": {
            "seconds": {"images": 10.0, "a-0": 30.0, "b-0": 60.0},
            "wall_seconds": 100.0, "peak_bytes": 2**30,
        },
        "further": {
            "seconds": {"images": 10.0, "a-1": 20.0, "b-1": 30.0},
            "wall_seconds": 60.0, "peak_bytes": 2**30,
        },
        "pieces": {
            "batch_seconds": {"resnet50": 2.0, "resnet152v2": 3.0},
            "update_seconds": {"resnet50": 0.25, "resnet152v2": 0.25, "resnet252v2": 0.5},
            "start_seconds": {"resnet50": 1.0, "resnet152v2": 2.0, "resnet252v2": 3.0},
        },
    },
}  # fmt: skip


def test_an_update_is_priced_by_its_operations() -> None:
    row = {
        "model": "resnet50", "size": 256, "precision": "mixed_bfloat16", "batch": 16,
        "seconds": 2.0, "multiply_adds": 10**9, "attainable_flops_per_second": 96e9,
    }  # fmt: skip
    slower = row | {"attainable_flops_per_second": 48e9}
    priced = ratios.updates({"rows": [slower, row]}).iloc[0]
    assert priced["share"] == 0.5  # 6 * 1e9 * 16 operations in 2 s, of 96e9 in one
    assert priced["hours"] == pytest.approx(35 * 91 * 2 / 3600)
    assert priced["gpu_seconds"] == pytest.approx(35 * 91 * 96e9 / 312e12)


def test_shared_features_are_compared_within_the_run() -> None:
    found = ratios.frozen(FROZEN)
    assert (found["faster"], found["memory"], found["further"]) == (7, 3, 0.5)


def test_the_projection_counts_every_batch_once_or_every_time() -> None:
    found = ratios.frozen(FROZEN)
    # 3 batches; each of the networks updates its head 30 times: 30 s in all; 6 s of start.
    # A notebook has both backbones twice, 10 times over: 10 * 3 * 2 * 5 s.
    by_notebook, by_features = 300 + 30 + 6, 15 + 30 + 6
    assert found["hours_theirs"] == pytest.approx(by_notebook / 3600)
    assert found["hours_ours"] == pytest.approx(by_features / 3600)
    assert found["projected"] == pytest.approx(by_notebook / by_features)


def test_resamples_are_made_equal_before_the_bootstraps_are_compared() -> None:
    result = {
        "scipy_seconds": {
            "counts": [{"n": 50, "value": 5.0}, {"n": 100, "value": 10.0}],
            "weights": [{"n": 100, "value": 1.0}],
        },
        "seconds": {
            "counts": [{"n": 5000, "value": 0.1}, {"n": 10000, "value": 0.2}],
            "weights": [{"n": 10000, "value": 10.0}],
        },
        "seconds_by_images": [{"n": 360, "value": 0.2}, {"n": 36000, "value": 0.3}],
        "errors_apart": {"counts": 2.0, "weights": 3.0},
    }
    found = ratios.bootstrap(result)
    assert found["counts"] == pytest.approx(5000)
    assert found["weights"] == pytest.approx(10)
    assert found["apart"] == 3
    assert found["by_images"] == pytest.approx(1.5)
    assert found["images_more"] == 100


def test_searches_are_compared_on_one_thread_at_their_largest_number() -> None:
    rows = [
        {"way": way, "threads": threads, "n": n, "seconds": seconds, "peak_bytes": 7e6}
        for way, threads, n, seconds in (
            ("faiss", 1, 10, 0.1),
            ("words", 1, 10, 0.2),
            ("faiss", 1, 20, 0.5),
            ("faiss", 2, 20, 0.3),
            ("words", 1, 20, 2.0),
            ("faiss", 1, 5, 0.01),
            ("tree", 1, 5, 4.0),
        )
    ]
    pictures = {"n": 30, "seconds": 6.0, "candidates": 60, "planted": 3, "recovered": 2}
    found = ratios.duplicates({"rows": rows, "confirmation": [{}, pictures]})
    assert (found["hashes"], found["hash_seconds"], found["hash_megabytes"]) == (20, 0.5, 7)
    assert found["hash_faster"] == pytest.approx(4)
    assert found["tree_slower"] == pytest.approx(400)
    assert found["candidate_milliseconds"] == pytest.approx(100)
    assert found["hours_of_many"] == pytest.approx(6 * (20_000 / 30) ** 2 / 3600)
    without = ratios.duplicates({"rows": rows[:5], "confirmation": [pictures]})
    assert math.isnan(without["tree_slower"])


def test_rendering_is_compared_by_the_image() -> None:
    assert ratios.phantom({"render_seconds": {"single": 6.0, "batches": 2.0}}) == {"rendered": 3}
    assert ratios.pages({"seconds": {"alone": 6.0, "forked": 2.0}}) == {"forked": 3}


def test_survived_faults_are_counted_over_all_work() -> None:
    row = {"fault": "kill -9", "work": "book", "locks": 1, "seconds": 2.04}
    faults = [row | {"tried": 3, "survived": 2}, row | {"tried": 4, "survived": 4}]
    hardware = {"processor": "P", "cores": 2}
    words = report.survived({"faults": faults, "hardware": hardware, "created": "2026-01-02T03:04"})
    assert (words["stress_tried"], words["stress_survived"]) == (7, 6)
    assert words["stress_day"] == "2026-01-02"
    assert words["stress"].splitlines()[2] == "| book | kill -9 | 3 | 2 | 1 | 2.0 |"


def test_the_report_is_that_of_the_committed_results() -> None:
    text = Path("benchmarks/README.md").read_text("utf-8")
    assert text == report.report(ratios.read(Path("benchmarks/results"))), (
        "run python benchmarks/report.py"
    )
    assert "| three networks on frozen features, the paper's size (projected) | 45 |" in text


def test_the_committed_results_hold_what_the_page_needs() -> None:
    results = ratios.read(Path("benchmarks/results"))
    assert ratios.updates(results["updates"])["share"].between(0.01, 1).all()
    values = report.values(results)
    assert values["faster"] > 1
    assert values["counts"] > 1
    for result in results.values():
        assert not result["commit"]["changed"], "measured with code that is in no commit"


def test_a_missing_or_damaged_result_names_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"updates\.json: .*run python benchmarks/updates\.py"):
        ratios.read(tmp_path)
    for name in ratios.BENCHMARKS:
        (tmp_path / f"{name}.json").write_text(json.dumps({}))
    (tmp_path / "phantom.json").write_text("{")
    with pytest.raises(Problem, match=r"phantom\.json: .*run python benchmarks/phantom\.py"):
        ratios.read(tmp_path)
