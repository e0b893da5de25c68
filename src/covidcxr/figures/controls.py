"""Pictures, tables and sentences of the page on controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from covidcxr.core.records import Record
from covidcxr.figures import common
from covidcxr.figures.common import Picture
from covidcxr.networks import saliency
from covidcxr.validity import controls, shortcuts
from covidcxr.validity.leakage.models import MODELS, QUICK

_INK, _RUST = "#343a40", "#c1440e"
_LINES = (("#c1440e", "D"), ("#2a6f97", "o"), ("#6c757d", "s"), ("#7b2cbf", "^"))


def alterations() -> Picture:
    """Show a synthetic radiograph and what the strongest dose of each alteration makes of it."""
    (picture,) = controls.patients(2)[:1]
    shown = {"as it is": picture} | {
        _at(way, doses[-1]): controls.altered(picture, way, doses[-1])
        for way, doses in controls.DOSES.items()
    }
    figure, axes = plt.subplots(2, 4, figsize=(common.WIDTH, 4.7))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, grey) in zip(axes.flat, shown.items(), strict=False):
        axis.imshow(grey, cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=9)
    return Picture(figure, f"A synthetic radiograph: {'; '.join(shown)}.")


def recall(table: pd.DataFrame) -> Picture:
    """Draw the recall of altered copies by dose, a panel an alteration.

    Parameters
    ----------
    table
        The record's measures.
    """
    figure, axes = plt.subplots(2, 3, figsize=(common.WIDTH, 4.8), sharey=True)
    told = []
    for axis, way in zip(axes.flat, controls.DOSES, strict=True):
        rows = table[(table["measure"] == "recall") & (table["planted"] == way)]
        rows = rows.sort_values("strength")
        _drawn(axis, rows, _RUST, "D")
        if way in controls.PLANTED_DOSE:
            axis.axvline(controls.PLANTED_DOSE[way], color=_INK, lw=1, ls=":")
        axis.set(xlabel=way, ylim=(-0.03, 1.05))
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        least = _worst(rows)
        told.append(f"{_at(way, least['strength'])}: {least['value']:.0%}")
    for axis in axes[:, 0]:
        axis.set_ylabel("copies found")
    return Picture(
        figure, f"Share of altered copies found, by dose. Lowest of each: {'; '.join(told)}."
    )


def power(table: pd.DataFrame) -> Picture:
    """Draw how often each probe finds a shortcut of growing strength, a panel a probe.

    Parameters
    ----------
    table
        The record's measures.
    """
    figure, axes = plt.subplots(2, 3, figsize=(common.WIDTH, 5.2), sharey=True, sharex=True)
    told = []
    planted = table[(table["measure"] == "power") & table["strength"].isin(controls.STRENGTHS)]
    for axis, (name, probe) in zip(axes.flat, shortcuts.PROBES.items(), strict=True):
        axis.axhline(controls.POWER, color=_INK, lw=1, ls=":")
        for (color, marker), variant in zip(_LINES, probe.variants, strict=False):
            rows = planted[(planted["method"] == name) & (planted["variant"] == variant)]
            rows = rows.sort_values("strength")
            axis.plot(
                rows["strength"], rows["value"], color=color, marker=marker, ms=5, label=variant
            )
            told.append(f"{probe.title} {variant} " + ", ".join(f"{v:.2f}" for v in rows["value"]))
        axis.set(title=probe.title, ylim=(-0.03, 1.05))
        axis.legend(fontsize=8, loc="lower right")
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[:, 0]:
        axis.set_ylabel("cohorts in which found")
    for axis in axes[-1]:
        axis.set_xlabel("strength of the shortcut")
    strengths = ", ".join(f"{s:g}" for s in controls.STRENGTHS)
    return Picture(
        figure, f"Share of cohorts in which found, at strengths {strengths}: {'; '.join(told)}."
    )


def gains(table: pd.DataFrame) -> Picture:
    """Draw what image-level splits gain by coins, by images a patient.

    Parameters
    ----------
    table
        The record's measures.
    """
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.3))
    axis.axhline(0, color=_INK, lw=1)
    told = []
    models = zip(_LINES, QUICK, (-0.015, 0.015), strict=False)
    for (color, marker), model, shift in models:
        rows = table[(table["measure"] == "gain") & (table["variant"] == model)]
        rows = rows.sort_values("strength")
        points = rows.assign(**{c: 100 * rows[c] for c in ("value", "low", "high")})
        title = MODELS[model]
        _drawn(axis, points.assign(strength=points["strength"] + shift), color, marker, title)
        told.append(f"{title} " + ", ".join(f"{v:+.1f}" for v in points["value"]))
    axis.set(xlabel="mean images a patient", ylabel="gain in accuracy, points")
    axis.legend(loc="upper left")
    numbers = ", ".join(f"{mean:g}" for mean in controls.PER_PATIENT)
    return Picture(
        figure, f"Gain of image-level splits in points, with {numbers} images: {'; '.join(told)}."
    )


def _drawn(axis: Axes, rows: pd.DataFrame, color: str, marker: str, label: str = "") -> None:
    places, value = rows["strength"].to_numpy(float), rows["value"].to_numpy(float)
    away = np.abs(rows[["low", "high"]].to_numpy(float).T - value)
    axis.errorbar(
        places, value, away, color=color, marker=marker, ms=5, lw=1.5, elinewidth=1, label=label
    )


def _at(way: str, dose: float) -> str:
    name, _, unit = way.partition(", ")
    return f"{name} {dose:g} {unit}".strip()


# --- tables and sentences


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Sum the controls up, a row a method, for a page.

    Returns
    -------
    DataFrame
        ``method``; what was ``planted`` at most; how it was ``found``; ``false alarms``
        where nothing was; ``verdict``. Of several variants or models the worst is shown.
    """
    good = controls.passing(controls.criteria(table))
    rows = []
    for name, title in controls.TITLES.items():
        of = table[table["method"] == name]
        shown = {"planted": "not run", "found": "–", "false alarms": "–"} if of.empty else _told(of)
        verdict = "passed" if name in good else "failed"
        rows.append({"method": title, **shown, "verdict": verdict})
    return pd.DataFrame(rows)


