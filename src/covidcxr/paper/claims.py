"""The ledger of the paper's claims: each with a verdict and what it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from covidcxr.core.studies import TITLES
from covidcxr.paper import checks, publication
from covidcxr.paper.audit.scores import word
from covidcxr.paper.checks import Checks, Finding

COLUMNS = (
    "id", "place", "kind", "claim", "verdict", "finding", "severity", "basis", "evidence", "see",
)  # fmt: skip

Kind = Literal[
    "number", "formula", "cross-reference", "citation", "data", "protocol", "comparison",
    "conclusion",
]  # fmt: skip

Basis = Literal["stated", "implied"]
"""Whether the paper says it, or never does and is read as if it did, as a convention is."""

IMPLIED: Basis = "implied"

KEYS = {
    checks.HOLDS: "holds",
    checks.CORRECTED: "corrected",
    checks.CONTRADICTED: "contradicted",
    checks.IMPOSSIBLE: "impossible",
    checks.UNVERIFIABLE: "unverifiable",
    checks.REPRODUCED: "reproduced",
    checks.NOT_REPRODUCED: "not_reproduced",
}
"""What pages call the count of each verdict."""

_REFERENCE = re.compile(r"\{([a-z0-9-]+)\}")


class _Row(BaseModel):
    """What the file says of one claim, or of one for each number that it names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    claim: str
    kind: Kind
    severity: Literal["critical", "major", "minor"]
    see: str | list[str]
    basis: Basis = "stated"
    id: str | None = None
    place: str | None = None
    each: list[str] | None = None
    check: str | None = None
    arguments: dict[str, Any] = {}
    verdict: str | None = None
    because: str | None = None
    cite: list[str] = []

    @model_validator(mode="after")
    def _one_way(self) -> _Row:
        judged = (self.verdict is not None, self.because is not None)
        if judged != (self.check is None,) * 2:
            raise ValueError(f"'{self.claim}' needs a check, or a verdict with its reason")
        if self.check and not callable(getattr(Checks, self.check, None)):
            raise ValueError(f"'{self.check}' is no check")
        if self.verdict and self.verdict not in checks.VERDICTS:
            raise ValueError(f"'{self.verdict}' is no verdict")
        if (self.each is None) != (self.id is not None and self.place is not None):
            raise ValueError(f"'{self.claim}' needs either id and place or each")
        return self


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id, place, kind, claim, severity
        What is claimed, where, and what hangs on it.
    check, arguments
        What computes the verdict, if anything can.
    judged
        Our own finding where nothing can.
    basis
        ``stated`` by the paper or ``implied``.
    see
        Pages of the book, with labels: ``run/audit#audit-margins``.
    cite
        Keys of the bibliography.
    """

    id: str
    place: str
    kind: str
    claim: str
    severity: str
    check: str | None
    arguments: dict[str, Any]
    judged: Finding | None
    basis: Basis
    see: tuple[str, ...]
    cite: tuple[str, ...]

    def find(self, bench: Checks) -> Finding:
        """Return the finding: computed where it can be."""
        if self.judged:
            return self.judged
        assert self.check
        return getattr(bench, self.check)(**self.arguments)

    @property
    def evidence(self) -> str:
        """What the verdict rests on, as a call or as sources."""
        given = ", ".join(map(_shown, self.arguments.values()))
        return "; ".join([f"{self.check}({given})" if self.check else "judgement", *self.cite])


@cache
def claims() -> tuple[Claim, ...]:
    """Return every claim, in the order of the paper.

    Raises
    ------
    ValueError
        For a row that is malformed, or a number that the paper does not print.
    """
    text = files("covidcxr").joinpath("data/claims.yaml").read_text("utf-8")
    return tuple(parse(yaml.safe_load(text)))


def parse(content: list[dict[str, Any]]) -> Iterator[Claim]:
    """Check the rows of a ledger and expand those that stand for several numbers."""
    for item in content:
        row = _Row.model_validate({("arguments" if k == "with" else k): v for k, v in item.items()})
        judged = Finding(row.verdict, row.because) if row.verdict and row.because else None
        for id in row.each or [str(row.id)]:
            number = _numbers()[id] if row.each else None
            own = {"number": id} if number and row.check else {}
            yield Claim(
                id=id,
                place=number.place.partition(",")[0] if number else str(row.place),
                kind=row.kind,
                claim=_filled(row.claim, number),
                severity=row.severity,
                check=row.check,
                arguments=own | row.arguments,
                judged=judged,
                basis=row.basis,
                see=(row.see,) if isinstance(row.see, str) else tuple(row.see),
                cite=tuple(row.cite),
            )


def ledger(results: Path) -> pd.DataFrame:
    """Return the ledger with every verdict computed anew.

    Parameters
    ----------
    results
        The folder of run records.

    Returns
    -------
    pandas.DataFrame
        A row a claim, with `COLUMNS`; ``severity`` is ``none`` where the claim stands, and
        ``see`` lists pages with ``; `` between them.
    """
    bench = Checks(results)
    rows = []
    for claim in claims():
        finding = claim.find(bench)
        stands = finding.verdict in (checks.HOLDS, checks.REPRODUCED)
        rows.append(
            {
                "id": claim.id,
                "place": claim.place,
                "kind": claim.kind,
                "claim": claim.claim,
                "verdict": finding.verdict,
                "finding": finding.reason,
                "severity": "none" if stands else finding.severity or claim.severity,
                "basis": claim.basis,
                "evidence": claim.evidence,
                "see": "; ".join(claim.see),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Count the verdicts by kind of claim; verdicts in their order, with sums."""
    crossed = pd.crosstab(table["kind"], table["verdict"], margins=True, margins_name="all")
    order = [v for v in checks.VERDICTS if v in crossed.columns]
    return crossed[[*order, "all"]].rename_axis(index="kind", columns=None)


