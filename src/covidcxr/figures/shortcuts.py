"""Figures, tables and sentences of the page on shortcuts, from the record of the probes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from covidcxr.cohorts.samples import TIERS
from covidcxr.core.studies import POSITIVE
from covidcxr.core.words import in_words, listing, some
from covidcxr.figures.common import WIDTH, Html, Picture, note
from covidcxr.networks import simple_models
from covidcxr.validity import shortcuts

MODEL_COLORS = {"logistic": "#c1440e", "boosting": "#2a6f97", "neighbours": "#6c757d"}

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
    out = [probe.title.lower() for name, probe in shortcuts.PROBES.items() if name not in passed]
    if not out:
        return "All did."
    n, verb = in_words(len(out)), "is" if len(out) == 1 else "are"
    return (
        f"{n.capitalize()} of {in_words(len(shortcuts.PROBES))} kinds of probe did not and {verb} "
        f"left out: {listing(out)}."
    )


def named(row: pd.Series) -> str:
    """Return a probe and its variant in prose."""
    probe = shortcuts.PROBES[row["probe"]]
    unit = " px" if row["probe"] == "thumbnail" else ""
    hidden = " hidden" if row["probe"] == "border" else ""
    # records name shares with a space, pages do not
    variant = str(row["variant"]).replace(" %", "%")
    return f"{probe.title}, {variant}{unit}{hidden}"


def logistic(areas: pd.DataFrame, tier: str = "all") -> pd.DataFrame:
    """Return the rows of logistic regression on a tier, probes only."""
    rows = areas[(areas["model"] == "logistic") & (areas["tier"] == tier)]
    return rows[rows["probe"] != "nothing"].reset_index(drop=True)


def answer(areas: pd.DataFrame) -> str:
    """Say in a sentence what the probes that do not see the lungs reach, all of them by name.

    Parameters
    ----------
    areas
        The record's table, as `usable` leaves it.
    """
    rows = logistic(areas).dropna(subset=["auroc"])
    by = {(row["probe"], row["variant"]): row for _, row in rows.iterrows()}
    blind = {name: by[key] for key, name in shortcuts.BLIND.items() if key in by}
    if not blind:
        return "No probe that does not see the lungs and passed its control could be asked."
    above = sum(bool(row["low"] > 0.5) for row in blind.values())
    told = [f"{_told(row)} for {name}" for name, row in blind.items()]
    return (
        f"Of the probes that show less than {shortcuts.UNSEEN:.0%} of the lungs of a synthetic "
        "radiograph, "
        f"{some(above, len(blind))} tell{'s' * (above < 2)} the classes apart on groups that the "
        f"model has not seen: AUROC {listing(told)}."
    )


def table(areas: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Write out each probe's AUROC by model, on all images, and what its control saw.

    Parameters
    ----------
    areas
        The record's table, as `usable` leaves it.
    measures
        Of the record of `covidcxr.validity.controls`: how much of the lungs the probe shows, and in
        how many synthetic cohorts it finds a disease that lies in the lungs.
    """
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")]
    found: dict[str, dict[str, object]] = {}
    for _, row in rows.iterrows():
        negative = row["n"] - row["n_positive"]
        seen, hit = _of_control(measures, row["probe"], row["variant"])
        line = found.setdefault(
            named(row),
            {"n": f"{row['n_positive']:,} + {negative:,}", "lung in sight": seen, "disease": hit},
        )
        line[row["model"]] = _told(row) if row["model"] == "logistic" else _number(row["auroc"])
    shown = pd.DataFrame.from_dict(found, orient="index").rename_axis("probe")
    models = [m for m in simple_models.MODELS if m in shown]
    heads = {"logistic": "logistic (interval)", "boosting": "boosting", "neighbours": "kNN"}
    shown = shown[["n", *models, "lung in sight", "disease"]]
    return shown.fillna("–").rename(columns=heads | {"disease": "disease found"})


def _of_control(measures: pd.DataFrame, probe: str, variant: str) -> tuple[str, str]:
    rows = measures[(measures["method"] == probe) & (measures["variant"] == variant)]
    # What is planted in the lungs is told from what is planted all over by its name.
    rows = rows[rows["planted"] == "disease"].set_index("measure")
    seen, hit = "–", "–"
    if "lung in sight" in rows.index:
        seen = f"{100 * float(rows.loc['lung in sight', 'value']):.1f}%"  # type: ignore[arg-type]
    if "power" in rows.index:
        n = int(rows.loc["power", "n"])  # type: ignore[arg-type]
        hit = f"{round(float(rows.loc['power', 'value']) * n)} of {n}"  # type: ignore[arg-type]
    return seen, hit


def frames(measures: pd.DataFrame) -> str:
    """Say which frames still show enough of the lungs to find a disease there."""
    told = []
    for variant in shortcuts.PROBES["border"].variants:
        seen, hit = _of_control(measures, "border", variant)
        if seen != "–" and float(seen.rstrip("%")) >= 100 * shortcuts.UNSEEN:
            hidden = variant.replace(" %", "%")
            told.append(f"{seen} and {hit} cohorts with {hidden} hidden")
    if not told:
        return "On synthetic radiographs no frame shows the lungs."
    return (
        "On synthetic radiographs wide frames still show a part of the lungs, and find a disease "
        f"that was planted there: {'; '.join(told)}."
    )


