"""Figures, tables and sentences of the page on external testing."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from covidcxr import calibration, external
from covidcxr.config import LABELS
from covidcxr.external import Tested
from covidcxr.figures import COLORS, WIDTH, Html, Picture, note
from covidcxr.samples import OWN, TIERS

PALETTE = ("#212529", "#c1440e", "#2a6f97", "#6a994e", "#7b2cbf")
HEADS = {
    "auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity",
    "slope": "calibration slope", "brier": "Brier", "excess": "mean score less share",
}  # fmt: skip
NO_COHORT = "This study has no external cohort at hand, so that nothing was tested externally."


def told(value: float, low: float, high: float, digits: int = 3) -> str:
    """Write a score with its limits."""
    if pd.isna(value):
        return "–"
    if pd.isna(low):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def answer(gaps: pd.DataFrame) -> str:
    """Say in a sentence what the best internal model is worth elsewhere."""
    known = gaps.dropna(subset=["internal"])
    if known.empty:
        return NO_COHORT
    best = str(known.iloc[int(known["internal"].to_numpy().argmax())]["model"])
    of = known[known["model"] == best]
    elsewhere = " and ".join(
        f"{row['external']:.3f} on {row['cohort']}"
        if pd.notna(row["external"])
        else f"undefined on {row['cohort']}"
        for _, row in of.iterrows()
    )
    lower = int((known["verdict"] == "lower").sum())
    return (
        f"{best}, the best at home with an AUROC of {of['internal'].iloc[0]:.3f}, has {elsewhere}; "
        f"of {len(known)} pairs of a model and an external cohort {lower} are told to be lower "
        "than at home."
    )


def gaps(found: pd.DataFrame) -> pd.DataFrame:
    """Write out the gaps."""
    rows = [
        {
            "model": row["model"],
            "cohort": row["cohort"],
            "at home": f"{row['internal']:.3f}",
            "there": "–" if pd.isna(row["external"]) else f"{row['external']:.3f}",
            "difference": told(row["value"], row["low"], row["high"]),
            "there it is": row["verdict"],
        }
        for _, row in found.iterrows()
    ]
    return pd.DataFrame(rows)


def scores(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Write out one model's scores by cohort, overlapping images removed."""
    of = summary[(summary["model"] == model) & summary["kept"]]
    found: dict[str, dict[str, str]] = {}
    for _, row in of.iterrows():
        if row["score"] in HEADS:
            head = f"{row['cohort']} ({row['positives']} of {row['n']:,})"
            found.setdefault(HEADS[row["score"]], {})[head] = told(
                row["value"], row["low"], row["high"], 2
            )
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("score")


def areas(summary: pd.DataFrame) -> Picture | Html:
    """Draw each model's AUROC at home and on each external cohort."""
    of = summary[(summary["score"] == "auroc") & summary["kept"]].dropna(subset=["value"])
    if of["cohort"].nunique() < 2:
        return note(NO_COHORT)
    models = list(dict.fromkeys(of["model"]))
    cohorts = list(dict.fromkeys(of["cohort"]))
    figure, axis = plt.subplots(figsize=(WIDTH, 1.2 + 0.55 * len(models)))
    for place, cohort in enumerate(cohorts):
        rows = of[of["cohort"] == cohort]
        value = rows["value"].to_numpy(dtype=float)
        limits = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - value))
        heights = np.array([models.index(m) for m in rows["model"]])
        shift = 0.18 * (place - (len(cohorts) - 1) / 2)
        axis.errorbar(
            value, heights + shift, xerr=limits, fmt="o", label=_title(cohort),
            color=PALETTE[place % len(PALETTE)],
        )  # fmt: skip
    axis.axvline(0.5, color="black", linestyle=":")
    axis.set_yticks(range(len(models)), models)
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.set_xlabel("AUROC")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    means = ", ".join(
        f"{_title(c)} {of.loc[of['cohort'] == c, 'value'].mean():.2f}" for c in cohorts
    )
    return Picture(figure, f"Dots of {len(models)} models' AUROC by cohort; the means: {means}.")


