"""A number as it was printed: its digits say how exactly it can be meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"^([-−]?\d+(?:\.\d+)?)\s*(%?)$")

# Far below any printed digit, far above the error of a division.
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Printed:
    """A printed number.

    Attributes
    ----------
    text
        As printed: ``77.22%`` or ``0.78``.
    value
        As a fraction: 0.7722.
    unit
        One step of the last printed digit: 0.0001.
    """

    text: str
    value: float
    unit: float

    def match(self, value: float) -> str | None:
        """Say how a computed value leads to this print.

        Returns
        -------
        str or None
            ``exact`` where it rounds to the printed digits (a value half-way may
            go either way), ``truncated`` where its further digits were cut off.
        """
        if abs(value - self.value) <= self.unit / 2 + _TOLERANCE:
            return "exact"
        cut = abs(value) - abs(self.value)
        if value * self.value >= 0 and -_TOLERANCE <= cut < self.unit - _TOLERANCE:
            return "truncated"
        return None

    def show(self, value: float) -> str:
        """Print another value with as many digits, in the same unit."""
        percent = "%" in self.text
        digits = -int(Decimal(str(self.unit)).normalize().adjusted()) - (2 if percent else 0)
        return f"{100 * value:.{digits}f}%" if percent else f"{value:.{digits}f}"


def parse(text: str) -> Printed:
    """Read a printed number.

    Raises
    ------
    ValueError
        For a text that is no plain number or percentage.
    """
    found = _NUMBER.match(text.strip())
    if not found:
        raise ValueError("is no plain number such as 0.78 or 77.22%")
    digits = Decimal(found[1].replace("−", "-"))
    scale = Decimal(100) if found[2] else Decimal(1)
    exponent = digits.as_tuple().exponent
    unit = Decimal(1).scaleb(int(exponent)) / scale
    return Printed(text.strip(), float(digits / scale), float(unit))


def denominators(printed: Printed, largest: int) -> list[tuple[int, int]]:
    """Return every numerator and denominator whose quotient rounds to a printed value.

    Parameters
    ----------
    printed
        A proportion.
    largest
        The largest denominator to try.
    """
    found = []
    for n in range(1, largest + 1):
        nearest = round(printed.value * n)
        found += [
            (k, n)
            for k in range(max(0, nearest - 1), min(n, nearest + 1) + 1)
            if printed.match(k / n) == "exact"
        ]
    return found
