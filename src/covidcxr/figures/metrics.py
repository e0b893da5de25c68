"""Figures, tables and values of scores: curves, matrices, the paper beside a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from covidcxr.core import edition
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES, ModelName, Study
from covidcxr.figures.common import WIDTH, Html, Picture, note, stack, table, with_limits
from covidcxr.paper import agreement, publication, reproduction
from covidcxr.scores import metrics
from covidcxr.scores.intervals import Interval
from covidcxr.scores.predictions import Predictions

READINGS = {
    "printed": ("as the paper labels it", "#adb5bd", "o"),
    "corrected": ("the same matrix, rows as truth", "#6c757d", "s"),
    "ours": ("this study", "#c1440e", "D"),
}


def criteria_values(study: Study, runs: Mapping[ModelName, Record]) -> dict[str, Any]:
    """Values that the page glues: criteria of agreement, their day, and departures of the runs."""
    stated = study.agreement.stated
    departures = reproduction.protocol_deviations(*runs.values())
    return {
        "metrics_confidence": 100 * study.confidence,
        "metrics_margin": 100 * study.agreement.margin,
        "metrics_stated": stated,
        "metrics_earlier": agreement.made_before(stated, [run.created for run in runs.values()]),
        "metrics_runs": len(runs),
        "metrics_departures": "; ".join(departures) or "none",
        "metrics_n_paper": int(publication.tables()["resnet50"].cells("true").sum()),
    }


def score_values(
    scores: Mapping[ModelName, Mapping[str, Interval]],
    judged: Mapping[ModelName, pd.DataFrame],
    tested: Predictions,
    few: str,
) -> dict[str, Any]:
    """Values that the page glues: verdicts, the best network, and the last, for other pages."""
    verdicts = Counter(agreement.overall(list(rows["verdict"])) for rows in judged.values())
    top = max(one["accuracy"].value for one in scores.values())
    best = [model for model, one in scores.items() if one["accuracy"].value == top]
    accuracy, (*_, last) = scores[best[0]]["accuracy"], scores
    values = {
        "metrics_n": len(tested),
        "n_test": len(tested),
        "baseline": 1 - tested.prevalence,
        "best": ", ".join(TITLES[model] for model in best),
        "best_accuracy": top,
        "best_low": accuracy.low,
        "best_high": accuracy.high,
        "own_network": TITLES[last],
        "own_positive": int(tested.positive.sum()),
        "own_negative": int((~tested.positive).sum()),
        "own_few": few,
    }
    for verdict in agreement.VERDICTS:
        count = str(verdicts[verdict])
        values[f"metrics_{verdict}"] = edition.WITHHELD if few else count
    for name in ("accuracy", "auroc"):
        one = scores[last][name]
        values |= {
            f"own_{name}": one.value,
            f"own_{name}_low": one.low,
            f"own_{name}_high": one.high,
        }
    return values


def paper_layout(cells: NDArray[np.int64], caption: str) -> Html:
    """Lay a confusion matrix and its scores out as the paper's Tables 1 to 3.

    Rows are the model's decision and columns the reference standard.
    """
    tp, fn, fp, tn = (int(cell) for cell in cells)
    s = {name: _number(value) for name, value in metrics.score(cells).items()}
    return Html(
        f"""<div class="table-wrap" tabindex="0"><table class="paper">
<caption>{escape(caption)}</caption>
<tr><th colspan="2" rowspan="2">Confusion matrix</th><th colspan="2" scope="colgroup">Target</th>
<td colspan="2">F1 score = {s["f1"]}</td></tr>
<tr><th scope="col">Covid19</th><th scope="col">Normal</th><td colspan="2"></td></tr>
<tr><th rowspan="2" scope="rowgroup">Model</th>
<th scope="row">Covid19</th><td>{tp}</td><td>{fp}</td><td>Precision</td><td>{s["ppv"]}</td></tr>
<tr><th scope="row">Normal</th><td>{fn}</td><td>{tn}</td>
<td>Negative predictive value</td><td>{s["npv"]}</td></tr>
<tr><td colspan="2"></td><td>Recall<br>{s["sensitivity"]}</td>
<td>Specificity<br>{s["specificity"]}</td>
<td colspan="2">Accuracy = {s["accuracy"]}</td></tr>
</table></div>"""
    )


def versus_paper(judged: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Table of scores: printed, corrected (rows as truth) and ours, with difference and verdict."""
    shown = [
        {
            "score": metrics.word(str(score)),
            "verdict": row["verdict"],
            "printed": row["printed"],
            f"corrected ({confidence:.0%})": _limits(row["corrected"]),
            f"ours ({confidence:.0%})": _limits(row["ours"]),
            "ours less corrected, points": with_limits(
                row["difference"], row["low"], row["high"], spec="+.1f", scale=100
            ),
        }
        for score, row in judged.iterrows()
    ]
    return pd.DataFrame(shown).set_index("score")


