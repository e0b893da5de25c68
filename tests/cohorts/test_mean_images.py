"""Mean images are means, of images enough that none of them can be seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import mean_images, samples
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.core.records import Record


def sample(name: str, levels: dict[str, list[int]]) -> Sample:
    """Images of one grey level each, by class, with a white corner of one cell."""
    labels = [label for label, grey in levels.items() for _ in grey]
    values = np.array([value for grey in levels.values() for value in grey], dtype=np.uint8)
    grey = np.broadcast_to(values[:, None, None], (len(values), 256, 256)).copy()
    grey[:, :4, :4] = 255
    rows = pd.DataFrame({"label": labels}, dtype="string")
    return Sample(name, rows, grey)


def test_a_mean_is_that_of_its_class_and_place() -> None:
    home = sample(OWN, {"COVID19": [10] * 15 + [30] * 15, "NORMAL": [200] * 20})
    table = mean_images.means({OWN: home})
    assert table.groupby("label").size().to_dict() == {"COVID19": 64, "NORMAL": 64}
    by = table.set_index(["label", "row"])
    counts = table[["label", "images"]].drop_duplicates()
    assert counts.to_numpy().tolist() == [["COVID19", 30], ["NORMAL", 20]]
    assert by.loc[("COVID19", 0), "0"] == 255
    assert by.loc[("COVID19", 0), "1"] == by.loc[("COVID19", 63), "63"] == 20
    assert by.loc[("NORMAL", 1), "0"] == 200


@pytest.mark.parametrize(("count", "kept"), [(19, False), (20, True)])
def test_a_class_with_few_images_has_no_mean(count: int, kept: bool) -> None:
    home = sample(OWN, {"COVID19": [50] * count, "NORMAL": [90] * 40})
    assert ("COVID19" in set(mean_images.means({OWN: home})["label"])) is kept


def test_no_class_with_images_enough_is_an_empty_table() -> None:
    home = sample(OWN, {"COVID19": [50], "NORMAL": [90]})
    table = mean_images.means({OWN: home})
    assert table.empty
    assert list(table.columns[:4]) == ["cohort", "label", "images", "row"]


def test_pictures_come_back_by_cohort_and_class(tmp_path: Path) -> None:
    home = sample(OWN, {"COVID19": [50] * 20, "NORMAL": [90] * 20})
    other = replace(home, name="other")
    mean_images.means({OWN: home, "other": other}).to_csv(tmp_path / "means.csv", index=False)
    pictures = mean_images.pictures(Record(tmp_path, {"tables": {"means.csv": ""}}))
    assert set(pictures) == {(c, k) for c in (OWN, "other") for k in ("COVID19", "NORMAL")}
    grey, count = pictures["other", "NORMAL"]
    assert (grey.shape, count, grey[5, 5], grey[0, 0]) == ((64, 64), 20, 90, 255)
    assert samples.SIZE % mean_images.SIDE == 0
