"""A training is deterministic, and learns and scores as it says."""

import numpy as np
import pandas as pd
import pytest

from covidcxr.cohorts import splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.networks import architecture, fitting
from tests import small_network

STUDY = small_network.STUDY


@pytest.fixture
def cohort() -> Cohort:
    return small_network.cohort()


@pytest.fixture
def split(cohort: Cohort) -> pd.DataFrame:
    return splits.make(cohort.manifest, "random", 0.25)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architecture, "build", small_network.build)


def test_two_trainings_with_one_seed_are_equal_and_another_seed_differs(
    cohort: Cohort, split: pd.DataFrame
) -> None:
    one, other = (fitting.train(STUDY, "resnet50", 3, cohort, split) for _ in range(2))
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    pd.testing.assert_frame_equal(
        one[0].drop(columns="seconds"), other[0].drop(columns="seconds"), check_exact=True
    )
    third = fitting.train(STUDY, "resnet50", 4, cohort, split)
    assert not np.allclose(one[1]["score"], third[1]["score"])


def test_an_easy_task_is_learned_and_the_score_is_of_covid19(
    cohort: Cohort, split: pd.DataFrame
) -> None:
    study = STUDY.model_copy(update={"epochs": 25, "learning_rate": 0.01})
    history, predictions, *_ = fitting.train(study, "resnet50", 0, cohort, split)
    assert list(predictions["image_id"]) == list(cohort.manifest["image_id"])
    means = predictions.groupby("label")["score"].mean()
    assert means["COVID19"] > 0.7 > 0.3 > means["NORMAL"]
    last = history[history["epoch"] == 25].set_index("part")
    called = (predictions["score"] >= 0.5) == (predictions["label"] == "COVID19")
    assert last.loc["test", "accuracy"] == pytest.approx(
        called[predictions["part"] == "test"].mean()
    )


def test_every_part_is_watched_under_its_name(cohort: Cohort, split: pd.DataFrame) -> None:
    history, *_ = fitting.train(STUDY, "resnet50", 0, cohort, split)
    assert set(history["part"]) == {"train", "test"}
    study = STUDY.model_copy(update={"validation_fraction": 0.25})
    history, *_ = fitting.train(
        study, "resnet50", 0, cohort, splits.make(cohort.manifest, "random", 0.25, 0.25)
    )
    assert list(history.loc[history["epoch"] == 1, "part"]) == ["train", "validation", "test"]


def test_mixed_precision_trains_and_scores_in_single_precision(
    cohort: Cohort, split: pd.DataFrame
) -> None:
    import keras

    study = STUDY.model_copy(update={"precision": "mixed_bfloat16"})
    trained = fitting.train(study, "resnet50", 0, cohort, split)
    assert trained.progress["precision"] == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    assert trained.network().layers[2].compute_dtype == "bfloat16"
    assert {v.dtype for v in trained.network().trainable_variables} == {"float32"}


def test_rows_in_another_order_are_a_defect(cohort: Cohort, split: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="rows"):
        fitting.train(STUDY, "resnet50", 0, cohort, split[::-1])


def test_loss_and_accuracy_are_those_of_keras() -> None:
    import keras

    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.3, 0.3], 50).astype(np.float32)
    probabilities[0] = [0, 1]  # as sure as single precision can be, and wrong
    codes = np.eye(2)[np.append(0, rng.integers(0, 2, 49))]
    scores = fitting.loss_and_accuracy(probabilities, codes)
    loss = keras.losses.CategoricalCrossentropy()(codes.astype(np.float32), probabilities)
    accuracy = keras.metrics.CategoricalAccuracy()(codes, probabilities)
    assert scores["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert scores["accuracy"] == pytest.approx(float(accuracy))


def test_a_forward_pass_reads_batches_of_any_size_as_keras_does() -> None:
    import keras

    from covidcxr.networks import devices

    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(inputs)))
    forward = devices.forward(network)
    rng = np.random.default_rng(0)
    for rows in (4, 1, 6, 2):
        batch = rng.random((rows, 3), dtype=np.float32)
        np.testing.assert_allclose(forward(batch), network(batch), rtol=1e-6)
    # It says what the network says now, not what it said when it was made.
    network.layers[-1].set_weights([np.zeros((3, 2)), np.array([1.0, 2.0])])
    np.testing.assert_allclose(forward(np.ones((1, 3), np.float32)), [[1, 2]])
