"""Tables and figures say what their numbers are, in text too."""

from pathlib import Path
from typing import Any

import myst_nb
import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from covidcxr import figures
from covidcxr.cohorts import cohort as cohorts
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import edition, studies
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES, Agreement
from covidcxr.core.words import listing
from covidcxr.figures import exploration as exploration_figures
from covidcxr.figures import metrics as metrics_figures
from covidcxr.networks import baselines
from covidcxr.paper import agreement, publication, reproduction
from covidcxr.scores import intervals, predictions


def test_the_paper_layout_puts_every_cell_where_the_paper_has_it() -> None:
    table = publication.tables()["resnet50"]
    text = metrics_figures.paper_layout(table.cells("predicted"), "as printed").text
    assert "<td>70</td><td>22</td>" in text
    assert "<td>60</td><td>208</td>" in text
    # under the paper's own labels these are the scores beside its Table 1
    for label, value in {"Recall": "0.538", "Specificity": "0.904"}.items():
        assert f"{label}<br>{value}" in text
    assert "Precision</td><td>0.761" in text.replace("\n", "")


def test_the_corrected_column_is_the_matrix_with_rows_as_truth() -> None:
    cells = publication.tables()["resnet252v2"].cells("true")
    ours = intervals.of_matrix(cells)
    judged = agreement.against_paper("resnet252v2", ours, Agreement(), intervals.Protocol())
    frame = metrics_figures.versus_paper(judged, 0.95)
    assert list(frame["corrected (95%)"]) == list(frame["ours (95%)"])
    assert frame.loc["sensitivity", "printed"] == "0.81"
    assert frame.loc["sensitivity", "ours (95%)"] == "0.935 (0.865 to 0.970)"
    assert frame.loc["PPV", "printed"] == "0.93"
    away = frame["ours less corrected, points"].to_dict()
    assert str(away["sensitivity"]).startswith("+0.0 (-")


def test_a_table_escapes_shows_missing_values_and_keeps_its_index() -> None:
    frame = pd.DataFrame({"a_b": [1.0, np.nan]}, index=pd.Index(["<x>", "y"], name="score"))
    text = figures.table(frame, "A & B", {"a_b": "{:.2f}"}).text
    assert "&lt;x&gt;" in text
    assert "A &amp; B" in text
    assert "<td>1.00</td>" in text
    assert "<td>–</td>" in text
    assert "<th>a b</th>" in text


def test_a_picture_has_a_text_alternative_for_web_and_print() -> None:
    picture = metrics_figures.accuracies(reproduction.points([]), "Accuracy")
    bundle = picture._repr_mimebundle_()
    assert (
        'alt="Accuracy, with 95% Wilson intervals. ResNet50, the paper: 0.772'
        in bundle["text/html"]
    )
    assert bundle["image/png"]


def cohort() -> Cohort:
    manifest = pd.DataFrame({"label": ["COVID19", "NORMAL"], "age": [40.0, pd.NA]})
    return Cohort(manifest, np.zeros((2, 8, 8, 3), dtype=np.uint8))


def test_unpublishable_images_are_never_drawn() -> None:
    shown = exploration_figures.examples(cohort(), publish=False)
    assert isinstance(shown, figures.Html)
    assert "may not be redistributed" in shown.text


def test_publishable_images_are_drawn_and_described() -> None:
    shown = exploration_figures.examples(cohort(), publish=True)
    assert isinstance(shown, figures.Picture)
    assert shown.alt == "Examples of 1 COVID19 and 1 NORMAL radiographs."
    assert isinstance(exploration_figures.examples(None, publish=True), figures.Html)


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"


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


def test_a_run_is_counted_from_its_predictions_and_set_against_the_protocol(tmp_path: Path) -> None:
    row = reproduction.as_table([run(tmp_path, "a", epochs=6, weights="none")]).iloc[0]
    assert row["accuracy"].startswith("0.750 (")
    assert row["always normal"] == "0.500"


def test_studies_are_set_against_the_protocol(tmp_path: Path) -> None:
    several = [
        run(tmp_path, "a", epochs=6, weights="none"),
        run(tmp_path, "b", epochs=6, weights="none", split="grouped", batch_norm_momentum=0.9),
    ]
    row = reproduction.studies(several).loc[tmp_path.name.replace("_", "_\N{ZERO WIDTH SPACE}")]
    assert row["trainings"] == 2
    assert row["images"] == "3 + 2"
    assert row["departures"] == (
        "random weights, not ImageNet weights; 6 epochs, not 35 epochs; grouped split, not keras "
        "split; batch-norm momentum 0.9, not batch-norm momentum 0.99"
    )


def test_the_headline_is_of_the_run_nearest_to_the_paper(tmp_path: Path) -> None:
    near = run(tmp_path, "near", weights="none")
    far = run(tmp_path, "far", weights="none", image_size=512, epochs=3, split="random")
    text = reproduction.headline([far, near])
    assert "at 256 px for 35 epochs" in text
    assert "ResNet50 is right on 75.0%" in text
    assert "of 4 test images" in text
    assert "right on 50.0%" in text


