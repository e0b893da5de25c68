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
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.figures import shortcuts as shortcut_figures
from covidcxr.networks import simple_models
from covidcxr.validity import controls, shortcuts

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
    return shortcuts.area_of(probe, variant, "logistic", of, of.positive, GROUP).value


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
    told = sample(original_width=np.where(POSITIVE, 900, 100))
    assert area("metadata", "known", told) == 1
    assert area("metadata", "missingness", told) == 0.5
    known = np.arange(N) % 3 > 0
    partly = sample(original_width=np.where(known, 100, np.nan))
    matrix, usable = shortcuts.features("metadata", "known", partly)
    assert (usable == known).all()
    assert np.isfinite(matrix).all()
    absent = sample(original_width=np.where(POSITIVE, 100, np.nan))
    assert area("metadata", "missingness", absent) == 1


@pytest.mark.parametrize("variant", shortcuts.PROBES["border"].variants)
def test_the_frame_has_what_the_hidden_centre_leaves(variant: str) -> None:
    matrix, _ = shortcuts.border(sample(), variant)
    left = matrix.shape[1] / shortcuts.GRID**2
    assert left == pytest.approx(1 - float(variant.rstrip(" %")) / 100, abs=0.08)


def test_lungs_and_the_rest_share_no_cell() -> None:
    only = shortcuts.lung(sample(), "only")[0].shape[1]
    hidden = shortcuts.lung(sample(), "hidden")[0].shape[1]
    assert 0 < only < hidden < shortcuts.GRID**2 - only + 1


@given(st.integers(0, 255), st.sampled_from(list(shortcuts.NORMALISATIONS)))
def test_a_grey_constant_picture_stays_one_under_every_normalisation(grey: int, way: str) -> None:
    made = shortcuts.normalise(np.full((1, 16, 16), grey, np.uint8), way)
    assert made.shape == (1, 16, 16)
    assert len(np.unique(made)) == 1


def test_equalising_takes_brightness_away() -> None:
    one = np.random.default_rng(0).integers(0, 100, (1, 64, 64), dtype=np.uint8)
    both = np.concatenate([one, one + 100])
    made = shortcuts.normalise(both, "equalised")
    assert (made[0] == made[1]).all()
    assert not (shortcuts.normalise(both, "raw")[0] == both[1]).all()


def test_a_histogram_forgets_places() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    counts = shortcuts.histograms(np.concatenate([picture, picture[:, ::-1, ::-1]]))
    assert (counts[0] == counts[1]).all()
    assert counts.sum(axis=1) == pytest.approx([1, 1])


def test_coins_fall_the_same_way_for_a_whole_group() -> None:
    tossed = pd.Series(shortcuts.by_coin(GROUP, 3)).groupby(GROUP).nunique()
    assert (tossed == 1).all()


def test_the_same_source_twice_is_not_told_apart_and_another_is() -> None:
    here, there = sample(), sample(CORNER, label="COVID19", source="there")
    like = Sample("like", here.manifest.assign(label="COVID19"), sample(seed=1).grey)
    own = Sample("cohort", here.manifest.assign(label="COVID19"), here.grey)
    other = Sample("other", there.manifest, np.where(CORNER, 200, there.grey).astype(np.uint8))
    names = {n: np.char.add(f"{n}/", GROUP) for n in ("cohort", "like", "other")}
    found = shortcuts.sources({"cohort": own, "like": like, "other": other}, names, 0.95)
    areas = {(r["first"], r["second"]): r["auroc"] for _, r in found.iterrows()}
    assert areas["cohort: here", "other: there"] > 0.99
    assert abs(areas["cohort: here", "like: here"] - 0.5) < 0.2


def test_the_record_is_made_once_and_shown_without_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simple_models, "MODELS", {"logistic": "Logistic regression"})
    monkeypatch.setattr(shortcuts, "NORMALISATIONS", {"raw": "as it is"})
    study = studies.load("config/demo.yaml")
    cohorts = {"cohort": sample(CORNER, sha256=[f"{i:064x}" for i in range(N)])}
    made = shortcuts.record(study, results=tmp_path, samples=cohorts)
    assert shortcuts.record(study, results=tmp_path, samples=cohorts).content == made.content
    assert shortcuts.record(study, results=tmp_path, samples=None).content == made.content
    areas = made.table("areas")
    assert set(areas["probe"]) == {*shortcuts.PROBES, "nothing"}
    assert len(areas[areas["probe"] == "nothing"]) == shortcuts.COINS
    assert "three of four tell the classes apart" in shortcut_figures.answer(areas)
    assert "one tier" in shortcut_figures.robustness(areas)
    # a probe that failed its control is neither shown nor counted
    kept = shortcut_figures.usable(areas, {"histogram"})
    assert set(kept["probe"]) == {"histogram", "nothing"}
    # a histogram shows the lungs' grey levels, and is not counted among those that do not
    assert "could be asked" in shortcut_figures.answer(kept)
    with pytest.raises(Problem, match="no such record and no images"):
        shortcuts.record(study, results=tmp_path / "x", samples=None)


