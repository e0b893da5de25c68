"""Thresholds that a rule chooses from the scores at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from covidcxr.core.errors import Unusable
from covidcxr.core.words import shown
from covidcxr.scores import curves
from covidcxr.scores.predictions import Predictions

REMARK = (
    "a threshold that is chosen on the images it is judged on makes the scores at it optimistic, "
    "and their intervals take it as fixed"
)

_ROUNDING = 1e-9
"""Products such as 0.9 * 10 may exceed the whole number that they are."""


class Rule(NamedTuple):
    """What a threshold is chosen for: ``youden``, or a least ``sensitivity`` or ``specificity``."""

    aim: str
    least: float = math.nan

    def __str__(self) -> str:
        return self.aim if math.isnan(self.least) else f"{self.aim}={self.least:g}"


def parse(text: str) -> float | Rule:
    """Read a threshold: a number from 0 to 1, or a rule; any other text is `Unusable`."""
    aim, _, number = text.rpartition("=")
    if text == "youden":
        return Rule("youden")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if aim in ("", "sensitivity", "specificity") and 0 <= value <= 1:
        return Rule(aim, value) if aim else value
    raise Unusable(
        f"--threshold: '{shown(text)}' is neither a number from 0 to 1 nor a rule; give one, or "
        "youden, sensitivity=0.9 or specificity=0.9."
    )


def as_json(threshold: float | Rule, values: Mapping[str, float]) -> dict[str, Any]:
    """Return a rule and the thresholds it chose, by name, for JSON; nothing without a rule."""
    if not isinstance(threshold, Rule):
        return {}
    return {"threshold": {"rule": str(threshold), **values, "reason": REMARK}}


def choose(threshold: float | Rule, p: Predictions) -> float:
    """Return the threshold itself, or the score of an image that the rule chooses as one.

    The largest Youden index (Cancer 3:32-35, 1950) is that of the lowest threshold where several
    share it, which misses the fewest positive images. A least sensitivity has the highest
    threshold that reaches it, a least specificity the lowest. `Unusable` where a class that the
    rule needs is missing, or no score reaches the specificity.
    """
    if not isinstance(threshold, Rule):
        return threshold
    positives, negatives = p.counts.values()
    needed = {"sensitivity": positives, "specificity": negatives}
    if not needed.get(threshold.aim, min(positives, negatives)):
        raise Unusable(f"{p.name}: {p.missing_class}, so that no threshold has the rule's score.")
    # The first point calls no image.
    points = curves.points(p).iloc[1:]
    scores, tp, fp = (points[name].to_numpy() for name in ("threshold", "tp", "fp"))
    if threshold.aim == "youden":
        # In whole numbers, so that equal indices are equal; the lowest score stands last.
        index = tp.astype(np.int64) * negatives - fp.astype(np.int64) * positives
        return float(scores[np.flatnonzero(index == index.max())[-1]])
    if threshold.aim == "sensitivity":
        return float(scores[np.argmax(tp >= threshold.least * positives - _ROUNDING)])
    reached = np.flatnonzero(negatives - fp >= threshold.least * negatives - _ROUNDING)
    if not len(reached):
        raise Unusable(
            f"{p.name}: with no score as the threshold the specificity is {threshold.least:g}; "
            "ask for a lower one."
        )
    return float(scores[reached[-1]])
