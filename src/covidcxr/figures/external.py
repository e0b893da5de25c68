"""Pictures, tables and sentences of the page on external testing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.cohorts.samples import OWN, TIERS
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE
from covidcxr.core.words import listing
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.metrics import auroc, word
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import Tested

_INK, _GREY = "#343a40", "#6c757d"
_LOOKS = (
    ("#2a6f97", "o"), ("#c1440e", "D"), ("#8a6d00", "s"), ("#6a4c93", "^"), ("#6c757d", "v"),
)  # fmt: skip
"""Colour and mark of the internal images and of each external cohort."""

VERDICTS = {
    "lower": "lower there",
    "higher": "higher there",
    "undecided": "not told apart",
    "unknown": "unknown",
}
"""What a gap means for the AUROC elsewhere."""

TABIK = {"severe": 0.9772, "mild": 0.618}
"""Accuracy by severity where one hospital gave both classes (Tabik et al., IEEE J Biomed
Health Inform 24:3595-3605, 2020)."""

REVIEWED = 62
"""Studies whose risk of bias Roberts et al., Nat Mach Intell 3:199-217 (2021), judged."""

_NEAREST, _TICKS = 1e-4, (0.001, 0.1, 0.5, 0.9, 0.999)
_WORDS = {"excess": "mean score less share"}


# --- pictures


def areas(scores: pd.DataFrame, confidence: float, width: float = common.WIDTH) -> Picture | Html:
    """Draw the AUROC of every model on every cohort, with intervals.

    Parameters
    ----------
    scores
        As `covidcxr.validity.external.summary` returns it; overlapping images are left out.
    confidence
        Coverage of its intervals.
    width
        Of the figure, in inches.
    """
    rows = scores[(scores["score"] == "auroc") & scores["kept"].astype(bool)]
    if rows.empty:
        return common.note("No model was tested on images from elsewhere.")
    models, cohorts = list(rows["model"].unique()), list(rows["cohort"].unique())
    figure, axis = plt.subplots(figsize=(width, 1.5 + 0.62 * len(models)))
    step, told = 0.7 / max(1, len(cohorts)), []
    handles = []
    for number, cohort in enumerate(cohorts):
        color, mark = _LOOKS[number % len(_LOOKS)]
        of = rows[rows["cohort"] == cohort].set_index("model").reindex(models)
        places = len(models) - 1 - np.arange(len(models)) + 0.35 - step * (number + 0.5)
        axis.hlines(places, of["low"], of["high"], color=color, lw=2.5)
        axis.plot(of["value"], places, marker=mark, color=color, ms=6.5, ls="")
        name = _tested_on(cohort, number == 0)
        handles.append(Line2D([], [], color=color, marker=mark, label=name))
        told.append(f"{name}: " + ", ".join(f"{m} {_number(of.loc[m, 'value'])}" for m in models))
    axis.axvline(0.5, color=_INK, lw=1, ls=":")
    handles.append(Line2D([], [], color=_INK, lw=1, ls=":", label="no skill"))
    least = min(0.4, float(rows[["value", "low"]].min().min(skipna=True)) - 0.04)
    axis.set(xlabel=f"AUROC, {confidence:.0%} interval", xlim=(max(least, -0.01), 1.01))
    axis.set(ylim=(-0.6, len(models) - 0.4))
    axis.set_yticks(range(len(models)), models[::-1])
    axis.grid(axis="y", visible=False)
    columns = 4 if width >= common.WIDTH else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return Picture(figure, f"AUROC of each model by cohort, with intervals. {'; '.join(told)}.")


def called(test: Tested, threshold: float) -> Picture:
    """Draw the share of each class that is called positive over the threshold, by cohort.

    Parameters
    ----------
    test
        Of one model.
    threshold
        Drawn as a line, beside that of `covidcxr.validity.external.threshold_of` at home.
    """
    panels = panelled(test)
    travelling = external.threshold_of(test.internal)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(common.WIDTH, 3.9), sharey=True, squeeze=False
    )
    told = []
    for axis, (name, p) in zip(axes.flat, panels.items(), strict=True):
        for label, inside in zip(LABELS, (p.positive, ~p.positive), strict=True):
            score = np.sort(p.score[inside].clip(_NEAREST, 1 - _NEAREST))
            if not len(score):
                continue
            # From a threshold just below a score on, it is called.
            at = np.concatenate([[_NEAREST], score, [1 - _NEAREST]])
            share = np.concatenate([[1], 1 - np.arange(len(score)) / len(score), [0]])
            line = "-" if label == POSITIVE else "--"
            axis.step(at, share, where="pre", color=common.COLORS[label], ls=line, lw=2)
            there = [(score >= t).mean() for t in (threshold, travelling)]
            told.append(
                f"{name}, {label}: {there[0]:.2f} at {threshold:g} and "
                f"{there[1]:.2f} at {travelling:.2g}"
            )
        axis.axvline(threshold, color=_INK, lw=1, ls=":")
        axis.axvline(np.clip(travelling, _NEAREST, 1 - _NEAREST), color=_GREY, lw=1.5, ls="-.")
        axis.set_xscale("logit")
        axis.set(title=name, xlabel="threshold", ylim=(-0.02, 1.02))
        axis.set_xlim(_NEAREST, 1 - _NEAREST)
        axis.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("share of the class\ncalled COVID19")
    handles = [
        Line2D([], [], color=common.COLORS[label], ls=line, label=f"{label}: {name}")
        for label, line, name in zip(
            LABELS, ("-", "--"), ("sensitivity", "1 − specificity"), strict=True
        )
    ]
    handles.append(Line2D([], [], color=_INK, lw=1, ls=":", label="threshold of the study"))
    handles.append(Line2D([], [], color=_GREY, ls="-.", label="threshold chosen at home"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(test.name)
    return Picture(
        figure,
        f"{test.name}: share of each class called COVID19 over the threshold, a panel a cohort. "
        f"{'; '.join(told)}.",
    )


def panelled(test: Tested) -> dict[str, Predictions]:
    """Return a model's predictions by what to write above a panel, empty cohorts left out."""
    return {
        f"{_tested_on(cohort, cohort == test.home)} (n = {len(p):,})": p
        for cohort, p in test.cohorts.items()
        if len(p)
    }


