"""External testing: what was trained on one cohort, asked about the others.

A model is trained on the whole cohort and asked about cohorts that it never saw. Before
that, images leave the test that are copies of trained ones, or of a group (a patient)
that was trained on. Its internal scores are cross-validated with whole groups held out,
so that internal and external images are strangers to the model alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts.samples import OWN, TIERS, Sample, shrunk
from covidcxr.cohorts.samples import fingerprint as of_samples
from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE, TITLES, ModelName, Study
from covidcxr.networks import simple_models
from covidcxr.scores import calibration_regression, intervals, metrics, proportions
from covidcxr.scores.intervals import Interval
from covidcxr.scores.means import clustered_mean
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import duplicates

NAME = "external"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

MODELS = {"brightness": "Mean brightness", **simple_models.MODELS}
"""The simple models, and their names in prose."""

SIDES = {"brightness": 1, "logistic": 32, "boosting": 16, "neighbours": 32}
"""Pixels a side of the thumbnail that a model sees."""

ROBUST = ("logistic", "boosting")
"""The models that are trained once more on each subset of the cohort."""

FEWEST = 30
"""Groups of each class below which nothing but the cohort itself is trained on."""

SENSITIVITY = 0.95
"""What the threshold that travels reaches on internal images, at least."""

REASONS = ("near", "patient")
"""Why an image is left out: a copy of one on the other side, or only of its group."""

SCORES = ("auroc", "sensitivity", "specificity", "slope", "intercept", "brier", "excess")
"""What `evaluate` returns; excess is the mean score less the share of positives."""

ANCHORS = {
    "zech2018variable": ("Zech et al., pneumonia", 0.931, 0.815),
    "benahmed2021discovery": ("Ben Ahmed et al., COVID-19, worst", 1.00, 0.38),
}
"""Published AUROCs by citation: of what, internal, external."""

NAN = float("nan")


@dataclass(frozen=True)
class Tested:
    """What one model says of the images at home and elsewhere.

    Attributes
    ----------
    name
        The model's, in prose.
    home
        The cohort that it was trained on.
    internal
        Of images of that cohort which it was not trained on.
    external
        By cohort, of images that are no copies and of no group of trained ones.
    whole
        By cohort, of all images.
    """

    name: str
    home: str
    internal: Predictions
    external: Mapping[str, Predictions]
    whole: Mapping[str, Predictions]

    @property
    def cohorts(self) -> dict[str, Predictions]:
        """The internal images first, then the external ones, by cohort."""
        return {self.home: self.internal, **self.external}


# --- the record


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> Record:
    """Return the record of all simple models, made where there is none yet.

    Parameters
    ----------
    study
        The study.
    results
        The folder of its records.
    samples
        As `covidcxr.cohorts.samples.read` returns them, or None where the images are not at hand.

    Returns
    -------
    Record
        Its tables: ``images`` (``cohort``, ``image_id``, ``label``, ``group``, ``copy``,
        ``source``); ``scores`` (``model``, ``trained_on``, ``cohort``, ``image_id``,
        ``score``), internal ones where the cohort is the one trained on; ``removed``
        (``trained_on``, ``cohort``, ``label``, ``reason``, ``n``), from the tested cohort
        where the study's own is trained on, else from the trained one; ``origins``, as
        `origins` returns it. ``trained_on`` is a cohort, or `OWN` and a tier:
        ``cohort/original``.

    Raises
    ------
    Problem
        Where there is neither a record nor data, or a class that cannot be trained on.
    """
    inputs = None
    if samples is not None:
        inputs = {"data": of_samples(samples)}

    def make() -> dict[str, Any]:
        # Limits hold for libraries that are loaded by then.
        import sklearn.ensemble  # noqa: F401
        from threadpoolctl import threadpool_limits

        given = samples or {}
        found = duplicates.record(study, results=results, samples=given)
        group, copy = duplicates.merged(given, found), duplicates.copies(given, found)
        rows = given[OWN].manifest
        # Threads that wait for each other cost more than these small models gain by them.
        with threadpool_limits(limits=1):
            tables = tested_all(given, group, copy)
        return {
            "tables": tables,
            "images": {label: int((rows["label"] == label).sum()) for label in LABELS},
        }

    parameters = records.parameters(
        study, (), models=SIDES, fewest=FEWEST, folds=simple_models.FOLDS, seed=0
    )
    return records.load_or_run(results / NAME, study, parameters, inputs, METHOD, make)


def tested_all(
    samples: Mapping[str, Sample],
    group: Mapping[str, NDArray[np.str_]],
    copy: Mapping[str, NDArray[np.int64]],
) -> dict[str, pd.DataFrame]:
    """Train on every cohort that allows it and ask about all the others.

    Parameters
    ----------
    samples
        By cohort, the study's own first.
    group, copy
        By cohort, shape (n,): what must not stand on both sides, and what is a copy of
        what; see `covidcxr.validity.duplicates.merged` and `covidcxr.validity.duplicates.copies`.

    Returns
    -------
    dict
        The tables of `record`.

    Raises
    ------
    Problem
        Where a class of the study's own cohort has a single group.
    """
    own = samples[OWN]
    if _groups(group[OWN], own.positive) < 2:
        raise Problem(
            f"{OWN}: has a class with a single group, so that nothing can be held out; "
            "add images of other patients."
        )
    seen = {name: features(sample.grey) for name, sample in samples.items()}
    scored, removed = [], []
    for trained_on, models, kept in _arms(samples, group):
        home, _, tier = trained_on.partition("/")
        for model in models:
            scored += [
                table.assign(model=model, trained_on=trained_on)
                for table in _scored(model, home, kept, samples, seen, group)
            ]
        if home == OWN:
            others = [name for name in samples if name != home]
            trained = {OWN: kept}
            removed += [
                _removed(samples, group, copy, name, trained).assign(trained_on=trained_on)
                for name in others
            ]
        elif not tier:
            rest = {n: np.ones(len(s.manifest), bool) for n, s in samples.items() if n != home}
            removed.append(_removed(samples, group, copy, home, rest).assign(trained_on=trained_on))
    columns = ["trained_on", "cohort", "label", "reason", "n"]
    return {
        "scores": pd.concat(scored, ignore_index=True)[
            ["model", "trained_on", "cohort", "image_id", "score"]
        ],
        "images": _images(samples, group, copy),
        "removed": pd.concat([pd.DataFrame(columns=columns), *removed], ignore_index=True)[columns],
        "origins": origins(samples, group, {name: one["logistic"] for name, one in seen.items()}),
    }  # fmt: skip


def features(grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Return what each of `MODELS` sees of pictures, shape (n, size, size): (n, p), 0 to 1."""
    small = {side: shrunk(grey, side).reshape(len(grey), -1) / 255 for side in {16, 32}}
    mean = grey.reshape(len(grey), -1).mean(axis=1, keepdims=True) / 255
    return {name: mean if side == 1 else small[side] for name, side in SIDES.items()}


