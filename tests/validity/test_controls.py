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
from covidcxr.core.errors import Problem
from covidcxr.networks import saliency
from covidcxr.scores.intervals import Interval
from covidcxr.validity import controls, duplicates, leakage, overlap, shortcuts
from covidcxr.validity.leakage.experiments import QUICK
from tests.validity.controls import (
    copies,
    demands,
    experiments,
    maps,
    parts,
    planted,
    probes,
    rows,
)

SMALL = planted.COPIED.model_copy(
    update={"covid19": 14, "normal": 14, "image_size": 64, "exact_duplicates": 2,
            "near_duplicates": 10}
)  # fmt: skip
SEEDS = {0.0: 3, 1.0: 2}
RECORD = controls.record(Path("results"))
PARAMETERS = experiments.parameters()


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, n in (("PROBED", 40), ("LABELLED", 15)):
        cohort = getattr(planted, name).model_copy(update={"covid19": n, "normal": n})
        monkeypatch.setattr(planted, name, cohort)


def met(table: pd.DataFrame) -> bool:
    outcomes = demands.outcomes(table)
    assert len(outcomes)
    return bool(outcomes["met"].all())


# --- copies


def every_pair(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    first, second = np.triu_indices(len(pictures), 1)
    return pd.DataFrame({"first": first, "second": second})


def no_pair(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    return every_pair(pictures[:1])


def planted_pairs(pictures: NDArray[np.uint8]) -> pd.DataFrame:
    for seed in (0, 1):
        frame, pixels = phantom.generate(SMALL.model_copy(update={"seed": seed}))
        if np.array_equal(pixels, pictures):
            copy = frame["planted_duplicate_of"].dropna()
            place = pd.Index(frame["image_id"]).get_indexer(copy)
            return pd.DataFrame({"first": copy.index, "second": place})
    raise AssertionError


def by_variant(table: pd.DataFrame, measure: str) -> pd.Series:
    return table[table["measure"] == measure].set_index("variant")["value"]


def search(
    monkeypatch: pytest.MonkeyPatch, find: Callable[..., pd.DataFrame], seeds: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    monkeypatch.setattr(duplicates, "find", find)
    table = copies.planted_copies(SMALL, range(seeds))
    return table, demands.outcomes(table)


def test_a_search_that_always_says_yes_fails_by_its_false_alarms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, outcomes = search(monkeypatch, every_pair)
    assert (table["value"] == 1).all()
    assert "duplicates" not in controls.passing(outcomes)


def test_a_search_that_never_says_yes_fails_by_its_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    table, outcomes = search(monkeypatch, no_pair)
    assert (table["value"] == 0).all()
    assert not outcomes.loc[outcomes["demand"].str.contains("recall"), "met"].any()


def test_a_search_that_knows_finds_every_planted_copy_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, outcomes = search(monkeypatch, planted_pairs, 2)
    assert (by_variant(table, "recall") == 1).all()
    assert (by_variant(table, "false alarms") == 0).all()
    assert outcomes.loc[outcomes["demand"].str.contains("recall"), "met"].all()
    # So few pairs cannot show a rate below one in ten thousand.
    alarm = table[table["variant"] == "different patients"].iloc[0]
    assert alarm["high"] == pytest.approx(1 - 0.025 ** (1 / alarm["n"]))
    assert not outcomes.loc[outcomes["demand"].str.contains("false"), "met"].any()


def test_pairs_are_counted_once_and_by_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = search(monkeypatch, every_pair)
    frame, _ = phantom.generate(SMALL.model_copy(update={"seed": 0}))
    n, number = len(frame), int(frame["planted_duplicate_of"].notna().sum())
    counts = table.groupby("measure")["n"].sum()
    assert counts["false alarms"] + number == n * (n - 1) // 2
    assert counts["recall"] == 2 * number  # by kind, and all kinds


# --- shared patients and random labels


def test_the_search_for_shared_patients_passes() -> None:
    table = parts.shared_patients(range(1))
    assert met(table)
    assert controls.passing(demands.outcomes(table)) == {"overlap"}
    assert not demands.outcomes(table.assign(value=np.nan))["met"].any()


@pytest.mark.parametrize("kind", ["never", "always", "forgets"])
def test_a_blind_search_for_shared_patients_fails(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shared = overlap.shared

    def search(split: pd.DataFrame, manifest: pd.DataFrame) -> list[dict[str, Any]]:
        every = [
            {"kind": kind, "name": name}
            for kind, column in (("patient", "patient_id"), ("exact", "image_id"))
            for name in manifest[column]
        ]
        patients = [unit for unit in shared(split, manifest) if unit["kind"] != "exact"]
        return {"never": [], "always": every, "forgets": patients}[kind]

    monkeypatch.setattr(overlap, "shared", search)
    assert not met(parts.shared_patients(range(1)))


def gains(by_images: Callable[[float], float]) -> pd.DataFrame:
    noise = 0.02 * np.random.default_rng(0).standard_normal(5)
    return pd.DataFrame(
        [
            rows.mean(("leakage", "patients", model, images), "gain", by_images(images) + noise,
                      0.99 if images == 1 else 0.95)
            for images in planted.PER_PATIENT
            for model in QUICK
        ]
    )  # fmt: skip


def test_a_gain_must_come_with_several_images_and_only_then() -> None:
    assert met(gains(lambda images: (images - 1) / 5))
    assert not met(gains(lambda images: 0.3))
    assert not met(gains(lambda images: 0.0))


def test_splits_without_any_gain_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gain(features: dict[str, Any], group: Any, seeds: range) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"seed": s, "model": m, "split": k, "trained": 80, "tested": 20,
                 "accuracy": 0.5 + 0.01 * (s % 2) * (k == "random")}
                for s in seeds for m in features for k in ("random", "grouped")
            ]
        )  # fmt: skip

    monkeypatch.setattr(leakage.experiments, "random_label_experiment", no_gain)
    outcomes = demands.outcomes(parts.random_labels(range(2), range(2)))
    assert len(outcomes) == 4
    assert not outcomes["met"].all()


# --- probes


def always(low: float, value: float, high: float) -> Callable[..., Interval]:
    return lambda *_: Interval(value, low, high, "none", "group", 200)


@pytest.mark.parametrize(
    "blind", [always(0.95, 0.99, 1.0), always(0.4, 0.5, 0.6), always(0.05, 0.1, 0.2)]
)
def test_a_probe_that_does_not_look_fails(
    monkeypatch: pytest.MonkeyPatch, blind: Callable[..., Interval]
) -> None:
    monkeypatch.setattr(shortcuts, "auroc", blind)
    assert not met(probes.file_metadata(SEEDS))


def test_the_probe_of_metadata_finds_files_that_go_with_the_class() -> None:
    table = probes.file_metadata(SEEDS)
    assert met(table)
    areas = table[(table["measure"] == "auroc") & (table["strength"] == 1)]
    assert (areas["value"] > 0.99).all()


def test_the_probe_of_the_border_finds_the_acquisition_and_not_the_disease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variants = [("border", "90 %")]
    assert met(probes.acquisition(variants, SEEDS))
    table = probes.disease(variants, 2)
    assert met(table)
    assert table.loc[table["measure"] == "lung in sight", "value"].item() < shortcuts.probes.UNSEEN
    monkeypatch.setattr(shortcuts, "auroc", always(0.95, 0.99, 1.0))
    assert not met(probes.disease(variants, 2))


def test_the_probe_of_the_lungs_alone_must_find_the_disease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variants = [("lungs", "only")]
    assert met(probes.disease(variants, 2))
    monkeypatch.setattr(shortcuts, "auroc", always(0.4, 0.5, 0.6))
    assert not met(probes.disease(variants, 2))


@given(st.integers(1, 40), st.data())
def test_alarms_by_chance_are_those_of_one_in_twenty(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = sum(stats.binom.pmf(k, n, 0.05) for k in range(hits, n + 1))
    assert demands.chance_of_alarms(pd.Series([hits / n]), pd.Series([n])) == pytest.approx(
        expected, abs=1e-9
    )


# --- region and maps


def test_the_region_is_measured_for_adults_and_children() -> None:
    table = maps.lung_region(planted.SINGLE.model_copy(update={"covid19": 20, "normal": 20}))
    assert set(table["variant"]) == {"adult", "paediatric"}
    assert table["n"].sum() == 2 * 40
    assert table["value"].between(0.2, 1).all()


def test_both_methods_find_the_mark() -> None:
    table = maps.saliency_maps(3)
    assert met(table)
    place = table[(table["planted"] == planted.PLACE)].set_index("variant")["value"]
    assert place["occlusion, corner"] > 0.9 and place["occlusion, lung"] < 0.1
    # Grad-CAM averages gradients over places and gives the same map for both.
    assert abs(place["gradcam, corner"] - place["gradcam, lung"]) < 0.2


@pytest.mark.parametrize("outside", [1.0, saliency.area_outside(), np.nan])
def test_maps_that_do_not_look_fail_whatever_they_say(outside: float) -> None:
    conditions = [("saliency", what, "gradcam", np.nan) for what in (planted.CORNER, planted.LUNG)]
    table = pd.DataFrame([rows.mean(where, "outside", [outside] * 3) for where in conditions])
    assert not met(table)


# --- the record


def test_the_demands_judge_the_committed_measures_as_they_did() -> None:
    outcomes, recorded = demands.outcomes(RECORD.table("measures")), RECORD.table("criteria")
    by = ["method", "demand"]
    pd.testing.assert_frame_equal(
        outcomes.sort_values(by, ignore_index=True), recorded.sort_values(by, ignore_index=True),
        check_dtype=False,
    )  # fmt: skip
    assert "metadata" not in controls.passed(RECORD)
    assert len(controls.passed(RECORD)) == 9


def test_the_committed_record_answers_to_what_is_planted_today() -> None:
    assert not RECORD.is_outdated
    assert RECORD["parameters"] == PARAMETERS
    assert RECORD.is_synthetic


def test_a_record_is_made_and_shown_whatever_its_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Problem, match="no such record"):
        controls.record(tmp_path)
    table = parts.shared_patients(range(1))[rows.COLUMNS]
    monkeypatch.setattr(experiments, "measures", lambda: table)
    experiments.make(tmp_path)
    record = controls.record(tmp_path)
    assert controls.passed(record) == {"overlap"}
    assert not record.is_outdated

    path = tmp_path / controls.FOLDER / "record.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"method": controls.METHOD - 1}))
    again = controls.record(tmp_path)
    assert again.is_outdated
    assert controls.passed(again) == {"overlap"}
