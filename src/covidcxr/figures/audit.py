"""Figures, tables and glued values of the page that audits the paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from markupsafe import escape

from covidcxr.figures import charts
from covidcxr.figures.common import BLUE, GREY, INK, RUST, WIDTH, Html, Picture
from covidcxr.paper.audit import verdicts
from covidcxr.paper.audit.names import UNBOUNDED, word
from covidcxr.paper.audit.printed import denominators, parse
from covidcxr.paper.audit.text import p_range, p_value
from covidcxr.scores import mcnemar

Report = Mapping[str, Any]
"""As `covidcxr.paper.audit.report.audit` returns it."""

_GLUED_VERDICTS = ("exact", "truncated", "mislabelled")
_WITHOUT_INTERVAL = ("kappa", "lr_positive", "lr_negative", "macro_f1", "weighted_f1")
_SWAPPED = ("sensitivity", "specificity", "ppv", "npv")
_LOOKS = (("#8d99a6", "o"), (RUST, "D"))


def readings(report: Report) -> Picture:
    """Draw what each score is as labelled and as corrected, a panel a network."""
    drawn, moves, alt = {}, [], []
    for table in report["tables"]:
        labelled, corrected = (table["scores"][way] for way in ("as_printed", "transposed"))
        moves.append([(labelled[score], corrected[score]) for score in _SWAPPED])
        limits = [table["intervals"]["transposed"][score]["wilson"] for score in _SWAPPED]
        drawn[table["name"]] = {
            "rows as labelled": _rows([(before, np.nan, np.nan) for before, _ in moves[-1]]),
            "rows as the truth, 95% Wilson interval": _rows(
                [(after, *ends) for (_, after), ends in zip(moves[-1], limits, strict=True)]
            ),
        }
        texts = (f"{word(s)} {labelled[s]:.2f} to {corrected[s]:.2f}" for s in _SWAPPED)
        alt.append(f"{table['name']}: {', '.join(texts)}")
    figure, axes = charts.forest(drawn, _LOOKS)
    arrow = {"arrowstyle": "->", "color": INK, "lw": 1.2, "shrinkB": 4}
    for axis, moved in zip(axes, moves, strict=True):
        for place, (before, after) in enumerate(moved):
            axis.annotate("", (after, place), (before, place), arrowprops=arrow)
        axis.set(xlim=(0.4, 1.02), xlabel="score", xticks=[0.4, 0.6, 0.8, 1.0])
    charts.legend(figure)
    return Picture(figure, f"Scores as labelled and with rows as the truth. {'; '.join(alt)}.")


def _rows(scores: list[tuple[float, ...]]) -> pd.DataFrame:
    names = [word(score) for score in _SWAPPED]
    return pd.DataFrame(scores, names, ["value", "low", "high"])


def against_baseline(report: Report) -> Picture:
    """Draw each network's accuracy with its interval beside that of the majority class."""
    tables = report["tables"]
    baseline = tables[0]["baseline"]["accuracy"]
    drawn: dict[str, dict[str, tuple[float, ...]]] = {"95% Wilson": {}, "95% Clopper-Pearson": {}}
    for table in tables:
        value = table["scores"][table["reading"]]["accuracy"]
        ends = table["intervals"][table["reading"]]["accuracy"]
        for name, method in zip(drawn, ("wilson", "clopper_pearson"), strict=True):
            drawn[name][table["name"]] = (value, *ends[method])
    rows = {
        name: pd.DataFrame.from_dict(each, orient="index", columns=["value", "low", "high"])
        for name, each in drawn.items()
    }
    figure, (axis,) = charts.forest({"": rows}, ((RUST, "D"), (GREY, "o")), apart=0.25)
    charts.zero_line([axis], baseline, ls="--", label="always normal")
    axis.set(xlabel="accuracy", xlim=(0.68, 1.005), xticks=np.arange(0.7, 1.01, 0.05))
    charts.legend(figure)
    each = (
        f"{name} {value:.3f} ({low:.3f} to {high:.3f})"
        for name, (value, low, high) in drawn["95% Wilson"].items()
    )
    return Picture(
        figure,
        f"Accuracy of each network beside {baseline:.3f}, that of always answering normal. "
        f"{'; '.join(each)}.",
    )


