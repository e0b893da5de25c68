"""The three accuracies of the first page are those of the records, and comparable."""

import numpy as np
import pandas as pd
import pytest

from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.paper import headline, reproduction
from covidcxr.paper.headline import AWAY, HOME, PAPER
from covidcxr.scores import proportions
from covidcxr.scores.predictions import from_table
from tests.conftest import ROOT

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def runs() -> list[Record]:
    return reproduction.real_trainings(RESULTS)


def test_the_paper_has_the_binomial_interval_of_its_counts() -> None:
    score = headline.of_paper()["ResNet252V2"]
    assert score.value == pytest.approx(334 / 360)
    assert (score.low, score.high) == pytest.approx(proportions.wilson(334, 360))
    assert score.baseline == pytest.approx(268 / 360)


def test_an_accuracy_without_an_error_has_a_lower_limit() -> None:
    rows = pd.DataFrame(
        {"image_id": list("abcd"), "label": ["COVID19", "NORMAL"] * 2, "score": [1, 0, 1, 0],
         "part": "test"}
    )  # fmt: skip
    score = reproduction.of_predictions(from_table(rows, "N"))
    assert score.value == 1
    assert score.low < 0.6
    assert (score.baseline, score.n) == (0.5, 4)


def test_home_accuracies_are_those_of_the_recorded_runs(runs: list[Record]) -> None:
    rows = headline.accuracies(runs)
    assert set(rows["where"]) == {PAPER, HOME, AWAY}
    chosen = headline.tested_runs(runs)
    recorded = [reproduction.accuracy(run).value for run in chosen["nearest"]]
    shown = rows[(rows["where"] == HOME) & (rows["group"] == "nearest")]
    assert shown["value"].tolist() == pytest.approx(recorded)
    assert shown["network"].tolist() == list(TITLES.values())
    # Every network at home is also tested away, on other images.
    away = rows[rows["where"] == AWAY]
    assert len(away) == len(rows[rows["where"] == HOME])
    assert (away["n"] != shown["n"].iloc[0]).all()


def test_the_closest_runs_deviate_least(runs: list[Record]) -> None:
    chosen = headline.tested_runs(runs)["closest"]
    least = min(
        len(reproduction.protocol_deviations(run))
        for run in runs
        if "external.csv" in run["tables"]
    )
    assert min(len(reproduction.protocol_deviations(run)) for run in chosen) == least


def test_no_share_of_100_percent_stands_without_n_and_interval(runs: list[Record]) -> None:
    values = headline.values(runs, reproduction.external_predictions(runs))
    assert values["strip_home_right"] <= values["strip_home_n"]
    for where in (PAPER, HOME, AWAY):
        low, value, high = (values[f"strip_{where}_{k}"] for k in ("low", "value", "high"))
        assert low < value < high
        assert np.isclose(values[f"strip_{where}_right"] / values[f"strip_{where}_n"], value)
    for key in ("thumbnail_accuracy", "thumbnail_folds"):
        assert " of " in values[key]
        assert " to " in values[key]
