"""Scores and comparisons as text for a terminal."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from covidcxr.core.words import listing, p_value, plural
from covidcxr.scores import several_classes
from covidcxr.scores.intervals import Interval, Protocol
from covidcxr.scores.metrics import word
from covidcxr.scores.predictions import IMAGE, Predictions
from covidcxr.scores.several_classes import Classes
from covidcxr.scores.thresholds import REMARK, Rule

COLUMNS = ("score", "value", "low", "high", "method", "n", "unit", "reason")
"""Of CSV."""

_LARGEST = "an image is called the class of the largest probability, of equal ones the first"


def as_csv(scores: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, Any]) -> str:
    """Write intervals, each as its JSON, as CSV; thresholds that a rule chose stand first."""
    rule = dict(chosen.get("threshold", {}))
    method, reason = rule.pop("rule", None), rule.pop("reason", None)
    rows: list[Mapping[str, Any]] = [
        {
            "score": "threshold" if name == "value" else f"threshold {name}",
            "value": value,
            "method": method,
            "reason": reason,
        }
        for name, value in rule.items()
    ]
    rows += [{"score": name} | dict(one) for name, one in scores.items()]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def of_metrics(
    predictions: Predictions,
    scores: Mapping[str, Interval],
    protocol: Protocol,
    threshold: float | Rule = math.nan,
) -> str:
    """Write a model's scores, a line a score, and how the intervals were computed."""
    lines = [predictions.name, _sample(predictions, [protocol.threshold], threshold), ""]
    lines += table(scores, protocol)
    remarks = [f"* {word(name)}: {one.reason}." for name, one in scores.items() if one.reason]
    remarks += _hints(predictions, scores["auroc"].value)
    remarks += _chosen(threshold)
    unit = predictions.unit if predictions.unit == IMAGE else f"group ({predictions.unit})"
    bootstrap = (
        f"Bootstrap: {protocol.resamples:,} resamples, each {unit} drawn as a whole, seed "
        f"{protocol.seed}. "
    )
    remarks.append(
        f"{bootstrap if protocol.resamples else ''}The intervals cover the chance of having drawn "
        "these images, not another training, another split or another hospital."
    )
    return wrapped([*lines, ""], remarks)


def of_classes(c: Classes, protocol: Protocol, *, to_json: bool, to_csv: bool) -> str:
    """Write all scores of several classes."""
    overall = several_classes.overall(c, protocol)
    by_class = several_classes.by_class(c, protocol)
    if to_json:
        content = {
            "decision": _LARGEST,
            "ties": c.ties,
            "overall": {name: one.as_json() for name, one in overall.items()},
            "classes": {
                label: {name: one.as_json() for name, one in scores.items()}
                for label, scores in by_class.items()
            },
        }
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
    flat = dict(overall)
    for label, scores in by_class.items():
        flat |= {f"{label}: {name}": one for name, one in scores.items()}
    if to_csv:
        return as_csv({name: one.as_json() for name, one in flat.items()}, {})
    first = next(iter(c.rest.values()))
    counts = [f"{int(p.positive.sum()):,} {label}" for label, p in c.rest.items()]
    lines = [f"{first.name}", f"{plural(len(first), 'image')}: {', '.join(counts)}", ""]
    lines += ["All classes", *table(overall, protocol)]
    for label, scores in by_class.items():
        lines += ["", f"{label} against the rest", *table(scores, protocol)]
    remarks = [f"{_LARGEST[0].upper()}{_LARGEST[1:]} ({plural(c.ties, 'tie')})."]
    remarks += [f"* {why}." for why in dict.fromkeys(x.reason for x in flat.values()) if why]
    if protocol.resamples:
        remarks.append(
            f"Bootstrap: {protocol.resamples:,} resamples, each {first.unit} drawn as a whole, "
            f"seed {protocol.seed}."
        )
    return wrapped([*lines, ""], remarks)


