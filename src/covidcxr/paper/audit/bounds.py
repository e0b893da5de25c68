"""What the printed margins alone allow, when no decision on a single image is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import special

from covidcxr.scores.mcnemar import LEVEL, exact_p


@dataclass(frozen=True)
class Discordance:
    """Every feasible pair of discordant counts: (first + k, second + k) for k up to more."""

    first: int
    second: int
    more: int

    def total(self, k: int) -> int:
        """Return the discordant images with k added to both counts."""
        return self.first + self.second + 2 * k

    def p(self, k: int) -> float:
        """Return the exact McNemar p with k added to both counts."""
        return float(exact_p(self.first + k, self.second + k))


def discordance(first: int, second: int, n: int) -> Discordance:
    """Find every feasible pair of discordant counts of two models on n images.

    Parameters
    ----------
    first, second
        How many of the same n images each model gets right.
    n
        Images.

    Returns
    -------
    object
        ``first``, ``second``: the fewest images that the first, and the second, model
        alone gets right; ``more``: how many may be added to both.
    """
    most, least = min(first, second), max(0, first + second - n)
    return Discordance(first - most, second - most, most - least)


def pair(first: Sequence[int], second: Sequence[int]) -> dict[str, Any] | None:
    """Bound the exact McNemar p of two models over all that their matrices allow.

    Parameters
    ----------
    first, second
        tp, fn, fp, tn of each model on the same test set.

    Returns
    -------
    dict or None
        By ``all``, ``positive`` and ``negative`` images: ``discordant`` (fewest, most),
        ``p`` (smallest, largest), ``feasible`` (how many counts), ``significant_up_to``
        (the most discordant images with p below 0.05, or None), ``independent`` (the
        discordant images and p to expect if the models' errors were independent given
        the class). None where the test sets differ.
    """
    tp1, fn1, fp1, tn1 = first
    tp2, fn2, fp2, tn2 = second
    if (tp1 + fn1, fp1 + tn1) != (tp2 + fn2, fp2 + tn2):
        return None
    positive, negative = tp1 + fn1, fp1 + tn1
    on_positive = discordance(tp1, tp2, positive)
    on_negative = discordance(tn1, tn2, negative)
    # Counts of the classes add; the difference is fixed, so the sum tells all.
    together = Discordance(
        on_positive.first + on_negative.first,
        on_positive.second + on_negative.second,
        on_positive.more + on_negative.more,
    )
    return {
        "all": _summary(together, _expected(tp1, tp2, positive) + _expected(tn1, tn2, negative)),
        "positive": _summary(on_positive, _expected(tp1, tp2, positive)),
        "negative": _summary(on_negative, _expected(tn1, tn2, negative)),
    }


def auroc(sensitivity: float, specificity: float) -> dict[str, float]:
    """Bound the area under any ROC curve through one operating point.

    Returns
    -------
    dict
        ``low``: of the lowest monotone curve, a staircase; ``low_concave``: of the
        lowest concave one, two straight lines, which is the balanced accuracy;
        ``high``: of the highest monotone curve.
    """
    return {
        "low": sensitivity * specificity,
        "low_concave": (sensitivity + specificity) / 2,
        "high": 1 - (1 - sensitivity) * (1 - specificity),
    }


def baseline(cells: Sequence[int]) -> dict[str, Any]:
    """Compare a model with the answer that is the majority class every time.

    Parameters
    ----------
    cells
        tp, fn, fp, tn.

    Returns
    -------
    dict
        ``class``, ``accuracy`` of the constant answer; ``binomial_p``, one-sided, that
        takes this accuracy as known; ``paired``: McNemar's exact test on the same images,
        whose discordant counts the matrix gives exactly: ``better``, ``worse``, ``p``.
    """
    tp, fn, fp, tn = (int(c) for c in cells)
    positive, negative = tp + fn, fp + tn
    n = positive + negative
    negatives_lead = negative >= positive
    accuracy = max(positive, negative) / n
    better, worse = (tp, fp) if negatives_lead else (tn, fn)
    right, wrong = tp + tn, fn + fp
    return {
        "class": "negative" if negatives_lead else "positive",
        "accuracy": accuracy,
        "binomial_p": float(special.betainc(right, wrong + 1, accuracy)) if right else 1.0,
        "paired": {"better": better, "worse": worse, "p": float(exact_p(better, worse))},
    }


def _expected(first: int, second: int, n: int) -> float:
    """Return the discordant images to expect of independent errors."""
    return (first * (n - second) + second * (n - first)) / n if n else 0.0


def _summary(counts: Discordance, expected: float) -> dict[str, Any]:
    # With the difference fixed, p grows with every pair of discordant images, since the
    # walk that they make is the likelier to end as far away the longer it is. The ends of
    # the range therefore bound p, and a bisection finds where it passes the level.
    if counts.p(0) >= LEVEL:
        last_significant = None
    else:
        last, beyond = 0, counts.more + 1
        while beyond - last > 1:
            middle = (last + beyond) // 2
            last, beyond = (middle, beyond) if counts.p(middle) < LEVEL else (last, middle)
        last_significant = counts.total(last)
    nearest = min(counts.more, max(0, round((expected - counts.total(0)) / 2)))
    return {
        "discordant": [counts.total(0), counts.total(counts.more)],
        "feasible": counts.more + 1,
        "p": [counts.p(0), counts.p(counts.more)],
        "significant_up_to": last_significant,
        "independent": {"discordant": counts.total(nearest), "p": counts.p(nearest)},
    }