def discordance(report: Report) -> Picture:
    """Draw the exact McNemar p of each pair over all feasible counts of discordant images."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.9))
    cells = {table["name"]: table["cells"][table["reading"]] for table in report["tables"]}
    right = {name: int(of["tp"] + of["tn"]) for name, of in cells.items()}
    alt, floor = [], 1.0
    for pair, color, marker in zip(report["pairs"], (RUST, BLUE, GREY), "Dos", strict=False):
        few, many = pair["all"]["discordant"]
        counts = np.arange(few, many + 1, 2)
        gap = abs(right[pair["a"]] - right[pair["b"]])
        p = mcnemar.exact_p((counts - gap) // 2, (counts + gap) // 2)
        name = f"{pair['a']} and {pair['b']}"
        axis.plot(counts, p, color=color, lw=2.5, label=name)
        likely = pair["all"]["independent"]
        axis.plot(likely["discordant"], likely["p"], marker, color=color, ms=9)
        alt.append(f"{name}: p {p_range(p.min(), p.max())} for {few} to {many}")
        floor = min(floor, float(p.min()))
    axis.axhline(mcnemar.LEVEL, color=INK, ls="--", lw=1.2, label=f"p = {mcnemar.LEVEL}")
    axis.plot([], [], "o", color=INK, label="if errors were independent")
    axis.set(yscale="log", ylim=(floor / 10, 3), ylabel="exact McNemar p")
    axis.set_xlabel("images on which exactly one of the two is right")
    charts.legend(figure)
    return Picture(
        figure,
        "Exact McNemar p of each pair of networks over every number of discordant images that "
        f"their tables allow. {'; '.join(alt)} images.",
    )


def values(report: Report, largest_test_set: int) -> dict[str, Any]:
    """Numbers of the paper's audit, by glue key; its last table has one impossible accuracy."""
    positive, negative = report["test_set"]
    n = positive + negative
    labelled, corrected = (verdict_counts(report, way) for way in ("as_printed", "transposed"))
    before, after = (
        [table["scores"][way] for table in report["tables"]] for way in ("as_printed", "transposed")
    )
    cells = report["tables"][-1]["cells"]["transposed"]
    glued = {
        "positive": positive,
        "negative": negative,
        "n": n,
        "share": 100 * positive / n,
        "orientation": report["orientation"].replace("_", " "),
        "baseline": 100 * report["tables"][0]["baseline"]["accuracy"],
        "prints": sum(labelled.values()),
        "exact_labelled": labelled["exact"],
        "truncated_labelled": labelled["truncated"],
        **{verdict: corrected[verdict] for verdict in _GLUED_VERDICTS},
        "sens_claimed": before[-1]["sensitivity"],
        "sens": after[-1]["sensitivity"],
        "missed_claimed": 100 * (1 - before[-1]["sensitivity"]),
        "false_claimed": 100 * (1 - before[-1]["ppv"]),
        "missed": 100 * (1 - after[-1]["sensitivity"]),
        "false": 100 * (1 - after[-1]["ppv"]),
        "alarms": cells["tp"] + cells["fp"],
    }
    up = [100 * (b["sensitivity"] - a["sensitivity"]) for a, b in zip(before, after, strict=True)]
    down = [100 * (a["specificity"] - b["specificity"]) for a, b in zip(before, after, strict=True)]
    glued |= {"sens_up": max(up), "spec_down": max(down)}
    glued |= _impossible(report, n, largest_test_set)
    return {f"audit_{name}": value for name, value in glued.items()}


def _impossible(report: Report, n: int, largest: int) -> dict[str, Any]:
    """Find the fractions nearest to the accuracy that no count of right answers gives."""
    table = report["tables"][-1]
    (wrong,) = (row for row in table["reported"]["accuracy"] if row["verdict"] == "impossible")
    printed = parse(wrong["printed"])
    below = int(printed.value * n)
    same = ["accuracy", wrong["printed"]] in table["corroboration"]["impossible_alone"]
    return {
        "impossible_print": wrong["printed"],
        "below": 100 * below / n,
        "above": 100 * (below + 1) / n,
        "largest": largest,
        "denominators": ", ".join(f"{k}/{m}" for k, m in denominators(printed, largest)),
        "theirs": "the same" if same else "otherwise",
    }


