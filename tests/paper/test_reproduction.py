"""Recorded trainings are compared with the paper's protocol, and scored by their images."""

from pathlib import Path

import pytest

from covidcxr.cohorts import cohort as cohorts
from covidcxr.core import edition, studies
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES
from covidcxr.networks import baselines, training
from covidcxr.paper import reproduction, runs
from covidcxr.scores import evaluation, intervals, predictions
from tests.conftest import ROOT

RESULTS = ROOT / "results"


def run(folder: Path, name: str, **parameters: object) -> Record:
    """Return a record of four test images, of which three are read rightly."""
    folder = folder / name
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text(
        "image_id,group_id,part,label,score\n"
        "a,1,test,COVID19,0.9\nb,2,test,COVID19,0.4\nc,3,test,NORMAL,0.1\nd,4,test,NORMAL,0.2\n"
        "e,5,train,COVID19,0.1\n"
    )
    defaults = {"model": "resnet50", "seed": 0, "cohort": {"source": "folder"}}
    content = {
        "study": "some",
        "created": "2026-01-02T03:04:05+00:00",
        "commit": {"id": "abcdef0123", "changed": False},
        "parameters": defaults | reproduction.PROTOCOL | parameters,
        "images": {"train": {"COVID19": 1, "NORMAL": 0}, "test": {"COVID19": 2, "NORMAL": 2}},
    }
    return Record(folder, content)


def with_external(folder: Path, name: str, **parameters: object) -> Record:
    """Return such a record of a network that was tested on external images."""
    one = run(folder, name, weights="none", **parameters)
    one.content["tables"] = {"external.csv": ""}
    return one


def test_a_run_is_counted_from_its_predictions(tmp_path: Path) -> None:
    one = run(tmp_path, "a", epochs=6, weights="none")
    found = reproduction.accuracy(one)
    assert (found.value, found.baseline) == (0.75, 0.5)
    row = runs.as_table([one]).iloc[0]
    assert row["accuracy"].startswith("0.750 (")
    assert (row["n"], row["always normal"]) == (4, "0.500")
    assert runs.as_table([]).empty


def test_an_accuracy_has_the_interval_of_the_pages_on_metrics(tmp_path: Path) -> None:
    one = run(tmp_path, "one", weights="none")
    table = one.table("predictions")
    (one.folder / "predictions.csv").write_text(
        table.assign(group_id=["1", "1", "2", "2", "3"]).to_csv(index=False)
    )
    tested = predictions.from_table(one.table("predictions"), "one", group="group_id")
    expected = evaluation.evaluate(tested)["accuracy"]
    found = reproduction.accuracy(one)
    assert (found.low, found.high) == (expected.low, expected.high)


def test_studies_are_compared_with_the_protocol(tmp_path: Path) -> None:
    several = [
        run(tmp_path, "a", epochs=6, weights="none"),
        run(tmp_path, "b", epochs=6, weights="none", split="grouped", batch_norm_momentum=0.9),
    ]
    row = runs.studies(several).loc[tmp_path.name.replace("_", "_\N{ZERO WIDTH SPACE}")]
    assert row["trainings"] == 2
    assert row["images"] == "3 + 2"
    assert row["departures"] == (
        "random weights, not ImageNet weights; 6 epochs, not 35 epochs; grouped split, not keras "
        "split; batch-norm momentum 0.9, not batch-norm momentum 0.99"
    )


def test_a_run_by_the_protocol_deviates_in_nothing(tmp_path: Path) -> None:
    assert reproduction.protocol_deviations(run(tmp_path, "a")) == []
    older = run(tmp_path, "older", split="random-3", epochs=34, image_size=64)
    del older["parameters"]["precision"]
    assert reproduction.protocol_deviations(older, older) == [
        "64 px, not 256 px", "34 epochs, not 35 epochs", "random split, not keras split",
    ]  # fmt: skip


def test_the_nearest_run_is_the_one_nearest_to_the_protocol(tmp_path: Path) -> None:
    near = run(tmp_path, "near", weights="none")
    far = run(tmp_path, "far", weights="none", image_size=512, epochs=3, split="random")
    assert reproduction.nearest_to_the_paper([far, near]) is near


