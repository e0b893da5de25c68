"""Intervals as printed, of proportions and of an AUROC: which method gives them, and whether any.

References
----------
Wald's, Wilson's (J Am Stat Assoc 22:209-212, 1927), Agresti and Coull's (Am Stat 52:119-126, 1998)
and Clopper and Pearson's (Biometrika 26:404-413, 1934) intervals of a proportion. Hanley and
McNeil, Radiology 143:29-36 (1982): the standard error of an AUROC. Birnbaum and Klose, Ann Math
Stat 28:933-945 (1957): the least and largest variance of the Mann-Whitney statistic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from covidcxr.core.words import listing
from covidcxr.paper.audit.printed import Printed

FAULTS = ("reversed", "outside", "too narrow")
"""Verdicts that say that an interval is wrong."""

Limits = tuple[Printed, Printed]

_Z = float(special.ndtri(0.975))
_STEPS = 2000

_LARGEST = 10**7
"""Images up to which the size that a width would need is searched."""

_FAR = 0.5
"""Share of the width by Hanley and McNeil below which an interval is far narrower."""


def of_proportion(value: Printed, limits: Limits, k: int | None, n: int | None) -> dict[str, Any]:
    """Judge an interval of 95% behind a printed score, ``k`` of ``n`` where it is a proportion.

    ``verdict`` is ``reversed``, ``outside`` (the value lies outside), ``beyond`` (0 or 1),
    ``formula`` (``methods`` give both limits), ``too narrow``, ``too wide``, ``other`` (as a
    bootstrap might give) or ``unchecked``; ``note`` says why.
    """
    low, high = limits
    if fault := _misplaced(value, limits):
        return fault
    if k is None or not n:
        return _said("unchecked", "The number of images is unknown.")
    formulas = proportion_methods(k, n)
    names = [name for name, (a, b) in formulas.items() if low.match(a) and high.match(b)]
    # Wald's interval may leave the scale, and is printed cut to it.
    a, b = formulas["Wald"]
    if "Wald" not in names and low.match(max(a, 0.0)) and high.match(min(b, 1.0)):
        names.append("Wald, cut to the scale")
    if low.value < 0 or high.value > 1:
        wald = ", as Wald's do" if names else ""
        return _said("beyond", f"The limits leave the scale{wald}.", names)
    if names:
        return _said("formula", f"{listing(names)} for {k:,} of {n:,}.", names)
    width, step = high.value - low.value, low.unit + high.unit
    widths = [b - a for a, b in formulas.values()]
    wilson = f"Wilson's is {_shown(limits, formulas['Wilson'])}"
    if width < min(widths) - step:
        would = _needed(k / n, width)
        more = f"; so narrow a one needs about {would:,}" if would else ""
        return _said("too narrow", f"Too narrow for {n:,} images: {wilson}{more}.")
    if width > max(widths) + step:
        return _said("too wide", f"Too wide for {n:,} independent images: {wilson}.")
    return _said("other", f"No formula gives it for {k:,} of {n:,}; a bootstrap might.")


def of_area(value: Printed, limits: Limits, sizes: tuple[int, int] | None) -> dict[str, Any]:
    """Judge an interval of 95% behind a printed AUROC, as `of_proportion` does.

    ``sizes`` are the positive and negative images; ``narrow`` is less than half as wide as by
    Hanley and McNeil.
    """
    low, high = limits
    if fault := _misplaced(value, limits):
        return fault
    if high.value > 1 or low.value < 0:
        return _said("beyond", "The limits leave the scale.")
    if sizes is None:
        return _said("unchecked", "The number of images is unknown.")
    # The area itself is known to its digits only.
    half = value.unit / 2
    areas = np.clip([value.value - half, value.value, value.value + half], 0, 1).tolist()
    ends = np.array([list(area_methods(area, sizes).values()) for area in areas])
    within = [
        (ends[:, :, i].min(axis=0) <= limit.span[1]) & (limit.span[0] <= ends[:, :, i].max(axis=0))
        for i, limit in enumerate(limits)
    ]
    methods = area_methods(areas[1], sizes)
    names = [name for name, fits in zip(methods, within[0] & within[1], strict=True) if fits]
    images = f"{sizes[0]:,} + {sizes[1]:,} images"
    if names:
        return _said("formula", f"{listing(names)} for {images}.", names)
    # Limits that are cut to the scale have only their other side.
    if high.value >= 1 - high.unit:
        width, full = value.value - low.value, _Z
    elif low.value <= low.unit:
        width, full = high.value - value.value, _Z
    else:
        width, full = high.value - low.value, 2 * _Z
    step = low.unit + high.unit + value.unit
    least = full * min(np.sqrt(least_variance(area, sizes)) for area in areas)
    usual = full * standard_error(value.value, sizes)
    theirs = f"is {_shown(limits, methods['Hanley-McNeil'])}"
    if width < least - step:
        note = "no distribution of scores without ties has so small a variance; Hanley and McNeil's"
        return _said("too narrow", f"Too narrow for {images}: {note} {theirs}.")
    if high.value - low.value > max(_widest(area, sizes) for area in areas) + step:
        return _said("too wide", f"Too wide for {images}: Hanley and McNeil's {theirs}.")
    note = f"Hanley and McNeil's for {images} {theirs}"
    if width < _FAR * usual - step:
        times = (usual / width) ** 2 if width > 0 else 0
        more = f": as narrow a one takes about {times:.0f} times the images" if times else ""
        return _said("narrow", f"{note}{more}.")
    return _said("other", f"{note}; DeLong's, from the scores, or a bootstrap might give it.")


def proportion_methods(k: int, n: int) -> dict[str, tuple[float, float]]:
    """Return the limits of 95% of a proportion by method."""
    p = k / n
    error = _Z * np.sqrt(p * (1 - p) / n)
    around = (k + _Z**2 / 2) / (n + _Z**2)
    wilson = _Z / (n + _Z**2) * np.sqrt(k * (n - k) / n + _Z**2 / 4)
    agresti = _Z * np.sqrt(around * (1 - around) / (n + _Z**2))
    ends = {"Wald": (p, error), "Wilson": (around, wilson), "Agresti-Coull": (around, agresti)}
    return {name: (float(at - half), float(at + half)) for name, (at, half) in ends.items()} | {
        "Clopper-Pearson": _clopper_pearson(k, n)
    }


def area_methods(
    area: float, sizes: tuple[int, int], error: float | None = None
) -> dict[str, tuple[float, float]]:
    """Return the limits of 95% of an AUROC by method, with Hanley and McNeil's or another error."""
    error = standard_error(area, sizes) if error is None else error
    plain = logit = (area - _Z * error, area + _Z * error)
    if 0 < area < 1:
        half = _Z * error / (area * (1 - area))
        centre = float(special.logit(area))
        logit = (float(special.expit(centre - half)), float(special.expit(centre + half)))
    return {
        "Hanley-McNeil": plain,
        "Hanley-McNeil, cut to the scale": (max(plain[0], 0.0), min(plain[1], 1.0)),
        "Hanley-McNeil on the logit scale": logit,
        "Clopper-Pearson, as if the area were a share of images": _clopper_pearson(
            area * sum(sizes), sum(sizes)
        ),
    }


