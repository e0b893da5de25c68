"""Tables, figures and values of the page on metrics."""

import numpy as np
import pandas as pd

from covidcxr.core.studies import Agreement
from covidcxr.figures import metrics as page
from covidcxr.paper import agreement, publication
from covidcxr.scores import evaluation
from covidcxr.scores.intervals import Protocol


def judged(cells: list[int]) -> pd.DataFrame:
    """Compare a matrix with the paper's ResNet50."""
    ours = evaluation.of_matrix(np.array(cells), Protocol(resamples=50))
    return agreement.against_paper("resnet50", ours, Agreement(), Protocol(resamples=50))


def test_a_perfect_network_is_higher_and_a_constant_one_is_lower() -> None:
    perfect = page.directions({"resnet50": judged([92, 0, 0, 268])})
    assert (perfect["metrics_above"], perfect["metrics_below"]) == (6, 0)
    # NPV rises least, by 100 - 90.43 points, and PPV most, by 100 - 53.85
    assert perfect["metrics_above_points"] == "by 10 to 46 points"
    assert perfect["metrics_below_points"] == "none"
    constant = page.directions({"resnet50": judged([0, 92, 0, 268])})
    assert constant["metrics_below"] >= 1


def test_a_verdict_names_its_direction_and_margin() -> None:
    table = page.versus_paper(judged([92, 0, 0, 268]), 0.95, 0.05)
    assert set(table["verdict"]) <= {"higher by more than 5 points", "undecided at 5 points"}
    assert table.loc["accuracy", "verdict"] == "higher by more than 5 points"
    itself = page.versus_paper(judged([70, 22, 60, 208]), 0.95, 0.3)
    assert not itself["verdict"].str.contains("higher|lower").any()


def test_a_heat_map_says_each_matrix_and_leaves_empty_columns_out() -> None:
    table = publication.tables()["resnet50"]
    picture = page.matrices({"printed": {"resnet50": table.cells("predicted")}, "elsewhere": {}})
    assert picture.alt.endswith("ResNet50, printed: TP 70, FN 60, FP 22, TN 208.")
