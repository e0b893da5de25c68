"""An audit in words, for a terminal or a page."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from covidcxr.core.words import printable
from covidcxr.paper.audit import orientation, verdicts
from covidcxr.paper.audit.classes import text as classes
from covidcxr.paper.audit.names import word

VERSION = 1
"""Of the JSON: raised where a key changes its meaning or goes; a new key leaves it."""

_WIDTH = 78

_LINES = 40
"""Lines of the short text."""

_LEAST = 0.001
"""How small a p is told; what lies below says no more."""

OTHERS = ("intervals at fault", "standard deviations at fault", "p values at fault")

_SHOWN = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy", "mcc")


def as_text(report: Mapping[str, Any], full: bool = False) -> str:
    """Return an audit, as `covidcxr.paper.audit.report.audit` returns it, as plain text.

    ``full`` has all scores, intervals and comparisons of every table instead of a line a finding,
    of which at most `_LINES` are shown.
    """
    title = printable(report["title"])
    head = [title, "=" * min(len(title), _WIDTH), "", *_wrapped(report["headline"])]
    if any(table["matrix"] for table in report["tables"]):
        head += _wrapped(f"Orientation: {report['orientation'].replace('_', ' ')}. "
                         f"{report['reason']}")  # fmt: skip
    for remark in report["remarks"]:
        head += _wrapped(f"- {remark}")
    lines = [*head]
    if full:
        for table in report["tables"]:
            lines += ["", *_table(table)]
        lines += _compared(report)
        if report["pairs"]:
            lines += ["", "Pairs of models", "---------------"]
            for pair in report["pairs"]:
                lines += _wrapped(pair_in_words(pair), "  ")
    else:
        for table in report["tables"]:
            lines += _findings(table)
        lines += _compared(report)
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], f"... and {len(lines) - _LINES + 1} lines more: --full"]
    return "".join(f"{printable(line)}\n" for line in lines)


def as_json(report: Mapping[str, Any]) -> str:
    """Write an audit, or several by file, as JSON that names its schema and version."""
    head = {"$schema": f"urn:covidcxr:audit:output:{VERSION}", "version": VERSION}
    content = (
        head | dict(report)
        if "tables" in report
        else {name: head | dict(one) for name, one in report.items()}
    )
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def as_lines(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a line for each paper of several, by its file."""
    return "".join(printable(f"{name}: {one['headline']}") + "\n" for name, one in reports.items())


