"""What it buys to test on patients who were trained on.

Every model is trained twice for each seed: on an image-level split, which may put images
of one patient on both sides, and on one of whole groups. Three experiments then vary what
an image-level split lets through: how many of the tested groups were trained on, labels
that say nothing but to which group an image belongs, and phantoms with and without
several images a patient.

A run is tested on a fifth or so of the images, and runs share images. Student's interval
over seeds therefore speaks of further draws from the same cohort; the wider one, after
Nadeau and Bengio, allows for the images that runs share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from covidcxr.cohorts import phantom, splits
from covidcxr.cohorts.samples import OWN, TIERS, Sample, shrunk
from covidcxr.cohorts.samples import fingerprint as of_samples
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE, PhantomCohort, SplitName, Study
from covidcxr.networks import simple_models
from covidcxr.scores import bootstrap, intervals, metrics, variance
from covidcxr.scores.intervals import Interval, Protocol

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

NAME = "leakage"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

NEIGHBOURS = simple_models.NEIGHBOURS

MODELS = {
    "brightness": "Mean brightness",
    "logistic": "Logistic regression",
    "boosting": "Gradient boosting",
    "neighbours": f"{NEIGHBOURS} nearest neighbours",
    "nearest": "Nearest neighbour",
}
"""The models, and their names in prose."""

SIDES = {"brightness": 1, "logistic": 32, "boosting": 8, "neighbours": 32, "nearest": 32}
"""Pixels a side of the thumbnail that a model sees."""

PROBES = ("nearest", "logistic", "boosting")
"""The models of the experiments with doses and coins."""

QUICK = ("nearest", "logistic")
"""Those of them for what is only a control."""

SEEDS = 20
"""Draws of the split, and of everything else that is drawn; seeds 0, 1, ..."""

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the tested groups that are trained on as well."""

SPLITS: tuple[SplitName, SplitName] = ("random", "grouped")
"""Image-level, and by whole groups."""

SCORES = ("accuracy", "sensitivity", "specificity", "auroc")

ARMS = {"truth": "the reference standard", "coin": "a coin for each group"}
"""What the labels are."""

SETS = {"all": "all images", "several": "groups of several images"}
"""On which images coins are tossed."""

CONTROL = {
    1.0: PhantomCohort(source="phantom", covid19=60, normal=60, image_size=64, confounder=0.0,
                       images_per_patient=1.0, exact_duplicates=0, near_duplicates=0),
    3.0: PhantomCohort(source="phantom", covid19=60, normal=60, image_size=64, confounder=0.0,
                       images_per_patient=3.0, exact_duplicates=0, near_duplicates=0),
}  # fmt: skip
"""Phantom cohorts by their mean number of images a patient."""

TREES, LEAVES, BINS = 30, 8, 63
"""Of gradient boosting: small, so that it can be trained often."""

FEWEST = 10
"""Groups of each class below which a subset is left alone."""

_WITHIN = ("accuracy", "balanced_accuracy", "auroc")
_DRAWN = re.compile(r"(random|grouped)(?:-(\d+))?")


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> Record:
    """Return the record of all experiments, made where there is none yet.

    Parameters
    ----------
    study
        Whose cohort is split, at its test fraction.
    results
        The folder of its records.
    samples
        As `covidcxr.cohorts.samples.read` returns them, or None where the images are not at hand.

    Returns
    -------
    Record
        Its tables: ``groups`` (``image_id``, ``group``), ``splits`` (a row a tier, seed,
        model and split), ``doses``, ``coins`` and ``control``, each with the number of
        images, ``seen`` (the share of tested images whose group was trained on) and
        `SCORES`; and ``images``, ``counts``.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    parameters = records.parameters(
        study, ("test_fraction",), seeds=SEEDS, doses=list(DOSES), models=SIDES
    )
    inputs = None
    if samples is not None:
        inputs = {"data": of_samples(samples)}

    def make() -> dict[str, Any]:
        # Only threads of what is imported by then can be limited.
        import sklearn.ensemble  # noqa: F401
        from threadpoolctl import threadpool_limits

        given = samples or {}
        names = _groups(study, results, given)
        # Threads that wait for each other cost more than these small models gain by them.
        with threadpool_limits(limits=1):
            return _made(given[OWN], names, study.test_fraction)

    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, make)


def groups(made: Record) -> dict[str, str]:
    """Return by image_id the name of its group, from the record."""
    rows = made.table("groups").astype(str)
    return dict(zip(rows["image_id"], rows["group"], strict=True))


def _groups(study: Study, results: Path, samples: dict[str, Sample]) -> NDArray[np.str_]:
    """Return for each image of the study's cohort the name of what it must not be parted from."""
    from covidcxr.validity import duplicates

    found = duplicates.record(study, results=results, samples=samples)
    return duplicates.merged(samples, found)[OWN]


