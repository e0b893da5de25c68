"""Figures, tables and glued values of the page on metrics: the paper's scores beside a study's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import escape
from numpy.typing import NDArray

from covidcxr.core import edition
from covidcxr.core.records import Record
from covidcxr.core.studies import TITLES, ModelName, Study
from covidcxr.figures import charts
from covidcxr.figures.common import (
    GREY,
    INK,
    PALE,
    RUST,
    Html,
    Picture,
    decimal,
    note,
    stack,
    table,
    with_limits,
)
from covidcxr.paper import agreement, publication, reproduction
from covidcxr.scores import metrics
from covidcxr.scores.intervals import Interval
from covidcxr.scores.predictions import Predictions

_PAPER, _OURS = (GREY, "s"), (RUST, "D")


def matrices(columns: Mapping[str, Mapping[ModelName, NDArray[np.int64]]]) -> Picture:
    """Draw confusion matrices (tp, fn, fp, tn) as heat maps: a row a network, a column a reading.

    Shades are shares of the true class; a column without matrices is left out.
    """
    columns = {title: matrix for title, matrix in columns.items() if matrix}
    models = list(next(iter(columns.values())))
    figure, axes = charts.panels(len(models), len(columns), 0.7 + 1.75 * len(models))
    alt = []
    for row, model in zip(axes, models, strict=True):
        for axis, (title, matrix) in zip(row, columns.items(), strict=True):
            if model not in matrix:
                axis.set_axis_off()
                continue
            charts.confusion(axis, matrix[model].reshape(2, 2))
            if axis is not row[0]:
                axis.set_yticklabels([])
            axis.set_title(title if model == models[0] else "", fontsize=10)
            tp, fn, fp, tn = (int(n) for n in matrix[model])
            alt.append(f"{TITLES[model]}, {title}: TP {tp}, FN {fn}, FP {fp}, TN {tn}")
        row[0].set_ylabel(f"{TITLES[model]}\ntrue class", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("called", fontsize=9)
    return Picture(figure, f"Confusion matrices by true class. {'; '.join(alt)}.")


def comparison(judged: Mapping[ModelName, pd.DataFrame], baseline: float, study: str) -> Picture:
    """Draw the scores of all networks beside the paper's, as its Figure 6 does.

    ``baseline`` is the accuracy of calling every image NORMAL.
    """
    drawn = {}
    for model, rows in judged.items():
        rows = rows.rename(index=metrics.word)
        drawn[TITLES[model]] = {
            "as the paper labels it": pd.DataFrame(
                {"value": rows["printed"].astype(float), "low": np.nan, "high": np.nan}
            ),
            **{
                name: pd.DataFrame([vars(one) for one in rows[reading]], rows.index)
                for reading, name in (
                    ("corrected", "the same matrix, rows as truth"),
                    ("ours", study),
                )
            },
        }
    figure, axes = charts.forest(drawn, ((PALE, "o"), _PAPER, _OURS), apart=0.22)
    for axis, rows in zip(axes, judged.values(), strict=True):
        if "accuracy" in rows.index:
            place = rows.index.get_loc("accuracy") + np.array([-0.45, 0.45])
            text = "accuracy of always NORMAL, ours"
            axis.plot([baseline] * 2, place, color=INK, lw=1.5, ls=":", label=text)
        axis.set(xlim=(-0.05, 1.05), xlabel="score")
    charts.legend(figure, 2)
    alt = "; ".join(
        f"{TITLES[model]} {rows['ours'].to_dict()['accuracy'].value:.2f}"
        for model, rows in judged.items()
        if "accuracy" in rows.index
    )
    return Picture(
        figure,
        "Scores of each network: as the paper labels them, as its matrices give them with "
        f"rows as truth, and in {study}, the last two with intervals. Accuracy in {study}: {alt}.",
    )


def accuracies(points: pd.DataFrame, title: str) -> Picture:
    """Draw `covidcxr.paper.runs.points`, accuracies with intervals; a title of the axis."""
    order = points["model"].map(list(TITLES.values()).index)
    rows = points.iloc[np.argsort(order, kind="stable")]
    rows = rows.set_index(rows["model"] + ", " + rows["what"])
    drawn = {
        "the paper's matrix": rows.where(rows["by"] == "paper"),
        "run here on real images": rows.where(rows["by"] != "paper"),
    }
    figure, (axis,) = charts.forest({"": drawn}, (_PAPER, _OURS))
    axis.plot(rows["baseline"], range(len(rows)), "|", color=INK, ms=18, label="always normal")
    floor = min(0.7, float(rows[["low", "baseline"]].min().min()) - 0.03)
    axis.set(xlabel=title, xlim=(floor, 1.005))
    charts.legend(figure)
    alt = "; ".join(f"{name}: {value:.3f}" for name, value in rows["value"].items())
    alt = alt.replace("\n", " ")
    return Picture(figure, f"{title}, with 95% Wilson intervals. {alt}.")


def criteria_values(study: Study, runs: Mapping[ModelName, Record]) -> dict[str, Any]:
    """Values that the page glues: criteria of agreement, their day, and departures of the runs."""
    stated = study.agreement.stated
    earlier = [TITLES[m] for m, run in runs.items() if agreement.runs_before(stated, [run.created])]
    departures = reproduction.protocol_deviations(*runs.values())
    return {
        "metrics_confidence": 100 * study.confidence,
        "metrics_margin": 100 * study.agreement.margin,
        "metrics_stated": stated,
        "metrics_earlier": len(earlier),
        "metrics_earlier_names": ", ".join(earlier) or "none",
        "metrics_runs": len(runs),
        "metrics_departures": "; ".join(departures) or "none",
        "metrics_n_paper": int(publication.tables()["resnet50"].cells("true").sum()),
    }


def score_values(
    scores: Mapping[ModelName, Mapping[str, Interval]],
    judged: Mapping[ModelName, pd.DataFrame],
    tested: Predictions,
    silent: str,
) -> dict[str, Any]:
    """Values that the page glues: verdicts, the best network, and the last, for other pages.

    ``silent`` says why there is no verdict on the paper; empty where there is one.
    """
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
        "own_few": silent,
    }
    for verdict in agreement.VERDICTS:
        count = str(verdicts[verdict])
        values[f"metrics_{verdict}"] = edition.WITHHELD if silent else count
    compared = {key: str(value) for key, value in directions(judged).items()}
    values |= dict.fromkeys(compared, edition.WITHHELD) if silent else compared
    for name in ("accuracy", "auroc"):
        one = scores[last][name]
        values |= {
            f"own_{name}": one.value,
            f"own_{name}_low": one.low,
            f"own_{name}_high": one.high,
        }
    return values


def directions(judged: Mapping[ModelName, pd.DataFrame]) -> dict[str, Any]:
    """How many scores lie wholly above and below the paper's, and by how many points."""
    rows = pd.concat(list(judged.values()))
    sides = {"above": rows[rows["low"] > 0], "below": rows[rows["high"] < 0]}
    values: dict[str, Any] = {"metrics_compared": len(rows)}
    for side, some in sides.items():
        points = 100 * some["difference"].abs()
        values[f"metrics_{side}"] = len(some)
        values[f"metrics_{side}_points"] = (
            f"by {points.min():.0f} to {points.max():.0f} points" if len(some) else "none"
        )
    return values


