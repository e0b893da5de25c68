"""External testing: planted confounders, planted overlap, and what cannot be said."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
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
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, PhantomCohort
from covidcxr.figures import external as plots
from covidcxr.figures import external_tables as tables
from covidcxr.networks import simple_models
from covidcxr.scores import intervals, proportions
from covidcxr.scores.metrics import auroc
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import experiment, summaries

STUDY = studies.load("config/demo.yaml")


def drawn(name: str, seed: int, confounder: float, n: int = 40, severity: float = 0.05) -> Sample:
    cohort = PhantomCohort(
        source="phantom", covid19=n, normal=n, image_size=32, images_per_patient=1.0, seed=seed,
        confounder=confounder, severity=severity, exact_duplicates=0, near_duplicates=0,
    )  # fmt: skip
    rows, grey = phantom.generate(cohort)
    return Sample(name, rows.assign(sha256=[hashlib.sha256(g).hexdigest() for g in grey]), grey)


def by(rows: pd.DataFrame, *keys: str) -> dict[Any, dict[str, Any]]:
    """Return rows by what names them."""
    result = rows.to_dict("records")
    names = [tuple(row[k] for k in keys) if len(keys) > 1 else row[keys[0]] for row in result]
    return dict(zip(names, [{str(k): v for k, v in row.items()} for row in result], strict=True))


def some(sample: Sample, kept: NDArray[np.bool_], name: str) -> Sample:
    return Sample(name, sample.manifest[kept].reset_index(drop=True), sample.grey[kept])


def alone(
    samples: dict[str, Sample],
) -> tuple[dict[str, NDArray[np.str_]], dict[str, NDArray[np.int64]]]:
    """Every image its own group, and no copies."""
    group, copy, start = {}, {}, 0
    for name, sample in samples.items():
        n = len(sample.manifest)
        group[name] = np.array([f"{name}:{i}" for i in sample.manifest["image_id"]], "<U80")
        copy[name] = np.arange(start, start + n)
        start += n
    return group, copy


def recorded(folder: Path, samples: dict[str, Sample], group=None, copy=None) -> Record:  # type: ignore[no-untyped-def]
    known = alone(samples)
    tables = experiment.train_and_test(samples, group or known[0], copy or known[1])
    return records.write(
        folder / "external",
        study=STUDY,
        parameters=records.parameters(STUDY, ()),
        fingerprints={},
        method=1,
        commit={"id": None, "changed": None},
        tables=tables,
        images=dict.fromkeys(LABELS, 40),
    )


@pytest.fixture(scope="module")
def home() -> Sample:
    return drawn(OWN, 0, confounder=1.0)


@pytest.fixture(scope="module")
def record(home: Sample, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Where home's classes were taken in two ways: the same again, and without that."""
    samples = {
        OWN: home,
        "free": drawn("free", 1, confounder=0.0),
        "same": drawn("same", 2, confounder=1.0),
    }
    return recorded(tmp_path_factory.mktemp("record"), samples)


# --- planted truth


def test_a_confounded_model_is_perfect_at_home_and_falls_where_the_confounder_does(
    record: Record,
) -> None:
    tests = external.simple_tests(record)
    assert list(tests) == list(external.MODELS.values())
    gaps = by(external.gaps(tests), "model", "cohort")
    for model in ("Logistic regression", "Gradient boosting"):
        free, same = gaps[model, "free"], gaps[model, "same"]
        assert free["internal"] > 0.98
        assert 0.3 < free["external"] < 0.7
        assert free["verdict"] == "lower"
        assert free["low"] > 0.2
        # The same confounder hides it all: no proof of the absence of shortcuts.
        assert same["external"] > 0.98
        assert same["verdict"] == "undecided"


def test_the_other_way_round_sources_can_invert(home: Sample, tmp_path: Path) -> None:
    # The same pictures, each called the other class.
    swapped = home.manifest["label"].map(dict(zip(LABELS, LABELS[::-1], strict=True)))
    other = replace(home, name="other", manifest=home.manifest.assign(label=swapped))
    record = recorded(tmp_path, {OWN: home, "other": other})
    test = external.reverse_tests(record)["other"]
    assert tables.reverse_table({"other": test}, 0.95).iloc[0]["trained on"] == "other"
    at_home, here = (auroc(p.positive, p.score) for p in (test.internal, test.external[OWN]))
    assert at_home > 0.98
    assert here < 0.1
    assert len(test.external[OWN]) == len(home.manifest)
    values = tables.values(record, external.simple_tests(record), {}, 0.95)
    assert values["external_reverse"].startswith("other 0.0")
    assert (values["external_inverted"], values["external_reversed"]) == (1, 1)