def _made(own: Sample, group: NDArray[np.str_], test: float) -> dict[str, Any]:
    features, positive = seen_by_models(own.grey), own.positive
    probes = {name: features[name] for name in PROBES}
    by_tier = []
    for tier in TIERS:
        kept = own.tier(tier)
        few = min(_number_of_groups(group[kept], positive[kept])) < FEWEST
        if tier != "all" and (kept.all() or few):
            continue
        runs = bought(_rows(features, kept), positive[kept], group[kept], test=test)
        by_tier.append(runs.assign(tier=tier))
    inside = {"all": np.ones(len(group), dtype=bool), "several": _several(group)}
    by_set = [
        bought_by_coins(_rows(probes, kept), group[kept], test=test).assign(images=name)
        for name, kept in inside.items()
        if name == "all" or len(np.unique(group[kept])) >= FEWEST
    ]
    return {
        "tables": {
            "groups": pd.DataFrame({"image_id": own.manifest["image_id"], "group": group}),
            "splits": pd.concat(by_tier, ignore_index=True),
            "doses": doses(probes, positive, group),
            "coins": pd.concat(by_set, ignore_index=True),
            "control": control(),
        },
        "images": {label: int((own.manifest["label"] == label).sum()) for label in LABELS},
        "counts": counts(positive, group),
    }


# --- what models see, and what they say


