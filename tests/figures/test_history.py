"""Figures, tables and values of trainings show what the records say."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from covidcxr.core import studies
from covidcxr.core.records import Record
from covidcxr.figures import history as plots
from covidcxr.networks import history


class RecordOfHistory(Record):
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
    return RecordOfHistory(Path("nowhere"), content)


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


def test_values_are_those_of_all_trainings() -> None:
    study = studies.load("config/demo.yaml", ["batch_size=10", "epochs=3"])
    machine = {"backend": {"accelerators": []}, "hardware": {"processor": "P"}}
    for one in RUNS:
        one.content.update(machine, images={"train": {"COVID19": 40, "NORMAL": 55}})
    gaps = history.accuracy_gaps(history.histories(RUNS))
    values = plots.values(study, RUNS, gaps, history.costs(RUNS))
    assert (values["progress_trainings_wide"], values["progress_trainings"]) == (1, 2)
    assert (values["progress_epochs_wide"], values["progress_epochs_all"]) == (1, 6)
    assert values["progress_widest"] == pytest.approx(0.6)
    assert values["progress_last"] == pytest.approx(0.01)
    assert (values["progress_images"], values["progress_updates"]) == (95, 10)
    assert values["progress_first"] == pytest.approx(100 * study.batch_norm_momentum**10)
    assert (values["progress_minutes"], values["progress_machine"]) == (3.0, "P")


class RecordOfPredictions(Record):
    """A record whose only table is one of predictions: four images, three of them right."""

    def table(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "image_id": list("abcd"), "group_id": list("abcd"), "part": "test",
                "label": ["COVID19", "NORMAL", "NORMAL", "NORMAL"], "score": [0.9, 0.9, 0.1, 0.1],
            }
        )  # fmt: skip


def test_an_outcome_is_the_accuracy_on_the_test_part() -> None:
    runs = [RecordOfPredictions(Path("nowhere"), one.content) for one in RUNS]
    rows = history.outcomes(runs, 0.5, 0.95)
    assert rows["accuracy"].tolist() == [0.75, 0.75]
    assert (rows["low"][0], rows["high"][0]) == pytest.approx((0.3006, 0.9544), abs=1e-4)
    values = plots.outcome_values(rows)
    assert (values["training_least"], values["training_baseline"]) == (0.75, "0.750")
    assert "<td>0.750 (0.301 to 0.954)</td>" in plots.outcomes(rows).text


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures with their axes, as they are made."""
    drawn: list[Any] = []
    subplots = plt.subplots

    def recorded(*args: Any, **options: Any) -> Any:
        drawn.append(subplots(*args, **options))
        return drawn[-1]

    monkeypatch.setattr(plt, "subplots", recorded)
    return drawn


def test_the_epoch_that_fell_furthest_behind_is_named(drawn: list[Any]) -> None:
    plots.learning_curves(history.histories(RUNS))
    plots.learning_curves(history.histories(RUNS[1:]))
    marks = [[text.get_text() for text in grid[0, 1].texts] for _, grid in drawn]
    assert marks == [["after epoch 2: 30%"], []]


def test_a_cost_that_an_old_record_lacks_is_a_dash() -> None:
    text = plots.costs(history.costs(RUNS)).text
    assert "<td>25</td>" in text
    assert "<td>–</td>" in text


def test_every_training_is_drawn(drawn: list[Any]) -> None:
    picture = plots.learning_curves(history.histories(RUNS))
    assert "trainings: 2." in picture.alt
    assert "seed 0, test part: loss 0.06, accuracy 0.94" in picture.alt
    lines = [line for axis in drawn[0][1].ravel() for line in axis.lines]
    assert len(lines) == 2 * 2 * 2  # two measures, two trainings, two parts