def test_the_other_way_round_leaves_out_groups_that_it_was_trained_on(
    home: Sample, tmp_path: Path
) -> None:
    other = replace(home, name="other")
    samples = {OWN: home, "other": other}
    group, copy = alone(samples)
    group["other"][:3] = group[OWN][:3]
    test = external.reverse_tests(recorded(tmp_path, samples, group, copy))["other"]
    assert len(test.external[OWN]) == len(home.manifest) - 3


def test_the_committed_record_holds_the_other_way_round_among_its_scores() -> None:
    record = records.read(Path("results/small/external"))
    assert "reverse.csv" not in record["tables"]
    tests = external.reverse_tests(record)
    assert set(tests) == {"adults", "holdout"}
    adults = tests["adults"]
    assert auroc(adults.external[OWN].positive, adults.external[OWN].score) == pytest.approx(
        0.253, abs=5e-4
    )


def test_a_threshold_that_is_right_at_home_does_not_travel(record: Record) -> None:
    result = external.transfer_threshold(external.simple_tests(record))
    rows = result[result["model"] == "Logistic regression"].set_index(["cohort", "score"])["value"]
    assert rows[OWN, "sensitivity"] >= external.SENSITIVITY
    assert rows[OWN, "specificity"] > 0.95
    assert rows["free", "sensitivity"] < 0.8
    assert result.groupby("model")["threshold"].nunique().eq(1).all()


def test_identical_external_images_are_all_removed_counted_and_no_score_is_told(
    home: Sample, tmp_path: Path
) -> None:
    twin = replace(home, name="twin")
    samples = {OWN: home, "twin": twin}
    group, copy = alone({OWN: home})
    group["twin"], copy["twin"] = group[OWN], copy[OWN]
    record = recorded(tmp_path, samples, group, copy)
    removed = record.table("removed")
    assert set(removed["trained_on"]) == {OWN}
    near = removed[removed["reason"] == "near"].set_index("label")["n"]
    assert dict(near) == {"COVID19": 40, "NORMAL": 40}
    assert removed["n"].sum() == 80
    tests = external.simple_tests(record)
    assert all(len(t.external["twin"]) == 0 for t in tests.values())
    assert all(len(t.whole["twin"]) == 80 for t in tests.values())
    assert (external.gaps(tests)["verdict"] == "unknown").all()
    values = tables.values(record, tests, {}, 0.95)
    assert values["external_tested"] == values["external_removed"] == 80
    assert values["external_shared"] == values["external_copies"] == 80
    assert values["external_gaps"] == 0
    scores = external.summary(tests)
    empty = scores[(scores["cohort"] == "twin") & scores["kept"]]
    assert empty["value"].isna().all()
    assert set(empty["reason"]) == {"no image"}
    picture = plots.areas(scores, 0.95)
    assert picture._repr_mimebundle_()["text/plain"]  # type: ignore[union-attr]
    # Trained on all of it, the copies look better than strangers would.
    assert "1.000" in str(tables.overlap_table(scores).iloc[-1]["all images"])


def test_copies_and_patients_are_counted_apart(home: Sample, tmp_path: Path) -> None:
    other = drawn("other", 3, confounder=1.0, n=6)
    samples = {OWN: home, "other": other}
    group, copy = alone(samples)
    where = {label: np.flatnonzero(s.manifest["label"] == label)
             for label, s in (("COVID19", other), ("NORMAL", other))}  # fmt: skip
    # two copies of a trained COVID19 image, and one NORMAL image of a trained patient
    group["other"][where["COVID19"][:2]] = group[OWN][0]
    copy["other"][where["COVID19"][:2]] = copy[OWN][0]
    group["other"][where["NORMAL"][0]] = group[OWN][-1]
    record = recorded(tmp_path, samples, group, copy)
    rows = record.table("removed").set_index(["label", "reason"])["n"]
    assert dict(rows) == {
        ("COVID19", "near"): 2, ("COVID19", "patient"): 0,
        ("NORMAL", "near"): 0, ("NORMAL", "patient"): 1,
    }  # fmt: skip
    test = external.simple_tests(record)["Logistic regression"]
    assert (len(test.external["other"]), len(test.whole["other"])) == (9, 12)
    table = tables.removed_table(record).set_index("class")["left"]
    assert dict(table) == {"COVID19": 4, "NORMAL": 5}


