"""Experiments that vary which tested groups are trained on, with simple models of thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import phantom, splits
from covidcxr.cohorts.samples import thumbnails
from covidcxr.core.studies import LABELS, PhantomCohort, SplitName
from covidcxr.networks import simple_models
from covidcxr.scores import metrics

MODELS = {
    "brightness": "Mean brightness",
    "logistic": "Logistic regression",
    "boosting": "Gradient boosting",
    "neighbours": f"{simple_models.NEIGHBOURS} nearest neighbours",
    "nearest": "Nearest neighbour",
}
"""The models, and their names in prose."""

SIDES = {"brightness": 1, "logistic": 32, "boosting": 8, "neighbours": 32, "nearest": 32}
"""Pixels a side of the thumbnail that each model reads."""

PROBES = ("nearest", "logistic", "boosting")
"""The models of the experiments on contamination and with random labels."""

QUICK = ("nearest", "logistic")  # those of them for controls

SCORES = ("accuracy", "sensitivity", "specificity", "auroc")

SEEDS = 20  # draws of the split, and of everything else that is drawn; seeds from 0
SPLITS: tuple[SplitName, SplitName] = ("random", "grouped")  # image-level, and by whole groups
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of the tested groups that are trained on as well

CONTROL = {
    mean: PhantomCohort(
        source="phantom", covid19=60, normal=60, image_size=64, confounder=0.0,
        images_per_patient=mean, exact_duplicates=0, near_duplicates=0,
    )
    for mean in (1.0, 3.0)
}  # fmt: skip
"""Phantom cohorts by their mean number of images a patient."""

Inputs = Mapping[str, NDArray[np.float64]]  # by model what it reads, shape (n, p)


# --- models


def features(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Thumbnails of pictures, shape (n, size, size), by model: shape (n, side²), 0 to 1."""
    small = {side: thumbnails(grey, side) / 255 for side in (8, 32)}
    # A single rounded pixel would have few values.
    small[1] = small[32].mean(axis=1, keepdims=True)
    return {model: small[side] for model, side in SIDES.items()}


def evaluate(
    model: str,
    inputs: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    training: NDArray[np.int64],
    tested: NDArray[np.int64],
) -> dict[str, float]:
    """`SCORES` of a model trained on some rows and tested on others, and how many were seen."""
    labels, truth = positive[training], positive[tested]
    if labels.all() or not labels.any():
        score = np.full(len(tested), float(labels[0]))
    else:
        kind = "quick boosting" if model == "boosting" else model
        trained = simple_models.fitted(kind, inputs[training], labels)
        score = simple_models.scores(trained, inputs[tested])
    values = metrics.score(metrics.cells(truth, score >= 0.5))
    return {
        "trained": len(training),
        "tested": len(tested),
        "seen": float(np.isin(group[tested], group[training]).mean()),
        **{name: float(values[name]) for name in ("accuracy", "sensitivity", "specificity")},
        "auroc": float(metrics.auroc(truth, score)),
    }


# --- image-level and grouped splits


