"""Tables and figures say what their numbers are, in text too."""

import numpy as np
import pandas as pd

from covidcxr import figures, metrics, overview, seedpaper


def test_the_paper_layout_puts_every_cell_where_the_paper_has_it() -> None:
    table = seedpaper.tables()["resnet50"]
    text = figures.paper_layout(table.cells("predicted"), "as printed").text
    assert "<td>70</td><td>22</td>" in text
    assert "<td>60</td><td>208</td>" in text
    # under the paper's own labels these are the scores beside its Table 1
    for label, value in {"Recall": "0.538", "Specificity": "0.904"}.items():
        assert f"{label}<br>{value}" in text
    assert "Precision</td><td>0.761" in text.replace("\n", "")


def test_the_corrected_column_is_the_matrix_with_rows_as_truth() -> None:
    cells = seedpaper.tables()["resnet252v2"].cells("true")
    frame = figures.versus_paper("resnet252v2", metrics.summarise(cells), 0.95)
    assert list(frame["its matrix, rows as truth"]) == list(frame["ours"])
    assert frame.loc["sensitivity", "the paper prints"] == "0.81"
    assert frame.loc["sensitivity", "ours"] == "0.9348"
    assert frame.loc["PPV", "the paper prints"] == "0.93"


def test_a_table_escapes_shows_missing_values_and_keeps_its_index() -> None:
    frame = pd.DataFrame({"a_b": [1.0, np.nan]}, index=pd.Index(["<x>", "y"], name="score"))
    text = figures.table(frame, "A & B", {"a_b": "{:.2f}"}).text
    assert "&lt;x&gt;" in text
    assert "A &amp; B" in text
    assert "<td>1.00</td>" in text
    assert "<td>–</td>" in text
    assert "<th>a b</th>" in text


def test_a_picture_has_a_text_alternative_for_web_and_print() -> None:
    picture = figures.accuracies(overview.points([]), "Accuracy")
    bundle = picture._repr_mimebundle_()
    assert (
        'alt="Accuracy, with 95 % Wilson intervals. ResNet50, the paper: 0.772'
        in bundle["text/html"]
    )
    assert bundle["image/png"]


def test_unpublishable_images_are_never_drawn() -> None:
    shown = figures.examples(None, publish=False)
    assert isinstance(shown, figures.Html)
    assert "may not be redistributed" in shown.text


def test_names_are_listed_as_in_a_sentence() -> None:
    assert overview.listing(["a"]) == "a"
    assert overview.listing(["a", "b", "c"]) == "a, b and c"


def test_without_records_the_overview_says_so() -> None:
    assert overview.headline([]) == "No training on real images has been recorded yet."
    assert overview.as_table([]).empty


def test_the_readings_of_the_paper_are_the_published_recount() -> None:
    readings = overview.paper_readings()
    assert round(readings["labelled_sensitivity"], 4) == 0.8113
    assert round(readings["true_sensitivity"], 4) == 0.9348
    assert round(readings["true_specificity"], 4) == 0.9254
    assert round(readings["paper_baseline"], 4) == 0.7444