def test_one_class_alone_has_its_share_and_says_why_it_has_no_area(
    home: Sample, tmp_path: Path
) -> None:
    other = drawn("sick", 3, confounder=1.0, n=6)
    samples = {OWN: home, "sick": some(other, other.positive, "sick")}
    record = recorded(tmp_path, samples)
    tests = external.simple_tests(record)
    scores = external.summary(tests)
    kept = scores[scores["kept"] & (scores["cohort"] == "sick")]
    rows = by(kept[kept["model"] == "Logistic regression"], "score")
    assert 0 <= rows["sensitivity"]["value"] <= 1
    assert np.isfinite(rows["sensitivity"]["low"])
    assert np.isnan(rows["auroc"]["value"])
    assert rows["auroc"]["reason"] == "no negative image"
    assert rows["specificity"]["reason"] == "no negative image"
    assert plots.areas(scores, 0.95)._repr_mimebundle_()["text/plain"]  # type: ignore[union-attr]


def test_a_study_without_external_cohorts_says_so(home: Sample, tmp_path: Path) -> None:
    record = recorded(tmp_path, {OWN: home})
    tests = external.simple_tests(record)
    assert external.cohorts(record) == []
    values = tables.values(record, tests, {}, 0.95)
    assert values["external_elsewhere"] == "no external cohort"
    assert (values["external_tested"], values["external_gaps"]) == (0, 0)
    assert tables.overlap_table(external.summary(tests)).empty
    assert len(tables.published_table(external.gaps(tests))) == len(tables.PUBLISHED)


def test_one_group_of_a_class_is_refused(home: Sample) -> None:
    group, copy = alone({OWN: home})
    group[OWN][home.positive] = "one"
    with pytest.raises(Problem, match="a class with a single group"):
        experiment.train_and_test({OWN: home}, group, copy)


# --- networks


def test_networks_are_asked_about_strangers_alone(record: Record, tmp_path: Path) -> None:
    images = record.table("images").astype(str)
    own = images[images["cohort"] == OWN].reset_index(drop=True)
    part = np.where(np.arange(len(own)) % 4 == 0, "test", "train")
    predictions = own[["image_id", "label"]].assign(
        group_id=own["image_id"], part=part, score=np.where(own["label"] == "COVID19", 0.8, 0.2)
    )
    outside = images[images["cohort"] == "free"][["cohort", "image_id", "label"]]
    outside = outside.assign(score=0.7)

    def run(name: str, **tables: pd.DataFrame) -> Record:
        return records.write(
            tmp_path / name, study=STUDY, parameters={}, fingerprints={}, method=1,
            commit={"id": None, "changed": None}, tables=tables,
        )  # fmt: skip

    # The record says that one external image is of a trained patient.
    table = record.table("images")
    trained = own.loc[part == "train", "group"].iloc[0]
    row = table.index[table["cohort"] == "free"][0]
    table.loc[row, "group"] = trained
    known = records.write(
        tmp_path / "known", study=STUDY, parameters={}, fingerprints={}, method=1,
        commit={"id": None, "changed": None},
        tables={"images": table},
    )  # fmt: skip
    runs = {
        "asked": run("a", predictions=predictions, external=outside),
        "silent": run("b", predictions=predictions),
        "foreign": run("c", predictions=predictions,
                       external=outside.assign(image_id=outside["image_id"] + "?")),
    }  # fmt: skip
    nets = external.network_tests(runs, known)
    assert list(nets) == ["asked"]
    test = nets["asked"]
    assert len(test.internal) == 20
    assert (len(test.whole["free"]), len(test.external["free"])) == (80, 79)
    gap = external.gaps(nets).iloc[0]
    assert (gap["internal"], gap["external"]) == (1, 0.5)
    assert "lower there" in tables.networks_tables(nets, 0.5, 0.95).text


# --- numbers


def predictions(positive: list[int], score: list[float]) -> Predictions:
    names = [str(i) for i in range(len(score))]
    return simple_models.as_predictions(np.array(score, float), np.array(positive, bool), names)


def test_scores_of_a_dumb_case_are_exact() -> None:
    p = predictions([1, 1, 1, 0, 0], [0.9, 0.8, 0.4, 0.6, 0.1])
    result = external.evaluate(p)
    assert result["sensitivity"].value == pytest.approx(2 / 3)
    assert result["specificity"].value == 0.5
    assert result["auroc"].value == pytest.approx(5 / 6)
    assert result["brier"].value == pytest.approx((0.01 + 0.04 + 0.36 + 0.36 + 0.01) / 5)
    assert result["excess"].value == pytest.approx(2.8 / 5 - 3 / 5)
    assert (result["sensitivity"].low, result["sensitivity"].high) == proportions.wilson(2, 3)
    # of images that are their own groups, Student's t of the mean
    away = p.score - p.positive
    reach = stats.ttest_1samp(away, 0).confidence_interval(0.95)
    assert (result["excess"].low, result["excess"].high) == pytest.approx((reach.low, reach.high))


