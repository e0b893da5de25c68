"""Figures and tables of scores: curves, matrices, intervals, the paper beside a study."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from covidcxr.core.studies import TITLES, ModelName
from covidcxr.figures.common import PARTS, WIDTH, Html, Picture, note, stack, table
from covidcxr.scores import metrics
from covidcxr.scores.intervals import Interval

READINGS = {
    "printed": ("as the paper labels it", "#adb5bd", "o"),
    "corrected": ("the same matrix, rows as truth", "#6c757d", "s"),
    "ours": ("this study", "#c1440e", "D"),
}


def learning_curves(history: pd.DataFrame, model: ModelName) -> Picture:
    """Draw loss and accuracy over the epochs, as the paper's Figures 3 to 5 do."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    last = history[history["epoch"] == history["epoch"].max()]
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for part, rows in history.groupby("part"):
            label = f"{part} part"
            axis.plot(
                rows["epoch"], rows[measure], marker="o", ms=4, label=label, color=PARTS[str(part)]
            )
        axis.set(xlabel="epoch", ylabel=measure, title=f"{measure} of {TITLES[model]}")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1.02)
    axes[1].legend(loc="lower right")
    told = "; ".join(
        f"{r.part}: loss {r.loss:.2f}, accuracy {r.accuracy:.2f}" for r in last.itertuples()
    )
    return Picture(figure, f"Loss and accuracy of {TITLES[model]} by epoch. Last epoch: {told}.")


def paper_layout(cells: NDArray[np.int64], caption: str) -> Html:
    """Lay a confusion matrix and its scores out as the paper's Tables 1 to 3.

    Rows are the model's decision and columns the reference standard, under the
    paper's labels and with its scores in its places.
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
    """Write out how a study compares with the paper.

    Parameters
    ----------
    judged
        As `covidcxr.paper.agreement.against_paper` returns it.
    confidence
        Coverage of its intervals.

    Returns
    -------
    pandas.DataFrame
        A row a score: as printed, the printed matrix read with its rows as the truth,
        ours, both with intervals, the difference in points and the verdict.
    """
    shown = [
        {
            "score": metrics.word(str(score)),
            "verdict": row["verdict"],
            "printed": row["printed"],
            f"corrected ({confidence:.0%})": _with_limits(row["corrected"]),
            f"ours ({confidence:.0%})": _with_limits(row["ours"]),
            "ours less corrected, points": _points(row["difference"], row["low"], row["high"]),
        }
        for score, row in judged.iterrows()
    ]
    return pd.DataFrame(shown).set_index("score")


def comparison(judged: Mapping[ModelName, pd.DataFrame], baseline: float, study: str) -> Picture:
    """Draw the scores of all networks beside the paper's, as its Figure 6 does.

    Parameters
    ----------
    judged
        By network, as `covidcxr.paper.agreement.against_paper` returns it.
    baseline
        Accuracy of calling every image NORMAL, drawn as a line where the accuracies are.
    study
        Whose results ours are, for the legend.
    """
    figure, axes = plt.subplots(1, len(judged), figsize=(WIDTH, 3.8), sharey=True, squeeze=False)
    for axis, (model, rows) in zip(axes.flat, judged.items(), strict=True):
        places = np.arange(len(rows))[::-1]
        _dots(axis, [float(text) for text in rows["printed"]], places + 0.22, "printed")
        for reading, away in (("corrected", 0.0), ("ours", -0.22)):
            found = list(rows[reading])
            _dots(axis, [one.value for one in found], places + away, reading)
            axis.hlines(
                places + away, [one.low for one in found], [one.high for one in found],
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
    told = "; ".join(
        f"{TITLES[m]} {rows['ours'].to_dict()['accuracy'].value:.2f}"
        for m, rows in judged.items()
        if "accuracy" in rows.index
    )
    return Picture(
        figure,
        "Scores of each network: as the paper labels them, as its matrices give them with "
        f"rows as truth, and in {study}, the last two with intervals. Accuracy in {study}: {told}.",
    )


def accuracies(points: pd.DataFrame, title: str) -> Picture:
    """Draw accuracies with intervals, a row a network and source.

    Parameters
    ----------
    points
        As `covidcxr.paper.reproduction.points` returns it.
    title
        What the horizontal axis measures.
    """
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
    told = "; ".join(f"{r.model}, {r.what}: {r.value:.3f}" for r in rows[::-1].itertuples())
    told = told.replace("\n", " ")
    return Picture(figure, f"{title}, with 95% Wilson intervals. {told}.")


def _dots(axis: Axes, values: Any, places: NDArray[Any], reading: str) -> None:
    _, color, marker = READINGS[reading]
    axis.plot(values, places, marker=marker, color=color, ls="", ms=6)


def _number(value: Any, digits: int = 3) -> str:
    return "–" if not np.isfinite(float(value)) else f"{float(value):.{digits}f}"


def _with_limits(found: Interval) -> str:
    limits = f" ({_number(found.low)} to {_number(found.high)})" if np.isfinite(found.low) else ""
    return _number(found.value) + limits


def _points(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "–"
    limits = f" ({100 * low:+.1f} to {100 * high:+.1f})" if np.isfinite(low) else ""
    return f"{100 * value:+.1f}{limits}"


def scores(found: Mapping[str, Interval], caption: str) -> Html:
    """Show a model's scores with intervals, and below what is unusual about some of them."""
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
        for name, one in found.items()
    ]
    remarks = [f"{metrics.word(name)}: {one.reason}" for name, one in found.items() if one.reason]
    below = [note(f"* {'; '.join(remarks)}.")] if remarks else []
    return stack(table(pd.DataFrame(shown), caption), *below)