def paper_layout(cells: NDArray[np.int64], caption: str) -> Html:
    """Lay a confusion matrix and its scores out as the paper's Tables 1 to 3.

    Rows are the model's decision and columns the reference standard.
    """
    tp, fn, fp, tn = (int(cell) for cell in cells)
    s = {name: decimal(float(value)) for name, value in metrics.score(cells).items()}
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


def versus_paper(judged: pd.DataFrame, confidence: float, margin: float) -> pd.DataFrame:
    """Table of scores: printed, corrected (rows as truth) and ours, with difference and verdict."""
    points = f"{100 * margin:g} points"
    words = {
        agreement.AGREES: f"agrees within {points}",
        agreement.UNDECIDED: f"undecided at {points}",
    }
    shown = [
        {
            "score": metrics.word(str(score)),
            "verdict": words.get(
                row["verdict"],
                f"{'higher' if row['difference'] > 0 else 'lower'} by more than {points}",
            ),
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


def _limits(one: Interval) -> str:
    return with_limits(one.value, one.low, one.high)


def scores(intervals: Mapping[str, Interval], caption: str) -> Html:
    """Table of a model's scores with intervals, and below it the reasons of exceptions."""
    shown = [
        {
            "score": metrics.word(name) + (" *" if one.reason else ""),
            "value": decimal(one.value),
            "interval": (
                f"{decimal(one.low)} to {decimal(one.high)}" if np.isfinite(one.low) else "–"
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