def test_what_stands_for_all_is_a_study_whose_networks_were_tested_elsewhere(
    tmp_path: Path,
) -> None:
    alone = run(tmp_path, "alone", weights="none", epochs=40)
    whole = [
        run(tmp_path / "whole", model, model=model, weights="none", epochs=3)
        for model in ("resnet50", "resnet152v2")
    ]
    for one in whole:
        one.content["tables"] = {"external.csv": ""}
    assert reproduction.nearest_to_the_paper([alone, *whole]).study == "whole"
    # of several such studies the one nearest to the protocol
    closer = run(tmp_path / "closer", "resnet50", weights="none")
    closer.content["tables"] = {"external.csv": ""}
    assert reproduction.nearest_to_the_paper([*whole, closer]).study == "whole"
    other = run(tmp_path / "closer", "resnet152v2", model="resnet152v2", weights="none")
    other.content["tables"] = {"external.csv": ""}
    assert reproduction.nearest_to_the_paper([*whole, closer, other]) is closer


def test_the_discussed_study_is_the_one_that_the_landing_page_shows() -> None:
    runs = reproduction.real_trainings(Path("results"))
    assert reproduction.nearest_to_the_paper(runs).study == edition.edition().discussed
    assert set(TITLES.values()) <= set(reproduction.elsewhere(runs))


def test_what_a_score_is_worth_is_said_with_the_range_of_all_networks() -> None:
    tests = reproduction.elsewhere(reproduction.real_trainings(Path("results")))
    told = reproduction.worth(tests)
    areas = [intervals.area(tests[name].cohorts["adults"]).value for name in TITLES.values()]
    assert told["networks"] == len(areas)
    assert (told["least"], told["most"]) == (min(areas), max(areas))
    assert told["least"] <= told["away"] <= told["most"]
    assert told["home_low"] <= told["home"] <= told["home_high"]
    assert told["home_n"] == len(tests[told["network"]].internal)


def test_an_accuracy_has_the_interval_of_the_pages_on_metrics(tmp_path: Path) -> None:
    one = run(tmp_path, "one", weights="none")
    table = one.table("predictions")
    (one.folder / "predictions.csv").write_text(
        table.assign(group_id=["1", "1", "2", "2", "3"]).to_csv(index=False)
    )
    tested = predictions.from_table(one.table("predictions"), "one", group="group_id")
    found = intervals.evaluate(tested)["accuracy"]
    assert reproduction.interval(one) == (found.low, found.high)


def test_replicates_are_one_point(tmp_path: Path) -> None:
    several = [run(tmp_path, f"{i}", seed=i, weights="none") for i in range(3)]
    ours = reproduction.points(several).query("by == 'study'")
    assert len(ours) == 1
    assert "seed 0" in ours["what"].iloc[0]


def test_the_headline_stands_beside_logistic_regression_on_the_same_images(tmp_path: Path) -> None:
    study = studies.load(
        "config/demo.yaml", ["cohort.covid19=12", "cohort.normal=20", "cohort.seed=3"]
    )
    assert reproduction.trivial([]) == ""
    one = run(tmp_path, "one", weights="none")
    assert reproduction.trivial([one]) == ""
    cohorts.prepare(study, tmp_path / "images")
    made = baselines.record(study, results=tmp_path, cohort=cohorts.read(tmp_path / "images"))
    rows = baselines.tested(made, "keras", 0)["Logistic regression"]
    right = ((rows["score"] >= 0.5) == (rows["label"] == "COVID19")).mean()
    text = reproduction.trivial([one])
    assert f"is right on {right:.1%}" in text
    assert ("no evidence" in text) == (right >= 0.75)


def test_the_book_says_whether_the_protocol_was_followed(tmp_path: Path) -> None:
    assert reproduction.standing([]).startswith("No recorded training follows")
    assert reproduction.standing([run(tmp_path, "a")]).startswith("1 recorded training followed")
    other = run(tmp_path, "b", epochs=34, image_size=64)
    assert "No recorded" in reproduction.standing([other])
    assert "(64 px, not 256 px; 34 epochs, not 35 epochs)" in reproduction.departs([other])
    assert "departs" not in reproduction.departs([run(tmp_path, "c")])


def test_without_records_the_overview_says_so() -> None:
    assert reproduction.headline([]) == "No training on real images has been recorded yet."
    assert reproduction.as_table([]).empty


def test_what_is_unusual_about_a_score_stands_below_its_table() -> None:
    text = metrics_figures.scores(intervals.of_matrix([0, 3, 0, 5]), "A model").text
    assert "PPV *" in text
    assert "PPV: no image called positive" in text
    assert "<td>–</td>" in text
    assert "*" not in metrics_figures.scores(intervals.of_matrix([30, 9, 8, 50]), "A model").text


def test_values_are_kept_as_myst_nb_keeps_them() -> None:
    shell = InteractiveShell.instance()
    values: dict[str, Any] = {
        "number": np.float64(0.5),
        "text": "a",
        "table": figures.Html("<p>x</p>"),
    }
    with capture_output() as ours:
        figures.glue(**values)
    with capture_output() as theirs:
        for name, value in values.items():
            myst_nb.glue(name, value.item() if name == "number" else value, display=False)
    assert shell.display_formatter is not None
    assert len(ours.outputs) == 3
    for one, other in zip(ours.outputs, theirs.outputs, strict=True):
        assert (one.data, one.metadata) == (other.data, other.metadata)
