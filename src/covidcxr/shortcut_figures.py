"""Figures, tables and sentences of the page on shortcuts, from the record of the probes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from covidcxr import probing, shortcuts
from covidcxr.config import POSITIVE
from covidcxr.figures import WIDTH, Html, Picture, note
from covidcxr.samples import TIERS

MODEL_COLORS = {"logistic": "#c1440e", "boosting": "#2a6f97", "neighbours": "#6c757d"}

BLIND = {
    ("metadata", "known"), ("border", "70 %"), ("border", "90 %"), ("corners", "all four"),
    ("lungs", "hidden"), ("histogram", "whole"),
}  # fmt: skip
"""Probes that see no lung, or no place in the picture; wider frames hold some of the lungs."""

MARGIN = 0.02
"""AUROC: tiers nearer to each other than this say the same."""


def usable(areas: pd.DataFrame, passed: set[str] | None) -> pd.DataFrame:
    """Leave out probes that failed their control on synthetic images.

    Parameters
    ----------
    areas
        Rows with a column ``probe``.
    passed
        Names of probes; None where no control was run.
    """
    if passed is None:
        return areas
    return areas[areas["probe"].isin({*passed, "nothing"})].reset_index(drop=True)


def failed(passed: set[str]) -> str:
    """Say which probes are left out because they failed their control."""
    out = [probe.title for name, probe in shortcuts.PROBES.items() if name not in passed]
    if not out:
        return "All did."
    return f"{len(out)} of {len(shortcuts.PROBES)} did not and are left out: {', '.join(out)}."


def named(row: pd.Series) -> str:
    """Return a probe and its variant in prose."""
    probe = shortcuts.PROBES[row["probe"]]
    unit = " px" if row["probe"] == "thumbnail" else ""
    hidden = " hidden" if row["probe"] == "border" else ""
    return f"{probe.title}, {row['variant']}{unit}{hidden}"


def logistic(areas: pd.DataFrame, tier: str = "all") -> pd.DataFrame:
    """Return the rows of logistic regression on a tier, probes only."""
    rows = areas[(areas["model"] == "logistic") & (areas["tier"] == tier)]
    return rows[rows["probe"] != "nothing"].reset_index(drop=True)


def answer(areas: pd.DataFrame) -> str:
    """Say in a sentence what the probes that see least of the lungs reach."""
    rows = logistic(areas).dropna(subset=["auroc"])
    pairs = zip(rows["probe"], rows["variant"], strict=True)
    blind = rows[[pair in BLIND for pair in pairs]]
    if blind.empty:
        return "No probe that passed its control could be asked."
    above = int((blind["low"] > 0.5).sum())
    best = blind.iloc[int(blind["auroc"].to_numpy().argmax())]
    return (
        f"{above} of {len(blind)} probes that see no lung, or no place in the picture, tell the "
        f"classes apart on groups they have not seen; the best, '{named(best).lower()}', with an "
        f"AUROC of {_told(best)}."
    )


def table(areas: pd.DataFrame) -> pd.DataFrame:
    """Write out each probe's AUROC by model, on all images."""
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")]
    found: dict[str, dict[str, object]] = {}
    for _, row in rows.iterrows():
        line = found.setdefault(
            named(row), {"n": f"{row['n_positive']} + {row['n'] - row['n_positive']}"}
        )
        line[row["model"]] = _told(row) if row["model"] == "logistic" else _number(row["auroc"])
    shown = pd.DataFrame.from_dict(found, orient="index").rename_axis("probe")
    order = ["n", *(m for m in probing.MODELS if m in shown)]
    heads = {"logistic": "logistic (interval)", "boosting": "boosting", "neighbours": "kNN"}
    return shown[order].fillna("–").rename(columns=heads)


def overall(areas: pd.DataFrame) -> Picture:
    """Draw every probe's AUROC on all images."""
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")].dropna(subset=["auroc"])
    names = list(dict.fromkeys(named(row) for _, row in rows.iterrows()))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.33 * len(names)))
    for shift, model in zip((-0.22, 0, 0.22), probing.MODELS, strict=True):
        of = rows[rows["model"] == model]
        places = np.array([names.index(named(row)) for _, row in of.iterrows()]) + shift
        _dots(axis, of, places, MODEL_COLORS[model], probing.MODELS[model])
    axis.axvline(0.5, color="black", linestyle=":")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("AUROC under grouped cross-validation")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return Picture(figure, f"Dots with intervals for {len(names)} probes. {answer(areas)}")


def hidden(areas: pd.DataFrame) -> Picture | Html:
    """Draw what is left as more of the picture's centre is blacked out."""
    rows = logistic(areas)
    rows = rows[rows["probe"] == "border"].dropna(subset=["auroc"])
    if rows.empty:
        return note("The border probe is not shown: it failed its control, or has no number.")
    share = rows["variant"].str.rstrip(" %").astype(float).to_numpy()
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    value, limits = _limits(rows)
    axis.errorbar(share, value, yerr=limits, fmt="o-", color=MODEL_COLORS["logistic"])
    axis.axhline(0.5, color="black", linestyle=":")
    axis.set_xlabel("centre blacked out, % of the area")
    axis.set_ylabel("AUROC")
    axis.set_xlim(20, 100)
    return Picture(
        figure,
        "Logistic regression on what is left: "
        + ", ".join(f"{s:.0f} % hidden, AUROC {v:.2f}" for s, v in zip(share, value, strict=True))
        + ".",
    )


