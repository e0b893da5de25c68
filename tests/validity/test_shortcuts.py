"""Probes see what they say they see, find what is planted there, and nothing elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.cohorts import lungs
from covidcxr.cohorts.samples import SIZE, Sample
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.figures import shortcuts_tables as tables
from covidcxr.networks import simple_models
from covidcxr.validity import controls, shortcuts
from covidcxr.validity.shortcuts import normalisation, probes
from tests.validity.controls.probes import probe_auroc

N = 80
POSITIVE = np.arange(N) % 2 == 0
GROUP = np.array([f"g{i // 2 % 30}-{i % 2}" for i in range(N)])


def sample(where: np.ndarray | None = None, seed: int = 0, **columns: Any) -> Sample:
    """Return noise that is brighter in COVID19 images at some pixels."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(60, 120, (N, SIZE, SIZE), dtype=np.uint8)
    if where is not None:
        grey[POSITIVE] += np.uint8(60) * where.astype(np.uint8)
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:02d}.png" for i in range(N)],
            "label": np.where(POSITIVE, "COVID19", "NORMAL"),
            "group_id": GROUP,
            "source": "here",
            "original_width": 100,
            "original_height": 100,
            "original_mode": "L",
            "original_format": "PNG",
            "original_bytes": 5000,
            "age": np.nan,
        }
    ).assign(**columns)
    return Sample("cohort", manifest, grey)


def area(probe: str, variant: str, of: Sample) -> float:
    return probe_auroc(probe, variant, of).value


CORNER = np.zeros((SIZE, SIZE), dtype=bool)
CORNER[:30, :30] = True
LUNG = lungs.region(SIZE)
CENTRE = np.zeros((SIZE, SIZE), dtype=bool)
CENTRE[120:136, 120:136] = True


@pytest.mark.parametrize(
    ("planted", "finds", "misses"),
    [
        (CORNER, [("corners", "all four"), ("border", "90 %"), ("lungs", "hidden")],
         [("lungs", "only")]),
        (LUNG, [("lungs", "only"), ("thumbnail", "8"), ("histogram", "whole")],
         [("corners", "all four"), ("border", "90 %")]),
        (CENTRE, [("thumbnail", "32")], [("border", "30 %"), ("lungs", "only")]),
    ],
)  # fmt: skip
def test_a_probe_finds_what_lies_where_it_looks_and_nothing_else(
    planted: np.ndarray, finds: list[tuple[str, str]], misses: list[tuple[str, str]]
) -> None:
    marked = sample(planted)
    for probe, variant in finds:
        assert area(probe, variant, marked) > 0.95, (probe, variant)
    for probe, variant in misses:
        # three standard errors of an AUROC of 40 + 40
        assert abs(area(probe, variant, marked) - 0.5) < 0.2, (probe, variant)


def test_metadata_tell_by_size_and_only_where_they_are_known() -> None:
    by_size = sample(original_width=np.where(POSITIVE, 900, 100))
    assert area("metadata", "known", by_size) == 1
    assert area("metadata", "missingness", by_size) == 0.5
    known = np.arange(N) % 3 > 0
    partly = sample(original_width=np.where(known, 100, np.nan))
    matrix, usable = probes.features("metadata", "known", partly)
    assert (usable == known).all()
    assert np.isfinite(matrix).all()
    absent = sample(original_width=np.where(POSITIVE, 100, np.nan))
    assert area("metadata", "missingness", absent) == 1


@pytest.mark.parametrize("variant", probes.PROBES["border"].variants)
def test_the_frame_has_what_the_hidden_centre_leaves(variant: str) -> None:
    matrix, _ = probes.border(sample(), variant)
    left = matrix.shape[1] / probes.GRID**2
    assert left == pytest.approx(1 - float(variant.rstrip(" %")) / 100, abs=0.08)


def test_lungs_and_the_rest_share_no_cell() -> None:
    only = probes.lung(sample(), "only")[0].shape[1]
    hidden = probes.lung(sample(), "hidden")[0].shape[1]
    assert 0 < only < hidden < probes.GRID**2 - only + 1


