"""Table, values and figures of the page on saliency, with and without recorded evidence."""

import numpy as np
import pandas as pd
import pytest

from covidcxr.figures import saliency as plots
from covidcxr.figures import saliency_tables as tables
from covidcxr.figures.common import Html, Picture
from covidcxr.networks import saliency

SHARES = pd.DataFrame(
    [
        ("Small", "Grad-CAM", "COVID19", 50, 39, 0.2, 0.1, 0.3),
        ("Small", "Grad-CAM", "NORMAL", 50, 50, 0.9, 0.8, 1.0),
        ("Small", "Occlusion", "COVID19", 50, 1, 0.4, np.nan, np.nan),
        ("Small", "Occlusion", "NORMAL", 0, 0, np.nan, np.nan, np.nan),
    ],
    columns=saliency.OUTSIDE,
)


def test_the_values_count_the_cases_nearer_to_the_lungs() -> None:
    values = tables.values(SHARES, 8)
    assert (values["saliency_nearer"], values["saliency_cases"]) == (1, 3)
    assert (values["saliency_least"], values["saliency_most"]) == ("20%", "90%")
    assert (values["saliency_covid19"], values["saliency_normal"]) == ("40%", "–")
    assert values["saliency_blind"] == pytest.approx(65.8, abs=0.05)


def test_grad_cam_on_few_cells_is_not_counted() -> None:
    values = tables.values(SHARES, 2)
    assert values["saliency_gradcam_counted"] == "no"
    assert values["saliency_cases"] == 1


def test_without_recorded_evidence_there_is_nothing_to_show() -> None:
    none = saliency.outside_by_class({})
    values = tables.values(none, 8)
    assert (values["saliency_cases"], values["saliency_least"]) == (0, "–")
    assert tables.table(none).empty
    for shown in (plots.outside(none), plots.mean_maps({}, "gradcam"), plots.single_maps(None, {})):
        assert isinstance(shown, Html)


def test_undefined_shares_and_limits_are_marked() -> None:
    shown = tables.table(SHARES)["outside the lungs"].tolist()
    assert shown == ["20.0% (10.0% to 30.0%)", "90.0% (80.0% to 100.0%)", "40.0%", "–"]
    assert "20% to 90%" in plots.outside(SHARES).alt  # type: ignore[union-attr]


def test_maps_are_drawn_for_the_images_that_may_be_shown() -> None:
    row, column = np.indices((saliency.GRID, saliency.GRID))
    cells = pd.DataFrame({"row": row.ravel(), "column": column.ravel(), "share": 1 / 64})
    maps = pd.concat(
        cells.assign(method=method, image_id="a", label="COVID19", score=0.9)
        for method in saliency.METHODS
    )
    pictures = {"a": np.zeros((16, 16), np.uint8), "b": np.zeros((16, 16), np.uint8)}
    assert isinstance(plots.single_maps(maps, pictures), Picture)
    empty = maps.assign(share=np.nan)
    assert isinstance(plots.single_maps(empty, pictures), Picture)
    assert isinstance(plots.single_maps(maps, {"c": pictures["a"]}), Html)
    mean = cells.assign(method="gradcam", label="NORMAL", images=3)
    assert isinstance(plots.mean_maps({"Small": mean}, "gradcam"), Picture)