def test_images_that_stand_twice_in_their_group_tell_nothing_new() -> None:
    rng = np.random.default_rng(0)
    positive, score = rng.random(60) < 0.5, rng.random(60)
    once = summaries._mean(score - positive, np.arange(60), 0.95)
    twice = summaries._mean(np.tile(score - positive, 2), np.tile(np.arange(60), 2), 0.95)
    assert (twice.value, twice.low, twice.high) == pytest.approx((once.value, once.low, once.high))


def test_scores_of_0_and_1_have_no_slope() -> None:
    result = external.evaluate(predictions([1, 1, 0, 0], [1, 0, 1, 0.2]))
    assert np.isnan(result["slope"].value)
    assert result["slope"].reason == "most scores are 0 or 1"


def test_the_verdict_is_by_the_side_of_0_on_which_the_gap_lies() -> None:
    assert summaries.verdict(0.1, 0.3) == "lower"
    assert summaries.verdict(-0.3, -0.1) == "higher"
    assert summaries.verdict(-0.1, 0.1) == "undecided"
    assert summaries.verdict(np.nan, np.nan) == "unknown"


def test_the_gap_of_equal_cohorts_is_covered() -> None:
    # Both of one distribution: 95 % of the intervals should hold 0.
    rng, inside, runs = np.random.default_rng(1), 0, 300
    for _ in range(runs):
        truth = np.repeat([True, False], 40)
        drawn = [rng.normal(truth, 1.0) for _ in range(2)]
        areas = [intervals.area(predictions(list(truth), list(s))) for s in drawn]
        _, low, high = intervals.difference(*areas)
        inside += low <= 0 <= high
    assert 0.91 <= inside / runs <= 0.99


@given(
    hits=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    share=st.sampled_from([0.5, 0.9, 0.95, 1.0]),
)
def test_the_threshold_is_the_highest_that_finds_enough(hits: list[float], share: float) -> None:
    p = predictions([1] * len(hits) + [0], [*hits, 0.5])
    at = external.threshold_of(p, share)
    result = np.array(hits)
    assert (result >= at).sum() >= share * len(hits) - 1e-9
    above = result[result > at]
    assert len(above) < share * len(hits) - 1e-9 or not len(above)


def test_a_threshold_needs_a_positive_image() -> None:
    assert np.isnan(external.threshold_of(predictions([0, 0], [0.1, 0.2])))
    twenty = predictions([1] * 20, list(np.arange(20) / 20))
    assert external.threshold_of(twenty, 0.95) == pytest.approx(0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_rounded_scores_keep_digits_of_what_is_near_0_and_1(scores: list[float]) -> None:
    given = np.array(scores)
    result = experiment.rounded(given)
    assert ((result >= 0) & (result <= 1)).all()
    assert np.allclose(result, given, rtol=5.1e-5, atol=1e-300)
    assert ((result == 0) == (given == 0)).all()


def test_brightness_is_the_mean_and_thumbnails_have_their_side() -> None:
    grey = np.full((2, 64, 64), 51, dtype=np.uint8)
    seen = experiment.features(grey)
    assert {name: x.shape[1] for name, x in seen.items()} == {
        name: side * side for name, side in external.SIDES.items()
    }
    assert all(x == pytest.approx(0.2) for x in seen.values())


# --- the record


def test_the_record_stands_without_images(tmp_path: Path) -> None:
    samples = {
        OWN: drawn(OWN, 0, confounder=1.0, n=12),
        "free": drawn("free", 1, confounder=0.0, n=6),
    }
    with pytest.raises(Problem, match="no such record and no images"):
        external.record(STUDY, results=tmp_path, samples=None)
    record = external.record(STUDY, results=tmp_path, samples=samples)
    assert set(record["tables"]) == {f"{n}.csv" for n in ("scores", "reverse", "images", "removed")}
    assert record["images"] == {"COVID19": 12, "NORMAL": 12}
    again = external.record(STUDY, results=tmp_path, samples=None)
    assert again.content == record.content
    images = record.table("images")
    assert list(images.columns) == ["cohort", "image_id", "label", "group", "copy", "source"]
    # one score an image and model
    scores = record.table("scores")
    assert (scores.groupby("model").size() == 36).all()
    assert scores["score"].between(0, 1).all()
    json.dumps(record.content, allow_nan=False)


def test_trainings_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    study = STUDY.model_copy(update={"seeds": [0, 1]})
    for seed in (0, 1):
        records.write(
            tmp_path / f"resnet50-keras-s{seed}", study=study,
            parameters={"cohort": {"source": "phantom"}}, fingerprints={},
            method=1, commit={"id": None, "changed": None}, tables={},
        )  # fmt: skip
    assert list(external.trainings(study, tmp_path)) == ["ResNet50, seed 0", "ResNet50, seed 1"]
    assert list(external.trainings(STUDY, tmp_path)) == ["ResNet50"]