def standard_error(area: float, sizes: tuple[int, int]) -> float:
    """Return Hanley and McNeil's standard error of an AUROC from positive and negative images."""
    p, n = sizes
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (p - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    return float(np.sqrt(max(spread, 0.0) / (p * n)))


def least_variance(area: float, sizes: tuple[int, int]) -> float:
    """Return what the variance of an AUROC of scores without ties exceeds, whatever they are.

    With negatives spread evenly over 0 to 1, a share S(x) of the positives lies above x. The
    variance is at least the mean of S^2 less its square over the negatives, plus the same of
    2 x S over the positives: least for a straight line, cut to the scale.
    """
    few, many = sorted(sizes)
    x = (np.arange(_STEPS) + 0.5) / _STEPS
    slope = few / many
    low, high = 0.0, 1.0 + slope
    for _ in range(50):
        middle = (low + high) / 2
        above = np.clip(middle - slope * x, 0, 1)
        low, high = (middle, high) if above.mean() < area else (low, middle)
    variances = (above**2).mean() - area**2, (2 * x * above).mean() - area**2
    return float(max(variances[0] / few + variances[1] / many, 0.0))


def _widest(area: float, sizes: tuple[int, int]) -> float:
    """Return the width by the largest error of an AUROC, with the sample's own denominator."""
    largest = float(np.sqrt(area * (1 - area) / max(min(sizes) - 1, 1)))
    plain, _, logit, _ = area_methods(area, sizes, largest).values()
    return max(plain[1] - plain[0], logit[1] - logit[0])


def _clopper_pearson(k: float, n: int) -> tuple[float, float]:
    low = float(special.betaincinv(k, n - k + 1, 0.025)) if k > 0 else 0.0
    return low, float(special.betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0


def _misplaced(value: Printed, limits: Limits) -> dict[str, Any] | None:
    low, high = limits
    if low.value > high.value:
        return _said("reversed", "The lower limit is above the upper one.")
    if not low.span[0] <= value.span[1] or not value.span[0] <= high.span[1]:
        return _said("outside", "The value lies outside its own interval.")
    return None


def _shown(limits: Limits, ends: tuple[float, float]) -> str:
    """Write an interval with the digits of the lower limit."""
    return "{} to {}".format(*(limits[0].show(end) for end in ends))


def _needed(p: float, width: float) -> int | None:
    """Return the images with which Wilson's interval is as narrow, to two digits."""
    few, many = 1, _LARGEST
    while many - few > 1:
        middle = (few + many) // 2
        low, high = proportion_methods(round(p * middle), middle)["Wilson"]
        few, many = (middle, many) if high - low > width else (few, middle)
    return None if many >= _LARGEST - 1 else int(float(f"{many:.1e}"))


def _said(verdict: str, note: str, names: list[str] | None = None) -> dict[str, Any]:
    return {"verdict": verdict, "methods": names or [], "note": note}