def table(scores: Mapping[str, Interval], protocol: Protocol) -> list[str]:
    """Write a heading and a line a score, with a mark where there is a reason to give."""
    return [f"  {'':<19}{'value':>7}  {_heading(protocol):<17}{'n':>6}  method"] + [
        f"  {word(name):<19}{_number(score.value):>7}  {_limits(score.low, score.high):<17}"
        f"{score.n:>6,}  {score.method}{' *' if score.reason else ''}"
        for name, score in scores.items()
    ]


def _hints(predictions: Predictions, auroc: float) -> list[str]:
    """Say what scores look like that were meant otherwise."""
    hints = []
    if auroc < 0.5:
        hints.append(
            "The AUROC is below 0.5: if scores are of the other class, name it with --positive or "
            "give 1 - score."
        )
    if np.isin(predictions.score, (0, 1)).all():
        hints.append(
            "All scores are 0 or 1: AUROC, average precision and calibration need probabilities."
        )
    return hints


def of_comparison(
    first: Predictions,
    second: Predictions,
    comparison: Mapping[str, Any],
    protocol: Protocol,
    levels: Sequence[float] = (0.5, 0.5),
    threshold: float | Rule = math.nan,
) -> str:
    """Write a comparison of two models: tests, then a line a difference."""
    sample = _sample(first, levels, threshold)
    lines = [f"A: {first.name}", f"B: {second.name}", sample, ""]
    lines.append(wrapped([], _tests(comparison, first.unit)))
    lines += _differences(comparison["differences"], protocol)
    unit = "images" if first.unit == IMAGE else f"groups ({first.unit})"
    bootstrap = (
        f"Differences: paired bootstrap of {unit}, {protocol.resamples:,} resamples, stratified "
        f"by class, seed {protocol.seed}. "
    )
    remark = (
        f"{bootstrap if protocol.resamples else ''}One training of each model is compared, not "
        "the way of training."
    )
    return wrapped([*lines, ""], [*_chosen(threshold), remark])


def _tests(comparison: Mapping[str, Any], unit: str) -> list[str]:
    """Sentences on McNemar's test, DeLong's, the smallest difference and equivalence."""
    test, delong, smallest = comparison["mcnemar"], comparison["delong"], comparison["smallest"]
    sentences = [
        f"Only A is right on {_images(test['b'])}, only B on {test['c']:,}: exact McNemar "
        f"p = {p_value(test['p'])}, mid-p = {p_value(test['mid_p'])}."
    ]
    if "p_by_group" in test:
        sentences.append(
            f"With {unit} as the unit, p = {p_value(test['p_by_group'])}: the first takes images "
            "of one group for independent, this one does not."
        )
    if delong and delong["p"] is not None:
        sentences.append(
            f"AUROC: A - B = {delong['difference']:+.3f} "
            f"({delong['low']:+.3f} to {delong['high']:+.3f}), DeLong p = {p_value(delong['p'])}"
            f"{f' ({why})' if (why := delong.get('reason')) else ''}."
        )
    elif delong:
        sentences.append(
            f"AUROC: A - B = {delong['difference']:+.3f}; DeLong's test is undefined, because "
            f"{delong['reason']}."
        )
    else:
        sentences.append("AUROC: no test, because a class has fewer than two independent images.")
    if smallest["images"] is None:
        sentences.append(
            f"With {test['b'] + test['c']} discordant images no difference could be told at 0.05."
        )
    else:
        sentences.append(
            f"With as many discordant images a difference of {_images(smallest['images'])} "
            f"({100 * smallest['share']:.1f} points of accuracy) is the smallest to be told at "
            "0.05."
        )
    return [*sentences, _equivalence(comparison["equivalence"])]


def _differences(rows: Mapping[str, Mapping[str, Any]], protocol: Protocol) -> list[str]:
    """Write a line a difference."""
    lines = [f"  {'A - B':<19}{'value':>7}  {_heading(protocol)}"]
    for name, row in rows.items():
        value, limits = _number(row["value"], "+"), _limits(row["low"], row["high"], "+")
        reason = f"  ({row['reason']})" if "reason" in row else ""
        lines.append(f"  {word(name):<19}{value:>7}  {limits}{reason}")
    return lines


def _equivalence(verdicts: Mapping[str, Any]) -> str:
    names = ", ".join(f"{word(name)} {said}" for name, said in verdicts.items() if name != "margin")
    return f"Within {100 * verdicts['margin']:g} points: {names}."