def tiers(areas: pd.DataFrame) -> pd.DataFrame:
    """Set logistic regression's AUROC on each tier side by side."""
    rows = areas[(areas["model"] == "logistic") & (areas["probe"] != "nothing")]
    found: dict[str, dict[str, str]] = {}
    for _, row in rows.iterrows():
        found.setdefault(named(row), {})[TIERS[row["tier"]]] = _told(row)
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("probe").fillna("–")


def robustness(areas: pd.DataFrame) -> str:
    """Say in a sentence whether the probes say the same on every tier."""
    rows = areas[(areas["model"] == "logistic") & (areas["probe"] != "nothing")]
    names = [t for t in TIERS if t in set(rows["tier"])]
    if len(names) < 2:
        return "This cohort has one tier, so that there is nothing to compare."
    wide = rows.pivot_table(index=["probe", "variant"], columns="tier", values="auroc")
    change = wide[names[1:]].sub(wide["all"], axis=0)
    moved = change.abs().max(axis=1)
    place = int(moved.to_numpy().argmax())
    probe, variant = (str(part) for part in list(moved.index)[place])
    worst = named(pd.Series({"probe": probe, "variant": variant})).lower()
    return (
        f"On the narrower tiers {int((moved > MARGIN).sum())} of {len(wide)} probes move by more "
        f"than {MARGIN:g}; the largest change is {moved.max():.3f} "
        f"({worst}), the largest loss {max(0.0, -float(change.min().min())):.3f}."
    )


def sources(found: pd.DataFrame) -> pd.DataFrame:
    """Write out the pairs of sources."""
    rows = [
        {
            "class": row["label"],
            "source": row["first"],
            "other source": row["second"],
            "n": f"{row['n_first']} + {row['n_second']}",
            "AUROC": _told(row),
        }
        for _, row in found.iterrows()
    ]
    return pd.DataFrame(rows)


def sources_told(found: pd.DataFrame) -> str:
    """Say in a sentence how well sources of one class are told apart."""
    known = found.dropna(subset=["auroc"])
    if known.empty:
        return "No class has two sources with images enough."
    apart = int((known["low"] > 0.5).sum())
    return (
        f"{apart} of {len(known)} pairs of sources of the same class are told apart; the median "
        f"AUROC is {known['auroc'].median():.3f}."
    )


def remains(found: pd.DataFrame) -> Picture:
    """Draw what probes reach after each normalisation."""
    wide = found.pivot_table(index="normalisation", columns="probe", values="auroc", sort=False)
    wide = wide.loc[[n for n in shortcuts.NORMALISATIONS if n in wide.index]]
    columns = {p: f"{shortcuts.PROBES[p].title}, {v}" for p, v in shortcuts.REMAINS.items()}
    wide = wide[[c for c in columns if c in wide]].rename(columns=columns)
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    sns.heatmap(
        wide, annot=True, fmt=".2f", vmin=0.5, vmax=1, cmap="rocket_r", ax=axis,
        cbar_kws={"label": "AUROC"},
    )  # fmt: skip
    axis.set_xlabel("")
    axis.set_ylabel("normalisation")
    axis.tick_params(axis="y", rotation=0)
    lowest = float(wide.min().min())
    return Picture(
        figure,
        f"Heat map of AUROC by normalisation and probe; the lowest of {wide.size} is {lowest:.2f}.",
    )


def coins(areas: pd.DataFrame) -> str:
    """Say what the same models reach where labels are tossed."""
    rows = areas[areas["probe"] == "nothing"].dropna(subset=["auroc"])
    outside = int(((rows["low"] > 0.5) | (rows["high"] < 0.5)).sum())
    return (
        f"With labels tossed by group the mean AUROC of {len(rows)} tosses is "
        f"{rows['auroc'].mean():.3f} ({rows['auroc'].min():.3f} to {rows['auroc'].max():.3f}), and "
        f"{outside} of their intervals leave{'s' * (outside == 1)} out 0.5."
    )


def ages(known: dict[str, dict[str, float]]) -> str:
    """Say what is known of the classes' ages."""
    told = [
        f"{label}: {of['known']:.0f} known, median {of['median']:.0f} years "
        f"({of['least']:.0f} to {of['greatest']:.0f})"
        if of["known"]
        else f"{label}: none known"
        for label, of in known.items()
    ]
    return "; ".join(told) + "."


def closing(areas: pd.DataFrame) -> str:
    """Set the lungs alone against everything but the lungs."""
    rows = logistic(areas)
    rows = rows[rows["probe"] == "lungs"]
    told = {str(row["variant"]): _told(row) for _, row in rows.iterrows()}
    if not {"hidden", "only"} <= set(told) or rows["auroc"].isna().any():
        return "The lungs could not be set against the rest."
    return (
        f"With the lungs hidden logistic regression has an AUROC of {told['hidden']}, with the "
        f"lungs alone {told['only']}, on {rows['n_positive'].iloc[0]} {POSITIVE} images among "
        f"{rows['n'].iloc[0]:,}."
    )


def _dots(axis: Axes, rows: pd.DataFrame, places: np.ndarray, color: str, label: str) -> None:
    value, limits = _limits(rows)
    axis.errorbar(value, places, xerr=limits, fmt="o", markersize=4, color=color, label=label)


def _limits(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    value = rows["auroc"].to_numpy(dtype=float)
    return value, np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - value))


def _told(row: pd.Series) -> str:
    if pd.isna(row["auroc"]):
        return "–"
    if pd.isna(row["low"]):
        return f"{row['auroc']:.3f}"
    return f"{row['auroc']:.3f} ({row['low']:.3f}–{row['high']:.3f})"


def _number(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"
