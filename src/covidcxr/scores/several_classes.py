"""Scores of a classifier of several classes: each class against the rest, and their averages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core import csv_tables
from covidcxr.core.errors import Unusable
from covidcxr.core.words import quoted
from covidcxr.scores import bootstrap, metrics
from covidcxr.scores.evaluation import degrees_of_freedom, evaluate, resampled
from covidcxr.scores.intervals import Interval, Protocol, undefined
from covidcxr.scores.predictions import Predictions, from_table, keep_part, refuse, require
from covidcxr.scores.proportions import effective_sample_size, wilson

AVERAGED = ("sensitivity", "specificity", "ppv", "f1", "auroc")
"""Scores of a class against the rest, whose mean over classes is a macro average."""

ROUNDING = 0.005
"""By which a probability with two decimals may be off."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Predictions of k classes for n images.

    Attributes
    ----------
    rest
        By class its predictions against the rest.
    truth, called
        Number of each image's class by the reference standard and by the largest probability,
        shape (n,); of equal probabilities the first class has it.
    ties
        Images with more than one largest probability.
    """

    rest: Mapping[str, Predictions]
    truth: NDArray[np.int64]
    called: NDArray[np.int64]
    ties: int


def read(
    path: Path,
    classes: Sequence[str],
    *,
    part: str = "test",
    group: str | None = None,
    image_id: str = "image_id",
    label: str = "label",
    delimiter: str = ",",
) -> Classes:
    """Read a CSV with a column of probabilities for each class, named as its label.

    `Unusable` for fewer than two classes or one twice, a label without a column, probabilities
    that do not sum to 1, and as `covidcxr.scores.predictions.from_table`.
    """
    if len(set(classes)) < max(2, len(classes)):
        raise Unusable("--classes: two classes or more are needed, each once, separated by commas.")
    table = csv_tables.read(path, delimiter)
    for column in (image_id, label, *classes):
        require(table, column, str(path))
    if "part" in table:
        table = keep_part(table, str(path), part)
    labels = table[label]
    refuse(labels, labels.isna(), str(path), "is empty; fill it in")
    fault = f"has no column of probabilities (there are: {quoted(classes)}); add it to --classes"
    refuse(labels, ~labels.isin(list(classes)), str(path), fault)
    truth = np.array([classes.index(name) for name in labels], dtype=np.int64)
    columns = {"image_id": table[image_id], **({group: table[group]} if group in table else {})}
    rest = {}
    for number, name in enumerate(classes):
        # Images, groups and scores are checked as of two classes; labels were checked above.
        binary = pd.DataFrame({**columns, "label": name, "score": table[name]})
        checked = from_table(binary, f"{path}, column '{name}'", group=group, positive=name)
        rest[name] = replace(checked, name=str(path), positive=truth == number)
    probability = np.stack([p.score for p in rest.values()])
    total = pd.Series(probability.sum(axis=0), table.index, name="sum of probabilities").round(6)
    fault = "is not 1; give the softmax over all classes, and name every class's column"
    refuse(total, (total - 1).abs() > ROUNDING * len(classes) + 1e-9, str(path), fault)
    largest = probability == probability.max(axis=0)
    return Classes(rest, truth, probability.argmax(axis=0), int((largest.sum(axis=0) > 1).sum()))


def by_class(c: Classes, protocol: Protocol) -> dict[str, dict[str, Interval]]:
    """All scores of each class against the rest; an image is called the most probable class."""
    return {
        name: evaluate(p, protocol, c.called == number)
        for number, (name, p) in enumerate(c.rest.items())
    }


def overall(c: Classes, protocol: Protocol) -> dict[str, Interval]:
    """Accuracy with Wilson's interval, and macro averages of `AVERAGED` with the bootstrap's.

    Images, or whole groups, are drawn within their class, or their set of classes.
    """
    p = next(iter(c.rest.values()))
    right = c.truth == c.called
    n, _ = effective_sample_size(right, p.group, protocol.confidence)
    share = float(right.mean())
    limits = wilson(share * n, n, protocol.confidence)
    method = "Wilson" if n == len(p) else f"Wilson, design effect {len(p) / n:.2f}"
    scores = {"accuracy": Interval(share, *limits, method, p.unit, len(p))}
    observed = _macro(c, np.ones((1, len(p)), dtype=np.int64))
    pieces = [_macro(c, weights) for weights in _weights(c, p, protocol)]
    units = [one.units_by_class[0] for one in c.rest.values()]
    for name in AVERAGED:
        value = float(observed[name][0])
        drawn = np.concatenate([np.empty(0), *(piece[name] for piece in pieces)])
        if not np.isfinite(value):
            one = undefined(p.unit, len(p), "undefined for one of the classes")
        else:
            df = degrees_of_freedom(*units)
            one = resampled("logit", value, drawn, df, p.unit, len(p), protocol)
        scores[f"macro_{name}"] = one
    return scores


def _macro(c: Classes, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Macro averages in each of b samples, shape (b,); weights have the shape (b, n)."""
    by_name: dict[str, list[NDArray[np.float64]]] = {name: [] for name in AVERAGED}
    for number, p in enumerate(c.rest.values()):
        called = c.called == number
        kinds = (p.positive & called, p.positive & ~called, ~p.positive & called)
        tp, fn, fp = (weights @ kind.astype(np.int64) for kind in kinds)
        cells = np.stack([tp, fn, fp, weights.sum(axis=1) - tp - fn - fp], axis=-1)
        scores = metrics.score(cells) | {"auroc": metrics.auroc(p.positive, p.score, weights)}
        for name in AVERAGED:
            by_name[name].append(scores[name])
    return {name: np.mean(values, axis=0) for name, values in by_name.items()}


def _weights(c: Classes, p: Predictions, protocol: Protocol) -> bootstrap.Weights:
    unit = p.group
    holds = np.zeros((p.units, len(c.rest)), dtype=bool)
    if protocol.stratified:
        holds[unit, c.truth] = True
    _, stratum = np.unique(holds, axis=0, return_inverse=True)
    _, rng = bootstrap.streams(protocol.seed)
    return bootstrap.draw(unit, stratum, protocol.resamples, rng)