def of_unpaired(
    first: Predictions,
    second: Predictions,
    comparison: Mapping[str, Any],
    protocol: Protocol,
    levels: Sequence[float],
    threshold: float | Rule = math.nan,
) -> str:
    """Write an unpaired comparison: tests, then a line a difference."""
    lines = []
    for letter, p, level in zip("AB", (first, second), levels, strict=True):
        lines += [f"{letter}: {p.name}", f"   {_sample(p, [level], threshold)}"]
    tests = [
        f"{word(name)} p = {p_value(test['p'])}" if test["p"] is not None
        else f"{word(name)} none ({test['reason']})"
        for name, test in comparison["fisher"].items()
    ]  # fmt: skip
    sentences = [
        "Unpaired: two test sets that share no image, taken for independent.",
        f"Fisher's exact test: {', '.join(tests)}.",
        _unpaired_delong(comparison["delong"]),
        _equivalence(comparison["equivalence"]),
    ]
    remarks = [
        f"Limits combine those that each set has by itself (Newcombe; Zou and Donner). Accuracy, "
        "predictive values and what else depends on the share of positive images, "
        f"{first.prevalence:.1%} and {second.prevalence:.1%} here, may differ for that alone."
    ]
    rows = _differences(comparison["differences"], protocol)
    return wrapped([*lines, "", wrapped([], sentences), *rows, ""], [*_chosen(threshold), *remarks])


def _unpaired_delong(test: Mapping[str, Any] | None) -> str:
    if not test:
        return "AUROC: no test, because a class has fewer than two independent images."
    if test["p"] is None:
        return f"AUROC: A - B = {test['difference']:+.3f}; no test, because {test['reason']}."
    reason = f"; {test['reason']}" if "reason" in test else ""
    return (
        f"AUROC: A - B = {test['difference']:+.3f} ({test['low']:+.3f} to {test['high']:+.3f}), "
        f"unpaired DeLong p = {p_value(test['p'])} ({test['distribution']}{reason})."
    )


def _chosen(threshold: float | Rule) -> list[str]:
    """Say what a threshold by rule does to the scores at it."""
    return [f"{REMARK[0].upper()}{REMARK[1:]}."] if isinstance(threshold, Rule) else []


def _sample(predictions: Predictions, levels: Sequence[float], threshold: float | Rule) -> str:
    positives, negatives = predictions.counts.values()
    groups = f" in {predictions.units:,} groups ({predictions.unit})"
    return (
        f"{_images(len(predictions))}{'' if predictions.unit == IMAGE else groups}, "
        f"{positives:,} positive and {negatives:,} negative; threshold {_levels(levels, threshold)}"
    )


def _levels(levels: Sequence[float], threshold: float | Rule) -> str:
    """Write thresholds, of two models each with its letter where a rule chose them."""
    if not isinstance(threshold, Rule):
        return f"{levels[0]:g}"
    letters = ("",) if len(levels) == 1 else (" (A)", " (B)")
    values = [f"{level:g}{letter}" for level, letter in zip(levels, letters, strict=True)]
    return f"{listing(values)}, by the rule {threshold}"


def wrapped(lines: list[str], sentences: list[str]) -> str:
    """Join lines as they are and sentences in lines of their own, wrapped."""
    folded = [line for sentence in sentences for line in textwrap.wrap(sentence, 78)]
    return "\n".join([*lines, *folded]) + "\n"


def _heading(protocol: Protocol) -> str:
    return f"{100 * protocol.confidence:g}% interval"


def _images(n: int) -> str:
    return f"{n:,} image{'s' * (n != 1)}"


def _number(value: float | None, sign: str = "") -> str:
    if value is None or not np.isfinite(value):
        return "-"
    # Rounding first leaves no minus before a zero.
    return f"{round(value, 3) + 0.0:{sign}.3f}"


def _limits(low: float | None, high: float | None, sign: str = "") -> str:
    limits = _number(low, sign), _number(high, sign)
    return "-" if "-" in limits else " to ".join(limits)