def reliability(test: Tested) -> Picture | Html:
    """Draw the share of positives against the score, by cohort."""
    cohorts = {c: p for c, p in test.cohorts.items() if len(p)}
    if len(cohorts) < 2:
        return note(NO_COHORT)
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    axis.plot([0, 1], [0, 1], color="black", linestyle=":")
    for color, (cohort, p) in zip(PALETTE, cohorts.items(), strict=False):
        table = calibration.reliability(p)
        share = table["share"].to_numpy(dtype=float)
        limits = np.abs(table[["low", "high"]].to_numpy(dtype=float).T - share)
        axis.errorbar(
            table["score"], share, yerr=limits, fmt="o-", color=color, label=_title(cohort)
        )
    axis.set_xlabel("mean score of a bin")
    axis.set_ylabel("share of COVID19")
    axis.legend()
    excess = ", ".join(
        f"{_title(c)} {p.score.mean():.2f} against {p.prevalence:.2f}" for c, p in cohorts.items()
    )
    return Picture(
        figure, f"Reliability of {test.name}; mean score against share of COVID19: {excess}."
    )


def distributions(test: Tested) -> Picture | Html:
    """Draw how a model's scores are distributed by class and cohort."""
    cohorts = {c: p for c, p in test.cohorts.items() if len(p)}
    if len(cohorts) < 2:
        return note(NO_COHORT)
    figure, axes = plt.subplots(1, len(cohorts), figsize=(WIDTH, 2.8), sharey=True, squeeze=False)
    edges = np.linspace(0, 1, 21)
    for axis, (cohort, p) in zip(axes[0], cohorts.items(), strict=True):
        for label, inside in zip(LABELS, (p.positive, ~p.positive), strict=True):
            _share_of_bins(axis, p.score[inside], edges, label)
        axis.set_title(f"{_title(cohort)}, n = {len(p):,}", fontsize="small")
        axis.set_xlabel("score")
    axes[0, 0].set_ylabel("% of the class")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    called = ", ".join(
        f"{_title(c)} {p.called(0.5)[~p.positive].mean():.0%}" if (~p.positive).any() else c
        for c, p in cohorts.items()
    )
    return Picture(
        figure, f"Histograms of {test.name}'s scores; NORMAL images at 0.5 or more: {called}."
    )


def removed(table: pd.DataFrame, trained_on: str = OWN) -> pd.DataFrame:
    """Count what was removed from the external cohorts before testing."""
    of = table[table["trained_on"] == trained_on]
    wide = of.pivot_table(index=["cohort", "label"], columns="reason", values="n", aggfunc="sum")
    heads = {"near": "copies of trained images", "patient": "of trained patients only"}
    wide = wide.rename(columns=heads).fillna(0).astype(int).reset_index()
    return wide.rename_axis(columns=None).set_index("cohort")


def removed_told(table: pd.DataFrame) -> str:
    """Say how many images were removed."""
    of = table[table["trained_on"] == OWN]
    return (
        f"{int(of['n'].sum())} external images are copies of images of the cohort, or show a "
        "patient of the cohort; they are removed before anything is scored."
    )


def with_and_without(summary: pd.DataFrame) -> pd.DataFrame:
    """Set the AUROC with overlapping images removed beside that on all."""
    of = summary[(summary["score"] == "auroc")]
    rows = []
    for (model, cohort), pair in of.groupby(["model", "cohort"], sort=False):
        if set(pair["kept"]) == {True, False}:
            kept, whole = (pair[pair["kept"] == k].iloc[0] for k in (True, False))
            rows.append(
                {
                    "model": model,
                    "cohort": cohort,
                    "removed": f"{whole['n'] - kept['n']} of {whole['n']:,}",
                    "without them": told(kept["value"], kept["low"], kept["high"]),
                    "with them": told(whole["value"], whole["low"], whole["high"]),
                }
            )
    return pd.DataFrame(rows)