def matrices(report: Report) -> Html:
    """Show every matrix as it is printed, with the totals of its rows and columns."""
    parts = []
    for table in report["tables"]:
        (a, b), (c, d) = table["matrix"]
        parts.append(
            f"""<table class="margins"><caption>{escape(table["name"])}</caption>
<thead><tr><td></td><th scope="col">Covid19</th><th scope="col">Normal</th>
<th scope="col">total</th></tr></thead>
<tbody><tr><th scope="row">Covid19</th><td>{a}</td><td>{b}</td><td class="rows">{a + b}</td></tr>
<tr><th scope="row">Normal</th><td>{c}</td><td>{d}</td><td class="rows">{c + d}</td></tr>
<tr><th scope="row">total</th><td class="columns">{a + c}</td>
<td class="columns">{b + d}</td><td>{a + b + c + d}</td></tr></tbody></table>"""
        )
    return Html(f'<div class="table-wrap side-by-side" tabindex="0">{"".join(parts)}</div>')


def prints(report: Report) -> pd.DataFrame:
    """List the printed values of every score with their verdicts under both readings."""
    return pd.DataFrame(
        [
            {
                "network": table["name"],
                "score": word(score),
                "printed": ", ".join(row["printed"] for row in values),
                "as labelled": _verdicts(values, "as_printed"),
                "rows as truth": _verdicts(values, "transposed"),
            }
            for table in report["tables"]
            for score, values in _reported(table)
        ]
    )


def verdict_counts(report: Report, reading: str) -> dict[str, int]:
    """Count the printed values by verdict in one reading; every verdict is a key."""
    counted = [
        row["readings"][reading]["verdict"]
        for table in report["tables"]
        for _, rows in _reported(table)
        for row in rows
    ]
    return {verdict: counted.count(verdict) for verdict in verdicts.VERDICTS}


def recomputed(report: Report) -> pd.DataFrame:
    """List the scores of every network in the decided reading, with their intervals."""
    rows = []
    for table in report["tables"]:
        scores, intervals = (table[part][table["reading"]] for part in ("scores", "intervals"))
        for score in (*intervals, *_WITHOUT_INTERVAL):
            interval = intervals.get(score, {})
            # A ratio without an interval gets few digits.
            digits = 2 if score in UNBOUNDED else 4
            rows.append(
                {
                    "network": table["name"],
                    "score": word(score),
                    "value": f"{scores[score]:.{digits}f}",
                    "n": interval.get("n", ""),
                    "Wilson or bootstrap": _span(interval, "wilson", "bootstrap"),
                    "Clopper-Pearson": _span(interval, "clopper_pearson"),
                }
            )
    return pd.DataFrame(rows)


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
    return pd.DataFrame(
        [
            {
                "pair": f"{pair['a']}, {pair['b']}",
                "images": images,
                "discordant": "{} to {}".format(*pair[part]["discordant"]),
                "p": p_range(*pair[part]["p"]),
                "below 0.05": _below(pair[part]["significant_up_to"], pair[part]["discordant"][1]),
            }
            for pair in report["pairs"]
            for part, images in names.items()
        ]
    )


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
    prints_by_verdict: dict[str, list[str]] = {}
    for row in rows:
        judgement = row["readings"][reading]
        equals = f" ({word(judgement['equals'])})" if judgement["equals"] else ""
        prints_by_verdict.setdefault(judgement["verdict"] + equals, []).append(row["printed"])
    if len(prints_by_verdict) == 1:
        return next(iter(prints_by_verdict))
    each = ((verdict, dict.fromkeys(prints)) for verdict, prints in prints_by_verdict.items())
    return "; ".join(f"{verdict}: {', '.join(prints)}" for verdict, prints in each)


def _reported(table: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each score with all its printed values."""
    for score, printed in table["reported"].items():
        yield score, printed if isinstance(printed, list) else [printed]


def _span(interval: Mapping[str, Any], *methods: str) -> str:
    """Write the limits of the first method that an interval has."""
    limits = [interval[method] for method in methods if interval.get(method)]
    return "{:.4f} to {:.4f}".format(*limits[0]) if limits else ""


def _below(limit: int | None, most: int) -> str:
    if limit is None:
        return "never"
    return "always" if limit >= most else f"up to {limit} discordant"