def origins(
    samples: Mapping[str, Sample],
    group: Mapping[str, NDArray[np.str_]],
    seen: Mapping[str, NDArray[np.float64]],
) -> pd.DataFrame:
    """Tell from which cohort an image comes, among images of one class.

    Parameters
    ----------
    samples, group
        As for `tested_all`.
    seen
        By cohort, shape (n, p): what logistic regression sees, cross-validated by group.

    Returns
    -------
    DataFrame
        A row an external cohort and class: ``cohort``, ``label``, ``own`` and ``other``
        images, AUROC ``value``, ``low``, ``high`` (95 %). NaN where there are fewer than
        two groups to tell apart.
    """
    rows = []
    for name in samples:
        for label in LABELS if name != OWN else ():
            kept = {n: (samples[n].manifest["label"] == label).to_numpy(bool) for n in (OWN, name)}
            own, other = (int(inside.sum()) for inside in kept.values())
            elsewhere = np.repeat([False, True], [own, other])
            names = np.concatenate([group[n][inside] for n, inside in kept.items()])
            found = Interval(NAN, NAN, NAN, "none", "group", own + other)
            if own and other:
                x = np.concatenate([seen[n][inside] for n, inside in kept.items()])
                score = simple_models.cross_validated("logistic", x, elsewhere, names)
                if np.isfinite(score).all():
                    found = simple_models.area(score, elsewhere, names)
            rows.append(
                {"cohort": name, "label": label, "own": own, "other": other,
                 "value": found.value, "low": found.low, "high": found.high}
            )  # fmt: skip
    columns = ["cohort", "label", "own", "other", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _arms(
    samples: Mapping[str, Sample], group: Mapping[str, NDArray[np.str_]]
) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.bool_]]]:
    """Yield what is trained on: its name, the models, and which of its images."""
    own = samples[OWN]
    for tier in TIERS:
        kept = own.tier(tier)
        if tier == "all":
            yield OWN, tuple(MODELS), kept
        elif not kept.all() and _groups(group[OWN][kept], own.positive[kept]) >= FEWEST:
            yield f"{OWN}/{tier}", ROBUST, kept
    for name, sample in samples.items():
        elsewhere = np.concatenate([[""], *(group[n] for n in samples if n != name)])
        kept = ~np.isin(group[name], elsewhere)
        if name != OWN and _groups(group[name][kept], sample.positive[kept]) >= FEWEST:
            yield name, tuple(MODELS), kept