def comparison(judged: Mapping[ModelName, pd.DataFrame], baseline: float, study: str) -> Picture:
    """Draw the scores of all networks beside the paper's, as its Figure 6 does.

    ``baseline`` is the accuracy of calling every image NORMAL.
    """
    figure, axes = plt.subplots(1, len(judged), figsize=(WIDTH, 3.8), sharey=True, squeeze=False)
    for axis, (model, rows) in zip(axes.flat, judged.items(), strict=True):
        places = np.arange(len(rows))[::-1]
        _dots(axis, [float(text) for text in rows["printed"]], places + 0.22, "printed")
        for reading, away in (("corrected", 0.0), ("ours", -0.22)):
            ours = list(rows[reading])
            _dots(axis, [one.value for one in ours], places + away, reading)
            axis.hlines(
                places + away, [one.low for one in ours], [one.high for one in ours],
                color=READINGS[reading][1], lw=2, alpha=0.7,
            )  # fmt: skip
        for place, name in zip(places, rows.index, strict=True):
            if name == "accuracy":
                axis.vlines(baseline, place - 0.45, place + 0.45, color="#343a40", lw=1.5, ls=":")
        axis.set(title=TITLES[model], xlim=(-0.05, 1.05), xlabel="score", yticks=places)
        axis.set_yticklabels([metrics.word(str(name)) for name in rows.index])
        axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=c, marker=m, ls="", label=study if k == "ours" else text)
        for k, (text, c, m) in READINGS.items()
    ]
    handles.append(Line2D([], [], color="#343a40", ls=":", label="accuracy of always NORMAL, ours"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    alt = "; ".join(
        f"{TITLES[m]} {rows['ours'].to_dict()['accuracy'].value:.2f}"
        for m, rows in judged.items()
        if "accuracy" in rows.index
    )
    return Picture(
        figure,
        "Scores of each network: as the paper labels them, as its matrices give them with "
        f"rows as truth, and in {study}, the last two with intervals. Accuracy in {study}: {alt}.",
    )


def accuracies(points: pd.DataFrame, title: str) -> Picture:
    """Draw `covidcxr.paper.runs.points`, accuracies with intervals; a title of the axis."""
    rows = points.sort_values(
        "model", key=lambda m: m.map(list(TITLES.values()).index), kind="stable"
    )
    rows = rows.iloc[::-1].reset_index(drop=True)
    # A gap between networks
    new = (rows["model"] != rows["model"].shift()).to_numpy()
    places = np.arange(len(rows)) + 0.7 * np.cumsum(new)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.6 + 0.5 * len(rows)))
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        _, color, marker = READINGS["corrected" if row["by"] == "paper" else "ours"]
        axis.hlines(place, row["low"], row["high"], color=color, lw=2.5)
        axis.plot(row["value"], place, marker=marker, color=color, ms=8)
        axis.plot(row["baseline"], place, marker="|", color="#343a40", ms=18, ls="")
    axis.set_yticks(places, [f"{r.model}, {r.what}" for r in rows.itertuples()])
    axis.set(xlabel=title, xlim=(0, 1.01), ylim=(places[0] - 0.7, places[-1] + 0.7))
    axis.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=READINGS[k][1], marker=READINGS[k][2], label=label)
        for k, label in (("corrected", "the paper's matrix"), ("ours", "run here on real images"))
    ]
    handles.append(Line2D([], [], color="#343a40", marker="|", ls="", ms=12, label="always normal"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    alt = "; ".join(f"{r.model}, {r.what}: {r.value:.3f}" for r in rows[::-1].itertuples())
    alt = alt.replace("\n", " ")
    return Picture(figure, f"{title}, with 95% Wilson intervals. {alt}.")


def _dots(axis: Axes, values: Any, places: NDArray[Any], reading: str) -> None:
    _, color, marker = READINGS[reading]
    axis.plot(values, places, marker=marker, color=color, ls="", ms=6)


def _number(value: Any) -> str:
    return f"{float(value):.3f}" if np.isfinite(float(value)) else "–"


def _limits(one: Interval) -> str:
    return with_limits(one.value, one.low, one.high)


def scores(intervals: Mapping[str, Interval], caption: str) -> Html:
    """Table of a model's scores with intervals, and below it the reasons of exceptions."""
    shown = [
        {
            "score": metrics.word(name) + (" *" if one.reason else ""),
            "value": _number(one.value),
            "interval": (
                f"{_number(one.low)} to {_number(one.high)}" if np.isfinite(one.low) else "–"
            ),
            "n": one.n,
            "method": one.method,
        }
        for name, one in intervals.items()
    ]
    reasons = [
        f"{metrics.word(name)}: {one.reason}" for name, one in intervals.items() if one.reason
    ]
    below = [note(f"* {'; '.join(reasons)}.")] if reasons else []
    return stack(table(pd.DataFrame(shown), caption), *below)
