"""Controls: a method that always says yes, or never, fails; one that knows the truth passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from covidcxr.cohorts import phantom
from covidcxr.figures import controls as controls_figures
from covidcxr.networks import saliency
from covidcxr.scores.intervals import Interval
from covidcxr.validity import controls, duplicates, overlap, shortcuts
from covidcxr.validity.leakage.models import QUICK

SMALL = controls.COPIED.model_copy(
    update={"covid19": 14, "normal": 14, "image_size": 64, "exact_duplicates": 2,
            "near_duplicates": 10}
)  # fmt: skip
SEEDS = {0.0: 3, 1.0: 2}


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, n in (("PROBED", 40), ("TOSSED", 15)):
        cohort = getattr(controls, name).model_copy(update={"covid19": n, "normal": n})
        monkeypatch.setattr(controls, name, cohort)


def met(table: pd.DataFrame) -> bool:
    judged = controls.criteria(table)
    assert len(judged)
    return bool(judged["met"].all())


# --- copies


def pairs(n: int, chosen: list[tuple[int, int]]) -> pd.DataFrame:
    return pd.DataFrame(chosen, columns=["first", "second"]).astype(int)


def every_pair(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    first, second = np.triu_indices(len(pictures), 1)
    return pairs(len(pictures), list(zip(first, second, strict=True)))


def no_pair(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    return pairs(len(pictures), [])


def knows(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    for seed in (0, 1):
        frame, pixels = phantom.generate(SMALL.model_copy(update={"seed": seed}))
        if np.array_equal(pixels, pictures):
            copy = frame["planted_duplicate_of"].dropna()
            place = pd.Index(frame["image_id"]).get_indexer(copy)
            both = zip(copy.index, place, strict=True)
            return pairs(len(frame), [(min(b), max(b)) for b in both])
    raise AssertionError


def recalls(table: pd.DataFrame, what: str) -> pd.Series:
    rows = table[table["measure"] == what].set_index("variant")
    return rows["value"]


def test_a_search_that_always_says_yes_fails_by_its_false_alarms() -> None:
    table = controls.copies(every_pair, SMALL, (0,))
    assert (recalls(table, "recall") == 1).all()
    assert (recalls(table, "false alarms") == 1).all()
    assert 0 < recalls(table, "precision")["all kinds"] < 0.1
    assert not met(table)
    assert "duplicates" not in controls.passing(controls.criteria(table))


def test_a_search_that_never_says_yes_fails_by_its_recall() -> None:
    table = controls.copies(no_pair, SMALL, (0,))
    assert (recalls(table, "recall") == 0).all()
    assert (recalls(table, "false alarms") == 0).all()
    judged = controls.criteria(table)
    assert not judged.loc[judged["demand"].str.contains("recall"), "met"].any()


def test_a_search_that_knows_finds_every_planted_copy_and_no_other() -> None:
    table = controls.copies(knows, SMALL, (0, 1))
    assert (recalls(table, "recall") == 1).all()
    assert recalls(table, "precision")["all kinds"] == 1
    assert (recalls(table, "false alarms") == 0).all()
    judged = controls.criteria(table)
    assert judged.loc[judged["demand"].str.contains("recall"), "met"].all()
    # So few pairs cannot show a rate below one in ten thousand.
    alarm = table[table["variant"] == "different patients"].iloc[0]
    assert alarm["high"] == pytest.approx(1 - 0.025 ** (1 / alarm["n"]))
    assert not judged.loc[judged["demand"].str.contains("false"), "met"].any()


def test_pairs_are_counted_once_and_by_what_they_are() -> None:
    table = controls.copies(every_pair, SMALL, (0,))
    frame, _ = phantom.generate(SMALL.model_copy(update={"seed": 0}))
    n, copies = len(frame), int(frame["planted_duplicate_of"].notna().sum())
    alarms = table[table["measure"] == "false alarms"]["n"].sum()
    assert alarms + copies == n * (n - 1) // 2
    assert recalls(table, "precision")["all kinds"] == copies / (n * (n - 1) // 2)


def test_a_gentle_dose_is_found_and_a_ruined_picture_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doses = {"JPEG quality": (90.0,), "turned, degrees": (45.0,)}
    monkeypatch.setattr(controls, "DOSES", doses)
    table = controls.doses(duplicates.find, 3).set_index("planted")["value"]
    assert table["JPEG quality"] == 1
    assert table["turned, degrees"] == 0


@pytest.mark.parametrize("way", list(controls.DOSES))
def test_a_stronger_dose_takes_a_picture_farther_away(way: str) -> None:
    picture = controls.patients(2)[0]

    def away(dose: float) -> float:
        return float(np.abs(controls.altered(picture, way, dose) - picture.astype(float)).mean())

    doses = sorted(controls.DOSES[way])
    mild, strong = (doses[-1], doses[0]) if way in ("JPEG quality", "shrunk to, %") else (
        (-20, -80) if way.startswith("brightness") else (80, 40) if way.startswith("contrast")
        else (doses[0], doses[-1])
    )  # fmt: skip
    assert 0 < away(mild) < away(strong)


def test_an_unknown_alteration_is_refused() -> None:
    with pytest.raises(ValueError, match="none of"):
        controls.altered(np.zeros((8, 8), np.uint8), "folded", 1)


# --- shared patients


def test_the_search_for_shared_patients_passes_and_blind_ones_fail() -> None:
    assert met(controls.parts(seeds=(0,)))

    def never(split: pd.DataFrame, manifest: pd.DataFrame) -> list[dict[str, Any]]:
        return []

    def always(split: pd.DataFrame, manifest: pd.DataFrame) -> list[dict[str, Any]]:
        return [
            {"kind": kind, "name": name}
            for kind, column in (("patient", "patient_id"), ("exact", "image_id"))
            for name in manifest[column]
        ]

    def forgets(split: pd.DataFrame, manifest: pd.DataFrame) -> list[dict[str, Any]]:
        return [one for one in overlap.shared(split, manifest) if one["kind"] != "exact"]

    for blind in (never, always, forgets):
        assert not met(controls.parts(blind, (0,)))


# --- several images of a patient


def gain(by: Callable[[float, int], float]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        controls._mean("gain", [by(mean, i) + 0.02 * rng.standard_normal() for i in range(5)],
                       "leakage", "patients", model, mean, 0.99 if mean == 1 else 0.95)
        for mean in controls.PER_PATIENT
        for model in QUICK
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_gain_must_come_with_several_images_and_only_then() -> None:
    assert met(gain(lambda mean, _: (mean - 1) / 5))
    assert not met(gain(lambda mean, _: 0.3))
    assert not met(gain(lambda mean, _: 0.0))


def test_a_split_that_buys_nothing_fails() -> None:
    def nothing(features: dict[str, Any], group: Any, seeds: range) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"seed": s, "model": m, "split": k, "trained": 80, "tested": 20,
                 "accuracy": 0.5 + 0.01 * (s % 2) * (k == "random")}
                for s in seeds for m in features for k in ("random", "grouped")
            ]
        )  # fmt: skip

    table = controls.coins(nothing, (0, 1), (0, 1))
    judged = controls.criteria(table)
    assert len(judged) == 4
    assert not judged["met"].all()


# --- probes


def always_found(*_: Any) -> Interval:
    return Interval(0.99, 0.95, 1.0, "none", "group", 200)


def never_found(*_: Any) -> Interval:
    return Interval(0.5, 0.4, 0.6, "none", "group", 200)


def inverted(*_: Any) -> Interval:
    return Interval(0.1, 0.05, 0.2, "none", "group", 200)


@pytest.mark.parametrize("blind", [always_found, never_found, inverted])
def test_a_probe_that_does_not_look_fails(blind: Callable[..., Interval]) -> None:
    assert not met(controls.files(blind, (0.0, 1.0), SEEDS))


def test_the_probe_of_metadata_finds_files_that_go_with_the_class() -> None:
    table = controls.files(shortcuts.area_of, (0.0, 1.0), SEEDS)
    assert met(table)
    found = table[(table["measure"] == "auroc") & (table["strength"] == 1)]
    assert (found["value"] > 0.99).all()


def test_the_probe_of_the_border_finds_the_acquisition_and_not_the_disease() -> None:
    asked = [("border", "90 %")]
    assert met(controls.probes(shortcuts.area_of, asked, (0.0, 1.0), SEEDS))
    table = controls.disease(shortcuts.area_of, asked, 2)
    assert met(table)
    sight = table[table["measure"] == "lung in sight"].iloc[0]
    assert sight["value"] < shortcuts.UNSEEN
    assert not met(controls.disease(always_found, asked, 2))


def test_the_probe_of_the_lungs_alone_must_find_the_disease() -> None:
    asked = [("lungs", "only")]
    assert met(controls.disease(shortcuts.area_of, asked, 2))
    assert not met(controls.disease(never_found, asked, 2))


@given(st.integers(1, 40), st.data())
def test_alarms_by_chance_are_those_that_a_coin_of_one_in_twenty_gives(
    n: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, n))
    chance = sum(stats.binom.pmf(k, n, 0.05) for k in range(hits, n + 1))
    found = controls._by_chance({"value": hits / n, "n": n})
    if abs(chance - controls.LEVEL) > 1e-9:
        assert found == (chance >= controls.LEVEL)


# --- region and maps


def test_the_region_is_measured_for_adults_and_children() -> None:
    few = controls.SINGLE.model_copy(update={"covid19": 20, "normal": 20})
    table = controls.region(few)
    assert set(table["variant"]) == {"adult", "paediatric"}
    assert table["n"].sum() == 2 * 40
    assert table["value"].between(0.2, 1).all()


def test_maps_that_do_not_look_fail_whatever_they_say() -> None:
    grid = saliency.GRID

    def corner(model: Any, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        maps = np.zeros((len(pixels), grid, grid))
        maps[:, 0, 0] = 1
        return dict.fromkeys(saliency.METHODS, maps)

    def spread(model: Any, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        maps = np.full((len(pixels), grid, grid), 1 / grid**2)
        return dict.fromkeys(saliency.METHODS, maps)

    def nothing(model: Any, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        return dict.fromkeys(saliency.METHODS, np.full((len(pixels), grid, grid), np.nan))

    for blind in (corner, spread, nothing):
        assert not met(controls.maps(blind, 3))


def test_both_methods_find_the_mark() -> None:
    table = controls.maps(number=3)
    assert met(table)
    place = table[(table["planted"] == controls.PLACE)].set_index("variant")["value"]
    assert place["occlusion, corner"] > 0.9 and place["occlusion, lung"] < 0.1
    # Grad-CAM averages gradients over places and gives the same map for both.
    assert abs(place["gradcam, corner"] - place["gradcam, lung"]) < 0.2


# --- the record and the gate


def test_a_method_that_was_not_run_has_not_passed() -> None:
    table = controls.parts(seeds=(0,))
    assert controls.passing(controls.criteria(table)) == {"overlap"}


def test_what_is_not_a_number_meets_no_demand() -> None:
    table = controls.parts(seeds=(0,)).assign(value=np.nan)
    assert not controls.criteria(table)["met"].any()


def test_a_record_is_shown_whatever_its_method_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def quick() -> pd.DataFrame:
        runs.append(1)
        return pd.concat([controls.parts(seeds=(0,))])[controls.COLUMNS]

    monkeypatch.setattr(controls, "measures", quick)
    made = controls.record(tmp_path)
    assert controls.passed(made) == {"overlap"}
    assert made.is_synthetic
    assert "changed" not in controls.status(made).split("minutes")[1]
    assert controls_figures.answer(made).startswith(f"1 of {len(controls.TITLES)} methods")
    assert list(controls_figures.summary(made.table("measures"))["verdict"]).count("passed") == 1

    path = tmp_path / controls.FOLDER / "record.json"
    content = json.loads(path.read_text())
    content["method"] = controls.METHOD - 1
    path.write_text(json.dumps(content))
    again = controls.record(tmp_path)
    assert runs == [1]
    assert controls.passed(again) == {"overlap"}
    assert controls.status(again).endswith("has changed since.")
    controls.make(tmp_path)
    assert runs == [1, 1]