def overall(areas: pd.DataFrame) -> Picture:
    """Draw every probe's AUROC on all images."""
    rows = areas[(areas["tier"] == "all") & (areas["probe"] != "nothing")].dropna(subset=["auroc"])
    names = list(dict.fromkeys(named(row) for _, row in rows.iterrows()))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.33 * len(names)))
    for shift, model in zip((-0.22, 0, 0.22), simple_models.MODELS, strict=True):
        of = rows[rows["model"] == model]
        places = np.array([names.index(named(row)) for _, row in of.iterrows()]) + shift
        _dots(axis, of, places, MODEL_COLORS[model], simple_models.MODELS[model])
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
        + ", ".join(f"{s:.0f}% hidden, AUROC {v:.3f}" for s, v in zip(share, value, strict=True))
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
    far = int((moved > MARGIN).sum())
    place = int(moved.to_numpy().argmax())
    probe, variant = (str(part) for part in list(moved.index)[place])
    worst = named(pd.Series({"probe": probe, "variant": variant})).lower()
    return (
        f"On the narrower tiers {in_words(far)} of {in_words(len(wide))} probes "
        f"move{'s' * (far < 2)} by more than {MARGIN:g}; the largest change is {moved.max():.3f} "
        f"({worst}), the largest loss {max(0.0, -float(change.min().min())):.3f}."
    )


def sources(found: pd.DataFrame) -> pd.DataFrame:
    """Write out the pairs, those of different sources before those of one source's folders."""
    rows = [
        {
            "class": row["label"],
            "one side": row["first"],
            "other side": row["second"],
            "same source": "yes" if same else "no",
            "n": f"{row['n_first']:,} + {row['n_second']:,}",
            "AUROC": _told(row),
        }
        for same in (False, True)
        for _, row in found[_of_one_source(found) == same].iterrows()
    ]
    return pd.DataFrame(rows)


def _of_one_source(found: pd.DataFrame) -> pd.Series:
    """Return which pairs are two cohorts' folders of one source, by names ``cohort: source``."""
    first, second = (found[side].str.split(": ", n=1).str[-1] for side in ("first", "second"))
    return first == second


def sources_told(found: pd.DataFrame) -> str:
    """Say how well sources of one class are told apart, and then folders of one source.

    Parameters
    ----------
    found
        The record's table ``sources``.
    """
    known = found.dropna(subset=["auroc"])
    if known.empty:
        return "No class has two sources with images enough."
    within = _of_one_source(known)
    told = [_pairs_told(known[~within])] if not within.all() else []
    if within.any():
        told.append(_folders_told(known[within]))
    return " ".join(told)


def _pairs_told(rows: pd.DataFrame) -> str:
    parts = []
    for label, of in rows.groupby("label", sort=False):
        ends = dict.fromkeys(f"{area:.3f}" for area in (of["auroc"].min(), of["auroc"].max()))
        parts.append(
            f"{some(int((of['low'] > 0.5).sum()), len(of))} pair{'s' * (len(of) > 1)} of {label} "
            f"images (AUROC {' to '.join(ends)})"
        )
    return f"Of different sources, a model tells apart {listing(parts)}."


def _folders_told(rows: pd.DataFrame) -> str:
    apart = rows[rows["low"] > 0.5]
    pairs = f"{in_words(len(rows))} pair{'s' * (len(rows) > 1)}"
    text = f"Of {pairs} of folders of one source, it tells apart {in_words(len(apart))}"
    if apart.empty:
        return f"{text}."
    told = [
        f"those of '{row['first'].split(': ', 1)[-1]}' ({row['label']}), with an AUROC of "
        f"{_told(row)}"
        for _, row in apart.iterrows()
    ]
    return (
        f"{text}: {listing(told)}. So images of one source may differ by the folder that they lie "
        "in."
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
        f"With labels tossed by group the mean AUROC of {in_words(len(rows))} tosses is "
        f"{rows['auroc'].mean():.3f} ({rows['auroc'].min():.3f} to {rows['auroc'].max():.3f}), and "
        f"{in_words(outside)} of their intervals leave{'s' * (outside < 2)} out 0.5."
    )


def ages(known: dict[str, dict[str, float]]) -> str:
    """Say what is known of the classes' ages."""
    told = [
        f"{label}: {of['known']:.0f} known, median {of['median']:.0f} years "
        f"({of['least']:.0f} to {of['greatest']:.0f})"
        if of["known"]
        else f"{label}: none known image by image"
        for label, of in known.items()
    ]
    return "; ".join(told) + "."


def closing(areas: pd.DataFrame, measures: pd.DataFrame) -> str:
    """Set the lungs alone against all but the lung region, which does not hide the lungs wholly.

    Parameters
    ----------
    areas
        The record's table, as `usable` leaves it.
    measures
        Of the record of `covidcxr.validity.controls`.
    """
    rows = logistic(areas)
    rows = rows[rows["probe"] == "lungs"]
    told = {str(row["variant"]): _told(row) for _, row in rows.iterrows()}
    if not {"hidden", "only"} <= set(told) or rows["auroc"].isna().any():
        return "The lungs could not be set against the rest."
    seen, hit = _of_control(measures, "lungs", "hidden")
    covered = measures[(measures["measure"] == "covered") & (measures["variant"] == "adult")]
    limit = (
        f" The first is not blind to the lungs: the region covers "
        f"{100 * float(covered['value'].iloc[0]):.1f}% of the lungs of synthetic adults, the probe "
        f"sees {seen} of synthetic lungs, and finds a disease planted there in {hit} cohorts."
        if not covered.empty and seen != "–"
        else ""
    )
    return (
        f"With the lung region hidden logistic regression has an AUROC of {told['hidden']}, with "
        f"nothing but that region {told['only']}, on {rows['n_positive'].iloc[0]:,} {POSITIVE} "
        f"images among {rows['n'].iloc[0]:,}.{limit}"
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
    return f"{row['auroc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _number(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"
