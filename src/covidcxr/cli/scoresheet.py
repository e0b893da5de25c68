"""Scores and comparisons in words, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from covidcxr.scores.intervals import Interval, Protocol
from covidcxr.scores.metrics import word
from covidcxr.scores.predictions import IMAGE, Predictions


def of_metrics(predictions: Predictions, found: Mapping[str, Interval], protocol: Protocol) -> str:
    """Return a model's scores as text: a line a score, then how the intervals were made."""
    lines = [*_opening(predictions, protocol), ""]
    interval = f"{100 * protocol.confidence:g}% interval"
    lines.append(f"  {'':<19}{'value':>7}  {interval:<17}{'n':>6}  method")
    remarks: list[str] = []
    for name, made in found.items():
        mark = ""
        if made.reason:
            remarks.append(f"{word(name)}: {made.reason}.")
            mark = " *"
        lines.append(
            f"  {word(name):<19}{_number(made.value):>7}  {_limits(made.low, made.high):<17}"
            f"{made.n:>6,}  {made.method}{mark}"
        )
    lines.append("")
    for remark in remarks:
        lines += textwrap.wrap(f"* {remark}", 78)
    drawn = predictions.unit if predictions.unit == IMAGE else f"group ({predictions.unit})"
    lines += textwrap.wrap(
        f"Bootstrap: {protocol.resamples:,} resamples, each {drawn} drawn as a whole, seed "
        f"{protocol.seed}. The intervals cover the chance of having drawn these images, not "
        "another training, another split or another hospital.",
        78,
    )
    return "\n".join(lines) + "\n"


def of_comparison(
    first: Predictions,
    second: Predictions,
    found: Mapping[str, Any],
    protocol: Protocol,
) -> str:
    """Return a comparison of two models as text."""
    test, delong, fewest = found["mcnemar"], found["delong"], found["smallest"]
    lines = [f"A: {first.name}", f"B: {second.name}", *_opening(first, protocol)[1:], ""]
    said = [
        f"Only A is right on {_images(test['b'])}, only B on {test['c']:,}: exact McNemar "
        f"p = {_p(test['p'])}, mid-p = {_p(test['mid_p'])}."
    ]
    if "p_by_group" in test:
        said.append(
            f"With {first.unit} as the unit, p = {_p(test['p_by_group'])}: the first takes images "
            "of one group for independent, this one does not."
        )
    if delong and delong["p"] is not None:
        said.append(
            f"AUROC: A - B = {delong['difference']:+.3f} "
            f"({delong['low']:+.3f} to {delong['high']:+.3f}), DeLong p = {_p(delong['p'])}."
        )
    if fewest["images"] is None:
        said.append(
            f"With {test['b'] + test['c']} discordant images no difference could be told at 0.05."
        )
    else:
        said.append(
            f"With as many discordant images a difference of {_images(fewest['images'])} "
            f"({100 * fewest['share']:.1f} points of accuracy) is the smallest to be told at 0.05."
        )
    margin = 100 * found["equivalence"]["margin"]
    judged = {k: v for k, v in found["equivalence"].items() if k != "margin"}
    told = ", ".join(f"{word(name)} {verdict}" for name, verdict in judged.items())
    said.append(f"Within {margin:g} points: {told}.")
    for sentence in said:
        lines += textwrap.wrap(sentence, 78)
    interval = f"{100 * protocol.confidence:g}% interval"
    lines += ["", f"  {'A - B':<19}{'value':>7}  {interval}"]
    for name, made in found["differences"].items():
        row = f"  {word(name):<19}{_number(made['value'], True):>7}  "
        row += _limits(made["low"], made["high"], True)
        lines.append(row + (f"  ({made['reason']})" if "reason" in made else ""))
    drawn = "images" if first.unit == IMAGE else f"groups ({first.unit})"
    lines += ["", *textwrap.wrap(
        f"Differences: paired bootstrap of {drawn}, {protocol.resamples:,} resamples, stratified "
        f"by class, seed {protocol.seed}. One training of each model is compared, not the way of "
        "training.", 78)]  # fmt: skip
    return "\n".join(lines) + "\n"


def _opening(predictions: Predictions, protocol: Protocol) -> list[str]:
    n, positives = len(predictions), int(predictions.positive.sum())
    groups = ""
    if predictions.unit != IMAGE:
        groups = f" in {predictions.units:,} groups ({predictions.unit})"
    return [
        predictions.name,
        f"{_images(n)}{groups}, {positives:,} positive and {n - positives:,} negative; "
        f"threshold {protocol.threshold:g}",
    ]


def _images(n: int) -> str:
    return f"{n:,} image" if n == 1 else f"{n:,} images"


def _number(value: float | None, signed: bool = False) -> str:
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _limits(low: float | None, high: float | None, signed: bool = False) -> str:
    if low is None or high is None or not np.isfinite(low):
        return "-"
    return f"{_number(low, signed)} to {_number(high, signed)}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
