"""The ledger of the paper's claims: each with a verdict and what it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import Field, model_validator

from covidcxr.core.studies import TITLES, Strict
from covidcxr.core.words import listing
from covidcxr.paper import publication
from covidcxr.paper.audit.names import word
from covidcxr.paper.checks import CHECKS, Evidence, Finding, Verdict
from covidcxr.paper.publication import Number

COLUMNS = (
    "id", "place", "kind", "claim", "verdict", "finding", "severity", "basis", "of", "evidence",
    "see",
)  # fmt: skip

IMPLIED = "implied"
OWN, OTHER = "this paper", "another paper"
"""Whose work a claim is about: what the paper retells of others is counted apart."""

ALL_OWN = "all of this paper"
"""The row of sums in a table of counts."""

_REFERENCE = re.compile(r"\{([a-z0-9-]+)\}")


class Claim(Strict):
    """One claim of the paper; the head of ``data/claims.yaml`` explains its fields."""

    id: str
    place: str
    kind: Literal["number", "formula", "cross-reference", "citation", "data", "protocol",
                  "comparison", "conclusion"]  # fmt: skip
    claim: str
    severity: Literal["critical", "major", "minor"]
    see: list[str]
    basis: Literal["stated", "implied"] = "stated"
    of: Literal["this paper", "another paper"] = "this paper"
    check: str | None = None
    arguments: dict[str, Any] = Field(default={}, alias="with")
    verdict: str | None = None
    because: str | None = None
    cite: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _is_judged_once(self) -> Claim:
        if (self.check is None) == (self.verdict is None) or not (self.check or self.because):
            raise ValueError(f"'{self.claim}' needs a check, or a verdict with its reason")
        if self.check and self.check not in CHECKS:
            raise ValueError(f"'{self.check}' is no check")
        if self.verdict and self.verdict not in set(Verdict):
            raise ValueError(f"'{self.verdict}' is no verdict")
        return self

    def find(self, evidence: Evidence) -> Finding:
        """Compute the finding, or return the judgement."""
        if self.check:
            return CHECKS[self.check](evidence, **self.arguments)
        return Finding(Verdict(str(self.verdict)))

    def reason(self, finding: Finding) -> str:
        """Return the sentence of the claim or of its check, filled with a finding's values."""
        sentence = self.because or _reasons()[str(self.check)]
        return sentence.format_map(
            {
                name: (listing(value) if value else "none") if isinstance(value, list) else value
                for name, value in finding.details.items()
            }
        )

    @property
    def rests_on(self) -> str:
        """The check's call or ``judgement``, and sources."""
        values = self.arguments.values()
        arguments = ", ".join(" + ".join(v) if isinstance(v, list) else str(v) for v in values)
        return "; ".join([f"{self.check}({arguments})" if self.check else "judgement", *self.cite])


@cache
def claims() -> tuple[Claim, ...]:
    """Return every claim, in the order of the paper."""
    text = files("covidcxr").joinpath("data/claims.yaml").read_text("utf-8")
    return tuple(parse(yaml.safe_load(text)))


def parse(rows: list[dict[str, Any]]) -> Iterator[Claim]:
    """Check the rows of a ledger and expand those that stand for several numbers.

    A malformed row or a number that the paper does not print is a `ValueError`.
    """
    for row in rows:
        of_numbers = row.get("each")
        if (of_numbers is None) != ({"id", "place"} <= row.keys()):
            raise ValueError(f"'{row['claim']}' needs either id and place or each")
        shared = {key: value for key, value in row.items() if key != "each"}
        shared["see"] = [row["see"]] if isinstance(row["see"], str) else row["see"]
        if of_numbers is None:
            yield Claim(**shared | {"claim": _filled(row["claim"])})
        for id in of_numbers or ():
            number = publication.numbers()[id]
            arguments = {"number": id} | row.get("with", {}) if "check" in row else {}
            yield Claim(**shared | {
                "id": id,
                "place": number.place.partition(",")[0],
                "claim": _filled(row["claim"], number),
                "with": arguments,
            })  # fmt: skip


