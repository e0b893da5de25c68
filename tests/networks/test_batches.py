"""Batches are weighted, and read from the disk where they do not fit into memory."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from covidcxr.networks import batches


def test_balanced_classes_weigh_the_same() -> None:
    labels = np.array([0, 0, 0, 1])
    weights = batches.class_weights(labels, "balanced")
    np.testing.assert_allclose(weights, [4 / 6, 4 / 2])
    assert weights[labels].mean() == pytest.approx(1)
    np.testing.assert_array_equal(batches.class_weights(labels, "none"), [1, 1])


def test_a_weighted_code_weighs_the_cross_entropy() -> None:
    import keras

    probabilities = np.array([[0.2, 0.8], [0.7, 0.3]], dtype="float32")
    codes = np.eye(2, dtype="float32")[[1, 0]]
    weight = np.array([[3.0], [0.5]], dtype="float32")
    losses = keras.losses.categorical_crossentropy
    np.testing.assert_allclose(
        losses(codes * weight, probabilities),
        losses(codes, probabilities) * weight.ravel(),
        rtol=1e-6,
    )


def test_a_million_images_are_served_without_holding_them(tmp_path: Path) -> None:
    """A sparse file stands for the disk; what counts is memory of the process's own."""
    side, n = 16, 1_000_000
    pixels = np.lib.format.open_memmap(
        tmp_path / "pixels.npy", mode="w+", dtype=np.uint8, shape=(n, side, side, 3)
    )
    served = batches.make(pixels, np.zeros(n, dtype=int), np.arange(n), 16, seed=0)

    def own() -> int:
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line)

    served[0]
    before = own()
    for index in range(0, len(served), 20):
        served[index]
    assert len(served) == n // 16
    assert own() - before < 20_000  # kB; all images would be 768,000


def test_images_that_fit_are_held_in_memory_and_others_stay_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "pixels.npy", np.ones((4, 2, 2, 3), dtype=np.uint8))
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert not isinstance(batches.load_if_fits(mapped), np.memmap)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("", (), {"available": 9}))
    assert batches.load_if_fits(mapped) is mapped