@given(st.integers(0, 255), st.sampled_from(list(normalisation.NORMALISATIONS)))
def test_a_grey_constant_picture_stays_one_under_every_normalisation(grey: int, way: str) -> None:
    treated = normalisation.normalise(np.full((1, 16, 16), grey, np.uint8), way)
    assert treated.shape == (1, 16, 16)
    assert len(np.unique(treated)) == 1


def test_equalising_takes_brightness_away() -> None:
    one = np.random.default_rng(0).integers(0, 100, (1, 64, 64), dtype=np.uint8)
    both = np.concatenate([one, one + 100])
    treated = normalisation.normalise(both, "equalised")
    assert (treated[0] == treated[1]).all()
    assert not (normalisation.normalise(both, "raw")[0] == both[1]).all()


def test_a_histogram_forgets_places() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    counts = probes.histograms(np.concatenate([picture, picture[:, ::-1, ::-1]]))
    assert (counts[0] == counts[1]).all()
    assert counts.sum(axis=1) == pytest.approx([1, 1])


def test_random_labels_are_the_same_for_a_whole_group() -> None:
    labels = pd.Series(shortcuts.random_labels(GROUP, 3)).groupby(GROUP).nunique()
    assert (labels == 1).all()


def test_the_same_source_twice_is_not_told_apart_and_another_is() -> None:
    here, there = sample(), sample(CORNER, label="COVID19", source="there")
    like = Sample("like", here.manifest.assign(label="COVID19"), sample(seed=1).grey)
    own = Sample("cohort", here.manifest.assign(label="COVID19"), here.grey)
    other = Sample("other", there.manifest, np.where(CORNER, 200, there.grey).astype(np.uint8))
    names = {n: np.char.add(f"{n}/", GROUP) for n in ("cohort", "like", "other")}
    pairs = shortcuts.sources({"cohort": own, "like": like, "other": other}, names, 0.95)
    areas = {(r["first"], r["second"]): r["auroc"] for _, r in pairs.iterrows()}
    assert areas["cohort: here", "other: there"] > 0.99
    assert abs(areas["cohort: here", "like: here"] - 0.5) < 0.2


def test_the_record_is_made_once_and_shown_without_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simple_models, "MODELS", {"logistic": "Logistic regression"})
    monkeypatch.setattr(normalisation, "NORMALISATIONS", {"raw": "as it is"})
    study = studies.load("config/demo.yaml")
    cohorts = {"cohort": sample(CORNER, sha256=[f"{i:064x}" for i in range(N)])}
    record = shortcuts.record(study, results=tmp_path, samples=cohorts)
    assert shortcuts.record(study, results=tmp_path, samples=cohorts).content == record.content
    assert shortcuts.record(study, results=tmp_path, samples=None).content == record.content
    areas = record.table("areas")
    assert set(areas["probe"]) == {*probes.PROBES, "nothing"}
    assert len(areas[areas["probe"] == "nothing"]) == shortcuts.RANDOM_LABELS
    # one cohort, one tier and no known age leave nothing to compare, and the page says so
    values = tables.values(record, controls.record(Path("results")))
    assert (values["shortcuts_sources"], values["shortcuts_tiers"]) == (0, 0)
    assert values["shortcuts_blind_above"] == values["shortcuts_blind"] == 3
    assert tables.sources(record.table("sources")).empty
    assert record["ages"]["NORMAL"] == {"known": 0.0}
    with pytest.raises(Problem, match="no such record and no images"):
        shortcuts.record(study, results=tmp_path / "x", samples=None)


def test_probes_that_count_as_blind_show_no_lung_by_their_control() -> None:
    measures = controls.record(Path("results")).table("measures")
    seen = measures[measures["measure"] == "lung in sight"].set_index(["method", "variant"])
    blind = {key for key in seen.index if seen.loc[key, "value"] < probes.UNSEEN}
    # metadata has no pixels and is not measured
    assert blind | {("metadata", "known")} == set(probes.BLIND)