def ledger(results: Path) -> pd.DataFrame:
    """Compute the verdict of every claim from a folder of records: a row a claim, `COLUMNS`.

    ``severity`` is ``none`` if the claim stands; ``see`` holds pages with ``; `` between them.
    """
    evidence = Evidence(results)
    rows = []
    for claim in claims():
        finding = claim.find(evidence)
        stands = finding.verdict in (Verdict.HOLDS, Verdict.COUNTED, Verdict.REPRODUCED)
        row = claim.model_dump(include={"id", "place", "kind", "claim", "basis", "of"}) | {
            "verdict": str(finding.verdict),
            "finding": claim.reason(finding),
            "severity": "none" if stands else finding.severity or claim.severity,
            "evidence": claim.rests_on,
            "see": "; ".join(claim.see),
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Count the verdicts by kind of claim, with sums; what is of another paper in a row apart."""
    kinds = table["kind"].where(table["of"] == OWN, OTHER)
    crossed = pd.crosstab(kinds, table["verdict"])
    crossed = crossed[[str(verdict) for verdict in Verdict if verdict in crossed]]
    crossed["all"] = crossed.sum(axis=1)
    own = crossed.drop(index=OTHER, errors="ignore")
    total = own.sum().rename(ALL_OWN).to_frame().T
    other = crossed[crossed.index == OTHER]
    return pd.concat([own, total, other]).rename_axis(index="kind", columns=None)


def tally(table: pd.DataFrame) -> dict[str, int]:
    """Count the claims on the paper's own work, those of each basis and verdict, and the others."""
    own = table[table["of"] == OWN]
    implied = int((own["basis"] == IMPLIED).sum())
    verdicts = {v.name.lower(): int((own["verdict"] == v).sum()) for v in Verdict}
    numbers = {
        "other": len(table) - len(own),
        "n": len(own),
        "implied": implied,
        **verdicts,
    }
    return {f"claims_{key}": n for key, n in numbers.items()}


def values(table: pd.DataFrame) -> dict[str, Any]:
    """Return what the page of the ledger glues, of what `ledger` returns."""
    own = table[table["of"] == OWN]
    computed = ~own["evidence"].str.startswith("judgement")
    critical = own[own["severity"] == "critical"]
    unverifiable = critical[critical["verdict"] == Verdict.UNVERIFIABLE]
    waiting = unverifiable["id"].str.endswith("-reproduced")
    impossible = own.loc[own["verdict"] == Verdict.IMPOSSIBLE, ["claim", "place"]]
    return tally(table) | {
        "claims_computed": computed.sum(),
        "claims_judged": (~computed).sum(),
        "claims_impossible_listed": "; ".join(
            f"“{claim.removesuffix('.')}” ({place})" for claim, place in impossible.to_numpy()
        ),
        "claims_critical": (critical["verdict"] == Verdict.CONTRADICTED).sum(),
        "claims_critical_not_shown": (critical["verdict"] == Verdict.NOT_SHOWN).sum(),
        "claims_critical_unverifiable": len(unverifiable),
        "claims_critical_open": (~waiting).sum(),
        "claims_waiting": waiting.sum(),
    }


@cache
def _reasons() -> Mapping[str, str]:
    return yaml.safe_load(files("covidcxr").joinpath("data/reasons.yaml").read_text("utf-8"))


def _filled(claim: str, number: Number | None = None) -> str:
    """Put the paper's numbers into a claim."""
    words = {id: one.with_unit for id, one in publication.numbers().items()}
    if number:
        words |= {"printed": number.with_unit, "score": word(number.score or "")}
        words["of"] = TITLES[number.of] if number.of else ""

    def filled(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise ValueError(f"'{claim}' names {match[1]}, which is no number of the paper")
        return words[match[1]]

    return " ".join(_REFERENCE.sub(filled, claim).split())
