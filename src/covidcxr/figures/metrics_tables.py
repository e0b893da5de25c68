"""Tables and values of the page on metrics: the paper's tables beside a study's."""

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
from covidcxr.figures.common import Html, note, stack, table, with_limits
from covidcxr.paper import agreement, publication, reproduction
from covidcxr.scores import metrics
from covidcxr.scores.intervals import Interval
from covidcxr.scores.predictions import Predictions


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