def _told(of: pd.DataFrame) -> dict[str, str]:
    method = of["method"].iloc[0]
    if method == "duplicates":
        hit = _limits(_worst(of, measure="recall", variant="all kinds"))
        right, kin = (
            _worst(of, measure="precision", variant=one)["value"]
            for one in ("all kinds", "one patient")
        )
        alarms = _limits(_worst(of, measure="false alarms", variant="different patients"), 5)
        return {
            "planted": "copies, of six kinds",
            "found": f"recall {hit}; precision {right:.2f}, or {kin:.2f} if another picture of "
            "the same patient counts as a copy",
            "false alarms": f"{alarms} of pairs of different patients",
        }
    if method == "overlap":
        part = max(controls.SHARED)
        return {
            "planted": f"{part:.0%} of test patients, or files, trained on",
            "found": "recall " + _limits(_worst(of, measure="recall", strength=part)),
            "false alarms": _limits(_worst(of, highest=True, measure="false alarms")),
        }
    if method == "leakage":
        many, one = max(controls.PER_PATIENT), min(controls.PER_PATIENT)
        points = _limits(_worst(of, measure="gain", strength=many), 1, 100)
        none = _limits(_worst(of, highest=True, measure="gain", strength=one), 1, 100)
        return {
            "planted": f"{many:g} images a patient, labels by coin",
            "found": f"gain {points} points",
            "false alarms": f"gain {none} points with {one:g} image",
        }
    if method == "saliency":
        corner = _worst(of, measure="outside", planted=controls.CORNER)
        lung = _worst(of, highest=True, measure="outside", planted=controls.LUNG)
        empty = _worst(of, measure="no map")
        return {
            "planted": "a mark in a corner, or in a lung",
            "found": f"outside the lungs {corner['value']:.2f}, or {lung['value']:.2f}",
            "false alarms": f"a map without a mark in {1 - empty['value']:.0%}",
        }
    fields = f"{controls.FILES}, {controls.MISSING}"
    return {
        "planted": f"{fields if method == 'metadata' else controls.SHORTCUT} by class, strength 1",
        "found": "power " + _limits(_worst(_without_disease(of), measure="power", strength=1.0)),
        "false alarms": _limits(
            _worst(_without_disease(of), highest=True, measure="false alarms", strength=0.0)
        ),
    }


def _without_disease(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["planted"] != controls.DISEASE]


def _worst(of: pd.DataFrame, *, highest: bool = False, **where: str | float) -> dict[str, Any]:
    """Return the row with the lowest value, or the highest, of those that are asked for."""
    for column, wanted in where.items():
        of = of[of[column] == wanted]
    row = of.sort_values("value", ascending=not highest).iloc[0]
    return {str(name): value for name, value in row.items()}