# --- on the page

RECORDED = records.read(Path("results/small/shortcuts"))
MEASURED = controls.record(Path("results")).table("measures")


def test_probes_that_count_as_blind_show_no_lung_by_their_control() -> None:
    seen = MEASURED[MEASURED["measure"] == "lung in sight"].set_index(["method", "variant"])
    blind = {key for key in seen.index if seen.loc[key, "value"] < shortcuts.UNSEEN}
    # metadata has no pixels and is not measured
    assert blind | {("metadata", "known")} == set(shortcuts.BLIND)


def test_the_answer_names_every_probe_that_it_counts_and_no_other() -> None:
    areas = RECORDED.table("areas")
    kept = shortcut_figures.usable(areas, controls.passed(controls.record(Path("results"))))
    told = shortcut_figures.answer(kept)
    assert "all three tell the classes apart" in told
    assert "0.994 (0.991 to 0.996) for a frame with the inner 70% hidden" in told
    assert "0.980 (0.972 to 0.986) for the four corners" in told
    assert "0.998" not in told
    assert "one of one tells" in shortcut_figures.answer(kept[kept["probe"] == "corners"])
    low = kept.assign(low=kept["low"].where(kept["probe"] != "corners", 0.4))
    assert "two of three tell " in shortcut_figures.answer(low)
    assert "none of three tells" in shortcut_figures.answer(kept.assign(low=0.4))


def test_the_hidden_lungs_come_with_what_is_still_seen_of_them() -> None:
    areas = RECORDED.table("areas")
    told = shortcut_figures.closing(areas, MEASURED)
    assert "0.998 (0.991 to 0.999)" in told
    assert "not blind to the lungs" in told
    assert "covers 85.6% of the lungs of synthetic adults" in told
    assert "sees 4.1% of synthetic lungs, and finds a disease planted there in 2 of 10" in told
    assert "not blind" not in shortcut_figures.closing(areas, MEASURED[:0])
    shown = shortcut_figures.table(areas, MEASURED)
    by = shown[["lung in sight", "disease found"]].T.to_dict("list")
    assert by["Lungs, hidden"] == ["4.1%", "2 of 10"]
    assert by["Border, 90% hidden"] == ["0.0%", "0 of 10"]
    assert by["Histogram, whole"] == ["–", "10 of 10"]
    frames = shortcut_figures.frames(MEASURED)
    assert "9.3% and 10 of 10 cohorts with 50% hidden" in frames
    assert "70%" not in frames


def test_folders_of_one_source_are_no_pair_of_sources() -> None:
    found = RECORDED.table("sources")
    told = shortcut_figures.sources_told(found)
    assert "all five pairs of COVID19 images (AUROC 0.620 to 0.698)" in told
    assert "both pairs of NORMAL images (AUROC 0.993 to 0.995)" in told
    assert "Of two pairs of folders of one source, it tells apart one" in told
    assert "'kermany' (NORMAL), with an AUROC of 0.905 (0.876 to 0.928)" in told
    table = shortcut_figures.sources(found)
    assert table["same source"].tolist() == ["no"] * 7 + ["yes"] * 2
    assert table.iloc[-1]["n"] == "1,341 + 234"
    folders = found[found["first"].str.endswith("cohen") & found["second"].str.endswith("cohen")]
    assert shortcut_figures.sources_told(folders) == (
        "Of one pair of folders of one source, it tells apart none."
    )
    apart = shortcut_figures.sources_told(found[found["second"] == "cohort: fig1"])
    assert apart == (
        "Of different sources, a model tells apart one of one pair of COVID19 images (AUROC 0.620)."
    )


def test_probes_that_failed_are_named() -> None:
    assert shortcut_figures.failed(set(shortcuts.PROBES) - {"metadata"}) == (
        "One of six kinds of probe did not and is left out: metadata."
    )
    assert shortcut_figures.failed(set(shortcuts.PROBES)) == "All did."
    ages = shortcut_figures.ages({"COVID19": {"known": 0.0}, "NORMAL": {"known": 0.0}})
    assert "NORMAL: none known image by image" in ages
    assert "none of eleven probes moves" in shortcut_figures.robustness(
        shortcut_figures.usable(RECORDED.table("areas"), set(shortcuts.PROBES) - {"metadata"})
    )