def travelled(found: pd.DataFrame) -> pd.DataFrame:
    """Write out what one threshold gives by cohort."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for _, row in found.iterrows():
        key = (str(row["model"]), _title(str(row["cohort"])))
        rows.setdefault(key, {"threshold": f"{row['threshold']:.2f}"})[str(row["score"])] = told(
            row["value"], row["low"], row["high"], 2
        )
    return pd.DataFrame(
        [{"model": model, "cohort": cohort, **cells} for (model, cohort), cells in rows.items()]
    )


def swapped(found: pd.DataFrame, fewest: int = 10) -> pd.DataFrame:
    """Write out the sensitivity or specificity on each source with images enough."""
    of = found[found["n"] >= fewest]
    rows = [
        {
            "class": row["label"],
            "cohort: source": f"{row['cohort']}: {row['source']}",
            "of training": f"{row['trained']:.0%}",
            "model": row["model"],
            "n": row["n"],
            "called rightly": told(row["value"], row["low"], row["high"], 2),
        }
        for _, row in of.sort_values(["label", "cohort", "source"], kind="stable").iterrows()
    ]
    return pd.DataFrame(rows)


def tiers(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Set the gaps by tier of the training images side by side.

    Parameters
    ----------
    found
        By ``trained_on`` (`OWN`, or `OWN` and a tier) what `external.gaps` returns.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for trained_on, table in found.items():
        tier = TIERS["all" if trained_on == OWN else trained_on.split("/")[1]]
        for _, row in table.iterrows():
            if row["model"] in {external.MODELS[m] for m in external.ROBUST}:
                key = (str(row["model"]), str(row["cohort"]))
                rows.setdefault(key, {})[tier] = f"{row['internal']:.3f} → {row['external']:.3f}"
    return pd.DataFrame(
        [{"model": model, "cohort": cohort, **cells} for (model, cohort), cells in rows.items()]
    ).fillna("–")


def tiers_told(found: Mapping[str, pd.DataFrame]) -> str:
    """Say whether the verdicts hold on every tier."""
    if len(found) < 2:
        return "Files came here by one way only, so that there is nothing to compare."
    base = found[OWN].set_index(["model", "cohort"])["verdict"]
    kinds = [
        table.set_index(["model", "cohort"])["verdict"] for t, table in found.items() if t != OWN
    ]
    asked = sum(len(k) for k in kinds)
    other = sum(int((k != base.reindex(k.index)).sum()) for k in kinds)
    return f"On the narrower tiers {other} of {asked} verdicts differ from those on all images."


def anchors() -> pd.DataFrame:
    """Return the published drops that stand beside ours."""
    return pd.DataFrame(
        [
            {"study": title, "AUROC at home": f"{inside:.3f}", "elsewhere": f"{outside:.3f}"}
            for title, inside, outside in external.ANCHORS.values()
        ]
    )


def closing(found: pd.DataFrame) -> str:
    """Say which external cohort costs least and which most."""
    known = found.dropna(subset=["value"])
    if known.empty:
        return NO_COHORT
    means = known.groupby("cohort")["value"].mean()
    if len(means) < 2:
        return (
            f"On {means.index[0]} the AUROC is on average {means.iloc[0]:.2f} lower than at home."
        )
    least, most = str(means.idxmin()), str(means.idxmax())
    return (
        f"Over {known['model'].nunique()} models the AUROC is on average {means[least]:.2f} lower "
        f"than at home on {least} and {means[most]:.2f} lower on {most}."
    )


def _share_of_bins(axis: Axes, score: np.ndarray, edges: np.ndarray, label: str) -> None:
    if len(score):
        counts, _ = np.histogram(score, edges)
        axis.stairs(
            100 * counts / len(score), edges, fill=True, alpha=0.5, color=COLORS[label], label=label
        )


def _title(cohort: str) -> str:
    return "at home" if cohort == OWN else cohort
