"""Heads on features are the networks they are taken from; each image is seen once."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.networks import architecture, complexity, fitting, frozen_features

N = 20
CHANNELS = complexity.FINAL_CHANNELS


def study(**changes: object) -> studies.Study:
    items = [f"{key}={value}" for key, value in changes.items()]
    return studies.load(
        "config/demo.yaml",
        [
            *("trainable=false", "image_size=64", "epochs=2", "batch_size=4", "head=gap"),
            # The paper's. Nadam divides a gradient by its own size, so that the rounding of one
            # that is all but zero, which differs between processors, counts by this rate.
            "learning_rate=0.0001",
            *items,
        ],
    )


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (N, 64, 64, 3), dtype=np.uint8)
    manifest = pd.DataFrame(
        {
            "image_id": [f"image-{i:02d}" for i in range(N)],
            "label": np.where(np.arange(N) % 2, "COVID19", "NORMAL"),
            "group_id": [f"group-{i}" for i in range(N)],
            "sha256": [f"{i:064x}" for i in range(N)],
        }
    ).astype("string")
    return Cohort(manifest, pixels)


@pytest.fixture(autouse=True)
def small_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    def backbone(name: str, study: studies.Study, layer: str | None = None) -> Any:
        import keras

        pixels = keras.Input((study.image_size, study.image_size, 3))
        x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(pixels)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Conv2D(6, 3, strides=8, padding="same")(x)
        network = keras.Model(pixels, x, name=layer or name)
        network.trainable = study.trainable
        return network

    monkeypatch.setattr(architecture, "backbone", backbone)
    monkeypatch.setattr(complexity, "FINAL_CHANNELS", 6)


@pytest.mark.parametrize("model", ["resnet50", "resnet252v2"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"head": "flatten"},
        {"pointwise": "none"},
        {"pointwise": "relu", "explained_per_class": 0},
        {"dropout": 0.0},
        {"preprocessing": "own", "fused": "[resnet50,resnet50]"},
    ],
)
def test_training_on_features_is_training_the_network(
    model: studies.ModelName, changes: dict[str, object], cohort: Cohort, tmp_path: Path
) -> None:
    chosen = study(**changes)
    split = splits.make(cohort.manifest, "random", 0.25)
    plain = fitting.train(chosen, model, 1, cohort, split)
    short = fitting.train(chosen, model, 1, cohort, split, store=tmp_path)
    for one, other in zip(plain.network().weights, short.network().weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=one.path)
    np.testing.assert_allclose(plain.predictions["score"], short.predictions["score"], atol=1e-5)
    numbers = ["epoch", "loss", "accuracy"]
    np.testing.assert_allclose(plain.history[numbers], short.history[numbers], atol=1e-5)
    np.testing.assert_allclose(short.score(cohort.pixels), short.predictions["score"], atol=1e-6)


def test_every_backbone_sees_every_image_once_for_all_networks_and_seeds(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    seen = []
    extract = frozen_features._extract

    def counted(extractor: Any, pixels: np.ndarray) -> bytes:
        seen.append(len(pixels))
        return extract(extractor, pixels)

    monkeypatch.setattr(frozen_features, "_extract", counted)
    # The same weights for every seed, as weights from a file are.
    for file in architecture.WEIGHT_FILES.values():
        (tmp_path / file).write_bytes(b"weights")
    built = []
    plain = architecture.backbone

    def counted_backbone(name: Any, *rest: Any) -> Any:
        built.append(name)
        return plain(name, *rest)

    monkeypatch.setattr(architecture, "backbone", counted_backbone)
    chosen = study(epochs=1, weights=tmp_path)
    split = splits.make(cohort.manifest, "random", 0.25)
    for seed in (0, 1):
        for model in studies.TITLES:
            fitting.train(chosen, model, seed, cohort, split, store=tmp_path)
    assert sum(seen) == 2 * N
    # Nor is one built to look at nothing.
    assert built == ["resnet50", "resnet152v2"]
    keras.backend.clear_session()


def test_a_vector_is_kept_where_it_suffices_and_a_map_where_it_does_not() -> None:
    assert frozen_features.pooled(study())
    assert frozen_features.pooled(study(pointwise="none"))
    assert not frozen_features.pooled(study(head="flatten"))
    assert not frozen_features.pooled(study(pointwise="relu", explained_per_class=0))


def test_features_suffice_only_where_nothing_before_the_head_changes() -> None:
    assert frozen_features.can_train_on_features(study())
    assert not frozen_features.can_train_on_features(study(augmentation="flip"))
    assert not frozen_features.can_train_on_features(study(trainable="true"))


def extract(pixels: np.ndarray) -> bytes:
    means = pixels.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4))
    return means.astype(np.float32).tobytes()


def cached(tmp_path: Path, name: str, pixels: np.ndarray, extract: Any = extract) -> np.ndarray:
    shape = (len(pixels), 2, 2, 3)
    return frozen_features._cached(tmp_path / name, tmp_path / "x", pixels, shape, extract, 4)


def test_a_killed_extraction_goes_on_where_its_file_ends(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 3), dtype=np.uint8)
    whole = cached(tmp_path, "a.f32", pixels)
    np.testing.assert_allclose(whole[3, 0, 1], pixels[3, :4, 4:].mean(axis=(0, 1)), rtol=1e-6)
    calls = []

    def killed(batch: np.ndarray) -> bytes:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return extract(batch)

    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, "b.f32", pixels, killed)
    part = tmp_path / "b.part"
    assert not (tmp_path / "b.f32").exists()
    with part.open("ab") as file:  # as a kill in the middle of a row leaves it
        file.write(b"half a row")
    calls[:] = [1] * 10
    resumed = cached(tmp_path, "b.f32", pixels, killed)
    np.testing.assert_array_equal(resumed, whole)
    assert len(calls) - 10 == 5  # 30 images in eights of four, three done
    assert not part.exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    def full(*args: Any) -> bytes:
        raise OSError(28, "No space left on device")

    with pytest.raises(Problem, match=r"a\.f32: the disk is full; make room and run again"):
        cached(tmp_path, "a.f32", np.zeros((3, 8, 8, 3), np.uint8), full)


def test_other_images_weights_or_preprocessing_have_features_of_their_own(
    cohort: Cohort, tmp_path: Path
) -> None:
    def files(chosen: studies.Study, pixels: np.ndarray, seed: int = 0) -> int:
        frozen_features.Backbones("resnet50", chosen, seed, tmp_path).features(pixels)
        return len(list(tmp_path.glob("*.f32")))

    assert files(study(), cohort.pixels) == 1
    assert files(study(), cohort.pixels) == 1
    assert files(study(), cohort.pixels[::-1]) == 2
    assert files(study(), cohort.pixels, seed=1) == 3
    assert files(study(preprocessing="own"), cohort.pixels) == 4
    assert files(study(head="flatten"), cohort.pixels) == 5
    weights = tmp_path / architecture.WEIGHT_FILES["resnet50"]
    weights.write_bytes(b"weights")
    assert files(study(weights=tmp_path), cohort.pixels) == 6
    assert files(study(weights=tmp_path), cohort.pixels, seed=1) == 6


@pytest.mark.parametrize("name", studies.BACKBONES)
def test_the_shape_of_the_last_maps_is_known_beforehand(name: Any) -> None:
    import keras

    makers = {"resnet50": "ResNet50", "resnet50v2": "ResNet50V2", "resnet152v2": "ResNet152V2"}
    network = getattr(keras.applications, makers[name])(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    for size in (32, 48, 65):
        shape = network.compute_output_shape((None, size, size, 3))
        assert shape[1:] == (-(-size // 32), -(-size // 32), CHANNELS)
