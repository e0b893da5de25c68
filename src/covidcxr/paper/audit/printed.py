"""A number as it was printed: its digits say how exactly it can be meant."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

EXACT, CUT, TWICE = "exact", "truncated", "rounded twice"

_NUMBER = r"[-−–+]?(?:\d+(?:[.,·]\d+)?|[.,·]\d+)"
_PLAIN = re.compile(rf"^({_NUMBER})\s*(%?)$")
_FRACTION = re.compile(r"(\d{1,12})\s*/\s*(\d{1,12})")
_BEFORE_FRACTION = re.compile(rf"^({_NUMBER}\s*%?)\s+{_FRACTION.pattern}$")
_SPREAD = re.compile(rf"(?:±|\+/-|\+-)\s*({_NUMBER})\s*(%?)")
_BRACKET = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_COVERAGE = re.compile(
    r"\b\d{2}(?:[.,]\d+)?\s*%?\s*(?:CI|C\.I\.|confidence interval)\s*[:,=]?", re.I
)
_SPAN = re.compile(rf"^({_NUMBER})\s*(%?)\s*(?:-|–|—|−|to|,|;|\.\.)\s*({_NUMBER})\s*(%?)$")

_DIGITS = 15
"""Digits of a number that are taken; a float holds no more."""

# Far below any printed digit, far above the error of a division.
_TOLERANCE = 1e-12

_TWICE = 0.55
"""Steps of the last digit below a print from which rounding one digit at a time leads to it."""


@dataclass(frozen=True)
class Printed:
    """A printed number: its ``text``, ``77.22%``, and its ``value`` as a fraction, 0.7722.

    ``unit`` is one step of the last printed digit, 0.0001; 0 for a fraction such as ``86/92``.
    """

    text: str
    value: float
    unit: float

    @property
    def span(self) -> tuple[float, float]:
        """Least and largest value that any rounding or cutting could print so."""
        # What is a whole step above is printed as the next number.
        below = _TWICE * self.unit + _TOLERANCE
        above = self.unit - _TOLERANCE if self.unit else _TOLERANCE
        if self.value == 0:
            below = above
        elif self.value < 0:
            below, above = above, below
        return self.value - below, self.value + above

    def match(self, value: float) -> str | None:
        """Say how a computed value leads to this print, or None.

        ``exact``: it rounds to the printed digits (a value half-way may go either way);
        ``truncated``: its further digits were cut off; ``rounded twice``: it was rounded to one
        digit more, then to these.
        """
        if abs(value - self.value) <= self.unit / 2 + _TOLERANCE:
            return EXACT
        beyond = abs(value) - abs(self.value)
        if value * self.value < 0:
            return None
        if -_TOLERANCE <= beyond < self.unit - _TOLERANCE:
            return CUT
        return TWICE if -_TWICE * self.unit - _TOLERANCE <= beyond < 0 else None

    @property
    def digits(self) -> int:
        """Decimals, of a percentage those of the percentage."""
        if not self.unit:
            return 4
        return -Decimal(repr(self.unit)).normalize().adjusted() - (2 if "%" in self.text else 0)

    def show(self, value: float) -> str:
        """Print another value with as many digits, or more where they hide a half-way case."""
        shown = self._with(value, self.digits)
        halfway = abs(abs(value - self.value) - self.unit / 2) <= _TOLERANCE
        return self._with(value, self.digits + 1) if halfway and self.unit else shown

    def show_longer(self, value: float) -> str:
        """Print another value with two digits more."""
        return self._with(value, self.digits + 2)

    def _with(self, value: float, digits: int) -> str:
        digits = min(max(digits, 0), _DIGITS)
        return f"{100 * value:.{digits}f}%" if "%" in self.text else f"{value:.{digits}f}"


@dataclass(frozen=True)
class Entry:
    """What stands in one cell of a printed table: ``93.0% (91/98; 85.9 to 97.1)``, ``0.93 ± 0.01``.

    ``limits`` are the ends of an interval behind the value, ``spread`` stands behind ±.
    """

    text: str
    value: Printed
    limits: tuple[Printed, Printed] | None = None
    spread: Printed | None = None
    fraction: tuple[int, int] | None = None


def parse(text: str) -> Printed:
    """Read a printed number.

    Raises
    ------
    ValueError
        For a text that is no plain number or percentage.
    """
    match = _PLAIN.match(text.strip())
    if not match or not _ascii_digits(text):
        raise ValueError("is no number such as 0.78 or 77.22%")
    return _number(match[1], match[2], text.strip())


def entry(text: str, bounded: bool = True) -> Entry:
    """Read one cell of a printed table: a number, with what may stand behind it, or a fraction.

    The score of a ``bounded`` one is at most 1, so that a number from 2 to 100 is a percentage.
    Raises ValueError for a text of another form.
    """
    if not _ascii_digits(text):
        raise ValueError("is no number such as 0.78 or 77.22%")
    rest = _COVERAGE.sub("", text.strip())
    fraction, limits = None, None
    for inside in [match[1] for match in _BRACKET.finditer(rest)]:
        for part in re.split(r";", inside):
            part = part.strip()
            if match := _FRACTION.fullmatch(part):
                fraction = int(match[1]), int(match[2])
            elif match := _SPAN.match(part):
                limits = match
            elif part:
                raise ValueError(f"holds '{part[:40]}' in brackets, which is no interval")
    rest = _BRACKET.sub("", rest).strip()
    spread = None
    if match := _SPREAD.search(rest):
        spread, rest = match, (rest[: match.start()] + rest[match.end() :]).strip()
        # 93.0 ± 1.2% has its sign behind both.
        rest += match[2] if match[2] and "%" not in rest else ""
    if match := _FRACTION.fullmatch(rest):
        fraction = int(match[1]), int(match[2])
        if not fraction[1]:
            raise ValueError("divides by 0")
        value = Printed(text.strip(), fraction[0] / fraction[1], 0.0)
        sign = ""
    else:
        if match := _BEFORE_FRACTION.match(rest):
            rest, fraction = match[1], (int(match[2]), int(match[3]))
        match = _PLAIN.match(rest)
        if not match:
            raise ValueError("is no number such as 0.78 or 77.22%")
        value, sign = _number(match[1], match[2], rest), match[2]
        if bounded and not sign and 2 <= abs(value.value) <= 100:
            value, sign = _number(match[1], "%", f"{rest}%"), "%"
        elif bounded and not sign and value.unit == 1:
            # 0 and 1 stand for 0.00 and 1.00: without decimals all from 0.5 would round to 1.
            value = replace(value, unit=0.01)
    if fraction and not fraction[1]:
        raise ValueError("divides by 0")
    ends = None
    if limits:
        signs = limits[2] or limits[4] or sign
        ends = (
            _number(limits[1], signs, limits[1] + signs),
            _number(limits[3], signs, limits[3] + signs),
        )
    deviation = (
        _number(spread[1], spread[2] or sign, spread[1] + (spread[2] or sign)) if spread else None
    )
    return Entry(text.strip(), value, ends, deviation, fraction)


def denominators(printed: Printed, largest: int) -> list[tuple[int, int]]:
    """Return every numerator and denominator whose quotient rounds to a printed value.

    Parameters
    ----------
    printed
        A proportion.
    largest
        The largest denominator to try.
    """
    fractions = []
    for n in range(1, largest + 1):
        nearest = round(printed.value * n)
        fractions += [
            (k, n)
            for k in range(max(0, nearest - 1), min(n, nearest + 1) + 1)
            if printed.match(k / n) == EXACT
        ]
    return fractions


def _ascii_digits(text: str) -> bool:
    """Say whether all digits are those of 0 to 9: others are not read."""
    return all(c.isascii() for c in text if c.isdigit() or c.isnumeric())


def _number(text: str, percent: str, shown: str) -> Printed:
    plain = text.translate({ord("−"): "-", ord("–"): "-", ord(","): ".", ord("·"): "."})
    if len(plain.strip("-+0.").replace(".", "")) > _DIGITS:
        raise ValueError(f"has more than {_DIGITS} digits")
    digits = Decimal(plain)
    scale = Decimal(100) if percent else Decimal(1)
    unit = Decimal(1).scaleb(int(digits.as_tuple().exponent)) / scale
    return Printed(shown, float(digits / scale), float(unit))