def tally(table: pd.DataFrame) -> dict[str, int]:
    """Count the claims as pages name the counts.

    Parameters
    ----------
    table
        As `ledger` returns it.

    Returns
    -------
    dict
        ``claims_n``; ``claims_stated`` and ``claims_implied``, which sum to it; and a count of
        every verdict, of `KEYS`, which sum to it as well: ``claims_holds`` and so on. The
        same of implied claims alone: ``claims_implied_holds`` and so on.
    """
    implied = table["basis"] == IMPLIED
    found = {"n": len(table), "stated": int((~implied).sum()), "implied": int(implied.sum())}
    for verdict, key in KEYS.items():
        of = table["verdict"] == verdict
        found |= {key: int(of.sum()), f"implied_{key}": int((of & implied).sum())}
    return {f"claims_{key}": n for key, n in found.items()}


def told(counts: Mapping[str, int]) -> str:
    """Say in a sentence how many claims have each verdict, of what `tally` returned."""

    def named(words: Mapping[str, tuple[str, str]]) -> str:
        found = [(counts[f"claims_{key}"], one, more) for key, (one, more) in words.items()]
        return ", ".join(f"{n} {one if n == 1 else more}" for n, one, more in found if n)

    good = named(
        {
            "holds": ("holds as it stands", "hold as they stand"),
            "corrected": ("after a correction", "after a correction"),
            "reproduced": ("by a run of ours", "by runs of ours"),
        }
    )
    bad = named(
        {
            "contradicted": ("is contradicted", "are contradicted"),
            "not_reproduced": ("did not reproduce", "did not reproduce"),
            "impossible": ("is impossible", "are impossible"),
            "unverifiable": ("cannot be verified", "cannot be verified"),
        }
    )
    return f"Of {counts['claims_n']} claims {'; '.join(filter(None, (good, bad)))}."


@cache
def _numbers() -> dict[str, publication.Number]:
    return publication.numbers()


def _filled(claim: str, number: publication.Number | None) -> str:
    """Put the paper's numbers into a claim."""
    words = {}
    if number:
        words = {"printed": _print(number), "score": word(number.score or "")}
        words["of"] = TITLES[number.of] if number.of else ""

    def filled(found: re.Match[str]) -> str:
        key = found[1]
        if key not in words and key not in _numbers():
            raise ValueError(f"'{claim}' names {key}, which is no number of the paper")
        return words.get(key) or _print(_numbers()[key])

    return " ".join(_REFERENCE.sub(filled, claim).split())


def _print(number: publication.Number) -> str:
    return f"{number.printed}%" if number.unit == "percent" else number.printed


def _shown(value: Any) -> str:
    return " + ".join(value) if isinstance(value, list) else str(value)
