"""Cards show what the committed records hold."""

import re

import pytest

from covidcxr.core import records, studies
from covidcxr.figures import cards
from covidcxr.validity import external
from tests.conftest import ROOT

FOLDER = ROOT / "results/small"


@pytest.fixture(scope="module")
def tested() -> records.Record:
    return records.read(FOLDER / "external")


def test_cohorts_are_those_of_the_records(tested: records.Record) -> None:
    counted = cards.cohorts(tested)
    assert counted["cohort"].tolist() == ["cohort"] * 2 + ["adults"] * 2 + ["holdout"] * 2
    own = counted[counted["cohort"] == "cohort"].set_index("label")["images"]
    assert own.to_dict() == records.read(FOLDER / "cohort")["images"]
    assert (counted["groups"] <= counted["images"]).all()
    assert (counted["distinct"] <= counted["images"]).all()
    assert counted.query("cohort == 'cohort'")["left_out"].sum() == 0


def test_glued_numbers_are_those_of_the_records(tested: records.Record) -> None:
    copies, overlap = (records.read(FOLDER / name) for name in ("duplicates", "overlap"))
    settings = studies.load(str(ROOT / "config/small.yaml"))
    runs = external.trainings(settings, FOLDER)
    glued = cards.values(cards.cohorts(tested), copies, overlap, settings, runs)
    assert (glued["datacard_covid"], glued["datacard_normal"]) == (385, 1341)
    assert glued["datacard_all"] == 385 + 1341 + glued["datacard_others"]
    assert glued["datacard_near"] == copies["counts"]["near"]
    assert glued["datacard_shared_keras"] == pytest.approx(100 * 19 / 345)
    assert glued["datacard_shared_grouped_copies"] == 0
    assert glued["modelcard_runs"] == len(list(FOLDER.glob("resnet*/record.json")))
    assert glued["modelcard_networks"] == 3
    assert glued["modelcard_size"] == runs["ResNet50, keras"]["parameters"]["image_size"]


def test_the_model_card_shows_each_recorded_network_on_each_cohort(tested: records.Record) -> None:
    settings = studies.load(str(ROOT / "config/small.yaml"))
    runs = external.trainings(settings, FOLDER)
    shown = cards.performance(external.network_tests(runs, tested), 0.95)
    assert shown["cohort"].tolist() == ["cohort", "adults", "holdout"] * len(runs)
    assert list(dict.fromkeys(shown["model"])) == list(runs)
    for name, run in runs.items():
        cells = run["metrics"]["test"]
        row = shown[(shown["model"] == name) & (shown["cohort"] == "cohort")].iloc[0]
        assert row["n"] == sum(cells[cell] for cell in ("tp", "fn", "fp", "tn"))
        assert row["sensitivity"].startswith(f"{cells['sensitivity']:.3f} (")
        assert row["specificity"].startswith(f"{cells['specificity']:.3f} (")


def test_cards_have_the_sections_of_their_sources() -> None:
    text = (ROOT / "notebooks/reference/cards.ipynb").read_text()
    data, model = text.split('"## Model card')
    # Gebru 2021
    assert re.findall(r'"### ([^"\\]+)', data) == [
        "Motivation", "Composition", "Collection and labels", "Preprocessing", "Uses",
        "Distribution and maintenance",
    ]  # fmt: skip
    # Mitchell 2019
    assert re.findall(r'"### ([^"\\]+)', model) == [
        "Details", "Intended use", "Data", "Factors", "Scores", "Ethical considerations", "Caveats",
    ]  # fmt: skip
