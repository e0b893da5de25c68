"""The eight pictures show what their numbers say."""

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts.samples import OWN
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.figures import (
    accuracy_apart,
    claimed_images,
    cohort_makeup,
    epoch_accuracy,
    five_minutes,
    home_and_away,
    matrix_maps,
    mean_border,
    shared_patients,
)
from covidcxr.paper import headline, publication, reproduction
from covidcxr.scores.predictions import from_table
from covidcxr.validity.external import ExternalTest
from covidcxr.validity.shortcuts.probes import BLIND
from tests.conftest import ROOT

RESULTS = ROOT / "results"


def images(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["group_id", "part", "label"])


SPLIT = images(
    ("a", "train", "COVID19"), ("a", "train", "COVID19"), ("a", "test", "COVID19"),
    ("b", "train", "COVID19"), ("c", "test", "COVID19"), ("c", "test", "COVID19"),
    ("d", "train", "NORMAL"), ("d", "test", "NORMAL"),
)  # fmt: skip


def test_only_patients_on_both_sides_are_joined() -> None:
    rows = shared_patients.across(SPLIT)
    assert set(rows["label"]) == {"COVID19"}
    assert rows["shared"].tolist() == [True, True, True, False, False, False]
    alt = shared_patients.diagram(SPLIT).alt
    assert "1 of 3 test images" in alt
    assert "same 1 patients" in alt


def test_a_split_by_patient_joins_nobody() -> None:
    apart = SPLIT[~SPLIT["group_id"].isin(["a"])]
    assert "0 of 2 test images" in shared_patients.diagram(apart).alt


def test_every_claimed_image_is_a_dot() -> None:
    assert claimed_images.dots(3, 5, "N").alt == "5 dots, a test image each: 3 right, 2 wrong."


def test_the_transposed_table_has_both_sensitivities() -> None:
    alt = matrix_maps.transposed(publication.tables()["resnet252v2"], "N").alt
    assert "86 of 106, 81%" in alt
    assert "86 of 92, 93%" in alt


def test_the_border_that_is_drawn_is_one_that_sees_no_lungs() -> None:
    assert mean_border.PROBE in BLIND
    # The inner square has the share of the area that the probe hides.
    inner = 1 - 2 * mean_border.border_of_probe()
    assert inner**2 == pytest.approx(0.70)


def test_curves_name_the_worst_and_the_last_epoch() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 2, 1, 2], "part": ["train", "train", "test", "test"],
         "accuracy": [0.5, 0.6, 0.25, 0.75]}
    )  # fmt: skip
    alt = epoch_accuracy.curves({"one": history}, 0.93, 0.74).alt
    assert alt == "Test accuracy by epoch. one: 25% at worst, 75.0% at last."


def both_ways(score: list[float]) -> ExternalTest:
    labels = ["COVID19", "COVID19", "NORMAL", "NORMAL"]
    rows = pd.DataFrame({"image_id": list("abcd"), "label": labels, "score": score, "part": "test"})
    other = rows.assign(score=rows["score"].to_numpy()[::-1])
    away = {"adults": from_table(other, "N")}
    return ExternalTest("N", from_table(rows, "N"), away, away)


def test_home_and_away_have_curves_and_histograms_of_their_own() -> None:
    test = both_ways([0.9, 0.8, 0.2, 0.1])
    alt = home_and_away.roc({"N": test}, OWN, "adults").alt
    assert alt == "ROC curves. AUROC: N at home 1.000; N adults from elsewhere 0.000."
    alt = home_and_away.histograms({"home": test.cohorts[OWN]}, 0.5).alt
    assert "home: 100% of the COVID-19 images" in alt
    assert "home: 0% of the normal images" in alt


def test_all_anteroposterior_views_are_one() -> None:
    record = records.read(RESULTS / "small/cohort")
    counts = record.table("categories")
    views = counts[(counts["variable"] == "view") & (counts["label"] == "COVID19")]
    ap = views.loc[views["value"].str.startswith("AP"), "n"].sum() / views["n"].sum()
    alt = cohort_makeup.makeup(record).alt
    assert f"COVID-19: AP {ap:.0%}" in alt
    assert "Supine" not in alt


@pytest.fixture(scope="module")
def runs() -> list[Record]:
    return reproduction.real_trainings(RESULTS)


def test_the_page_glues_what_the_records_say(runs: list[Record]) -> None:
    chosen = headline.tested_runs(runs)
    split = chosen["nearest"][-1].table("predictions")
    probes = records.read(RESULTS / "small/shortcuts").table("areas")
    values = five_minutes.values(
        probes, split, headline.external_tests(chosen["nearest"]), "adults"
    )
    parts = records.read(RESULTS / "small/cohort").table("parts")
    (row,) = parts.query("part == 'test' and label == 'COVID19'").to_dict("records")
    assert values["shared_images"] == row["images_shared_with_train"]
    assert values["shared_tested"] == row["images"]
    assert values["border_low"] < values["border_auroc"] < values["border_high"]
    assert values["five_rows"] == "92 + 268"
    assert len(five_minutes.histories(chosen)) == len(
        {run.folder for group in chosen.values() for run in group}
    )


def test_places_draw_every_accuracy(runs: list[Record]) -> None:
    rows = headline.accuracies(runs)
    assert accuracy_apart.places(rows).alt.count("%") == len(rows) + 1
    assert np.isfinite(rows[["value", "low", "high"]]).all(axis=None)
