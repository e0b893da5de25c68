"""Radiographs of the gallery never stand without their attribution."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import gallery as galleries
from covidcxr.core import records
from covidcxr.figures import gallery, mean_images, saliency, saliency_tables
from covidcxr.figures.common import Html, Picture

ROOT = Path(__file__).parents[2]


def maps_of(files: list[str]) -> pd.DataFrame:
    row, column = np.indices((8, 8))
    one = {"row": row.ravel(), "column": column.ravel(), "share": 1 / 64, "score": 0.25}
    tables = [
        pd.DataFrame({"method": method, "file": name, **one})
        for name in files
        for method in ("gradcam", "occlusion")
    ]
    return pd.concat(tables, ignore_index=True)


def test_the_attribution_names_every_author_source_licence_and_change() -> None:
    rows, pictures = gallery.read(side=16)
    assert {picture.shape for picture in pictures.values()} == {(16, 16)}
    text = gallery.attribution(rows).text
    for column in ("source", "licence", "licence_address", "changes"):
        for value in rows[column].unique():
            assert value in text
    assert "Hannover Medical School" in text
    assert "Guangzhou Women and Children&#39;s Medical Center" in text
    assert gallery.attribution(rows.iloc[:0]).text == ""


def test_examples_show_both_classes() -> None:
    rows, pictures = gallery.read(side=16)
    shown = gallery.examples(rows, pictures)
    assert isinstance(shown, Picture)
    assert "6 COVID19 and 6 NORMAL" in shown.alt
    assert isinstance(gallery.examples(rows.iloc[:0], {}), Html)


def test_every_page_that_reads_the_gallery_has_an_attribution_beside_each_figure() -> None:
    pages = 0
    for path in sorted((ROOT / "notebooks").glob("*/*.ipynb")):
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
        drawn = [
            name
            for cell in cells
            for name in re.findall(r"(\w+)=(?:gallery\.examples|plots\.overlays)\(", cell)
        ]
        for name in drawn:
            place = next(i for i, cell in enumerate(cells) if f"{{glue:figure}} {name}" in cell)
            assert cells[place + 1] == "gallery.attribution(rows)", f"{path.name}: {name}"
        assert not any("gallery.read(" in cell for cell in cells) or drawn, path.name
        pages += bool(drawn)
    assert pages == 2


def test_maps_lie_over_their_own_images() -> None:
    rows, pictures = gallery.read(side=16)
    one = rows["file"].tolist()[:1]
    maps = maps_of([*one, "another-12345678.jpg"])
    maps.loc[maps["method"] == "gradcam", "share"] = np.nan
    shown = saliency.overlays(maps, rows, pictures)
    assert isinstance(shown, Picture)
    assert "1 COVID19, each above" in shown.alt
    for none in (None, maps_of(["another-12345678.jpg"])):
        nothing = saliency.overlays(none, rows, pictures)
        assert isinstance(nothing, Html)
        assert "No training of this study kept maps" in nothing.text


def test_a_cell_without_evidence_leaves_the_picture_as_it_is() -> None:
    picture = np.full((16, 16), 51, dtype=np.uint8)
    grid = np.zeros((8, 8))
    grid[0, 7] = 4
    covered = saliency._under(grid, picture)
    assert covered.shape == (16, 16, 3)
    marked = np.abs(covered - 0.2).max(axis=2) > 1e-9
    assert marked[:2, 14:].all() and marked.sum() == 4


@pytest.mark.parametrize(("source", "images"), [("phantom", "synthetic"), ("folder", "real")])
def test_the_page_says_what_the_mapped_network_knew(
    source: str, images: str, tmp_path: Path
) -> None:
    rows = galleries.read()
    known = rows.assign(part=["train"] * 3 + ["test"] * 2 + ["validation"] * 7)
    known[["image_id", "part"]].to_csv(tmp_path / "predictions.csv", index=False)
    maps_of(rows["file"].tolist()).to_csv(tmp_path / "gallery.csv", index=False)
    content = {"tables": {"gallery.csv": ""}, "parameters": {"cohort": {"source": source}}}
    runs = {"A": records.Record(tmp_path, {"tables": {}}), "B": records.Record(tmp_path, content)}
    title, maps, shown = saliency_tables.of_gallery(runs, rows.iloc[:10])
    assert title == (
        f"B (trained on {images} images; of these 10, in its train part: 3, in its test part: 2)"
    )
    assert maps is not None and len(maps) == 12 * 2 * 64
    assert len(shown) == 10
    title, maps, shown = saliency_tables.of_gallery({"A": runs["A"]}, rows)
    assert title.startswith("none") and maps is None and shown.empty


def test_mean_images_are_drawn_with_their_border() -> None:
    record = records.read(ROOT / "results/small/means")
    shown = mean_images.with_regions(record)
    assert isinstance(shown, Picture)
    assert "cohort NORMAL, 1,341 images" in shown.alt
    # the border is a frame of a tenth of the area
    assert mean_images._border(64).mean() == pytest.approx(1 - mean_images.HIDDEN, abs=0.03)