# --- tables


def removed_table(made: Record) -> pd.DataFrame:
    """Count the external images by class, what left the test and why, and what stayed."""
    images, removed = made.table("images"), made.table("removed")
    removed = removed[removed["trained_on"] == OWN]
    rows = []
    for cohort in external.cohorts(made):
        for label in LABELS:
            n = int(((images["cohort"] == cohort) & (images["label"] == label)).sum())
            of = removed[(removed["cohort"] == cohort) & (removed["label"] == label)]
            near, patient = (int(of.loc[of["reason"] == r, "n"].sum()) for r in external.REASONS)
            rows.append(
                {"tested on": cohort, "class": label, "images": n, "copies of trained ones": near,
                 "others of trained groups": patient, "left": n - near - patient}
            )  # fmt: skip
    return pd.DataFrame(rows)


def both_ways(scores: pd.DataFrame) -> pd.DataFrame:
    """Set the AUROC with all external images beside that without overlapping ones."""
    home = scores["cohort"].iloc[0]
    rows = scores[(scores["score"] == "auroc") & (scores["cohort"] != home)]
    return pd.DataFrame(
        [
            {"model": model, "tested on": cohort}
            | {
                "all images": _interval(of[~of["kept"]].iloc[0], 3),
                "overlap removed": _interval(of[of["kept"]].iloc[0], 3),
            }
            for (model, cohort), of in rows.groupby(["model", "cohort"], sort=False)
        ]
    )


