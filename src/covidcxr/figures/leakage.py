"""Pictures, tables and sentences of the page on leakage."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from covidcxr.cohorts.samples import TIERS
from covidcxr.core import records
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE, TITLES
from covidcxr.core.words import in_words, listing, some
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.networks import simple_models
from covidcxr.scores import bootstrap, intervals, variance
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.metrics import word
from covidcxr.validity import epoch_selection, leakage

_INK, _BLUE, _RUST, _GREY = "#343a40", "#2a6f97", "#c1440e", "#6c757d"
_OF_SPLIT = {"random": ("image-level split", _RUST, "D"), "grouped": ("grouped split", _BLUE, "o")}
_OF_MODEL = {"nearest": (_RUST, "D"), "logistic": (_BLUE, "o"), "boosting": (_GREY, "s")}

YAGIS = {"random": 0.96, "grouped": 0.50}
"""Accuracy with random labels of brain scans, split by slices and by subjects
(Yagis et al., Sci Rep 11:22544, 2021, abstract)."""

SHOWN = ("accuracy", "sensitivity", "auroc")
"""The scores of the page."""


# --- image-level and grouped splits


def gains(found: Mapping[str, pd.DataFrame], confidence: float) -> Picture:
    """Draw by how many points image-level splits look better, a panel a score.

    Parameters
    ----------
    found
        By score, as `covidcxr.validity.leakage.gained` returns it.
    confidence
        Coverage of its intervals.
    """
    models = list(next(iter(found.values())).index)
    figure, axes = plt.subplots(
        1, len(found), figsize=(common.WIDTH, 1.4 + 0.4 * len(models)), sharey=True, squeeze=False
    )
    places = np.arange(len(models))[::-1]
    for axis, (score, rows) in zip(axes.flat, found.items(), strict=True):
        axis.axvline(0, color=_INK, lw=1)
        points = 100 * rows[["value", "low", "high", "wide_low", "wide_high"]]
        axis.hlines(places, points["wide_low"], points["wide_high"], color=_RUST, lw=1)
        axis.hlines(places, points["low"], points["high"], color=_RUST, lw=4)
        axis.plot(points["value"], places, marker="D", color=_RUST, ms=6, ls="")
        axis.set(xlabel=f"{word(score)}, points", ylim=(-0.6, len(models) - 0.4))
        axis.set_yticks(places, [leakage.MODELS[m] for m in models])
        axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=_RUST, marker="D", lw=4, label=f"{confidence:.0%} over draws"),
        Line2D([], [], color=_RUST, lw=1, label="corrected for images that draws share"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    told = "; ".join(
        f"{word(score)}: "
        + ", ".join(f"{leakage.MODELS[str(m)]} {_signed(r['value'])}" for m, r in rows.iterrows())
        for score, rows in found.items()
    )
    return Picture(figure, f"Image-level less grouped split, in points. {told}.")


def gains_table(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.validity.leakage.gained` returned of one score."""
    rows = [
        {
            "model": leakage.MODELS[str(model)],
            "image-level": f"{row['random']:.3f}",
            "grouped": f"{row['grouped']:.3f}",
            "difference, points": points(row["value"], row["low"], row["high"]),
            "corrected": limits(row["wide_low"], row["wide_high"]),
            "higher, lower": f"{row['more']:.0f}, {row['fewer']:.0f}",
        }
        for model, row in found.iterrows()
    ]
    return pd.DataFrame(rows).set_index("model")


def tiers_table(runs: pd.DataFrame, score: str, confidence: float) -> pd.DataFrame:
    """Write out the difference of every model on each subset of the images that was tried."""
    columns = {}
    for tier in runs["tier"].unique():
        of_tier = runs[runs["tier"] == tier]
        found = leakage.gained(of_tier, score, confidence)
        n = int(of_tier["trained"].iloc[0] + of_tier["tested"].iloc[0])
        columns[f"{TIERS[tier]} (n = {n:,})"] = {
            leakage.MODELS[str(m)]: points(r["value"], r["low"], r["high"])
            for m, r in found.iterrows()
        }
    return pd.DataFrame(columns).rename_axis("model")


