"""Intervals as printed: which method gives them, and whether any does.

References
----------
Wald's, Wilson's (J Am Stat Assoc 22:209-212, 1927), Agresti and Coull's (Am Stat 52:119-126, 1998)
and Clopper and Pearson's (Biometrika 26:404-413, 1934) intervals of a proportion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from covidcxr.core.words import listing
from covidcxr.paper.audit.printed import Printed

_Z = float(special.ndtri(0.975))

FAULTS = ("reversed", "outside", "too narrow")
"""Verdicts that say that an interval is wrong."""

_LARGEST = 10**7
"""Images up to which the size that a width would need is searched."""


def judge(
    value: Printed, limits: tuple[Printed, Printed], k: int | None = None, n: int | None = None
) -> dict[str, Any]:
    """Judge an interval of 95% behind a printed score.

    Parameters
    ----------
    value, limits
        As printed.
    k, n
        Numerator and denominator of the score, where it is a proportion of known images.

    Returns
    -------
    dict
        ``verdict``: ``reversed``, ``outside`` (the value lies outside), ``beyond`` (0 or 1),
        ``formula`` (``methods`` give both limits), ``too narrow``, ``too wide``, ``other`` (as a
        bootstrap might give) or ``unchecked``; ``methods`` and ``note``.
    """
    low, high = limits
    if low.value > high.value:
        return _said("reversed", "The lower limit is above the upper one.")
    if not low.span[0] <= value.span[1] or not value.span[0] <= high.span[1]:
        return _said("outside", "The value lies outside its own interval.")
    if k is None or not n:
        return _said("unchecked", "The number of images is unknown.")
    formulas = methods(k, n)
    beyond = low.value < 0 or high.value > 1
    names = [name for name, (a, b) in formulas.items() if low.match(a) and high.match(b)]
    # Wald's interval may leave the scale, and is printed cut to it.
    a, b = formulas["Wald"]
    if "Wald" not in names and low.match(max(a, 0.0)) and high.match(min(b, 1.0)):
        names.append("Wald, cut to the scale")
    if beyond:
        note = (
            "The limits leave the scale, as Wald's do." if names else "The limits leave the scale."
        )
        return _said("beyond", note, names)
    if names:
        return _said("formula", f"{listing(names)} for {k:,} of {n:,}.", names)
    width = high.value - low.value
    step = low.unit + high.unit
    widths = [b - a for a, b in formulas.values()]
    exact = "{} to {}".format(*(low.show(end) for end in formulas["Wilson"]))
    if width < min(widths) - step:
        would = _needed(k / n, width)
        return _said(
            "too narrow",
            f"Too narrow for {n:,} images: Wilson's is {exact}"
            f"{f'; so narrow a one needs about {would:,}' if would else ''}.",
        )
    if width > max(widths) + step:
        return _said("too wide", f"Too wide for {n:,} independent images: Wilson's is {exact}.")
    return _said("other", f"No formula gives it for {k:,} of {n:,}; a bootstrap might.")


def methods(k: int, n: int) -> dict[str, tuple[float, float]]:
    """Return the limits of 95% of a proportion by method."""
    p = k / n
    error = _Z * np.sqrt(p * (1 - p) / n)
    around = (k + _Z**2 / 2) / (n + _Z**2)
    wilson = _Z / (n + _Z**2) * np.sqrt(k * (n - k) / n + _Z**2 / 4)
    agresti = _Z * np.sqrt(around * (1 - around) / (n + _Z**2))
    low = special.betaincinv(k, n - k + 1, 0.025) if k else 0.0
    high = special.betaincinv(k + 1, n - k, 0.975) if k < n else 1.0
    ends = {
        "Wald": (p - error, p + error),
        "Wilson": (around - wilson, around + wilson),
        "Agresti-Coull": (around - agresti, around + agresti),
        "Clopper-Pearson": (low, high),
    }
    return {name: (float(a), float(b)) for name, (a, b) in ends.items()}


def _needed(p: float, width: float) -> int | None:
    """Return the images with which Wilson's interval is as narrow, to two digits."""
    few, many = 1, _LARGEST
    while many - few > 1:
        middle = (few + many) // 2
        low, high = methods(round(p * middle), middle)["Wilson"]
        few, many = (middle, many) if high - low > width else (few, middle)
    return None if many >= _LARGEST - 1 else int(float(f"{many:.1e}"))


def _said(verdict: str, note: str, names: list[str] | None = None) -> dict[str, Any]:
    return {"verdict": verdict, "methods": names or [], "note": note}