def scores_table(scores: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Write out some scores of every model and cohort, overlapping images removed."""
    home = scores["cohort"].iloc[0]
    rows = scores[scores["kept"]]
    return pd.DataFrame(
        [
            {"model": model, "tested on": _tested_on(str(cohort), cohort == home)}
            | {
                _WORDS.get(name, word(name)): _interval(
                    of[of["score"] == name].iloc[0], 3 if name in ("auroc", "brier") else 2
                )
                for name in names
            }
            for (model, cohort), of in rows.groupby(["model", "cohort"], sort=False)
        ]
    )


def gaps_table(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.gaps` returned."""
    return pd.DataFrame(
        [
            {
                "model": row["model"],
                "tested on": row["cohort"],
                "internal": _number(row["internal"]),
                "external": _number(row["external"]),
                "gap": _interval(row, 3, signed=True),
                "AUROC": VERDICTS[row["verdict"]],
            }
            for row in found.to_dict("records")
        ]
    )


def networks_tables(nets: Mapping[str, Tested], threshold: float, confidence: float) -> Html:
    """Write out gaps, scores and calibration of networks."""
    scores = external.summary(nets, threshold, confidence)
    about = f"{confidence:.0%} intervals by group."
    return common.stack(
        common.table(
            gaps_table(external.gaps(nets, confidence)), f"Networks: AUROC and gap, with {about}"
        ),
        common.table(
            scores_table(scores, ("sensitivity", "specificity")),
            f"Networks: scores at a threshold of {threshold:g}, with {about}",
        ),
        common.table(
            travelled_table(external.travelled(nets, confidence)),
            f"Networks: the threshold chosen on the test part, elsewhere, with {about}",
        ),
        common.table(
            scores_table(scores, ("slope", "brier", "excess")),
            f"Networks: calibration, with {about}",
        ),
    )


def travelled_table(found: pd.DataFrame, home: str = OWN) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.travelled` returned."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "threshold": f"{of['threshold'].iloc[0]:.3g}",
                "tested on": _tested_on(str(cohort), cohort == home),
                **{str(r["score"]): _interval(r, 2) for r in of.to_dict("records")},
            }
            for (model, cohort), of in found.groupby(["model", "cohort"], sort=False)
        ]
    )


def swapped_table(found: pd.DataFrame, label: str) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.swapped` returned of one class."""
    score = "sensitivity" if label == POSITIVE else "specificity"
    return pd.DataFrame(
        [
            {
                "source": row["source"],
                "in": row["cohort"],
                "images": row["n"],
                "share of trained ones": f"{row['trained']:.0%}",
                "model": row["model"],
                score: _interval(row, 2),
            }
            for row in found[found["label"] == label].to_dict("records")
        ]
    )


def reverse_table(made: Record, confidence: float) -> pd.DataFrame:
    """Write out the gaps of models that were trained on an external cohort."""
    tables = []
    for home in external.cohorts(made):
        tests = external.tested(made, home)
        shown = gaps_table(external.gaps(tests, confidence))
        if len(shown):
            shown.insert(0, "trained on", home)
            tables.append(shown)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def tiers_table(made: Record, confidence: float) -> pd.DataFrame:
    """Write out the gaps of models that were trained on a subset of the cohort."""
    tables = []
    for tier, trained_on in _tiers(made).items():
        tests = external.tested(made, trained_on)
        shown = gaps_table(external.gaps(tests, confidence))
        n = len(next(iter(tests.values())).internal)
        shown.insert(0, "trained on", f"{TIERS[tier]}, {n:,}")
        tables.append(shown)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def origins_table(made: Record) -> pd.DataFrame:
    """Write out how well the cohort's images of a class are told from another's."""
    return pd.DataFrame(
        [
            {"class": row["label"], "cohort": f"{row['own']:,} images",
             "against": f"{row['cohort']}, {row['other']:,} images", "AUROC": _interval(row, 3)}
            for row in made.table("origins").to_dict("records")
        ]
    )  # fmt: skip


def anchors_table(found: pd.DataFrame) -> pd.DataFrame:
    """Set published gaps above ours."""
    published = [
        {"result": title, "internal": inside, "external": outside}
        for title, inside, outside in external.ANCHORS.values()
    ]
    ours = [
        {"result": f"here: {row['model']}, {row['cohort']}", "internal": row["internal"],
         "external": row["external"]}
        for row in found.to_dict("records")
    ]  # fmt: skip
    rows = pd.DataFrame([*published, *ours])
    rows["gap"] = (rows["internal"] - rows["external"]).map("{:+.3f}".format)
    rows["internal"] = rows["internal"].map(_number)
    rows["external"] = rows["external"].map(_number)
    return rows.replace({"+nan": "–", "nan": "–"})


# --- sentences


def best(tests: Mapping[str, Tested]) -> str:
    """Return the model with the highest internal AUROC."""
    inside = {name: auroc(t.internal.positive, t.internal.score) for name, t in tests.items()}
    return max(inside, key=lambda name: np.nan_to_num(inside[name]))


def answer(made: Record, tests: Mapping[str, Tested], confidence: float) -> str:
    """Say in one sentence what the best internal model reaches elsewhere."""
    remark = (
        "On synthetic images, whose numbers show the form and find nothing: "
        if made.is_synthetic
        else ""
    )
    name = best(tests)
    test = tests[name]
    scores = external.summary({name: test}, confidence=confidence)
    kept = scores[(scores["score"] == "auroc") & scores["kept"]]
    area = {str(row["cohort"]): row for row in kept.to_dict("records")}
    text = (
        f"{remark}{name}, which of {len(tests)} models has the highest AUROC on images like those "
        f"it was trained on, has an AUROC of {_interval(area[test.home], 3)} there "
        f"(n = {len(test.internal):,})"
    )
    if not test.external:
        return f"{text}; the study has no external cohort, so that nothing is known of others."
    found = external.gaps({name: test}, confidence).set_index("cohort")["verdict"]
    parts = []
    for cohort, p in test.external.items():
        if not len(p):
            parts.append(f"nothing to be tested on in {cohort}, which overlaps with training")
        elif not np.isfinite(area[cohort]["value"]):
            parts.append(f"none on {cohort} ({area[cohort]['reason']})")
        else:
            value = _interval(area[cohort], 3)
            parts.append(f"{value} on {cohort} (n = {len(p):,}, {VERDICTS[found[cohort]]})")
    return f"{text}, {listing(parts)}."


def about(made: Record, tests: Mapping[str, Tested]) -> str:
    """Say what is tested on what."""
    p = next(iter(tests.values())).internal
    text = (
        f"The cohort has {len(p):,} images of {p.units:,} groups, {int(p.positive.sum()):,} of the "
        "images COVID19"
    )
    images = made.table("images")
    counts = pd.crosstab(images["cohort"], images["label"]).reindex(columns=LABELS, fill_value=0)
    other = [
        f"'{name}' has {counts.loc[name].sum():,}, {counts.loc[name, POSITIVE]:,} of them COVID19"
        for name in external.cohorts(made)
    ]
    return f"{text}; {listing(other)}." if other else f"{text}; the study has no external cohort."


def removed_told(made: Record, tests: Mapping[str, Tested]) -> str:
    """Say how many images left the test, and which cohort is empty for it."""
    rows = removed_table(made)
    if rows.empty:
        return "There is no external cohort from which an image could be removed."
    text = []
    for name in external.cohorts(made):
        of = rows[rows["tested on"] == name]
        lost = int((of["images"] - of["left"]).sum())
        total = int(of["images"].sum())
        if lost == total:
            text.append(
                f"Of '{name}' nothing is left: all {total:,} images are copies of trained ones or "
                "of their groups, and no score of it is external."
            )
        elif lost:
            by_class = ", ".join(
                f"{r['images'] - r['left']:,} of {r['images']:,} {r['class']}"
                for r in of.to_dict("records")
            )
            text.append(f"'{name}' loses {by_class} images.")
        else:
            text.append(f"'{name}' loses none of its {total:,} images.")
    return " ".join(text)


def gaps_told(found: pd.DataFrame) -> str:
    """Count the gaps by verdict, cohort by cohort."""
    if found.empty:
        return "Without an external cohort there is no gap to measure."
    text = []
    for cohort, rows in found.groupby("cohort", sort=False):
        known = rows[rows["verdict"] != "unknown"]
        if known.empty:
            text.append(f"On {cohort} no AUROC is defined.")
            continue
        lower, higher = ((known["verdict"] == v).sum() for v in ("lower", "higher"))
        largest = max(known.to_dict("records"), key=lambda row: row["value"])
        text.append(
            f"On {cohort} the AUROC of {lower or 'none'} of {len(known)} models is lower than at "
            f"home and of {higher or 'none'} higher; the largest gap, told from none or not, is "
            f"{_interval(largest, 3, signed=True)}, of {_lower(largest['model'])}."
        )
    return " ".join(text)


def travelled_told(found: pd.DataFrame, name: str) -> str:
    """Say what the threshold of one model, chosen at home, gives elsewhere."""
    rows = found[found["model"] == name]
    told: list[str] = []
    for cohort, of in rows.groupby("cohort", sort=False):
        value = of.set_index("score")["value"]
        share = " and ".join(f"{s} {_number(value[s], 2)}" for s in ("sensitivity", "specificity"))
        told.append(f"{share} {'at home' if not told else f'on {cohort}'}")
    return f"{name} from {rows['threshold'].iloc[0]:.3g} on: {'; '.join(told)}."


def networks_told(runs: Mapping[str, Record], nets: Mapping[str, Tested]) -> str:
    """Say how many recorded trainings were asked about external images."""
    if not runs:
        return "No training of this study is recorded."
    if not nets:
        return (
            f"None of {len(runs)} recorded trainings was asked about these external images, so "
            "that no network stands in this section."
        )
    lost = {
        name: ", ".join(f"{len(t.whole[c]) - len(p):,} of {c}" for c, p in t.external.items())
        for name, t in nets.items()
    }
    removed = "; ".join(f"{name}: {text or 'none'}" for name, text in lost.items())
    return (
        f"{len(nets)} of {len(runs)} recorded trainings were asked about the external images. Here "
        "internal is the run's own test part, whichever way it was split, and an image is removed "
        f"where its group is in the run's training part. Removed: {removed}."
    )


def reverse_told(made: Record, confidence: float) -> str:
    """Say what models trained on external cohorts reach on the others."""
    text = []
    for home in external.cohorts(made):
        tests = external.tested(made, home)
        rows = made.table("removed")
        rows = rows[rows["trained_on"] == home]
        if not tests:
            text.append(
                f"On {home} nothing is trained: what it shares with no other cohort has fewer than "
                f"{external.FEWEST} groups in a class."
            )
            continue
        name = best(tests)
        lost = ", ".join(
            f"{int(rows.loc[rows['label'] == label, 'n'].sum()):,} {label}" for label in LABELS
        )
        found = external.gaps({name: tests[name]}, confidence)
        reached = [
            f"{_number(r['external'])} on {_the(r['cohort'])}" for r in found.to_dict("records")
        ]
        text.append(
            f"{home}, without the images that overlap with another cohort ({lost}), trains "
            f"{len(tests)} models on {len(tests[name].internal):,} images; the best of them at "
            f"home, {_lower(name)}, has an AUROC of {_number(found['internal'].iloc[0])} there, "
            f"{listing(reached)}."
        )
    return " ".join(text) or "There is no external cohort to train on."


def swapped_told(found: pd.DataFrame) -> str:
    """Say how models do on images of a class from a source that gave it none in training."""
    new = found[found["trained"] == 0]
    if new.empty:
        return (
            "No external image comes from a source that gave training no image of its class, so "
            "that nothing is swapped here and the tables only compare sources."
        )
    text = []
    for (label, cohort, source), rows in new.groupby(["label", "cohort", "source"], sort=False):
        positive = label == POSITIVE
        shares = listing(
            [
                f"{_lower(r['model'])} {(r['value'] if positive else 1 - r['value']):.0%}"
                for r in rows.to_dict("records")
            ]
        )
        text.append(
            f"Of {int(rows['n'].iloc[0]):,} {label} images from {source} in {cohort}, a source "
            f"that gave training no {label} image, these are called COVID19: {shares}."
        )
    return " ".join(text)


def origins_told(made: Record) -> str:
    """Say where images of one class are told apart by the cohort that they come from."""
    rows = made.table("origins").dropna(subset=["low"])
    if rows.empty:
        return "There is no external cohort to be told from this one."
    apart = rows[rows["low"] > 0.5]
    names = [f"{r['label']} of {r['cohort']} ({r['value']:.3f})" for r in apart.to_dict("records")]
    if not names:
        return f"In none of {len(rows)} comparisons are the cohorts told apart."
    return (
        f"In {len(names)} of {len(rows)} comparisons the cohorts are told apart: {listing(names)}."
    )


def tiers_told(made: Record, confidence: float) -> str:
    """Say whether models trained on subsets of the cohort have the same gaps."""
    tiers = _tiers(made)
    if not tiers:
        return (
            "Of this cohort no file is known to be annotated or to have come another way, so that "
            "there is no subset to train on."
        )
    whole = {
        (row["model"], row["cohort"]): str(row["verdict"])
        for row in external.gaps(external.tested(made), confidence).to_dict("records")
    }
    other, number = [], 0
    for tier, trained_on in tiers.items():
        found = external.gaps(external.tested(made, trained_on), confidence)
        for row in found.to_dict("records"):
            number += 1
            before = whole[row["model"], row["cohort"]]
            if row["verdict"] != before:
                other.append(
                    f"{_lower(row['model'])} on {row['cohort']}, trained on {TIERS[tier]}: "
                    f"{VERDICTS[row['verdict']]}, on all: {VERDICTS[before]}"
                )
    names = listing([TIERS[tier] for tier in tiers])
    if not number:
        return f"Trained on {names}, models have no external cohort either."
    same = number - len(other)
    text = f"Trained on {names}: {same} of {number} gaps are judged as those of all images"
    return f"{text}; otherwise {'; '.join(other)}." if other else f"{text}."


def warning(made: Record) -> str:
    """Say which external cohorts share sources with training, or are of unknown kinship."""
    images = made.table("images").astype({"source": "string"}).fillna({"source": "unknown"})
    at_home = set(images.loc[images["cohort"] == OWN, "source"])
    removed = made.table("removed")
    text = []
    for name in external.cohorts(made):
        source = images.loc[images["cohort"] == name, "source"]
        shared = int(source.isin(at_home).sum())
        near = removed.loc[
            (removed["trained_on"] == OWN) & (removed["cohort"] == name)
            & (removed["reason"] == "near"), "n",
        ].sum()  # fmt: skip
        if shared == len(source):
            text.append(
                f"All {len(source):,} images of {name} come from sources that trained the models, "
                "so that it repeats whatever marks those sources carry, and a good result on it is "
                "no evidence that other hospitals would give one."
            )
        elif shared:
            text.append(
                f"{shared:,} of {len(source):,} images of {name} come from sources that trained "
                "the models."
            )
        elif near:
            text.append(
                f"No image of {name} names a source of training, yet {int(near):,} of them were "
                "copies of trained ones: its sources are not as foreign as their name, and more "
                "of its images may come from where the cohort's do."
            )
        else:
            text.append(f"No image of {name} comes from a source that trained the models.")
    return " ".join(text) or "Without an external cohort not even this evidence is there."


# --- how numbers are written


def _interval(row: Any, digits: int, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    # Rounded and added, a little below 0 is written 0 and not -0.
    value, low, high = (round(float(row[key]), digits) + 0.0 for key in ("value", "low", "high"))
    if not np.isfinite(value):
        reason = row.get("reason")
        return f"none: {reason}" if isinstance(reason, str) else "–"
    if not np.isfinite(low):
        return f"{value:{sign}.{digits}f}"
    return f"{value:{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def _number(value: object, digits: int = 3) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.{digits}f}" if np.isfinite(number) else "–"


def _the(cohort: str) -> str:
    return "the study's own cohort" if cohort == OWN else cohort


def _tested_on(cohort: str, internal: bool) -> str:
    return f"{cohort}, internal" if internal else cohort


def _lower(model: str) -> str:
    """Begin the name of a simple model with a small letter, as inside a sentence."""
    return model[0].lower() + model[1:] if model in external.MODELS.values() else model


def _tiers(made: Record) -> dict[str, str]:
    """Return the subsets of the cohort that were trained on, by tier."""
    names = [str(name) for name in made.table("scores")["trained_on"].unique()]
    return {name.partition("/")[2]: name for name in names if name.startswith(f"{OWN}/")}