def seen_by_models(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Return what each of `MODELS` sees of pictures, shape (n, size, size): (n, side²), 0 to 1."""

    @cache
    def thumbnails(side: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = shrunk(grey, side).reshape(len(grey), -1) / 255
        return found

    # Of a single pixel, rounding would leave few values.
    mean = thumbnails(32).mean(axis=1, keepdims=True)
    return {name: mean if side == 1 else thumbnails(side) for name, side in SIDES.items()}


def fitted(
    name: str, features: NDArray[np.float64], positive: NDArray[np.bool_]
) -> ClassifierMixin:
    """Return one of `MODELS`, trained on features, shape (n, p), and labels, shape (n,)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    match name:
        case "boosting":
            model = HistGradientBoostingClassifier(
                max_iter=TREES, max_leaf_nodes=LEAVES, max_bins=BINS, early_stopping=False,
                random_state=0,
            )  # fmt: skip
            return model.fit(features, positive)
        case "nearest":
            return make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(features, positive)
        case "brightness":
            return simple_models.fitted("logistic", features, positive)
    return simple_models.fitted(name, features, positive)


def _run(
    name: str,
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    group: NDArray[np.str_],
    training: NDArray[np.int64],
    tested: NDArray[np.int64],
) -> dict[str, float]:
    """Train on some rows, test on others."""
    labels, truth = positive[training], positive[tested]
    if labels.all() or not labels.any():
        score = np.full(len(tested), float(labels[0]))
    else:
        score = simple_models.scores(fitted(name, features[training], labels), features[tested])
    of_cells = metrics.score(metrics.cells(truth, score >= 0.5))
    return {
        "trained": len(training),
        "tested": len(tested),
        "seen": float(np.isin(group[tested], group[training]).mean()),
        **{s: float(of_cells[s]) for s in ("accuracy", "sensitivity", "specificity")},
        "auroc": float(metrics.auroc(truth, score)),
    }


# --- image-level and grouped splits, paired by seed


def bought(
    features: Mapping[str, NDArray[np.float64]],
    positive: NDArray[np.bool_],
    group: ArrayLike,
    *,
    test: float = 0.2,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """Train models on image-level and on grouped splits.

    Parameters
    ----------
    features
        By model (of `MODELS`) what it sees, shape (n, p).
    positive
        Shape (n,).
    group
        Shape (n,): names of groups, whose images are not independent.
    test
        Fraction of each class that is tested.
    seeds
        Each draws a split of both kinds, as trainings are split.

    Returns
    -------
    DataFrame
        A row a seed, model and split (of `SPLITS`): ``trained`` and ``tested`` images,
        ``seen`` (the share of tested images whose group was trained on) and `SCORES`.
    """
    names = np.asarray(group, dtype=str)
    label = np.where(positive, *LABELS)
    return _paired(features, dict.fromkeys(seeds, positive), names, label, test)


def bought_by_coins(
    features: Mapping[str, NDArray[np.float64]],
    group: ArrayLike,
    *,
    test: float = 0.2,
    seeds: Sequence[int] = range(SEEDS),
) -> pd.DataFrame:
    """Do what `bought` does with labels that say nothing but to which group an image belongs.

    A coin is tossed for each group, anew for every seed, and the split does not look at it:
    whoever has not seen the group is right half of the time, whatever the images show.

    Parameters and returns as for `bought`.

    References
    ----------
    Yagis et al., Sci Rep 11:22544 (2021).
    """
    names = np.asarray(group, dtype=str)
    tossed = {seed: coins(names, seed) for seed in seeds}
    return _paired(features, tossed, names, np.full(len(names), "any"), test)


def coins(group: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Toss a coin for each group, shape (n,): all images of a group have its side."""
    names, number = np.unique(group, return_inverse=True)
    sides = np.random.default_rng([seed, 1]).random(len(names)) < 0.5
    found: NDArray[np.bool_] = sides[number]
    return found


def _paired(
    features: Mapping[str, NDArray[np.float64]],
    positive: Mapping[int, NDArray[np.bool_]],
    group: NDArray[np.str_],
    label: NDArray[np.str_],
    test: float,
) -> pd.DataFrame:
    image = [f"{number:09d}" for number in range(len(group))]
    rows = pd.DataFrame({"image_id": image, "label": label, "group_id": group})
    found = []
    for seed, truth in positive.items():
        for kind in SPLITS:
            part = splits.make(rows, kind, test, 0.0, seed)["part"]
            training, tested = (np.flatnonzero(part == name) for name in ("train", "test"))
            found += [
                {"seed": seed, "model": name, "split": kind}
                | _run(name, seen, truth, group, training, tested)
                for name, seen in features.items()
            ]
    return pd.DataFrame(found)


def gained(runs: pd.DataFrame, score: str, confidence: float = 0.95) -> pd.DataFrame:
    """Return by how much image-level splits look better than grouped ones.

    Parameters
    ----------
    runs
        As `bought` returns them.
    score
        One of `SCORES`.
    confidence
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        By model: ``random`` and ``grouped``, means over the seeds; the difference of a
        seed's two runs as `over_seeds` has it; ``more``, ``fewer``: seeds with the
        image-level split ahead and behind.
    """
    rows = {}
    ratio = float((runs["tested"] / runs["trained"]).mean())
    for model, of_model in runs.groupby("model", sort=False):
        both = of_model.pivot_table(index="seed", columns="split", values=score).dropna()
        away = both["random"] - both["grouped"]
        rows[model] = {
            "random": float(both["random"].mean()),
            "grouped": float(both["grouped"].mean()),
            **over_seeds(away, ratio, confidence),
            "more": int((away > bootstrap.EQUAL).sum()),
            "fewer": int((away < -bootstrap.EQUAL).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def over_seeds(values: ArrayLike, ratio: float, confidence: float = 0.95) -> dict[str, float]:
    """Return a mean over draws of a split with two intervals.

    Parameters
    ----------
    values
        Shape (n,), one a draw.
    ratio
        Tested images to trained ones.
    confidence
        Coverage.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``: Student's interval, of the mean of more draws from the
        same images. ``wide_low``, ``wide_high``: with the variance of the mean s² (1/n +
        ratio) for s²/n, because draws share images. ``n``. NaN limits where all are equal.

    References
    ----------
    Nadeau and Bengio, Mach Learn 52:239-281 (2003), the corrected resampled t-test.
    """
    found = np.asarray(values, dtype=float)
    n, spread = len(found), float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    spread = spread if spread > bootstrap.EQUAL else float("nan")
    reach = float(stats.t.ppf((1 + confidence) / 2, max(1, n - 1))) * spread
    value = float(found.mean()) if n else float("nan")
    near, far = reach / np.sqrt(max(1, n)), reach * np.sqrt(1 / max(1, n) + ratio)
    return {
        "value": value,
        "low": value - near,
        "high": value + near,
        "wide_low": value - far,
        "wide_high": value + far,
        "n": n,
    }


# --- more and more of the tested groups are trained on


def doses(
    features: Mapping[str, NDArray[np.float64]],
    positive: NDArray[np.bool_],
    group: ArrayLike,
    *,
    seeds: Sequence[int] = range(SEEDS),
    shares: Sequence[float] = DOSES,
) -> pd.DataFrame:
    """Train on none, some and all of the tested groups.

    Groups of several images and of one class are paired with one of nearly their size.
    One of each pair is tested, on a single image. Of every pair one group is trained on,
    as many images of the one as of the other: the tested group's other images for a share
    of the pairs, its partner's for the rest. Groups of one image are always trained on.
    So neither the number of images of a class nor the kind of group changes with the dose.

    Parameters
    ----------
    features, positive, group, seeds
        As for `bought`.
    shares
        Of the pairs whose tested group is trained on.

    Returns
    -------
    DataFrame
        A row a label (of `ARMS`; coins for the models of `QUICK`), seed, model and dose;
        columns as from `bought`. Empty where a class has no two groups of several images.
    """
    names = np.asarray(group, dtype=str)
    columns = ["labels", "seed", "model", "dose", "trained", "tested", "seen", *SCORES]
    found = []
    for seed in seeds:
        drawn = [p for one in (True, False) for p in _pairs(positive, names, one, seed)]
        if len({bool(positive[p[0]]) for p in drawn}) < len(LABELS):
            return pd.DataFrame(columns=columns)
        tested = np.array([image for image, _, _, _ in drawn])
        always = np.flatnonzero(~_several(names))
        for share in shares:
            # Rank is the pair's place among those of its class, between 0 and 1.
            chosen = [own if rank < share else other for _, own, other, rank in drawn]
            training = np.concatenate([always, *chosen]).astype(np.int64)
            for arm, labels in (("truth", positive), ("coin", coins(names, seed))):
                found += [
                    {"labels": arm, "seed": seed, "model": name, "dose": share}
                    | _run(name, seen, labels, names, training, tested)
                    for name, seen in features.items()
                    if arm == "truth" or name in QUICK
                ]
    return pd.DataFrame(found, columns=columns)


def _pairs(
    positive: NDArray[np.bool_], group: NDArray[np.str_], label: bool, seed: int
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64], float]]:
    """Return tested images, what to train on of their groups or of their partners, and ranks."""
    rng = np.random.default_rng([seed, 2, int(label)])
    mixed = np.intersect1d(group[positive], group[~positive])
    inside = (positive == label) & _several(group) & ~np.isin(group, mixed)
    members = [np.flatnonzero(inside & (group == name)) for name in np.unique(group[inside])]
    members = [rng.permutation(members[place]) for place in rng.permutation(len(members))]
    if len(members) % 2:
        members.pop()
    members.sort(key=len)
    ranks = (rng.permutation(len(members) // 2) + 0.5) / max(1, len(members) // 2)
    found = []
    for pair, rank in zip(
        zip(members[::2], members[1::2], strict=True), ranks.tolist(), strict=True
    ):
        own, other = pair if rng.random() < 0.5 else pair[::-1]
        size = min(len(own), len(other))
        found.append((int(own[0]), own[1:size], other[1:size], rank))
    return found


def slopes(runs: pd.DataFrame, score: str, confidence: float = 0.95) -> pd.DataFrame:
    """Return how much a score rises from none to all of the tested groups trained on.

    Parameters
    ----------
    runs
        As `doses` returns them.
    score
        One of `SCORES`.
    confidence
        Coverage.

    Returns
    -------
    DataFrame
        By ``labels`` and ``model``: ``none`` and ``all``, means at the ends; the slope of
        each seed's least-squares line as `over_seeds` has it.
    """
    rows = []
    for (arm, model), of_model in runs.groupby(["labels", "model"], sort=False):
        table = of_model.pivot_table(index="seed", columns="dose", values=score).dropna()
        away = table.columns.to_numpy(dtype=float) - table.columns.to_numpy(dtype=float).mean()
        each = table.to_numpy() @ away / (away @ away)
        ratio = float((of_model["tested"] / of_model["trained"]).mean())
        rows.append(
            {"labels": arm, "model": model}
            | {"none": float(table.iloc[:, 0].mean()), "all": float(table.iloc[:, -1].mean())}
            | over_seeds(each, ratio, confidence)
        )
    return pd.DataFrame(rows)


# --- the method, tried on what is known


def control(
    cohorts: Mapping[float, PhantomCohort] = CONTROL, seeds: Sequence[int] = range(SEEDS)
) -> pd.DataFrame:
    """Toss coins for phantom patients with one image each, and with several.

    Returns
    -------
    DataFrame
        As from `bought_by_coins`, with the ``images_per_patient``.
    """
    tables = []
    for mean, cohort in cohorts.items():
        manifest, grey = phantom.generate(cohort)
        seen = seen_by_models(grey)
        chosen = {name: seen[name] for name in QUICK}
        runs = bought_by_coins(chosen, manifest["group_id"].to_numpy(dtype=str), seeds=seeds)
        tables.append(runs.assign(images_per_patient=mean))
    return pd.concat(tables, ignore_index=True)


# --- networks


def trainings(folders: Iterable[Path], synthetic: bool) -> list[Record]:
    """Return the records of trainings in folders, on synthetic images or on real ones."""
    found = []
    for path in sorted({path for folder in folders for path in records.paths(folder)}):
        made = records.read(path.parent)
        is_training = "history.csv" in made["tables"] and "predictions.csv" in made["tables"]
        if is_training and made.is_synthetic == synthetic:
            found.append(made)
    return found


def networks(runs: Iterable[Record], threshold: float = 0.5) -> pd.DataFrame:
    """Pair the trainings of one network on an image-level and on a grouped split.

    Parameters
    ----------
    runs
        Records of trainings.
    threshold
        A score at or above it reads as COVID19.

    Returns
    -------
    DataFrame
        A row a pair that has the model, seed, number of the draw (``random-1`` goes with
        ``grouped-1``) and all else of the protocol in common: ``model``, ``draw``,
        ``seed``, and of each of `SCORES` the image-level value, the grouped one and their
        difference. Empty where there is no pair.
    """
    halves: dict[str, dict[tuple[str, ...], Record]] = {kind: {} for kind in SPLITS}
    for run in runs:
        given = run["parameters"]
        drawn = _DRAWN.fullmatch(given["split"])
        if drawn:
            rest = sorted((k, repr(v)) for k, v in given.items() if k != "split")
            # Without a number the draw follows the seed.
            draw = drawn[2] or str(given["seed"])
            halves[drawn[1]][(draw, repr(rest))] = run
    rows = []
    for key in sorted(set(halves["random"]) & set(halves["grouped"])):
        both = {kind: halves[kind][key] for kind in SPLITS}
        scored = {kind: variance.runs([run], threshold).iloc[0] for kind, run in both.items()}
        given = both["random"]["parameters"]
        rows.append(
            {"model": given["model"], "draw": key[0], "seed": given["seed"]}
            | {f"{s}_{kind}": float(scored[kind][s]) for s in SCORES for kind in SPLITS}
            | {s: float(scored["random"][s] - scored["grouped"][s]) for s in SCORES}
        )
    return pd.DataFrame(rows)


def within(
    predictions: pd.DataFrame,
    group: Mapping[str, str] | None = None,
    *,
    threshold: float = 0.5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare, in one run, tested images whose group was trained on with the others.

    Parameters
    ----------
    predictions
        A training's table: ``image_id``, ``group_id``, ``part``, ``label``, ``score``.
    group
        By image_id a name that is better than ``group_id``, where there is one.
    threshold
        A score at or above it reads as COVID19.
    confidence
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        By score (accuracy; balanced accuracy, because the two kinds of images may differ
        in their classes; AUROC): ``seen`` and ``unseen``, the values; the difference
        ``value`` with ``low`` and ``high``; ``images_seen``, ``images_unseen``,
        ``groups_seen``, ``groups_unseen``. NaN where a class is missing.

    Notes
    -----
    No group is on both sides, so that the two are independent and their intervals, which
    count groups, combine to one of the difference. Drawing groups anew would give a side
    without an error no uncertainty at all.

    References
    ----------
    Zou and Donner, Stat Med 27:1693-1702 (2008).
    """
    names = predictions["group_id"].astype(str)
    if group is not None:
        names = predictions["image_id"].map(group).fillna(names).astype(str)
    tested = (predictions["part"] == "test").to_numpy(dtype=bool)
    trained = names[predictions["part"] == "train"]
    known = names.isin(trained).to_numpy(dtype=bool)
    seen, unseen = (
        _scored(predictions[tested & side], names[tested & side], threshold, confidence)
        for side in (known, ~known)
    )
    rows = {}
    for score in _WITHIN:
        first, second = seen[score], unseen[score]
        value, low, high = intervals.difference(first, second)
        rows[score] = {
            "seen": first.value,
            "unseen": second.value,
            "value": value,
            "low": low,
            "high": high,
            "images_seen": int((tested & known).sum()),
            "images_unseen": int((tested & ~known).sum()),
            "groups_seen": names[tested & known].nunique(),
            "groups_unseen": names[tested & ~known].nunique(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def _scored(
    rows: pd.DataFrame, names: pd.Series, threshold: float, confidence: float
) -> dict[str, Interval]:
    positive = (rows["label"] == POSITIVE).to_numpy(dtype=bool)
    if positive.all() or not positive.any():
        nan = float("nan")
        return dict.fromkeys(_WITHIN, Interval(nan, nan, nan, "none", "group", len(rows)))
    given = simple_models.as_predictions(rows["score"].to_numpy(dtype=float), positive, names)
    # None of these scores is resampled.
    return intervals.evaluate(given, Protocol(threshold, confidence, resamples=100))


# --- counts


def counts(positive: NDArray[np.bool_], group: ArrayLike) -> dict[str, dict[str, int]]:
    """Return by class ``images``, ``groups``, and of the groups with several images, both."""
    names = np.asarray(group, dtype=str)
    several = _several(names)
    return {
        label: {
            "images": int(inside.sum()),
            "groups": len(np.unique(names[inside])),
            "groups_of_several": len(np.unique(names[inside & several])),
            "images_of_several": int((inside & several).sum()),
        }
        for label, inside in zip(LABELS, (positive, ~positive), strict=True)
    }


def _several(group: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which images belong to a group of several."""
    _, number, size = np.unique(group, return_inverse=True, return_counts=True)
    found: NDArray[np.bool_] = size[number] > 1
    return found


def _number_of_groups(group: NDArray[np.str_], positive: NDArray[np.bool_]) -> tuple[int, int]:
    return len(np.unique(group[positive])), len(np.unique(group[~positive]))


def _rows(
    features: Mapping[str, NDArray[np.float64]], kept: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    return {name: seen[kept] for name, seen in features.items()}
