"""Intervals of an AUROC as printed, held against what its value and the class sizes allow.

References
----------
Hanley and McNeil, Radiology 143:29-36 (1982): the standard error. Birnbaum and Klose, Ann Math Stat
28:933-945 (1957): the least and largest variance of the Mann-Whitney statistic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from covidcxr.core.words import listing
from covidcxr.paper.audit import printed_limits
from covidcxr.paper.audit.printed import Printed

_Z = float(special.ndtri(0.975))
_STEPS = 2000

_FAR = 0.5
"""Share of the width by Hanley and McNeil below which an interval is far narrower."""


def judge(
    value: Printed, limits: tuple[Printed, Printed], sizes: tuple[int, int] | None
) -> dict[str, Any]:
    """Judge an interval of 95% behind a printed AUROC.

    Parameters
    ----------
    value, limits
        As printed.
    sizes
        Positive and negative images, where they are known.

    Returns
    -------
    dict
        ``verdict``, ``methods`` and ``note`` as `covidcxr.paper.audit.printed_limits.judge` has
        them; ``narrow`` is less than half as wide as by Hanley and McNeil.
    """
    said = printed_limits.judge(value, limits)
    low, high = limits
    if said["verdict"] != "unchecked":
        return said
    if high.value > 1 or low.value < 0:
        return {"verdict": "beyond", "methods": [], "note": "The limits leave the scale."}
    if sizes is None:
        return said
    # The area itself is known to its digits only.
    areas = np.clip([value.value - value.unit / 2, value.value, value.value + value.unit / 2], 0, 1)
    ends = [methods(float(area), sizes) for area in areas]
    names = [
        name for name in ends[1]
        if all(
            min(one) <= limit.span[1] and limit.span[0] <= max(one)
            for limit, one in zip(limits, zip(*(end[name] for end in ends), strict=True),
                                  strict=True)
        )
    ]  # fmt: skip
    images = f"{sizes[0]:,} + {sizes[1]:,} images"
    if names:
        note = f"{listing(names)} for {images}."
        return {"verdict": "formula", "methods": names, "note": note}
    theirs = "{} to {}".format(*(low.show(end) for end in ends[1]["Hanley-McNeil"]))
    # Limits that are cut to the scale have only their other side.
    if high.value >= 1 - high.unit:
        width, full = value.value - low.value, _Z
    elif low.value <= low.unit:
        width, full = high.value - value.value, _Z
    else:
        width, full = high.value - low.value, 2 * _Z
    step = low.unit + high.unit + value.unit
    least = full * min(np.sqrt(least_variance(float(area), sizes)) for area in areas)
    usual = full * standard_error(value.value, sizes)
    widest = max(end[name][1] - end[name][0] for end in (
        methods(float(area), sizes, _largest(float(area), sizes)) for area in areas
    ) for name in ("Hanley-McNeil", "Hanley-McNeil on the logit scale"))  # fmt: skip
    if width < least - step:
        note = (f"Too narrow for {images}: no distribution of scores without ties has so small a "
                f"variance; Hanley and McNeil's is {theirs}.")  # fmt: skip
        verdict = "too narrow"
    elif high.value - low.value > widest + step:
        note = f"Too wide for {images}: Hanley and McNeil's is {theirs}."
        verdict = "too wide"
    elif width < _FAR * usual - step:
        note = (f"Hanley and McNeil's for {images} is {theirs}: as narrow a one takes about "
                f"{(usual / width) ** 2:.0f} times the images." if width > 0 else
                f"Hanley and McNeil's for {images} is {theirs}.")  # fmt: skip
        verdict = "narrow"
    else:
        note = (f"Hanley and McNeil's for {images} is {theirs}; DeLong's, from the scores, or a "
                "bootstrap might give it.")  # fmt: skip
        verdict = "other"
    return {"verdict": verdict, "methods": [], "note": note}


def standard_error(area: float, sizes: tuple[int, int]) -> float:
    """Return Hanley and McNeil's standard error of an AUROC from positive and negative images."""
    p, n = sizes
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (p - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    return float(np.sqrt(max(spread, 0.0) / (p * n)))


def methods(
    area: float, sizes: tuple[int, int], error: float | None = None
) -> dict[str, tuple[float, float]]:
    """Return the limits of 95% of an AUROC by method, with Hanley and McNeil's or another error."""
    error = standard_error(area, sizes) if error is None else error
    plain = (area - _Z * error, area + _Z * error)
    logit = plain
    if 0 < area < 1:
        half = _Z * error / (area * (1 - area))
        centre = float(special.logit(area))
        logit = (float(special.expit(centre - half)), float(special.expit(centre + half)))
    total = sum(sizes)
    right = area * total
    exact = (
        float(special.betaincinv(right, total - right + 1, 0.025)) if right > 0 else 0.0,
        float(special.betaincinv(right + 1, total - right, 0.975)) if right < total else 1.0,
    )
    return {
        "Hanley-McNeil": plain,
        "Hanley-McNeil, cut to the scale": (max(plain[0], 0.0), min(plain[1], 1.0)),
        "Hanley-McNeil on the logit scale": logit,
        "Clopper-Pearson, as if the area were a share of images": exact,
    }


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


def _largest(area: float, sizes: tuple[int, int]) -> float:
    """Return the largest standard error of an AUROC, with the sample's own denominator."""
    return float(np.sqrt(area * (1 - area) / max(min(sizes) - 1, 1)))