def tiers_told(runs: pd.DataFrame, score: str, confidence: float) -> str:
    """Say whether the subsets agree with all images on which models gain."""
    names = [tier for tier in runs["tier"].unique() if tier != "all"]
    if not names:
        return (
            "Of this cohort no file is known to be annotated or to have come another way, so that "
            "there is no subset to repeat this on."
        )
    by_tier = {
        tier: leakage.gained(runs[runs["tier"] == tier], score, confidence)
        for tier in ("all", *names)
    }
    verdicts = {
        tier: {str(m): verdict(r["low"], r["high"], r["value"]) for m, r in found.iterrows()}
        for tier, found in by_tier.items()
    }
    apart = [
        f"{leakage.MODELS[m]} ({TIERS[tier]}: {is_}, all images: {was})"
        for tier in names
        for m, is_ in verdicts[tier].items()
        if is_ != (was := verdicts["all"][m])
    ]
    if not apart:
        return "On every subset each model's difference is judged as on all images."
    tried = len(names) * len(verdicts["all"])
    return (
        f"Of {tried} differences on subsets {in_words(len(apart))} "
        f"{'is' if len(apart) == 1 else 'are'} "
        f"judged otherwise than on all images ({'; '.join(apart)}); by chance alone about one in "
        f"{1 / (1 - confidence):.0f} intervals misses."
    )


def verdict(low: float, high: float, value: float) -> str:
    """Judge a difference by its interval: ``higher``, ``lower``, ``undecided`` or ``equal``."""
    if not np.isfinite(low):
        return "equal" if abs(value) < 1e-12 else ("higher" if value > 0 else "lower")
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "undecided"


# --- doses


