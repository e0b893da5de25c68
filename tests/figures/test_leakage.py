"""Tables and figures of the page on leakage, on the committed record and without data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import records
from covidcxr.figures import common
from covidcxr.figures import leakage as plots
from covidcxr.figures import leakage_tables as tables
from covidcxr.figures.common import Picture
from covidcxr.scores import bootstrap
from covidcxr.validity.leakage import experiments, networks, summaries

RESULTS = Path("results")
RECORD = records.read(RESULTS / "small" / "leakage")
NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.016, "+1.6"), (-0.0004, "-0.04"), (0.0003, "+0.03"), (-4e-6, "-0.0004"), (0.0, "0.0"),
     (-0.0, "0.0"), (1e-17, "0.0"), (-0.00049, "-0.05"), (-0.0005001, "-0.1"), (NAN, "–")],
)  # fmt: skip
def test_a_difference_that_rounds_to_nothing_keeps_its_sign(value: float, text: str) -> None:
    assert tables.signed(value) == common.with_limits(value, NAN, NAN, tables.signed) == text
    limits = "" if np.isnan(value) else " (-1.0 to +3.2)"
    assert common.with_limits(value, -0.01, 0.032, tables.signed) == text + limits


@given(st.floats(-1, 1))
def test_a_difference_never_changes_sides_of_zero(value: float) -> None:
    sign = np.sign(float(tables.signed(value)))
    assert sign == (0 if abs(value) <= bootstrap.EQUAL else np.sign(value))


def test_the_headline_of_the_committed_record() -> None:
    values = tables.headline(RECORD, 0.95, "x")
    assert (values["x_raised"], values["x_models"]) == (0, 5)
    assert (values["x_least"], values["x_most"]) == ("-0.2", "+0.2")
    assert values["x_seen"] == pytest.approx(22.1, abs=0.05)
    assert values["x_best_model"] == experiments.MODELS["neighbours"]
    assert values["x_maximum_gain"] == pytest.approx(1.7, abs=0.05)
    assert (values["x_random_images"], values["x_random_model"]) == (
        "groups of several images", "Nearest neighbour",
    )  # fmt: skip
    assert values["x_random_image_level"] == pytest.approx(59.9, abs=0.05)
    assert values["x_random_grouped"] == pytest.approx(51.4, abs=0.05)


def test_the_values_of_the_committed_record_and_without_trainings() -> None:
    values = tables.values(RECORD, [], 0.95)
    assert values["leakage_tested"] == 77
    assert (values["leakage_trained_least"], values["leakage_trained_most"]) == (1433, 1437)
    assert (values["leakage_truth_raised"], values["leakage_truth_slopes"]) == (1, 3)
    assert (values["leakage_coin_raised"], values["leakage_coin_slopes"]) == (1, 2)
    assert values["leakage_dose_most"] == "Logistic regression, +1.1 (+0.4 to +1.7) points"
    assert (values["leakage_trainings"], values["leakage_studies"]) == (0, "none")


def test_every_table_of_experiments_has_its_rows() -> None:
    splits, doses = RECORD.table("splits"), RECORD.table("doses")
    inflation = summaries.score_inflation(splits[splits["tier"] == "all"], "accuracy")
    row = tables.inflation(inflation).loc["Nearest neighbour"]
    assert (row["image-level"], row["corrected"]) == ("0.980", "-1.0 to +1.1")
    assert tables.tiers(splits, 0.95).shape == (len(experiments.MODELS), 3)
    assert list(tables.contamination(doses, 0.95)["slope"])[3] == "+8.1 (+6.0 to +10.2)"
    results = summaries.random_label_results(RECORD.table("coins"), RECORD.table("control"), 0.95)
    row = tables.random_labels(results).iloc[3]
    assert (row["image-level, %"], row["grouped, %"]) == (
        "59.9 (56.7 to 63.2)", "51.4 (47.2 to 55.6)",
    )  # fmt: skip
    for picture in (
        plots.inflation({"accuracy": inflation}, 0.95),
        plots.contamination(doses, 0.95),
        plots.random_labels(results, 0.95),
    ):
        assert isinstance(picture, Picture)


def test_differences_within_runs_are_counted_by_score() -> None:
    rows = [
        {"model": "resnet50", "split": "keras", "seed": seed, "score": score, "value": value,
         "low": value - 0.05, "high": value + 0.05, "seen": 1.0, "unseen": 1 - value,
         "images_seen": "2 + 1", "images_unseen": "3 + 4", "groups_seen": 3, "groups_unseen": 7}
        for seed, value in enumerate((0.1, -0.1, 0.03)) for score in networks.WITHIN
    ]  # fmt: skip
    differences = pd.DataFrame(rows)
    summary = tables.seen_vs_unseen_summary(differences).loc["balanced accuracy"]
    assert list(summary) == [3, 2, "+1.0", 1, 1]
    row = tables.seen_vs_unseen(differences).iloc[0]
    assert (row["run"], row["n seen"]) == ("ResNet50, keras, seed 0", "2 + 1 (3)")
    assert isinstance(plots.seen_vs_unseen(differences, 0.95), Picture)


def test_what_is_missing_gives_empty_tables_and_notes() -> None:
    nothing = pd.DataFrame()
    doses = RECORD.table("doses")[:0]
    assert tables.contamination(doses, 0.95).empty
    assert "no two groups" in plots.contamination(doses, 0.95).text  # type: ignore[union-attr]
    for table in (
        tables.split_pairs, tables.test_parts, tables.seen_vs_unseen, tables.seen_vs_unseen_summary,
    ):  # fmt: skip
        assert table(nothing).empty
    assert "No recorded" in plots.seen_vs_unseen(nothing, 0.95).text  # type: ignore[union-attr]
