"""Tables and values of the page on shortcuts, on the committed records and without numbers."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from covidcxr.core import records
from covidcxr.figures import shortcuts as plots
from covidcxr.figures import shortcuts_tables as tables
from covidcxr.figures.common import Html, Picture
from covidcxr.validity import controls
from covidcxr.validity.shortcuts.probes import PROBES

RECORD = records.read(Path("results/small/shortcuts"))
TRIED = controls.record(Path("results"))
MEASURES = TRIED.table("measures")
ALL = RECORD.table("areas")
AREAS = tables.usable(ALL, controls.passed(TRIED))


def test_the_headline_counts_the_probes_that_hardly_show_the_lungs() -> None:
    values = tables.headline(AREAS, "x")
    assert values == {
        "x_blind": 3, "x_blind_above": 3, "x_blind_least": "0.980", "x_blind_most": "0.994",
        "x_unseen": 1.0,
    }  # fmt: skip
    low = AREAS.assign(low=AREAS["low"].where(AREAS["probe"] != "corners", 0.4))
    assert tables.headline(low, "x")["x_blind_above"] == 2
    # a histogram shows the lungs' grey levels, and is not counted among those that do not
    nothing = tables.headline(tables.usable(ALL, {"histogram"}), "x")
    assert nothing["x_blind"] == 0
    assert nothing["x_blind_least"] == "–"


def test_the_values_of_the_committed_record() -> None:
    values = tables.values(RECORD, TRIED)
    assert values["shortcuts_failed"] == "metadata"
    assert values["shortcuts_random_mean"] == "0.506"
    assert values["shortcuts_random_off"] == 1
    assert values["shortcuts_lungs_hidden"] == "0.998 (0.991 to 0.999)"
    assert values["shortcuts_lungs_only"] == "0.994 (0.991 to 0.996)"
    assert values["shortcuts_border"] == "0.994 (0.990 to 0.996)"
    assert values["shortcuts_border_hidden"] == 90
    assert values["shortcuts_lungs_covered"] == pytest.approx(85.6, abs=0.05)
    assert (values["shortcuts_lungs_seen"], values["shortcuts_lungs_disease"]) == (
        "4.1%",
        "2 of 10",
    )
    assert (values["shortcuts_sources_apart"], values["shortcuts_sources"]) == (7, 7)
    assert (values["shortcuts_folders_apart"], values["shortcuts_folders"]) == (1, 2)
    assert (values["shortcuts_tiers_moved"], values["shortcuts_tiers_probes"]) == (0, 11)
    assert values["shortcuts_tiers_change"] == "0.010"


def test_one_tier_and_no_number_leave_nothing_to_compare() -> None:
    one = tables._of_tiers(AREAS[AREAS["tier"] == "all"])
    assert (one["shortcuts_tiers"], one["shortcuts_tiers_moved"]) == (0, 0)
    assert one["shortcuts_tiers_change"] == "–"
    undefined = AREAS.assign(auroc=np.nan, low=np.nan, high=np.nan)
    assert tables._of_lungs(undefined, MEASURES)["shortcuts_lungs_hidden"] == "–"
    assert set(tables.probes(undefined, MEASURES)["kNN"]) == {"–"}
    assert tables._of_lungs(AREAS[AREAS["probe"] == "border"], MEASURES)[
        "shortcuts_lungs_only"
    ] == "–"  # fmt: skip
    assert tables._of_border(AREAS[AREAS["probe"] == "lungs"])["shortcuts_border"] == "–"
    assert isinstance(plots.border(AREAS[AREAS["probe"] == "lungs"]), Html)
    none = RECORD.table("sources").iloc[:0]
    assert tables.sources(none).empty
    assert tables._of_sources(none)["shortcuts_sources"] == 0


def test_the_table_shows_the_control_of_each_probe() -> None:
    table = tables.probes(ALL, MEASURES).set_index("probe")
    assert len(table) == sum(len(probe.variants) for probe in PROBES.values())
    by = table[["lung in sight", "disease found"]].T.to_dict("list")
    assert by["Lungs, hidden"] == ["4.1%", "2 of 10"]
    assert by["Border, 90% hidden"] == ["0.0%", "0 of 10"]
    assert by["Border, 50% hidden"] == ["9.3%", "10 of 10"]
    assert by["Histogram, whole"] == ["–", "10 of 10"]
    assert table.loc["Thumbnail, 16 px", "boosting"] == "–"


def test_folders_of_one_source_are_no_pair_of_sources() -> None:
    table = tables.sources(RECORD.table("sources"))
    assert table["same source"].tolist() == ["no"] * 7 + ["yes"] * 2
    assert table.iloc[-1]["n"] == "1,341 + 234"
    assert table.iloc[-1]["AUROC"] == "0.905 (0.876 to 0.928)"


def test_the_figures_are_drawn() -> None:
    assert isinstance(plots.overall(AREAS), Picture)
    assert isinstance(plots.border(AREAS), Picture)
    normalised = plots.after_normalisation(RECORD.table("remains"))
    assert "lowest of 15" in normalised.alt
    assert len(tables.tiers(AREAS)) == 11
    pd.testing.assert_index_equal(tables.tiers(AREAS).index, tables.tiers(AREAS).index.unique())


def test_a_logit_axis_keeps_the_order_and_has_a_place_for_0_and_1() -> None:
    figure, axes = plt.subplots()
    rows = pd.DataFrame({"auroc": [1.0, 0.0, 0.5], "low": [0.98, np.nan, 0.4]})
    axes.plot(plots._shown(rows["auroc"]), range(3))
    plots._stretch(axes, "x", rows)
    places = axes.transData.transform([(value, 0) for value in plots.TICKS])[:, 0]
    assert (np.diff(places) > 0).all()
    # from 0.9 to 0.99 it is about as far as from 0.99 to 0.999
    first, second = (
        places[plots.TICKS.index(b)] - places[plots.TICKS.index(a)]
        for a, b in ((0.9, 0.99), (0.99, 0.999))
    )
    assert first == pytest.approx(second, rel=0.05)
    left, right = axes.get_xlim()
    assert left < plots.NEAREST and right > 1 - plots.NEAREST
    assert [label.get_text() for label in axes.get_xticklabels()][-1] == "0.999"
    plt.close(figure)
