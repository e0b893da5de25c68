"""Tables and figures say what their numbers are, in text too."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import myst_nb
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure

from covidcxr import figures
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import records
from covidcxr.core.studies import Agreement
from covidcxr.figures import common, ledger
from covidcxr.figures import exploration as exploration_figures
from covidcxr.figures import metrics as metrics_figures
from covidcxr.figures.common import with_limits
from covidcxr.paper import agreement, publication, runs
from covidcxr.scores import evaluation, intervals


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
    ours = evaluation.of_matrix(cells)
    judged = agreement.against_paper("resnet252v2", ours, Agreement(), intervals.Protocol())
    frame = metrics_figures.versus_paper(judged, 0.95, 0.05)
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
    picture = metrics_figures.accuracies(runs.points([]), "Accuracy")
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


def test_a_value_has_its_limits_where_there_are_any() -> None:
    assert with_limits(0.9, 0.8, 0.95) == "0.900 (0.800 to 0.950)"
    assert with_limits(0.012, -0.01, 0.03, "+.1f", 100) == "+1.2 (-1.0 to +3.0)"
    assert with_limits(0.9, np.nan, np.nan) == "0.900"
    assert with_limits(np.nan, np.nan, np.nan) == "–"


def test_what_is_unusual_about_a_score_stands_below_its_table() -> None:
    text = metrics_figures.scores(evaluation.of_matrix([0, 3, 0, 5]), "A model").text
    assert "PPV *" in text
    assert "PPV: no image called positive" in text
    assert "<td>–</td>" in text
    assert "*" not in metrics_figures.scores(evaluation.of_matrix([30, 9, 8, 50]), "A model").text


def test_values_are_kept_as_myst_nb_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(records.TRACE, "unused")
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


HOSTILE = "<script>alert(1)</script> $\\input{x}$ {{x}} | `x`"


def test_text_of_a_study_is_shown_as_text_in_tables_notes_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({HOSTILE: [HOSTILE]})
    shown = [
        *(common.table(frame, HOSTILE), common.heading(HOSTILE), common.note(HOSTILE)),
        common.fold(HOSTILE, common.note("")),
        ledger.table(frame, "id", HOSTILE),
    ]  # fmt: skip
    for output in shown:
        assert "<script>" not in output.text
        assert "&lt;script&gt;" in output.text
    monkeypatch.chdir(tmp_path)  # and back, after the page's set-up
    with mpl.rc_context():
        common.setup()
        figure = Figure()
        figure.suptitle("$\\frac{$")  # no formula: as one, it would be refused
        figure.savefig(tmp_path / "figure.svg")


def test_numbers_and_short_words_of_a_wide_table_keep_to_one_line() -> None:
    cells = ["2e-05", "+0.9 (-0.9 to +2.6)", "1.7% : 2.6%", "random-0", "3D above", "word " * 30]
    text = figures.table(pd.DataFrame([cells], columns=list("abcdef")), "Caption.").text
    assert text.count('<td class="whole">') == 4
    narrow = figures.table(pd.DataFrame([cells[:3]], columns=list("abc")), "Caption.").text
    assert "whole" not in narrow