def _groups(group: NDArray[np.str_], positive: NDArray[np.bool_]) -> int:
    """Return the number of groups of the class that has fewer."""
    return min(len(np.unique(group[inside])) for inside in (positive, ~positive))


def _scored(
    model: str,
    home: str,
    kept: NDArray[np.bool_],
    samples: Mapping[str, Sample],
    seen: Mapping[str, Mapping[str, NDArray[np.float64]]],
    group: Mapping[str, NDArray[np.str_]],
) -> Iterator[pd.DataFrame]:
    """Yield a model's scores: of held-out images at home, and of all elsewhere."""
    # Of one number logistic regression is all that is needed.
    kind = "logistic" if model == "brightness" else model
    x, positive = seen[home][model][kept], samples[home].positive[kept]
    inside = simple_models.cross_validated(kind, x, positive, group[home][kept])
    yield _table(home, samples[home].manifest["image_id"][kept], inside)
    trained = simple_models.fitted(kind, x, positive)
    for name, sample in samples.items():
        if name != home:
            found = simple_models.scores(trained, seen[name][model])
            yield _table(name, sample.manifest["image_id"], found)


def _table(cohort: str, image: pd.Series, score: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame({"cohort": cohort, "image_id": image, "score": rounded(score)})


def rounded(score: NDArray[np.float64], digits: int = 5) -> NDArray[np.float64]:
    """Round probabilities to significant digits of their distance from 0 or 1.

    A score near 0 that became 0 would claim a certainty that no model had, and ruin a
    calibration slope.
    """
    near = np.minimum(score, 1 - score)
    # Below 1e-290 there is no scale left to round with.
    power = np.ceil(np.log10(near.clip(1e-290)))
    scale = 10.0 ** (digits - power)
    kept = np.where(near > 1e-290, np.round(near * scale) / scale, near)
    return np.where(score < 0.5, kept, 1 - kept)


def _removed(
    samples: Mapping[str, Sample],
    group: Mapping[str, NDArray[np.str_]],
    copy: Mapping[str, NDArray[np.int64]],
    name: str,
    against: Mapping[str, NDArray[np.bool_]],
) -> pd.DataFrame:
    """Count by class and reason the images of a cohort that are met on the other side."""
    there = np.concatenate([group[n][inside] for n, inside in against.items()])
    copied = np.concatenate([copy[n][inside] for n, inside in against.items()])
    met = np.isin(group[name], there)
    near = met & np.isin(copy[name], copied)
    by_reason = {"near": near, "patient": met & ~near}
    label = samples[name].manifest["label"].to_numpy(dtype=str)
    return pd.DataFrame(
        [
            {
                "cohort": name,
                "label": one,
                "reason": reason,
                "n": int((which & (label == one)).sum()),
            }
            for one in LABELS
            for reason, which in by_reason.items()
        ]
    )  # fmt: skip


def _images(
    samples: Mapping[str, Sample],
    group: Mapping[str, NDArray[np.str_]],
    copy: Mapping[str, NDArray[np.int64]],
) -> pd.DataFrame:
    tables = [
        sample.manifest[["image_id", "label", "source"]].assign(
            cohort=name, group=group[name], copy=copy[name]
        )
        for name, sample in samples.items()
    ]
    columns = ["cohort", "image_id", "label", "group", "copy", "source"]
    return pd.concat(tables, ignore_index=True)[columns]


# --- what was tested


def tested(made: Record, trained_on: str = OWN) -> dict[str, Tested]:
    """Return what the simple models say, from the record.

    Parameters
    ----------
    made
        As `record` returns it.
    trained_on
        One of its table ``scores``.

    Returns
    -------
    dict
        By model, in the order of `MODELS`; empty where nothing was trained on that.
    """
    home = trained_on.partition("/")[0]
    rows = made.table("scores")
    rows = rows[rows["trained_on"] == trained_on].merge(
        _known(made), on=["cohort", "image_id"], validate="many_to_one"
    )
    found = {}
    for model, title in MODELS.items():
        of_model = rows[rows["model"] == model]
        if len(of_model):
            inside = of_model["cohort"] == home
            trained = of_model.loc[inside, "group"]
            found[title] = _tested(title, home, of_model[inside], of_model[~inside], trained)
    return found


def cohorts(made: Record) -> list[str]:
    """Return the names of the external cohorts of a record."""
    return [str(name) for name in made.table("images")["cohort"].unique() if name != OWN]


def trainings(study: Study, results: Path) -> dict[str, Record]:
    """Return the recorded trainings of a study by what to call them.

    The split is named where the study has several, and the seed likewise.
    """
    found = {}
    for model in study.models:
        for split in study.splits:
            for seed in study.seeds:
                folder = results / f"{model}-{split}-s{seed}"
                if (folder / "record.json").is_file():
                    found[_title(study, model, split, seed)] = records.read(folder)
    return found


def networks(runs: Mapping[str, Record], made: Record) -> dict[str, Tested]:
    """Return what recorded trainings say of the external cohorts.

    Parameters
    ----------
    runs
        By name.
    made
        As `record` returns it: it knows which images belong together.

    Returns
    -------
    dict
        By name. Internal are the images of the run's own test part. A run that was not
        asked about external images, or is of images that the record does not know, is
        left out.
    """
    known = _known(made)
    whole = pd.MultiIndex.from_frame(known[["cohort", "image_id"]])
    found = {}
    for name, run in runs.items():
        if "external.csv" not in run["tables"]:
            continue
        inside, outside = (
            run.table("predictions").assign(cohort=OWN),
            run.table("external"),
        )
        both = pd.concat([inside, outside])[["cohort", "image_id"]].astype(str)
        if not pd.MultiIndex.from_frame(both).isin(whole).all():
            continue
        inside, outside = (
            rows.drop(columns="label").merge(known, on=["cohort", "image_id"])
            for rows in (inside, outside)
        )
        trained = inside.loc[inside["part"] == "train", "group"]
        found[name] = _tested(name, OWN, inside[inside["part"] == "test"], outside, trained)
    return found


def _title(study: Study, model: ModelName, split: str, seed: int) -> str:
    more = [split] if len(study.splits) > 1 else []
    more += [f"seed {seed}"] if len(study.seeds) > 1 else []
    return ", ".join([TITLES[model], *more])


def _known(made: Record) -> pd.DataFrame:
    rows = made.table("images")[["cohort", "image_id", "label", "group"]]
    return rows.astype(str)


def _tested(
    name: str, home: str, inside: pd.DataFrame, outside: pd.DataFrame, trained: pd.Series
) -> Tested:
    met = outside["group"].isin(set(trained))
    there = [str(one) for one in outside["cohort"].unique()]

    def of(rows: pd.DataFrame) -> Predictions:
        positive = (rows["label"] == POSITIVE).to_numpy(dtype=bool)
        score = rows["score"].to_numpy(dtype=np.float64)
        made = simple_models.as_predictions(
            score, positive, rows["group"].to_numpy(dtype=str), name
        )
        return replace(made, image_id=rows["image_id"].to_numpy(dtype=str))

    return Tested(
        name=name,
        home=home,
        internal=of(inside),
        external={one: of(outside[(outside["cohort"] == one) & ~met]) for one in there},
        whole={one: of(outside[outside["cohort"] == one]) for one in there},
    )


# --- scores and gaps


def evaluate(
    p: Predictions, threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Interval]:
    """Return all of `SCORES` with intervals that count groups.

    Parameters
    ----------
    p
        Predictions of n images, of one class or of none as well.
    threshold
        A score at or above it is called positive.
    confidence
        Coverage.

    Returns
    -------
    dict
        By name. What is undefined is NaN, with the reason. The Brier score and the excess
        are means over images, with Student's t over groups.
    """
    if not len(p):
        none = Interval(NAN, NAN, NAN, "none", p.unit, 0, reason="no image")
        return dict.fromkeys(SCORES, none)
    called = p.called(threshold)
    cells = metrics.cells(p.positive, called)
    area = intervals.area(p, confidence)
    if not np.isfinite(area.value):
        area = replace(area, reason=metrics.undefined("auroc", cells))
    shares = {
        "sensitivity": _share(p, called, p.positive, confidence),
        "specificity": _share(p, ~called, ~p.positive, confidence),
    }
    for name, one in shares.items():
        if not one.n:
            shares[name] = replace(one, reason=metrics.undefined(name, cells))
    away = p.score - p.positive
    brier = _mean(away**2, p.group, confidence)
    return {
        "auroc": area,
        **shares,
        **_line(p, confidence),
        "brier": replace(brier, low=max(0.0, brier.low) if np.isfinite(brier.low) else NAN),
        "excess": _mean(away, p.group, confidence),
    }


def summary(
    tests: Mapping[str, Tested], threshold: float = 0.5, confidence: float = 0.95
) -> pd.DataFrame:
    """Score all models on all cohorts.

    Parameters
    ----------
    tests
        By name, as `tested` or `networks` returns them.
    threshold, confidence
        As for `evaluate`.

    Returns
    -------
    DataFrame
        A row a model, cohort (internal first), ``kept`` (True: overlapping images were
        removed) and ``score`` of `SCORES`: ``n``, ``positives``, ``groups``, ``value``,
        ``low``, ``high``, ``reason``.
    """
    rows = []
    for name, test in tests.items():
        sets = [(c, True, p) for c, p in test.cohorts.items()]
        sets += [(c, False, p) for c, p in test.whole.items()]
        for cohort, kept, p in sets:
            about = {
                "model": name, "cohort": cohort, "kept": kept, "n": len(p),
                "positives": int(p.positive.sum()), "groups": len(np.unique(p.group)),
            }  # fmt: skip
            rows += [
                about | {"score": score, "value": one.value, "low": one.low, "high": one.high,
                         "reason": one.reason}
                for score, one in evaluate(p, threshold, confidence).items()
            ]  # fmt: skip
    columns = ["model", "cohort", "kept", "n", "positives", "groups",
               "score", "value", "low", "high", "reason"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def gap(internal: Interval, external: Interval) -> Interval:
    """Return by how much a score is higher at home, of images that share no group.

    The limits of both are combined to those of the difference, which needs no symmetry
    of either.

    References
    ----------
    Zou and Donner, Stat Med 27:1693-1702 (2008), equation 7.
    """
    return Interval(
        *intervals.difference(internal, external), "limits of both combined",
        internal.unit, internal.n + external.n, reason=internal.reason or external.reason,
    )  # fmt: skip


def gaps(tests: Mapping[str, Tested], confidence: float = 0.95) -> pd.DataFrame:
    """Return the generalisation gap of every model: internal less external AUROC.

    Returns
    -------
    DataFrame
        A row a model and external cohort: ``internal`` and ``external`` AUROC, ``value``,
        ``low``, ``high`` of their difference, and ``verdict``: ``lower`` or ``higher``
        elsewhere, ``undecided``, or ``unknown`` where an AUROC is undefined.
    """
    rows = []
    for name, test in tests.items():
        inside = intervals.area(test.internal, confidence)
        for cohort, p in test.external.items():
            outside = intervals.area(p, confidence)
            found = gap(inside, outside)
            rows.append(
                {"model": name, "cohort": cohort, "internal": inside.value,
                 "external": outside.value, "value": found.value, "low": found.low,
                 "high": found.high, "verdict": verdict(found)}
            )  # fmt: skip
    columns = ["model", "cohort", "internal", "external", "value", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def verdict(found: Interval) -> str:
    """Judge a gap: what the AUROC is elsewhere."""
    if not np.isfinite(found.low):
        return "unknown"
    if found.low > 0:
        return "lower"
    return "higher" if found.high < 0 else "undecided"


def threshold_of(p: Predictions, sensitivity: float = SENSITIVITY) -> float:
    """Return the highest threshold that calls at least a share of the positive images.

    NaN where there is no positive image.
    """
    hits = np.sort(p.score[p.positive])[::-1]
    if not len(hits):
        return NAN
    # 0.95 * 20 is 19 to all but the last digit.
    return float(hits[max(1, int(np.ceil(sensitivity * len(hits) - 1e-9))) - 1])


def transfer_threshold(tests: Mapping[str, Tested], confidence: float = 0.95) -> pd.DataFrame:
    """Take the threshold with a sensitivity of `SENSITIVITY` at home to the other cohorts.

    Returns
    -------
    DataFrame
        A row a model, cohort (internal first) and ``score``, sensitivity or specificity:
        ``threshold``, ``value``, ``low``, ``high``.
    """
    rows = []
    for name, test in tests.items():
        at = threshold_of(test.internal)
        for cohort, p in test.cohorts.items():
            called = p.called(at)
            found = {
                "sensitivity": _share(p, called, p.positive, confidence),
                "specificity": _share(p, ~called, ~p.positive, confidence),
            }
            rows += [
                {"model": name, "cohort": cohort, "threshold": at, "score": score,
                 "value": one.value, "low": one.low, "high": one.high}
                for score, one in found.items()
            ]  # fmt: skip
    columns = ["model", "cohort", "threshold", "score", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _line(p: Predictions, confidence: float) -> dict[str, Interval]:
    """Return calibration slope and intercept, which need scores with a finite logit."""
    if len(p) and np.isin(p.score, (0, 1)).mean() > 0.5:
        reason = "most scores are 0 or 1"
        none = Interval(NAN, NAN, NAN, "none", p.unit, len(p), reason=reason)
        return {"slope": none, "intercept": none}
    return calibration_regression.slope_intercept(p, confidence)


def _share(
    p: Predictions, right: NDArray[np.bool_], inside: NDArray[np.bool_], confidence: float
) -> Interval:
    """Return a proportion of the images inside, with Wilson's interval of what groups leave."""
    n = int(inside.sum())
    if not n:
        return Interval(NAN, NAN, NAN, "none", p.unit, 0)
    share, low, high = proportions.grouped_wilson(right[inside], p.group[inside], confidence)
    return Interval(share, low, high, "Wilson", p.unit, n)


def _mean(values: NDArray[np.float64], group: NDArray[np.int64], confidence: float) -> Interval:
    """Return a mean with Student's t over groups, whose sums are independent."""
    n = len(values)
    if not n:
        return Interval(NAN, NAN, NAN, "none", "group", 0, reason="no image")
    value, low, high = clustered_mean(values, group, confidence)
    if np.isnan(low):
        return Interval(value, NAN, NAN, "none", "group", n, reason="a single group")
    return Interval(value, low, high, "Student's t over groups", "group", n)