def test_the_nearest_study_is_one_whose_networks_were_tested_externally(tmp_path: Path) -> None:
    alone = run(tmp_path, "alone", weights="none", epochs=40)
    whole = [
        with_external(tmp_path / "whole", model, model=model, epochs=3)
        for model in ("resnet50", "resnet152v2")
    ]
    assert reproduction.nearest_to_the_paper([alone, *whole]).study == "whole"
    # of several such studies the one nearest to the protocol
    closer = with_external(tmp_path / "closer", "resnet50")
    assert reproduction.nearest_to_the_paper([*whole, closer]).study == "whole"
    other = with_external(tmp_path / "closer", "resnet152v2", model="resnet152v2")
    assert reproduction.nearest_to_the_paper([*whole, closer, other]) is closer


def test_the_discussed_study_is_the_one_that_the_landing_page_shows() -> None:
    trainings = reproduction.real_trainings(RESULTS)
    assert reproduction.nearest_to_the_paper(trainings).study == edition.edition().discussed
    assert set(TITLES.values()) <= set(reproduction.external_predictions(trainings))


def test_external_testing_of_the_last_network_is_summarised() -> None:
    tests = reproduction.external_predictions(reproduction.real_trainings(RESULTS))
    found = reproduction.external_summary(tests)
    assert found["network"] == list(TITLES.values())[-1]
    last = tests[found["network"]].cohorts
    assert found["away"] == intervals.area(last["adults"]).value
    assert found["low"] <= found["away"] <= found["high"]
    assert found["home"] == intervals.area(tests[found["network"]].internal).value
    assert found["n"] == len(last["adults"])
    with pytest.raises(Problem, match="No recorded training was tested on adults"):
        reproduction.external_summary({})


def test_replicates_are_one_point(tmp_path: Path) -> None:
    several = [run(tmp_path, f"{i}", seed=i, weights="none") for i in range(3)]
    ours = runs.points(several).query("by == 'study'")
    assert len(ours) == 1
    assert "seed 0" in ours["what"].iloc[0]


def test_thumbnails_are_scored_on_the_images_of_the_run(tmp_path: Path) -> None:
    study = studies.load(
        "config/demo.yaml", ["cohort.covid19=12", "cohort.normal=20", "cohort.seed=3"]
    )
    one = run(tmp_path, "one", weights="none")
    assert reproduction.thumbnail_baseline(one) is None
    cohorts.prepare(study, tmp_path / "images")
    made = baselines.record(study, results=tmp_path, cohort=cohorts.read(tmp_path / "images"))
    rows = baselines.predictions_of(made, "keras", 0)["Logistic regression"]
    right = ((rows["score"] >= 0.5) == (rows["label"] == "COVID19")).mean()
    found = reproduction.thumbnail_baseline(one)
    assert found is not None
    assert found.value == pytest.approx(right)
    assert found.low < right <= found.high


def test_the_page_glues_the_same_numbers_as_its_tables() -> None:
    trainings = reproduction.real_trainings(RESULTS)
    values = runs.values(trainings, reproduction.external_predictions(trainings))
    assert values["n_trainings"] == len(runs.as_table(trainings))
    assert values["n_protocol"] == 0
    assert values["nearest_least"] <= values["nearest_most"]
    assert values["worth_study"] == edition.edition().discussed


def test_networks_are_looked_up_on_adults_where_they_were_tested() -> None:
    beside = [training.read(RESULTS / "small", model, "keras", 0) for model in TITLES]
    adults = reproduction.on_adults(beside)
    assert list(adults) == list(TITLES.values())
    tests = reproduction.external_predictions(beside)
    assert all(
        len(p) == len(tests[name].external[reproduction.ADULTS]) > 900 for name, p in adults.items()
    )
    untested = training.read(RESULTS / "replicates", "resnet50", "random-0", 0)
    assert reproduction.on_adults([untested]) == {}
