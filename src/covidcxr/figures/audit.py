"""An audit as figures and tables of a page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from covidcxr.figures import common
from covidcxr.figures.common import Html, Picture
from covidcxr.paper.audit import verdicts
from covidcxr.paper.audit.scores import UNBOUNDED, word
from covidcxr.paper.audit.text import p_range, p_value
from covidcxr.scores import comparison

Report = Mapping[str, Any]
"""As `covidcxr.paper.audit.report.audit` returns it."""

_SWAPPED = ("sensitivity", "specificity", "ppv", "npv")
_PRINTED, _CORRECTED = "#8d99a6", "#c1440e"
_PAIRS = ("#c1440e", "#2a6f97", "#6c757d")
_MARKERS = ("D", "o", "s")


def decided(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table's scores in the reading that was decided."""
    return dict(table["scores"][table["reading"]])


def matrices(report: Report) -> Html:
    """Show every matrix as it is printed, with the totals of its rows and columns."""
    parts = []
    for table in report["tables"]:
        (a, b), (c, d) = table["matrix"]
        parts.append(
            f"""<table class="margins"><caption>{html.escape(table["name"])}</caption>
<thead><tr><td></td><th scope="col">Covid19</th><th scope="col">Normal</th>
<th scope="col">total</th></tr></thead>
<tbody><tr><th scope="row">Covid19</th><td>{a}</td><td>{b}</td><td class="rows">{a + b}</td></tr>
<tr><th scope="row">Normal</th><td>{c}</td><td>{d}</td><td class="rows">{c + d}</td></tr>
<tr><th scope="row">total</th><td class="columns">{a + c}</td>
<td class="columns">{b + d}</td><td>{a + b + c + d}</td></tr></tbody></table>"""
        )
    return Html(f'<div class="table-wrap side-by-side" tabindex="0">{"".join(parts)}</div>')


