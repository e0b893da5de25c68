"""Hashes of turned and negative pictures, from one transform."""

from itertools import product

import numpy as np
import pytest

from covidcxr.validity.duplicates import changes, hashing, search
from covidcxr.validity.duplicates.changes import CHANGES
from tests.validity.planted import Pictures


def test_all_changes_but_the_two_that_are_searched_with_cuts() -> None:
    ways = {changes.Change(*way) for way in product((False, True), repeat=4)}
    assert set(CHANGES) == ways - {changes.Change(), changes.Change(columns=True)}
    assert len({change.word for change in CHANGES}) == len(CHANGES) == 14


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_hash_is_that_of_the_changed_picture(chests: Pictures, number: int) -> None:
    rows = np.arange(len(chests))
    ours = changes.hashes(chests, rows)[number]
    changed = np.stack([CHANGES[number].apply(picture) for picture in chests])
    theirs = hashing.whole_hashes(changed, rows)
    # Resizing rounds to whole grey levels, which may turn a bit of 256 near the median.
    assert np.bitwise_count(ours ^ theirs).sum(axis=1).max() <= 4


def test_pairs_are_named_once_and_unrelated_chests_are_none(chests: Pictures) -> None:
    turned = CHANGES[0].apply(chests[0])
    pictures = np.concatenate([chests, turned[None]])
    rows = np.arange(len(pictures))
    (pair,) = search.changed_pairs(pictures, rows).to_dict("records")
    assert (pair["first"], pair["second"]) == (0, len(chests))
    assert pair["change"] == CHANGES[0].word
    assert pair["similarity"] > 0.99
    assert search.changed_pairs(chests, rows[:-1]).empty
