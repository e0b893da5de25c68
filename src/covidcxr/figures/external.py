"""Figures, tables and values of the page on external testing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.cohorts.samples import OWN
from covidcxr.core.records import Record
from covidcxr.core.studies import LABELS, POSITIVE
from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.scores.metrics import auroc, word
from covidcxr.scores.predictions import Predictions
from covidcxr.validity import external
from covidcxr.validity.external import Tested

_INK, _GREY = common.INK, common.GREY
_LOOKS = (
    ("#2a6f97", "o"), ("#c1440e", "D"), ("#8a6d00", "s"), ("#6a4c93", "^"), ("#6c757d", "v"),
)  # fmt: skip
"""Colour and mark of the internal images and of each external cohort."""

VERDICTS = {
    "lower": "lower there",
    "higher": "higher there",
    "undecided": "no difference shown",
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
            {
                "model": model,
                "tested on": cohort,
                "removed": int(of["n"].max() - of["n"].min()),
            }
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
        common.table(both_ways(scores), f"Networks: AUROC with and without overlap, with {about}"),
        common.table(
            gaps_table(external.gaps(nets, confidence)), f"Networks: AUROC and gap, with {about}"
        ),
        common.table(
            scores_table(scores, ("sensitivity", "specificity")),
            f"Networks: scores at a threshold of {threshold:g}, with {about}",
        ),
        common.table(
            transfer_table(external.transfer_threshold(nets, confidence)),
            f"Networks: the threshold chosen on the test part, elsewhere, with {about}",
        ),
        common.table(
            scores_table(scores, ("slope", "brier", "excess")),
            f"Networks: calibration, with {about}",
        ),
    )


def transfer_table(found: pd.DataFrame, home: str = OWN) -> pd.DataFrame:
    """Write out what `covidcxr.validity.external.transfer_threshold` returned."""
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


# --- values


def best(tests: Mapping[str, Tested]) -> str:
    """Return the model with the highest internal AUROC."""
    inside = {name: auroc(t.internal.positive, t.internal.score) for name, t in tests.items()}
    return max(inside, key=lambda name: np.nan_to_num(inside[name]))


def values(
    record: Record,
    simple: Mapping[str, Tested],
    networks: Mapping[str, Tested],
    confidence: float,
) -> dict[str, Any]:
    """Return what the page glues, by key.

    Parameters
    ----------
    record
        As `covidcxr.validity.external.record` returns it.
    simple, networks
        By name, as `covidcxr.validity.external.tested` and `networks` return them.
    confidence
        Coverage of the intervals.
    """
    tests = {**simple, **networks}
    name = best(tests)
    scores = external.summary({name: tests[name]}, confidence=confidence)
    areas = scores[(scores["score"] == "auroc") & scores["kept"]]
    at_home, *elsewhere = areas.to_dict("records")
    verdicts = external.gaps(simple, confidence)["verdict"]
    internal = next(iter(simple.values())).internal
    return {
        "external_models": len(tests),
        "external_best": name,
        "external_home": f"{_interval(at_home, 3)} (n = {at_home['n']:,})",
        "external_elsewhere": "; ".join(
            f"{row['cohort']} {_interval(row, 3)} (n = {row['n']:,})" for row in elsewhere
        )
        or "no external cohort",
        "external_images": len(internal),
        "external_groups": internal.units,
        "external_positives": int(internal.positive.sum()),
        "external_gaps": int((verdicts != "unknown").sum()),
        "external_lower": int((verdicts == "lower").sum()),
        "external_higher": int((verdicts == "higher").sum()),
        "external_networks": len(networks),
        **_overlap(record),
    }


def _overlap(record: Record) -> dict[str, int]:
    """Count external images, those that left the test, and those of a source of training."""
    images = record.table("images").astype({"source": "string"}).fillna({"source": "unknown"})
    inside = images["cohort"] == OWN
    removed = record.table("removed")
    removed = removed[removed["trained_on"] == OWN]
    return {
        "external_tested": int((~inside).sum()),
        "external_removed": int(removed["n"].sum()),
        "external_copies": int(removed.loc[removed["reason"] == "near", "n"].sum()),
        "external_shared": int(
            images.loc[~inside, "source"].isin(images.loc[inside, "source"]).sum()
        ),
    }


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


def _tested_on(cohort: str, internal: bool) -> str:
    return f"{cohort}, internal" if internal else cohort
