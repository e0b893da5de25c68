"""Curves, gaps and costs are what the records say."""

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from covidcxr.core.records import Record
from covidcxr.figures import history as progress_figures
from covidcxr.networks import history


class Told(Record):
    """A record whose only table is a history."""

    def table(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self.content["rows"])


def run(seed: int, train: list[float], test: list[float], **more: Any) -> Record:
    rows = [
        {"epoch": e, "part": part, "loss": 1 - value, "accuracy": value, "seconds": 1.0}
        for part, values in (("train", train), ("test", test))
        for e, value in enumerate(values, 1)
    ]
    content = {
        "parameters": {"model": "resnet50", "split": "keras", "seed": seed},
        "rows": rows, "wall_seconds": 90.0, "peak_memory_bytes": 2**31, **more,
    }  # fmt: skip
    return Told(Path("nowhere"), content)


RUNS = [
    run(0, [0.8, 0.9, 0.95], [0.75, 0.3, 0.94]),
    run(
        1, [0.8, 0.9, 0.9], [0.8, 0.85, 0.9],
        training={
            "stretches": 2, "images_per_second": 10.0, "flops_per_second": 3e9,
            "attainable_flops_per_second": 12e9,
        },
    ),
]  # fmt: skip


def test_parting_is_found_where_it_was_and_nowhere_else() -> None:
    found = history.apart(history.histories(RUNS)).set_index("seed")
    assert list(found["apart"]) == [1, 0]
    assert found.loc[0, "widest"] == pytest.approx(0.6)
    assert found.loc[0, "at"] == 2
    assert found.loc[0, "last"] == pytest.approx(0.01)
    assert found.loc[1, "last"] == pytest.approx(0)


def test_costs_are_told_and_what_an_old_record_lacks_is_left_open() -> None:
    old, new = history.costs(RUNS).to_dict("records")
    assert (old["minutes"], old["memory"]) == (1.5, 2.0)
    assert math.isnan(old["images"]) and math.isnan(old["share"])
    assert (new["stretches"], new["flops"], new["attainable"]) == (2, 3.0, 12.0)
    assert new["share"] == pytest.approx(0.25)
    shown = progress_figures.costs(history.costs(RUNS)).text
    assert "<td>25</td>" in shown
    assert "<td>–</td>" in shown


def test_an_average_forgets_its_beginning_as_its_momentum_says() -> None:
    assert history.remembered(0.5, 3) == 0.125
    until = history.updates_until(0.99, 0.01)
    assert history.remembered(0.99, until) < 0.01 <= history.remembered(0.99, until - 1)


def test_every_training_is_drawn_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    made = plt.subplots

    def kept(*args: Any, **options: Any) -> Any:
        drawn.append(made(*args, **options))
        return drawn[-1]

    monkeypatch.setattr(plt, "subplots", kept)
    picture = progress_figures.curves(history.histories(RUNS))
    assert "Loss and accuracy of 2 trainings" in picture.alt
    assert "seed 0, test part: 0.94" in picture.alt
    lines = [line for axis in drawn[0][1].ravel() for line in axis.lines]
    assert len(lines) == 2 * 2 * 2  # two measures, two trainings, two parts
