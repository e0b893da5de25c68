"""Copies that were made here must be found, and what merely looks alike must not."""

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from covidcxr.cohorts import phantom
from covidcxr.validity import duplicates
from covidcxr.validity.duplicates.registration import is_blank
from tests.validity.planted import ALTERED, SIDE, Pictures, cohort, large


def test_no_picture_has_no_copy() -> None:
    table = duplicates.find(np.empty((0, SIDE, SIDE), np.uint8), [])
    assert table.empty
    assert list(table) == ["first", "second", "kind", "distance", "similarity", "mirrored"]


def test_a_single_picture_has_no_copy(chests: Pictures) -> None:
    assert duplicates.find(chests[:1]).empty


def test_equal_pictures_are_exact_copies_of_each_other_in_every_pair(chests: Pictures) -> None:
    table = duplicates.find(chests[[0, 1, 0, 0]])
    assert list(zip(table["first"], table["second"], strict=True)) == [(0, 2), (0, 3), (2, 3)]
    assert set(table["kind"]) == {"exact"}
    assert (table["distance"] == 0).all()
    assert (table["similarity"] == 1).all()


def test_equal_files_are_exact_copies_whatever_was_decoded(chests: Pictures) -> None:
    table = duplicates.find(chests[:3], ["a", "b", "a"])
    assert table[["first", "second", "kind"]].to_numpy().tolist() == [[0, 2, "exact"]]


def test_what_is_near_one_is_near_its_exact_copy(chests: Pictures) -> None:
    bright = np.asarray(ALTERED["brighter"](Image.fromarray(chests[0])))
    table = duplicates.find(np.stack([chests[0], bright, chests[0]]))
    assert table[["first", "second", "kind"]].to_numpy().tolist() == [
        [0, 1, "near"],
        [0, 2, "exact"],
        [1, 2, "near"],
    ]


@pytest.mark.parametrize("alteration", ALTERED)
def test_an_altered_copy_is_found(chests: Pictures, alteration: str) -> None:
    originals = chests[[0, 7, 15, 23]]
    copies = [np.asarray(ALTERED[alteration](Image.fromarray(p))) for p in originals]
    table = duplicates.find(np.concatenate([originals, copies]))
    pairs = set(zip(table["first"], table["second"], strict=True))
    assert pairs == {(k, k + 4) for k in range(4)}
    assert (table["kind"] == "near").all()
    assert table["mirrored"].tolist() == [alteration.startswith("mirrored")] * 4


def test_different_patients_are_no_copies(chests: Pictures) -> None:
    judged = duplicates.judge_pairs(chests)
    assert (judged["kind"] == "refused").all()
    assert len(judged) > 3, "look-alikes that no hash names are not refused"


def test_the_copies_that_a_phantom_cohort_holds_are_found_and_no_others() -> None:
    frame, pixels = phantom.generate(cohort(exact_duplicates=3, near_duplicates=5))
    table = duplicates.find(large(pixels))
    original = frame["planted_duplicate_of"].fillna(frame["image_id"])
    truth = {(a, b) for a, b in combinations(range(len(frame)), 2) if original[a] == original[b]}
    assert len(truth) == 8
    assert set(zip(table["first"], table["second"], strict=True)) == truth
    assert (table["kind"] == "exact").sum() == 3


@pytest.mark.parametrize("level", [0, 40, 128, 255])
def test_a_blank_picture_is_like_no_other_dark_or_blank_one(level: int, chests: Pictures) -> None:
    flat = np.full((SIDE, SIDE), level, np.uint8)
    rng = np.random.default_rng(0)
    noisy = np.clip(rng.normal(level, 1, flat.shape), 0, 255).astype(np.uint8)
    marked = flat.copy()
    marked[:12, :12] = 255 - level
    dark = (chests[0] // 40).astype(np.uint8)
    table = duplicates.find(np.stack([flat, flat ^ 1, noisy, marked, dark, flat]))
    assert table[["first", "second", "kind"]].to_numpy().tolist() == [[0, 5, "exact"]]


def test_blank_pictures_are_not_even_candidates(chests: Pictures) -> None:
    # Their hashes are all alike: a thousand of them would be half a million pairs to judge.
    flat = np.stack([np.full((SIDE, SIDE), level, np.uint8) for level in range(0, 250, 30)])
    assert all(is_blank(picture) for picture in flat)
    assert not any(is_blank(picture) for picture in chests)
    assert duplicates.judge_pairs(flat).empty