def _limits(row: Mapping[Any, Any], digits: int = 2, times: float = 1.0) -> str:
    value, low, high = (f"{times * row[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def answer(made: Record) -> str:
    """Say in one sentence how many methods passed, and name those that did not."""
    good = controls.passed(made)
    bad = [title for name, title in controls.TITLES.items() if name not in good]
    told = (
        f"{len(controls.TITLES) - len(bad)} of {len(controls.TITLES)} methods passed their controls"
    )
    if not bad:
        return f"{told}."
    return f"{told}; not relied on: {', '.join(bad)}."


def by_disease(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out which probes see the disease, beside how much of the lungs they show."""
    of = table[table["planted"] == controls.DISEASE]
    wide = of.pivot_table(
        index=["method", "variant"], columns="measure", values="value", sort=False
    )
    number = int(of.loc[of["measure"] == "power", "n"].iloc[0])
    wide = wide.reset_index()
    return pd.DataFrame(
        {
            "probe": [shortcuts.PROBES[name].title for name in wide["method"]],
            "sees": wide["variant"],
            "lung in sight": [
                "–" if pd.isna(share) else f"{100 * share:.0f}%" for share in wide["lung in sight"]
            ],
            "mean AUROC": wide["auroc"].map("{:.2f}".format),
            "disease found": [f"{round(share * number)} of {number}" for share in wide["power"]],
        }
    )


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out how many planted copies of each kind were found."""
    of = table[(table["method"] == "duplicates") & (table["planted"] == "copies")]
    of = of[of["measure"] == "recall"]
    return pd.DataFrame(
        {
            "kind": of["variant"],
            "planted": of["n"],
            "found": (of["value"] * of["n"]).round().astype(int),
            "recall": [_limits(row) for row in of.to_dict("records")],
        }
    )


def demands() -> pd.DataFrame:
    """Lay out what each method must do to pass."""
    return pd.DataFrame(
        [
            {"method": "Probes" if name == "probes" else controls.TITLES[name], "demand": text}
            for name, text in controls.REQUIRED.items()
        ]
    )


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out the demands that were not met."""
    judged = controls.criteria(table)
    bad = judged[~judged["met"]]
    return pd.DataFrame(
        {
            "method": bad["method"].map(controls.TITLES),
            "demand": bad["demand"],
            "found": bad["found"].map("{:.3g}".format),
        }
    )


def region_words(table: pd.DataFrame) -> str:
    """Say how much of true lungs the stated region covers, and how much of it is lung."""
    told = []
    for style, name in (("adult", "adults"), ("paediatric", "children")):
        of = table[(table["method"] == "region") & (table["variant"] == style)]
        covered, lung = (_worst(of, measure=one) for one in ("covered", "lung"))
        told.append(
            f"in {covered['n']:,} synthetic {name} it covers {_percent(covered)} of the lungs, and "
            f"{_percent(lung)} of it are lung"
        )
    return f"{told[0][0].upper()}{told[0][1:]}; {told[1]}."


def place_words(table: pd.DataFrame) -> str:
    """Say what either method makes of evidence that is one place's weight, not a mark."""
    of = table[table["planted"] == controls.PLACE]
    told = []
    for where, word in ((controls.CORNER, "corner"), (controls.LUNG, "lung")):
        found = {
            name: _worst(of, variant=f"{method}, {where.split()[-1]}")["value"]
            for method, name in saliency.METHODS.items()
        }
        of_methods = " and ".join(f"{name} {value:.2f}" for name, value in found.items())
        told.append(f"with the place in a {word} {of_methods}")
    return f"The share of the evidence outside the lung region is then {'; '.join(told)}."


def alarm_words(table: pd.DataFrame) -> str:
    """Say how many pairs of radiographs that are no copies were called copies."""
    of = table[(table["method"] == "duplicates") & (table["measure"] == "false alarms")]
    told = []
    for row in of.to_dict("records"):
        whose = {"one patient": "different images of one patient"}.get(row["variant"], "")
        told.append(
            f"{round(row['value'] * row['n']):,} of {row['n']:,} pairs of "
            f"{whose or row['variant']} ({row['low']:.2g} to {row['high']:.2g})"
        )
    return f"Called copies although they are none: {' and '.join(told)}."


def _percent(row: Mapping[Any, Any]) -> str:
    value, low, high = (100 * row[name] for name in ("value", "low", "high"))
    return f"{value:.1f}% ({low:.1f} to {high:.1f})"


def chance_words(table: pd.DataFrame) -> str:
    """Say how often probes raise an alarm where nothing is planted, and to which side."""
    of = table[(table["strength"] == 0) & table["method"].isin(list(shortcuts.PROBES))]
    above, either = (
        round(float((rows["value"] * rows["n"]).sum()))
        for rows in (of[of["measure"] == name] for name in ("power", "false alarms"))
    )
    n = int(of.loc[of["measure"] == "power", "n"].sum())
    return (
        f"At strength 0, {above} of {n} intervals of all probes and variants lie above 0.5 "
        f"({100 * above / n:.1f}%) and {either - above} below "
        f"({100 * (either - above) / n:.1f}%); both count as false alarms."
    )


def disease_words(table: pd.DataFrame) -> str:
    """Name the probes of places other than the lungs that find the disease."""
    of = table[(table["planted"] == controls.DISEASE) & (table["measure"] == "power")]
    placed = table[table["measure"] == "lung in sight"].set_index(["method", "variant"])["value"]
    told = [
        f"{shortcuts.PROBES[one].title.lower()} {variant} ({100 * placed[one, variant]:.0f}%)"
        for one, variant in of.loc[of["value"] >= 0.5, ["method", "variant"]].to_numpy()
        if (one, variant) in placed.index and (one, variant) != ("lungs", "only")
    ]
    if not told:
        return "No probe of a place beside the lungs finds the disease in half of the cohorts."
    return (
        "These look beside the lungs, yet see a share of them and find the disease in half of the "
        f"cohorts or more, so that what they find need not be a shortcut: {', '.join(told)}."
    )