def curves(runs: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw accuracy over the share of tested groups that were trained on, a panel a label.

    Parameters
    ----------
    runs
        As `covidcxr.validity.leakage.doses` returns them.
    confidence
        Coverage of the intervals over the seeds.
    """
    if runs.empty:
        return common.note("A class has no two groups of several images, which this needs.")
    figure, axes = plt.subplots(1, len(leakage.ARMS), figsize=(common.WIDTH, 3.6), squeeze=False)
    for axis, (arm, title) in zip(axes.flat, leakage.ARMS.items(), strict=True):
        for number, model in enumerate(leakage.PROBES):
            rows = runs[(runs["labels"] == arm) & (runs["model"] == model)]
            if rows.empty:
                continue
            means = {
                dose: leakage.over_seeds(100 * one["accuracy"], 0.0, confidence)
                for dose, one in rows.groupby("dose")
            }
            table = pd.DataFrame.from_dict(means, orient="index")
            color, marker = _OF_MODEL[model]
            x = 100 * table.index.to_numpy(dtype=float) + 1.5 * (number - 1)
            axis.plot(x, table["value"], color=color, marker=marker, ms=6)
            axis.vlines(x, table["low"], table["high"], color=color, lw=1.5)
        axis.set(title=f"labels: {title}", xlabel="tested groups that were trained on, %")
        axis.set_xticks([100 * dose for dose in leakage.DOSES])
        if arm == "coin":
            axis.axhline(50, color=_INK, lw=1, ls=":")
    axes[0, 0].set_ylabel("accuracy, %")
    handles = [
        Line2D([], [], color=c, marker=m, label=leakage.MODELS[name])
        for name, (c, m) in _OF_MODEL.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    ends = leakage.slopes(runs, "accuracy", confidence)
    told = "; ".join(
        f"{leakage.MODELS[r['model']]}, {leakage.ARMS[r['labels']]}: "
        f"{r['none']:.3f} to {r['all']:.3f}"
        for r in ends.to_dict("records")
    )
    return Picture(figure, f"Accuracy by the share of tested groups trained on, 0 to 1. {told}.")


def slopes_table(runs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Write out the slopes of accuracy and AUROC, a row a label and model."""
    if runs.empty:
        return pd.DataFrame()
    of = {score: leakage.slopes(runs, score, confidence) for score in ("accuracy", "auroc")}
    rows = [
        {
            "labels": {"truth": "reference", "coin": "coin"}[one["labels"]],
            "model": leakage.MODELS[one["model"]],
            "accuracy, none": f"{one['none']:.3f}",
            "all": f"{one['all']:.3f}",
            "slope": points(one["value"], one["low"], one["high"]),
            "slope of AUROC": points(area["value"], area["low"], area["high"]),
        }
        for one, area in zip(
            of["accuracy"].to_dict("records"), of["auroc"].to_dict("records"), strict=True
        )
    ]
    return pd.DataFrame(rows).set_index("labels")


def slopes_told(runs: pd.DataFrame, confidence: float) -> str:
    """Say what training on all instead of none of the tested groups adds."""
    if runs.empty:
        return "There are too few groups of several images to vary how many were trained on."
    found = leakage.slopes(runs, "accuracy", confidence)
    return " ".join(
        f"Where the labels are {title}, training on all instead of none of the tested groups adds "
        + listing(
            [
                f"{points(r['value'], r['low'], r['high'])} points to {_lower(r['model'])}"
                for r in found[found["labels"] == arm].to_dict("records")
            ]
        )
        + "."
        for arm, title in leakage.ARMS.items()
    )


# --- coins


def tossed(coins: pd.DataFrame, control: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Gather all experiments with coins.

    Parameters
    ----------
    coins, control
        Tables of the record.
    confidence
        Coverage of the intervals over seeds.

    Returns
    -------
    DataFrame
        A row an experiment, model and split: ``where``, ``model``, ``split``, ``images``,
        ``seen``, and accuracy as `covidcxr.validity.leakage.over_seeds` has it.
    """
    parts = [coins.assign(where=coins["images"].map(leakage.SETS))]
    names = control["images_per_patient"].map(
        lambda mean: f"phantoms, {mean:g} image{'' if mean == 1 else 's'} a patient"
    )
    parts.append(control.assign(where=names))
    runs = pd.concat(parts, ignore_index=True)
    rows = []
    for (where, model, split), one in runs.groupby(["where", "model", "split"], sort=False):
        ratio = float((one["tested"] / one["trained"]).mean())
        rows.append(
            {
                "where": where,
                "model": model,
                "split": split,
                "images": int((one["trained"] + one["tested"]).max()),
                "seen": float(one["seen"].mean()),
                **leakage.over_seeds(one["accuracy"], ratio, confidence),
            }
        )
    return pd.DataFrame(rows)


def chance(found: pd.DataFrame, confidence: float) -> Picture:
    """Draw what is reached with coins for labels, beside the published anchor."""
    keys = list(dict.fromkeys(zip(found["where"], found["model"], strict=True)))
    names = [f"{where}\n{leakage.MODELS[model]}" for where, model in keys]
    names.append("Yagis et al. 2021: brain scans,\nby slice and by subject")
    places = np.arange(len(names))[::-1]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 1.3 + 0.5 * len(names)))
    axis.axvline(50, color=_INK, lw=1, ls=":")
    for place, key in zip(places, keys, strict=False):
        rows = found[(found["where"] == key[0]) & (found["model"] == key[1])]
        for row in rows.to_dict("records"):
            at = place + (0.14 if row["split"] == "random" else -0.14)
            _mark(axis, str(row["split"]), 100 * row["value"], at)
            axis.hlines(
                at, 100 * row["low"], 100 * row["high"], color=_OF_SPLIT[row["split"]][1], lw=2.5
            )
    for split, value in YAGIS.items():
        _mark(axis, split, 100 * value, places[-1], hollow=True)
    axis.set_yticks(places, names)
    axis.set(xlabel="accuracy, %", xlim=(30, 101), ylim=(-0.7, len(names) - 0.3))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=c, marker=m, label=f"{text}, {confidence:.0%} interval")
        for text, c, m in _OF_SPLIT.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    told = "; ".join(
        f"{r['where']}, {leakage.MODELS[r['model']]}, {_OF_SPLIT[r['split']][0]}: "
        f"{100 * r['value']:.1f}%"
        for r in found.to_dict("records")
    )
    return Picture(figure, f"Accuracy with a coin for each group as its label. {told}.")


def coins_table(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `tossed` returned, a row an experiment and model."""
    rows = []
    for (where, model), one in found.groupby(["where", "model"], sort=False):
        by = one.set_index("split").to_dict("index")
        rows.append(
            {
                "coins on": where,
                "model": leakage.MODELS[str(model)],
                "n": f"{by['random']['images']:,}",
                "seen": f"{by['random']['seen']:.0%}",
                "image-level, %": _share(by["random"]),
                "grouped, %": _share(by["grouped"]),
            }
        )
    return pd.DataFrame(rows).set_index("coins on")


def coins_told(found: pd.DataFrame) -> str:
    """Say what is reached on groups of several images where nothing is to be learned."""
    where = leakage.SETS["several" if (found["where"] == leakage.SETS["several"]).any() else "all"]
    rows = found[found["where"] == where]
    by = {split: rows[rows["split"] == split].to_dict("records") for split in leakage.SPLITS}
    reached = [
        f"{_lower(r['model'])} is right on {100 * r['value']:.1f}% "
        f"({100 * r['low']:.1f} to {100 * r['high']:.1f})"
        for r in by["random"]
    ]
    spared = [f"{100 * r['value']:.1f}% ({100 * r['low']:.1f} to {100 * r['high']:.1f})"
              for r in by["grouped"]]  # fmt: skip
    return (
        f"With coins for labels, on {where}, {listing(reached)} under an image-level split; under "
        f"a grouped one {listing(spared)}."
    )


# --- networks


def compared(
    runs: Sequence[Record], group: Mapping[str, str], threshold: float, confidence: float
) -> pd.DataFrame:
    """Compare `covidcxr.validity.leakage.within` each run on an image-level split.

    Parameters
    ----------
    runs
        Records of trainings; those on grouped splits, and those in which no tested image's
        group was trained on, or every one's, are left out.
    group
        By image_id the name of its group.
    threshold, confidence
        As for `covidcxr.validity.leakage.within`.

    Returns
    -------
    DataFrame
        A row a run and score, with ``run``, ``model``, ``split``, ``seed``, and the images
        of either side by class, as text: ``seen_by_class``, ``unseen_by_class``.
    """
    tables = []
    for run in runs:
        given = run["parameters"]
        found = leakage.within(
            run.table("predictions"), group, threshold=threshold, confidence=confidence
        ).reset_index()
        if given["split"].startswith("grouped") or found["value"].isna().all():
            continue
        name = f"{TITLES[given['model']]}, {given['split']}, seed {given['seed']}"
        keys = {"run": name, **{k: given[k] for k in ("model", "split", "seed")}}
        tested = _tested(run, group)
        keys |= {
            side: " + ".join(str((rows["label"] == label).sum()) for label in LABELS)
            for side, rows in (("seen_by_class", tested[tested["known"]]),
                               ("unseen_by_class", tested[~tested["known"]]))
        }  # fmt: skip
        tables.append(found.assign(size=given["image_size"], **keys))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def within_picture(found: pd.DataFrame, confidence: float) -> Picture | Html:
    """Draw what `compared` returned: differences with intervals, a panel a score."""
    if found.empty:
        return common.note(
            "No recorded training has tested images of both kinds, so there is nothing to compare."
        )
    scores = ("accuracy", "balanced_accuracy", "auroc")
    names = list(dict.fromkeys(found["run"]))
    places = {name: place for place, name in enumerate(reversed(names))}
    figure, axes = plt.subplots(
        1, len(scores), figsize=(common.WIDTH, 1.5 + 0.34 * len(names)), sharey=True
    )
    told = []
    for axis, score in zip(axes, scores, strict=True):
        axis.axvline(0, color=_INK, lw=1)
        rows = found[found["score"] == score]
        at = rows["run"].map(places)
        axis.hlines(at, 100 * rows["low"], 100 * rows["high"], color=_RUST, lw=2)
        axis.plot(100 * rows["value"], at, marker="D", color=_RUST, ms=5, ls="")
        axis.set(xlabel=f"{word(score)}, points", ylim=(-0.6, len(names) - 0.4))
        axis.set_yticks(list(places.values()), list(places))
        axis.grid(axis="y", visible=False)
        told.append(f"{word(score)} {_signed(rows['value'].mean())}")
    text = f"Images whose group was trained on less the others, {confidence:.0%} intervals"
    return Picture(figure, f"{text}, by run. Means of the runs: {', '.join(told)} points.")


def within_table(found: pd.DataFrame) -> pd.DataFrame:
    """Write out the balanced accuracies of what `compared` returned."""
    if found.empty:
        return pd.DataFrame()
    rows = [
        {
            "run": row["run"],
            "n seen": f"{row['seen_by_class']} ({row['groups_seen']})",
            "n others": f"{row['unseen_by_class']} ({row['groups_unseen']})",
            "seen": f"{row['seen']:.3f}",
            "others": f"{row['unseen']:.3f}",
            "difference, points": points(row["value"], row["low"], row["high"]),
        }
        for row in found[found["score"] == "balanced_accuracy"].to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("run")


def within_told(found: pd.DataFrame) -> str:
    """Say what `compared` found over all runs."""
    if found.empty:
        return "No recorded training can be looked at in this way."
    parts = []
    for score in ("balanced_accuracy", "auroc"):
        rows = found[(found["score"] == score) & found["value"].notna()]
        higher = int((rows["value"] > 0).sum())
        parts.append(
            f"{word(score)} is higher in {some(higher, len(rows))} run{'s' * (len(rows) > 1)}, by "
            f"{_signed(rows['value'].mean())} points on average ({_decided(rows)})"
        )
    told = f"On images whose group was trained on, {listing(parts)}"
    return f"{told}; runs on one split share images."


def _decided(rows: pd.DataFrame) -> str:
    """Say how many intervals lie to either side of 0."""
    above, below = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
    if not above and not below:
        return "no interval excludes 0"
    return f"of the intervals, {in_words(above)} above 0 and {in_words(below)} below"


def _tested(run: Record, group: Mapping[str, str]) -> pd.DataFrame:
    """Return a training's tested images, their groups, and whether these were trained on."""
    table = run.table("predictions")
    names = table["image_id"].map(group).fillna(table["group_id"]).astype(str)
    known = names.isin(names[table["part"] == "train"])
    return table.assign(name=names, known=known)[table["part"] == "test"]


def by_name(
    runs: Sequence[Record], group: Mapping[str, str], threshold: float, confidence: float
) -> pd.DataFrame:
    """Pair the trainings of one network on the split by file name and on a grouped one.

    The split by name deals images out without a look at their groups, but draws nothing, so
    that it has no grouped partner of the same draw, as `covidcxr.validity.leakage.networks` asks.

    Parameters
    ----------
    runs
        Records of trainings.
    group
        By image_id the name of its group.
    threshold, confidence
        As for `covidcxr.validity.leakage.within`.

    Returns
    -------
    DataFrame
        A row a pair that has all but the split in common, and score (accuracy, AUROC):
        ``model``, ``seed``, ``draw`` (the grouped split's name), ``score``; of the split by
        name and the grouped one (``_grouped``) ``value``, ``low``, ``high``, ``n`` tested
        images and those of a group that was trained on, ``known``; their ``difference``
        with ``least`` and ``most``; ``both``, images that either split tests.

    Notes
    -----
    The two test parts differ, so that the difference is one of two samples, whose intervals,
    which count groups, combine as `covidcxr.scores.intervals.difference` has it. Images that both
    test make the two a little alike, and the interval too wide rather than too narrow.
    """
    rows = []
    for one in (run for run in runs if run["parameters"]["split"] == "keras"):
        for other in (run for run in runs if run["parameters"]["split"].startswith("grouped")):
            given, grouped = ({**run["parameters"], "split": ""} for run in (one, other))
            if given != grouped:
                continue
            tests = [_tested(run, group) for run in (one, other)]
            sides = [_evaluated(test, threshold, confidence) for test in tests]
            for score in ("accuracy", "auroc"):
                away = intervals.difference(sides[0][score], sides[1][score])
                row: dict[str, Any] = {"model": given["model"], "seed": given["seed"]}
                row |= {"draw": other["parameters"]["split"], "score": score}
                for test, side, end in zip(tests, sides, ("", "_grouped"), strict=True):
                    found = side[score]
                    row |= {f"value{end}": found.value, f"low{end}": found.low}
                    row |= {f"high{end}": found.high, f"n{end}": len(test)}
                    row |= {f"known{end}": int(test["known"].sum())}
                row |= dict(zip(("difference", "least", "most"), away, strict=True))
                row["both"] = int(tests[0]["image_id"].isin(tests[1]["image_id"]).sum())
                rows.append(row)
    rows.sort(key=lambda row: list(TITLES).index(row["model"]))
    return pd.DataFrame(rows)


def _evaluated(
    test: pd.DataFrame, threshold: float, confidence: float
) -> dict[str, intervals.Interval]:
    positive = (test["label"] == POSITIVE).to_numpy(dtype=bool)
    given = simple_models.as_predictions(
        test["score"].to_numpy(dtype=float), positive, test["name"]
    )
    # Neither of the two scores is resampled.
    return intervals.evaluate(given, Protocol(threshold, confidence, resamples=100))


def by_name_table(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `by_name` returned."""
    rows = [
        {
            "network": TITLES[row["model"]],
            "score": word(row["score"]),
            f"by name, n = {_span(found['n'])}": (
                f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
            ),
            f"grouped, n = {_span(found['n_grouped'])}": (
                f"{row['value_grouped']:.3f} ({row['low_grouped']:.3f} to "
                f"{row['high_grouped']:.3f})"
            ),
            "difference, points": points(row["difference"], row["least"], row["most"]),
        }
        for row in found.to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("network") if rows else pd.DataFrame()


def _span(counts: pd.Series) -> str:
    return " to ".join(dict.fromkeys(f"{n:,}" for n in (counts.min(), counts.max())))


def by_name_told(found: pd.DataFrame) -> str:
    """Say what the pairs of `by_name` differ by, and what their test parts have in common."""
    if found.empty:
        return "There is no such pair here."
    rows = found[found["score"] == "accuracy"]
    away = rows["difference"]
    decided = _decided(rows.assign(low=rows["least"], high=rows["most"]))
    each = [
        f"{_signed(value)} ({TITLES[model]})"
        for model, value in zip(rows["model"], away, strict=True)
    ]
    text = (
        f"By name, accuracy is higher in {some(int((away > 0).sum()), len(away))} "
        f"pair{'s' * (len(away) > 1)}: the difference is {listing(each)} points, and {decided}."
    )
    counts = ["n", "known", "n_grouped", "known_grouped", "both"]
    if len(rows[counts].drop_duplicates()) > 1:
        return text
    n, known, n_grouped, known_grouped, both = (int(k) for k in rows[counts].iloc[0])
    return (
        f"{text} Of {n:,} images tested by name {known or 'none'} belong to a group that was "
        f"trained on; of {n_grouped:,} tested by group {known_grouped or 'none'} do, by copies "
        f"under another name. Of all images, {both or 'none'} are in both test parts."
    )


def spread_told(runs: Sequence[Record], threshold: float) -> str:
    """Say how far trainings lie apart that differ in nothing but the draw of a split and the seed.

    Parameters
    ----------
    runs
        Records of trainings; of those that are alike in all else the most are taken.
    threshold
        A score at or above it reads as COVID19.
    """
    alike: dict[str, list[Record]] = {}
    for run in runs:
        given = {k: v for k, v in run["parameters"].items() if k not in ("split", "seed")}
        if run["parameters"]["split"].startswith("random"):
            alike.setdefault(repr(sorted(given.items(), key=str)), []).append(run)
    most = max(alike.values(), key=len, default=[])
    if len(most) < 2:
        return "No training was repeated on other draws of a split at random."
    scored = variance.runs(most, threshold)["accuracy"]
    return (
        f"For comparison: {in_words(len(most))} trainings of "
        f"{TITLES[most[0]['parameters']['model']]} in the study '{most[0]['study']}' differ in "
        f"nothing but the draw of a split at random and the seed, and their accuracies lie between "
        f"{scored.min():.3f} and {scored.max():.3f}."
    )


def pairs_told(runs: Sequence[Record], pairs: pd.DataFrame, named: pd.DataFrame) -> str:
    """Say of which studies trainings are looked at, and which of them make pairs.

    Parameters
    ----------
    runs
        Records of trainings.
    pairs
        As `covidcxr.validity.leakage.networks` returns them.
    named
        As `by_name` returns them.
    """
    if not runs:
        return "No training is recorded for this cohort."
    n = len(runs)
    counts = pd.Series([run.study for run in runs]).value_counts(sort=False)
    of = listing([f"{in_words(int(k))} of the study '{name}'" for name, k in counts.items()])
    text = (
        f"Looked at {'is' if n == 1 else 'are'} {in_words(n)} training{'s' * (n > 1)}: {of}. Those "
        "of other studies are not."
    )
    if pairs.empty:
        text += (
            " No two of them differ in nothing but a split at random and a grouped one of the same "
            "draw, so that this comparison of networks has not been run."
        )
    else:
        gain = pairs["accuracy"]
        text += (
            f" {_pairs(len(pairs)).capitalize()} in nothing but a split at random and a grouped "
            f"one of the same draw; the split at random is more accurate in "
            f"{some(int((gain > 0).sum()), len(pairs))}, by {_signed(gain.mean())} points on "
            "average."
        )
    n = len(named[named["score"] == "accuracy"]) if len(named) else 0
    if n:
        text += (
            f" {_pairs(n).capitalize()} in nothing but the split by file name and a grouped one."
        )
    return text


def _pairs(n: int) -> str:
    return f"{in_words(n)} pair{'s differ' if n > 1 else ' differs'}"


def pairs_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.validity.leakage.networks` returned."""
    if pairs.empty:
        return pairs
    rows = [
        {
            "network": TITLES[row["model"]],
            "draw, seed": f"{row['draw']}, {row['seed']}",
            **{
                f"{word(s)}, image-level less grouped": (
                    f"{row[f'{s}_random']:.3f} less {row[f'{s}_grouped']:.3f}: {_signed(row[s])}"
                )
                for s in ("accuracy", "auroc")
            },
        }
        for row in pairs.to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("network")


# --- choosing by the test part


def selected(results: Path, replicates: Path, confidence: float) -> str:
    """Say what choosing the epoch on the test part buys, from the nearest record of it."""
    for folder, what in ((results, "this study"), (replicates, "")):
        if not (folder / epoch_selection.NAME / "record.json").is_file():
            continue
        made = records.read(folder / epoch_selection.NAME)
        kind = "synthetic" if made.is_synthetic else "real"
        what = what or f"the study '{made['study']}', on {kind} images"
        rows = epoch_selection.chosen(made, confidence).to_dict("index")
        truth, coin = (rows[epoch_selection.ARMS[arm]] for arm in ("truth", "coin"))
        return (
            f"Recorded for {what}: over {truth['runs']} runs of a small network, the epoch that is "
            f"best on the test part looks {truth['gain']:.1f} points ({truth['low']:.1f} to "
            f"{truth['high']:.1f}) more accurate than the one chosen by the validation part, and "
            f"{coin['gain']:.1f} points ({coin['low']:.1f} to {coin['high']:.1f}) where the labels "
            "are coins and nothing can be learned."
        )
    return "No run that chooses its epoch is recorded, neither for this study nor for replicates."


# --- the whole in words


def cohort_told(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Say how many images and groups the cohort has, and how many groups of several images."""
    parts = [
        f"{one['images']:,} {label} images of {one['groups']:,} groups ({one['groups_of_several']} "
        f"of them with several images, {one['images_of_several']} in all)"
        for label, one in counts.items()
    ]
    return f"The cohort holds {listing(parts)}."


def doses_told(runs: pd.DataFrame) -> str:
    """Say how many images train and test where the dose varies."""
    if runs.empty:
        return "This cohort has too few groups of several images for it."
    trained = runs["trained"].agg(["min", "max"]).tolist()
    size = f"{trained[0]:,}" + (f" to {trained[1]:,}" if trained[0] != trained[1] else "")
    return (
        f"Each seed tests {runs['tested'].iloc[0]} images and trains on the same number at every "
        f"dose, {size} by seed."
    )


def seen_told(runs: pd.DataFrame) -> str:
    """Say how many tested images have a group that was trained on, with the range of draws."""
    seen = runs[runs["split"] == "random"].groupby("seed")["seen"].first()
    return f"{seen.mean():.0%} of the tested images ({seen.min():.0%} to {seen.max():.0%})"


def answer(found: pd.DataFrame, runs: pd.DataFrame, coins: pd.DataFrame) -> str:
    """Answer the page's question in two sentences: what labels gain by the split, and coins.

    Parameters
    ----------
    found
        As `covidcxr.validity.leakage.gained` returns it for accuracy.
    runs
        Its runs.
    coins
        As `tossed` returns it.
    """
    clear = int((found["low"] > 0).sum())
    where = leakage.SETS["several" if (coins["where"] == leakage.SETS["several"]).any() else "all"]
    best = coins[(coins["where"] == where) & (coins["split"] == "random")]["value"].idxmax()
    model = str(coins.loc[best, "model"])
    by = coins[(coins["where"] == where) & (coins["model"] == model)].set_index("split")["value"]
    return (
        f"An image-level split, under which {seen_told(runs)} belong to a group that was trained "
        f"on, raised the accuracy of {some(clear, len(found))} simple models by more than chance "
        f"does (differences of {_signed(found['value'].min())} to "
        f"{_signed(found['value'].max())} points). Where a coin decides each group's label, so "
        f"that the true accuracy is 50%, {_lower(model)} shows {100 * by['random']:.0f}% under an "
        f"image-level split and {100 * by['grouped']:.0f}% under a grouped one ({where})."
    )


def room(found: pd.DataFrame) -> str:
    """Say how much an image-level split could add at most, from what `gained` returned."""
    best = str(found["grouped"].idxmax())
    left = 100 * (1 - float(found["grouped"].max()))
    return (
        f"With whole groups kept apart {_lower(best)} is right on {100 - left:.1f}% of the tested "
        f"images, which leaves an image-level split at most {left:.1f} points to add."
    )


def points(value: float, low: float, high: float) -> str:
    """Write a difference of fractions in points, with its limits where it has any."""
    if not np.isfinite(value):
        return "–"
    return _signed(value) + (f" {limits(low, high)}" if np.isfinite(low) else "")


def limits(low: float, high: float) -> str:
    """Write limits of a difference of fractions in points."""
    return f"({_signed(low)} to {_signed(high)})" if np.isfinite(low) else "–"


def _signed(value: float) -> str:
    """Write a fraction in points with its sign, with more digits where one would leave a zero."""
    found = 100 * value
    if not np.isfinite(found) or abs(value) <= bootstrap.EQUAL:
        return "–" if not np.isfinite(found) else "0.0"
    digits = next(n for n in range(1, 12) if round(found, n))
    return f"{found:+.{digits}f}"


def _share(row: Mapping[Hashable, Any]) -> str:
    text = f"{100 * row['value']:.1f}"
    if np.isfinite(row["low"]):
        text += f" ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    return text


def _lower(model: str) -> str:
    if model == "neighbours":
        return f"the vote of {in_words(leakage.NEIGHBOURS)} nearest neighbours"
    name = leakage.MODELS[model]
    return name[0].lower() + name[1:]


def _mark(axis: Axes, split: str, value: float, place: float, *, hollow: bool = False) -> None:
    _, color, marker = _OF_SPLIT[split]
    fill = "white" if hollow else color
    axis.plot(value, place, marker=marker, color=color, markerfacecolor=fill, ms=7, ls="", zorder=3)