def as_csv(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row for each paper of several: file, title, orientation, tables, verdicts."""
    columns = ["file", "title", "orientation", "tables", "values", "contradictory tables",
               *verdicts.VERDICTS, *OTHERS, "p values"]  # fmt: skip
    stream = io.StringIO()
    rows = csv.DictWriter(stream, columns, restval=0, lineterminator="\n")
    rows.writeheader()
    for name, one in reports.items():
        together = [table["together"] or {} for table in one["tables"]]
        rows.writerow(
            {
                "file": name,
                "title": one["title"],
                "orientation": one["orientation"],
                "tables": len(one["tables"]),
                "values": sum(one["verdicts"].values()),
                "contradictory tables": sum(
                    verdict.get("verdict") == "contradictory" for verdict in together
                ),
                **one["verdicts"],
                **{f"{kind}s at fault": k for kind, k in one.get("other_faults", {}).items()},
                "p values": len(one.get("comparisons", [])),
            }
        )
    return stream.getvalue()


def _findings(table: Mapping[str, Any]) -> list[str]:
    """Write a table's matrix and a line for each value that is not exact."""
    lines = ["", *_wrapped(f"{table['name']}: {as_a_whole(table)}")]
    counted: dict[str, int] = {}
    for score, row in verdicts.each(table):
        for key, (called, plain) in _BESIDE.items():
            if key in row and row[key]["verdict"] not in plain:
                said = f"  {score} {row['printed']}: {called} {row[key]['verdict']}. "
                lines += _wrapped(said + row[key]["note"], "", "    ")
        if row["verdict"] in ("exact", "possible", "contradictory"):
            counted[row["verdict"]] = counted.get(row["verdict"], 0) + 1
            continue
        head = f"  {score} {row['printed']}: {row['verdict']}. "
        lines += _wrapped(head + row["note"], "", "    ")
    if counted:
        lines.append("  " + ", ".join(f"{n} {verdict}" for verdict, n in counted.items()) + ".")
    return lines


_BESIDE = {
    "limits": ("interval", ("formula", "unchecked", "other")),
    "average": ("average", ("attainable", "unchecked", "unattainable")),
    "deviation": ("standard deviation", ("possible",)),
}
"""What is judged beside a value: its name, and verdicts without a line of their own in the short
text. Of the unattainable the score's says it."""


def compared_in_words(row: Mapping[str, Any]) -> str:
    """Say what a printed p value is."""
    test = f" ({row['test']})" if row["test"] else ""
    head = f"{row['a']} against {row['b']}, {word(row['score'])}, p {row['p']}{test}: "
    return f"{head}{row['verdict']}. {row['note']}"


def _compared(report: Mapping[str, Any]) -> list[str]:
    """Write a line for each printed p value."""
    compared = report.get("comparisons", [])
    lines = [""] if compared else []
    for row in compared:
        lines += _wrapped(compared_in_words(row), "", "    ")
    return lines


def as_a_whole(table: Mapping[str, Any]) -> str:
    """Say what stands for a table as a whole: its matrix, or what the scores say together."""
    if table["together"]:
        verdict = table["together"]["verdict"]
        said = "" if verdict == "consistent" else f"{verdict}. "
        return said + table["together"]["note"]
    if "classes" in table:
        return classes.summary(table)
    cells = table["cells"][table["reading"]]
    return ", ".join(f"{name} {count:,}" for name, count in cells.items()) + "."


def p_value(value: float) -> str:
    """Return what follows the p of a test in a sentence: ``= 0.063`` or ``< 0.001``."""
    return f"= {value:.3f}" if value >= _LEAST else f"< {_LEAST}"


def p_range(low: float, high: float) -> str:
    """Return a range of p as a table shows it: ``0.016 to 0.573`` or ``< 0.001``."""
    if high < _LEAST:
        return f"< {_LEAST}"
    return f"{p_value(low).removeprefix('= ')} to {high:.3f}"


def _table(table: Mapping[str, Any]) -> list[str]:
    lines = [table["name"], "-" * len(table["name"])]
    if table["together"]:
        lines += _wrapped(as_a_whole(table))
    if "classes" in table:
        lines += ["", *classes.scores(table), ""]
    if not table["cells"]:
        return lines + _reported(table) + _wrapped(corroboration(table))
    lines += ["", *_scores(table), "", *_reported(table), ""]
    lines += _wrapped(corroboration(table))
    lines += _wrapped(margins_allow(table))
    return lines


def _scores(table: Mapping[str, Any]) -> list[str]:
    readings, chosen = list(table["scores"]), table["reading"]
    columns = "".join(f"{orientation.WORDS[r]:>12}" for r in readings)
    lines = [
        f"  {'score':<18}{columns}   95% intervals, {orientation.WORDS[chosen]}",
        f"  {'':<18}{' ' * len(columns)}   {'Wilson':<18}Clopper-Pearson",
    ]
    for score in _SHOWN:
        values = "".join(f"{_number(table['scores'][r][score]):>12}" for r in readings)
        lines.append(f"  {word(score):<18}{values}   {_intervals(table, score)}".rstrip())
    return lines


def _intervals(table: Mapping[str, Any], score: str) -> str:
    interval = table["intervals"][table["reading"]].get(score)
    if interval is None:
        return ""
    if "bootstrap" in interval:
        return f"{_span(interval['bootstrap'])}bootstrap"
    wilson, exact = (_span(interval[method]) for method in ("wilson", "clopper_pearson"))
    return f"{wilson}{exact}n = {interval['n']:,}"


def _span(ends: Sequence[float]) -> str:
    return f"{'{:.4f}-{:.4f}'.format(*ends):<18}"


def _reported(table: Mapping[str, Any]) -> list[str]:
    lines = []
    width = max([18, *map(len, table["reported"])])
    for score, row in verdicts.each(table):
        head = f"  {score:<{min(width, 30)}}{row['printed']:>9}  {row['verdict']:<13}"
        lines += _wrapped(head + row["note"], "", " " * len(head))
        for key, (called, _) in _BESIDE.items():
            if key in row:
                note = f"{called} {row[key]['verdict']}: {row[key]['note']}"
                lines += _wrapped(" " * len(head) + note, "", " " * len(head))
    return lines


def corroboration(table: Mapping[str, Any]) -> str:
    """Say what mlscorecheck answers; empty where it was not asked."""
    theirs = table["corroboration"]
    if not theirs or theirs["as_labelled"] is None:
        return ""
    if "folds" in theirs:
        have = "have" if theirs["as_labelled"] else "do not have"
        return f"mlscorecheck: {theirs['folds']} test sets of these sizes {have} the averages."
    p, n = theirs["test_set"]
    answer = {True: "some matrix has", False: "no matrix has"}
    alone = "".join(
        f" No matrix has {score} {printed} at all." for score, printed in theirs["impossible_alone"]
    )
    rest = "the other printed scores" if alone else "the printed scores"
    said = (
        f"mlscorecheck, for {p:,} + {n:,} images:{alone} As the paper labels them, "
        f"{answer[theirs['as_labelled']]} {rest}"
    )
    if theirs["relabelled"] is None:
        return f"{said}. It takes a print for any value within one last digit."
    left = len(theirs["impossible_relabelled"])
    all_ = f"all but {left} of them" if left else "them all"
    return (
        f"{said}; with sensitivity and PPV, specificity and NPV exchanged, "
        f"{answer[theirs['relabelled']]} {all_}. It takes a print for any value within one last "
        "digit."
    )


def margins_allow(table: Mapping[str, Any]) -> str:
    """Say what a matrix says beyond its printed scores."""
    base, curve = table["baseline"], table["auroc"]
    values = "; ".join(
        f"at {row['prevalence']:.3g} PPV {_number(row['ppv'], 3)}, NPV {_number(row['npv'], 3)}"
        for row in table["predictive_values"]
    )
    paired = base["paired"]
    return (
        f"Answering {base['class']} every time is right on {base['accuracy']:.4f}; against it, "
        f"the model is better on {paired['better']:,} images and worse on {paired['worse']:,} "
        f"(exact McNemar p {p_value(paired['p'])}; one-sided binomial p "
        f"{p_value(base['binomial_p'])}). "
        f"The AUROC is between {_number(curve['low'], 3)} and {_number(curve['high'], 3)}, at "
        f"least {_number(curve['low_concave'], 3)} for a concave curve. By prevalence: {values}."
    )


def pair_in_words(pair: Mapping[str, Any]) -> str:
    """Say what the matrices of two models allow of their comparison."""
    name = f"{pair['a']} against {pair['b']}"
    if not pair["comparable"]:
        return f"{name}: in this reading they have other numbers of images."
    limits = pair["all"]
    (few, many), (low, high) = limits["discordant"], limits["p"]
    if high < 0.05:
        said = "they differ, whatever the single decisions were"
    elif low >= 0.05:
        said = "they cannot be told apart, whatever the single decisions were"
    else:
        said = f"undecided: p is below 0.05 for at most {limits['significant_up_to']} discordant"
    return (
        f"{name}: {few} to {many} discordant images, exact McNemar p {p_range(low, high)}: {said}."
    )


def _wrapped(text: str, indent: str = "", hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " if hanging is None else hanging,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _number(value: float | None, digits: int = 4) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"