def compare_split_kinds(
    inputs: Inputs,
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    *,
    test: float = 0.2,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """Scores of models on image-level and on grouped splits, paired by seed.

    ``positive`` and ``group``, shape (n,), are labels, and names of groups, whose images are not
    independent; ``test`` is the fraction of each class that is tested; each seed draws a split of
    both kinds. A row a seed, model and split (of `SPLITS`): ``trained`` and ``tested`` images,
    ``seen`` (the share of tested images whose group was trained on) and `SCORES`.
    """
    return _paired(inputs, dict.fromkeys(seeds, positive), group, np.where(positive, *LABELS), test)


def random_label_experiment(
    inputs: Inputs,
    group: NDArray[np.str_],
    *,
    test: float = 0.2,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """`compare_split_kinds` with random labels, one for each group and seed.

    Splits are not stratified by the label. A model that has not seen the group is right half of
    the time, whatever the images show (Yagis et al., Sci Rep 11:22544, 2021).
    """
    labels = {seed: random_group_labels(group, seed) for seed in seeds}
    return _paired(inputs, labels, group, np.full(len(group), "any"), test)


def random_group_labels(group: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Random labels, shape (n,), equal within a group."""
    names, number = np.unique(group, return_inverse=True)
    labels: NDArray[np.bool_] = np.random.default_rng([seed, 1]).random(len(names)) < 0.5
    return labels[number]


def phantom_control(*, seeds: Sequence[int] = range(SEEDS)) -> pd.DataFrame:
    """`random_label_experiment` on phantoms, by ``images_per_patient``."""
    tables = []
    for mean, cohort in CONTROL.items():
        manifest, grey = phantom.generate(cohort)
        inputs = features(grey)
        runs = random_label_experiment(
            {model: inputs[model] for model in QUICK},
            manifest["group_id"].to_numpy(dtype=str),
            seeds=seeds,
        )
        tables.append(runs.assign(images_per_patient=mean))
    return pd.concat(tables, ignore_index=True)


def _paired(
    inputs: Inputs,
    positive: Mapping[int, NDArray[np.bool_]],
    group: NDArray[np.str_],
    stratum: NDArray[np.str_],
    test: float,
) -> pd.DataFrame:
    """Scores by seed, model and split; the labels by seed."""
    image = [f"{number:09d}" for number in range(len(group))]
    manifest = pd.DataFrame({"image_id": image, "label": stratum, "group_id": group})
    rows = []
    for seed, truth in positive.items():
        for kind in SPLITS:
            part = splits.make(manifest, kind, test, 0.0, seed)["part"]
            training, tested = (np.flatnonzero(part == name) for name in ("train", "test"))
            rows += [
                {"seed": seed, "model": model, "split": kind}
                | evaluate(model, values, truth, group, training, tested)
                for model, values in inputs.items()
            ]
    return pd.DataFrame(rows)


# --- contamination


def contamination_experiment(
    inputs: Inputs,
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    *,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """Scores by the share of tested groups that are trained on.

    Groups of several images and of one class are paired with one of nearly their size.
    One group of each pair is tested, on a single image. One group of each pair is trained
    on: the tested group's other images for a share of the pairs, as many images of its
    partner for the rest. Groups of one image are always trained on. So the training part
    keeps its size, its classes and its kind of groups.

    Columns are those of `compare_split_kinds`, with ``labels`` (``truth``; ``coin``: random,
    for the models of `QUICK`) and ``dose`` (of `SHARES`) for split. Empty if a class has no
    two groups of several images.
    """
    columns = ["labels", "seed", "model", "dose", "trained", "tested", "seen", *SCORES]
    rows = []
    for seed in seeds:
        pairs = [p for label in (True, False) for p in _pairs(positive, group, label, seed)]
        if len({bool(positive[image]) for image, *_ in pairs}) < len(LABELS):
            return pd.DataFrame(columns=columns)
        tested = np.array([image for image, *_ in pairs])
        singles = np.flatnonzero(~in_group_of_several(group))
        for share in SHARES:
            trained = [own if rank < share else partner for _, own, partner, rank in pairs]
            training = np.concatenate([singles, *trained]).astype(np.int64)
            for kind, labels in (("truth", positive), ("coin", random_group_labels(group, seed))):
                rows += [
                    {"labels": kind, "seed": seed, "model": model, "dose": share}
                    | evaluate(model, values, labels, group, training, tested)
                    for model, values in inputs.items()
                    if kind == "truth" or model in QUICK
                ]
    return pd.DataFrame(rows, columns=columns)


def in_group_of_several(group: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Whether each image belongs to a group of several images."""
    _, number, size = np.unique(group, return_inverse=True, return_counts=True)
    several: NDArray[np.bool_] = size[number] > 1
    return several


def _pairs(
    positive: NDArray[np.bool_], group: NDArray[np.str_], label: bool, seed: int
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64], float]]:
    """Draw tested images, the other images of their groups, those of their partners, and ranks.

    A rank is the pair's place among those of its class, between 0 and 1.
    """
    rng = np.random.default_rng([seed, 2, int(label)])
    mixed = np.intersect1d(group[positive], group[~positive])
    inside = (positive == label) & in_group_of_several(group) & ~np.isin(group, mixed)
    members = [np.flatnonzero(inside & (group == name)) for name in np.unique(group[inside])]
    members = [rng.permutation(members[place]) for place in rng.permutation(len(members))]
    if len(members) % 2:
        members.pop()
    members.sort(key=len)
    ranks = (rng.permutation(len(members) // 2) + 0.5) / max(1, len(members) // 2)
    pairs = []
    for first, second, rank in zip(members[::2], members[1::2], ranks.tolist(), strict=True):
        own, partner = (first, second) if rng.random() < 0.5 else (second, first)
        size = min(len(own), len(partner))
        pairs.append((int(own[0]), own[1:size], partner[1:size], rank))
    return pairs