def readings(report: Report) -> Picture:
    """Draw what each score is as labelled and as corrected, a panel a network."""
    tables = report["tables"]
    figure, axes = plt.subplots(1, len(tables), figsize=(common.WIDTH, 3.5), sharey=True)
    places = np.arange(len(_SWAPPED))[::-1]
    told = []
    for axis, table in zip(np.atleast_1d(axes), tables, strict=True):
        labelled, corrected = table["scores"]["as_printed"], table["scores"]["transposed"]
        for place, score in zip(places, _SWAPPED, strict=True):
            low, high = table["intervals"]["transposed"][score]["wilson"]
            axis.hlines(place, low, high, color=_CORRECTED, lw=7, alpha=0.25)
            axis.annotate(
                "",
                (corrected[score], place),
                (labelled[score], place),
                arrowprops={"arrowstyle": "->", "color": "#343a40", "lw": 1.2, "shrinkB": 4},
            )
        axis.plot([labelled[s] for s in _SWAPPED], places, "o", color=_PRINTED, ms=8)
        axis.plot([corrected[s] for s in _SWAPPED], places, "D", color=_CORRECTED, ms=7)
        axis.set(title=table["name"], xlim=(0.4, 1.02), ylim=(-0.5, 3.5), xlabel="score")
        axis.set_yticks(places, [word(s) for s in _SWAPPED])
        axis.set_xticks([0.4, 0.6, 0.8, 1.0])
        axis.grid(axis="y", visible=False)
        moves = (f"{word(s)} {labelled[s]:.2f} to {corrected[s]:.2f}" for s in _SWAPPED)
        told.append(f"{table['name']}: {', '.join(moves)}")
    handles = [
        Line2D([], [], color=_PRINTED, marker="o", ls="", ms=8, label="rows as labelled"),
        Line2D([], [], color=_CORRECTED, marker="D", ls="", ms=7, label="rows as the truth"),
        Line2D([], [], color=_CORRECTED, lw=7, alpha=0.25, label="its 95% Wilson interval"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return Picture(figure, f"Scores as labelled and with rows as the truth. {'; '.join(told)}.")


def against_baseline(report: Report) -> Picture:
    """Draw each network's accuracy with its interval beside that of the majority class.

    Both tests of `covidcxr.paper.audit.bounds.baseline` stand beside it, since they may disagree.
    """
    tables = report["tables"]
    baseline = tables[0]["baseline"]["accuracy"]
    figure, axis = plt.subplots(figsize=(common.WIDTH, 2.6))
    told = []
    for place, table in enumerate(reversed(tables)):
        found = table["intervals"][table["reading"]]["accuracy"]
        value = decided(table)["accuracy"]
        axis.hlines(place, *found["clopper_pearson"], color=_CORRECTED, lw=2)
        axis.hlines(place, *found["wilson"], color=_CORRECTED, lw=7, alpha=0.3)
        axis.plot(value, place, "D", color=_CORRECTED, ms=8)
        tests = [f"McNemar p {p_value(table['baseline']['paired']['p'])}"]
        tests.append(f"binomial p {p_value(table['baseline']['binomial_p'])}")
        axis.annotate("\n".join(tests), (1.09, place), ha="right", va="center", fontsize=9)
        low, high = found["wilson"]
        told.append(f"{table['name']} {value:.3f} ({low:.3f} to {high:.3f}), {', '.join(tests)}")
    axis.axvline(baseline, color="#343a40", ls="--", lw=1.2)
    axis.set_yticks(range(len(tables)), [t["name"] for t in reversed(tables)])
    axis.set(xlabel="accuracy", xlim=(0.68, 1.095), ylim=(-0.6, len(tables) - 0.4))
    axis.set_xticks(np.arange(0.7, 1.01, 0.05))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color="#343a40", ls="--", label="always normal"),
        Line2D([], [], color=_CORRECTED, lw=7, alpha=0.3, label="95% Wilson"),
        Line2D([], [], color=_CORRECTED, lw=2, label="95% Clopper-Pearson"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        figure,
        f"Accuracy of each network beside {baseline:.3f}, that of always answering normal, with "
        "p of McNemar's exact test, two-sided, and of the binomial test, one-sided. "
        f"{'; '.join(reversed(told))}.",
    )


def discordance(report: Report) -> Picture:
    """Draw the exact McNemar p of each pair over all feasible counts of discordant images."""
    figure, axis = plt.subplots(figsize=(common.WIDTH, 3.9))
    right = {t["name"]: sum(_correct(t)) for t in report["tables"]}
    told, floor = [], 1.0
    for pair, color, marker in zip(report["pairs"], _PAIRS, _MARKERS, strict=False):
        found = pair["all"]
        few, many = found["discordant"]
        counts = np.arange(few, many + 1, 2)
        gap = abs(right[pair["a"]] - right[pair["b"]])
        p = comparison.mcnemar((counts - gap) // 2, (counts + gap) // 2)
        name = f"{pair['a']} and {pair['b']}"
        axis.plot(counts, p, color=color, lw=2.5, label=name)
        likely = found["independent"]
        axis.plot(likely["discordant"], likely["p"], marker, color=color, ms=9)
        told.append(f"{name}: p {p_range(p.min(), p.max())} for {few} to {many}")
        floor = min(floor, float(p.min()))
    axis.axhline(comparison.LEVEL, color="#343a40", ls="--", lw=1.2)
    axis.annotate(
        f"p = {comparison.LEVEL}",
        (axis.get_xlim()[1], comparison.LEVEL),
        xytext=(0, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=10,
        backgroundcolor="white",
    )
    axis.set_yscale("log")
    axis.set(
        xlabel="images on which exactly one of the two is right",
        ylabel="exact McNemar p",
        ylim=(floor / 10, 3),
    )
    handles, labels = axis.get_legend_handles_labels()
    marks = Line2D([], [], color="#343a40", marker="o", ls="", label="if errors were independent")
    figure.legend(
        handles=[*handles, marks],
        labels=[*labels, str(marks.get_label())],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return Picture(
        figure,
        "Exact McNemar p of each pair of networks over every number of discordant images that "
        f"their tables allow. {'; '.join(told)} images.",
    )


def prints(report: Report) -> pd.DataFrame:
    """List the printed values of every score with their verdicts under both readings."""
    rows = []
    for table in report["tables"]:
        for score, found in table["reported"].items():
            values = found if isinstance(found, list) else [found]
            rows.append(
                {
                    "network": table["name"],
                    "score": word(score),
                    "printed": ", ".join(row["printed"] for row in values),
                    "as labelled": _verdicts(values, "as_printed"),
                    "rows as truth": _verdicts(values, "transposed"),
                }
            )
    return pd.DataFrame(rows)


def verdict_counts(report: Report, reading: str) -> dict[str, int]:
    """Count the printed values by verdict in one reading; every verdict is a key."""
    found = [
        row["readings"][reading]["verdict"]
        for table in report["tables"]
        for rows in table["reported"].values()
        for row in (rows if isinstance(rows, list) else [rows])
    ]
    return {verdict: found.count(verdict) for verdict in verdicts.VERDICTS}


def recomputed(report: Report) -> pd.DataFrame:
    """List the scores of every network in the decided reading, with their intervals."""
    rows = []
    for table in report["tables"]:
        values = decided(table)
        for score, found in table["intervals"][table["reading"]].items():
            exact = found.get("clopper_pearson")
            rows.append(
                {
                    "network": table["name"],
                    "score": word(score),
                    "value": f"{values[score]:.4f}",
                    "n": found["n"],
                    "Wilson or bootstrap": _span(found.get("wilson") or found["bootstrap"]),
                    "Clopper-Pearson": _span(exact) if exact else "",
                }
            )
        for score in ("kappa", "lr_positive", "lr_negative", "macro_f1", "weighted_f1"):
            rows.append(
                {
                    "network": table["name"],
                    "score": word(score),
                    # A ratio without an interval is told in few digits.
                    "value": f"{values[score]:.{2 if score in UNBOUNDED else 4}f}",
                }
            )
    return pd.DataFrame(rows).astype({"n": "Int64"}).astype(object).fillna("")


def baselines(report: Report) -> pd.DataFrame:
    """List both tests of each network against the majority class."""
    rows = []
    for table in report["tables"]:
        base, cells = table["baseline"], table["cells"][table["reading"]]
        paired, n = base["paired"], sum(cells.values())
        rows.append(
            {
                "network": table["name"],
                "right": f"{cells['tp'] + cells['tn']} of {n}",
                "always normal": f"{round(base['accuracy'] * n)} of {n}",
                "better, worse": f"{paired['better']}, {paired['worse']}",
                "McNemar, two-sided": f"p {p_value(paired['p'])}",
                "binomial, one-sided": f"p {p_value(base['binomial_p'])}",
            }
        )
    return pd.DataFrame(rows)


def pairs(report: Report) -> pd.DataFrame:
    """List what the margins allow on each pair: of all images, and by class."""
    names = {"all": "all", "positive": "COVID-19", "negative": "normal"}
    rows = []
    for pair in report["pairs"]:
        for part, images in names.items():
            found = pair[part]
            limit = found["significant_up_to"]
            rows.append(
                {
                    "pair": f"{pair['a']}, {pair['b']}",
                    "images": images,
                    "discordant": "{} to {}".format(*found["discordant"]),
                    "p": p_range(*found["p"]),
                    "below 0.05": _below(limit, found["discordant"][1]),
                }
            )
    return pd.DataFrame(rows)


def beyond(report: Report) -> pd.DataFrame:
    """List PPV and NPV by prevalence, and the bounds of the AUROC, a row a network."""
    rows = []
    for table in report["tables"]:
        low, concave, high = (table["auroc"][k] for k in ("low", "low_concave", "high"))
        row = {"network": table["name"]}
        for at in table["predictive_values"]:
            row[f"PPV at {at['prevalence']:.0%}"] = f"{at['ppv']:.3f}"
        rows.append(
            row | {"AUROC": f"{low:.3f} to {high:.3f}", "if concave from": f"{concave:.3f}"}
        )
    return pd.DataFrame(rows)


def _verdicts(rows: list[dict[str, Any]], reading: str) -> str:
    """Return the one verdict on several prints, or each with its prints."""
    said: dict[str, list[str]] = {}
    for row in rows:
        by = row["readings"][reading]
        equals = f" ({word(by['equals'])})" if by["equals"] else ""
        said.setdefault(by["verdict"] + equals, []).append(row["printed"])
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{verdict}: {', '.join(dict.fromkeys(v))}" for verdict, v in said.items())


def _correct(table: Mapping[str, Any]) -> tuple[int, int]:
    cells = table["cells"][table["reading"]]
    return cells["tp"], cells["tn"]


def _span(ends: tuple[float, float]) -> str:
    return "{:.4f} to {:.4f}".format(*ends)


def _below(limit: int | None, most: int) -> str:
    if limit is None:
        return "never"
    return "always" if limit >= most else f"up to {limit} discordant"
