"""Hashes are those of ImageHash, of changed pictures too; all pairs within a distance are found."""

from itertools import product

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from covidcxr.validity.duplicates import hashing, search
from covidcxr.validity.duplicates.hashing import CHANGES
from tests.validity.planted import Pictures


def test_hashes_are_those_of_imagehash(chests: Pictures) -> None:
    whole, mirrored = hashing.hashes(chests, np.arange(4))
    for row, picture in enumerate(chests[:4]):
        image = Image.fromarray(picture)
        for packed, other in ((whole[0], image), (mirrored, ImageOps.mirror(image))):
            bits = np.unpackbits(packed[row].view(np.uint8))
            expected = imagehash.phash(other, hash_size=hashing.HASH_SIZE).hash.ravel()
            # It shrinks in one step, here in two.
            assert (bits != expected).sum() <= 6


@given(st.integers(0, 70), st.integers(0, 70), st.integers(0, 256), st.integers(0, 2**32 - 1))
def test_all_pairs_within_a_distance_are_found_once(n: int, m: int, limit: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (
        rng.integers(0, 2**64, (count, 4), dtype=np.uint64, endpoint=False) for count in (n, m)
    )
    second[: min(n, m) // 2] = first[: min(n, m) // 2] ^ np.uint64(5)
    for other in (None, second):
        there = first if other is None else second
        bits_a, bits_b = (
            np.unpackbits(np.ascontiguousarray(h).view(np.uint8), axis=1).astype(int)
            for h in (first, there)
        )
        distance = bits_a.sum(1)[:, None] + bits_b.sum(1) - 2 * bits_a @ bits_b.T
        expected = {
            (i, j, int(distance[i, j]))
            for i in range(n)
            for j in range(len(there))
            if distance[i, j] <= limit and (other is not None or i < j)
        }
        got = [
            (int(i), int(j), int(d))
            for chunk in hashing.pairs_within_hamming(first, other, limit)
            for i, j, d in zip(*chunk, strict=True)
        ]
        assert len(got) == len(expected)
        assert set(got) == expected


def index_pairs(drawn: hashing.Words) -> list[tuple[int, int]]:
    chunks = hashing.pairs_within_hamming(drawn, limit=118)
    return [pair for rows, columns, _ in chunks for pair in zip(rows, columns, strict=True)]


def test_many_hashes_are_compared_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(3).integers(0, 2**64, (300, 4), dtype=np.uint64, endpoint=False)
    whole = index_pairs(drawn)
    monkeypatch.setattr(hashing, "_ROWS", 11)
    parts = index_pairs(drawn)
    assert len(parts) == len(set(parts))
    assert set(parts) == set(whole)


def test_all_changes_but_the_two_that_are_searched_with_cuts() -> None:
    ways = {hashing.Change(*way) for way in product((False, True), repeat=4)}
    assert set(CHANGES) == ways - {hashing.Change(), hashing.Change(columns=True)}
    assert len({change.word for change in CHANGES}) == len(CHANGES) == 14


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_hash_is_that_of_the_changed_picture(chests: Pictures, number: int) -> None:
    rows = np.arange(len(chests))
    ours = hashing.changed_hashes(chests, rows)[1][number]
    changed = np.stack([CHANGES[number].apply(picture) for picture in chests])
    theirs = hashing.hashes(changed, rows)[0][0]
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
